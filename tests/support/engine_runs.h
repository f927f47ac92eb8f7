#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/measurement.h"
#include "sim/record.h"
#include "sim/simulate.h"
#include "tests/support/random_case.h"

/// Runs of a case on an engine, compared event by event; and the search for the smallest case that differs.
namespace spikeloop::testing {

/// What came out of a run: all events, sorted, and the measurement without the engine's name; or how it was
/// refused (it does not fit, it stops).
struct Outcome {
  std::string refused;
  std::vector<sim::Event> events;
  std::vector<sim::Event> as_recorded;  ///< in the order in which the kernel ran the modules
  sim::Measurement measurement;
  std::string json;
};

/// A number from an environment variable, so that a bench can ask for thousands of cases.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise);

using Runner = std::function<Outcome(const Case&, sim::Engine)>;

std::string text_of(const sim::Event& event);
Outcome run_case(const Case& c, sim::Engine engine);

/// Why the two engines' outcomes differ: the first event that only one of them has, else the first line of
/// the measurement. Nothing when they are the same.
std::optional<std::string> difference(const Outcome& fast, const Outcome& reference);

/// Takes steps to plainer and smaller cases as long as `fails` holds; at most `budget` calls of it.
Case smallest(Case c, const std::function<bool(const Case&)>& fails, int budget = 3000);

/// Shrinks a case on which the engines differ, and tells all about it.
std::string report_difference(const Case& c, const Runner& run);

}  // namespace spikeloop::testing
