#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace spikeloop::nas {

/// The four costs of a network on a chip, in the order memory, area, latency, energy.
enum class Cost { kMemory, kArea, kLatency, kEnergy };
constexpr std::array<Cost, 4> kAllCosts{Cost::kMemory, Cost::kArea, Cost::kLatency, Cost::kEnergy};

const char* name(Cost cost);      ///< "memory"
const char* unit_key(Cost cost);  ///< "memory_bytes", as in files

/// bytes, um2, ns per sample, pJ per sample.
struct Costs {
  double memory_bytes = 0, area_um2 = 0, latency_ns = 0, energy_pj = 0;
  double get(Cost cost) const;
  void set(Cost cost, double value);
};

struct Limits {
  std::optional<double> memory_bytes, area_um2, latency_ns, energy_pj;
  const std::optional<double>& get(Cost cost) const;
  void set(Cost cost, double value);
};

/// "4MB", "100mm2", "2.5ms", "120uJ" -> bytes, um2, ns, pJ. The unit is required, one blank before it
/// allowed. Throws InputError naming `place`.
double parse_cost(Cost cost, const std::string& text, const std::string& place);

/// "3.21 ms": four digits in the largest unit that is not above the value.
std::string format_cost(Cost cost, double value);

struct Excess {
  Cost cost = Cost::kMemory;
  double value = 0, limit = 0;
};

/// The limits that `costs` exceeds, in order; empty: meets all of them. A cost that is not a number exceeds.
std::vector<Excess> exceeded(const Limits& limits, const Costs& costs);

/// "latency 3.21 ms over 2 ms (+60.5 %)"; several joined by "; ".
std::string describe(const std::vector<Excess>& excess);

/// "latency,energy"
std::string names(const std::vector<Excess>& excess);

}  // namespace spikeloop::nas
