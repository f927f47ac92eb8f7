#include "tests/support/engine_runs.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::testing {
namespace {

class Collector : public sim::Recorder {
 public:
  explicit Collector(std::vector<sim::Event>& events) : events_(events) {}
  void start_sample(std::int64_t /*position*/) override {}
  void record(const sim::Event& event) override { events_.push_back(event); }

 private:
  std::vector<sim::Event>& events_;
};

constexpr const char* kEventNames[] = {
    "fetch start",  "fetch end",      "read start",    "read end",     "sums out",   "node add start",
    "node add end", "tree add start", "tree add end",  "neuron start", "neuron end", "node out",
    "pool start",   "pool end",       "delivered",     "blocked",      "unblocked",  "flit injected",
    "flit routed",  "flit ejected",   "timestep start"};

}  // namespace

std::string text_of(const sim::Event& e) {
  return "cycle " + std::to_string(e.cycle) + ", tile " + std::to_string(e.place) + ": " +
         kEventNames[static_cast<std::size_t>(e.kind)] + ", index " + std::to_string(e.index) + ", item " +
         std::to_string(e.item);
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Outcome run_case(const Case& c, sim::Engine engine) {
  Outcome outcome;
  try {
    const auto network = network_of(c.recipe);
    TemporaryFolder folder;
    traces::write_trace(folder.file("t.h5"), trace_of(c.recipe, network));
    const traces::TraceReader trace(folder.file("t.h5"));
    Collector collector(outcome.events);
    sim::SimulateOptions options;
    options.engine = engine;
    options.recorder = &collector;
    options.network_path = "network";
    outcome.measurement = sim::simulate(network, trace, c.chip, options);
    auto unnamed = outcome.measurement;
    unnamed.engine.clear();
    outcome.json = sim::to_json(unnamed);
    outcome.as_recorded = outcome.events;
    std::sort(outcome.events.begin(), outcome.events.end());
  } catch (const InputError& e) {
    outcome.refused = e.what();
  }
  return outcome;
}

std::optional<std::string> difference(const Outcome& fast, const Outcome& reference) {
  if (fast.refused != reference.refused) {
    return "fast: " + (fast.refused.empty() ? "runs" : fast.refused) +
           "\nreference: " + (reference.refused.empty() ? "runs" : reference.refused);
  }
  const auto [f, r] =
      std::mismatch(fast.events.begin(), fast.events.end(), reference.events.begin(), reference.events.end());
  if (f != fast.events.end() || r != reference.events.end()) {
    return "after " + std::to_string(f - fast.events.begin()) +
           " equal events\n  fast:      " + (f == fast.events.end() ? "no more" : text_of(*f)) +
           "\n  reference: " + (r == reference.events.end() ? "no more" : text_of(*r));
  }
  if (fast.json == reference.json) return std::nullopt;
  std::istringstream a(fast.json);
  std::istringstream b(reference.json);
  std::string line;
  std::string other;
  for (int number = 1; std::getline(a, line) && std::getline(b, other); ++number) {
    if (line != other) {
      return "equal events, but line " + std::to_string(number) +
             " of the measurement\n  fast:      " + line + "\n  reference: " + other;
    }
  }
  return "equal events, but one measurement is longer";
}

Case smallest(Case c, const std::function<bool(const Case&)>& fails, int budget) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (auto& candidate : smaller_cases(c)) {
      if (budget-- <= 0) return c;
      if (!fails(candidate)) continue;
      c = std::move(candidate);
      smaller = true;
      break;
    }
  }
  return c;
}

std::string report_difference(const Case& c, const Runner& run) {
  const auto differ = [&](const Case& candidate) {
    return difference(run(candidate, sim::Engine::kFast), run(candidate, sim::Engine::kReference));
  };
  const auto small = smallest(c, [&](const Case& candidate) { return differ(candidate).has_value(); });
  return "the engines differ; smallest case found:\n" + describe(small) + differ(small).value_or("nothing");
}

}  // namespace spikeloop::testing
