#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What a network costs on a chip and what it may cost.
namespace spikeloop::nas {

/// The four costs of a network on a chip, in the order memory, area, latency, energy.
enum class Cost { kMemory, kArea, kLatency, kEnergy };
constexpr std::array<Cost, 4> kAllCosts{Cost::kMemory, Cost::kArea, Cost::kLatency, Cost::kEnergy};

const char* name(Cost cost);      ///< "memory"
const char* unit_key(Cost cost);  ///< "memory_bytes", as in files
/// Inverse of unit_key; absent for other names.
std::optional<Cost> cost_of(const std::string& field);

/// bytes, um2, ns per sample, pJ per sample, and by name whatever else is known ("tiles", "accuracy", see
/// known_fields). Of a bound the four are lower bounds, the others exact.
struct Costs {
  double memory_bytes = 0, area_um2 = 0, latency_ns = 0, energy_pj = 0;
  std::map<std::string, double> fields = {};  ///< without the four
  double get(Cost cost) const;
  void set(Cost cost, double value);
  std::optional<double> find(const std::string& field) const;  ///< of all, also the four by unit_key
};

/// A bound on one field, in the field's unit.
struct Limit {
  enum class Side { kAtMost, kAtLeast };
  std::string field;  ///< unit_key of a cost, or a name in Costs::fields
  Side side = Side::kAtMost;
  double value = 0;
};
/// In the order of kAllCosts, then by field; each field and side once. See add.
using Limits = std::vector<Limit>;

Limit at_most(Cost cost, double value);
/// Throws InputError naming `place` when there is one on this field and side.
void add(Limits& limits, const Limit& limit, const std::string& place);
/// The limit from above on a cost, when there is one.
std::optional<double> limit_of(const Limits& limits, Cost cost);
/// "energy", "tiles", "min accuracy": in tables and files.
std::string name(const Limit& limit);

/// What spikeloop itself can say of a candidate besides what an evaluator of another origin may answer with.
const std::vector<std::string>& known_fields();

enum class FieldNames { kKnown, kAny };
/// "tiles<=64", "accuracy >= 0.9", "energy_pj<=120uJ": the field, <= or >=, a number in the field's unit; for
/// the four costs one with a unit as well. Throws InputError naming `place`.
Limit parse_limit(const std::string& text, const std::string& place, FieldNames names = FieldNames::kKnown);
/// "tiles<=64"; parse_limit reads the same limit from it.
std::string to_text(const Limit& limit);

/// "4MB", "100mm2", "2.5ms", "120uJ" -> bytes, um2, ns, pJ. The unit is required, one blank before it
/// allowed. Throws InputError naming `place`.
double parse_cost(Cost cost, const std::string& text, const std::string& place);

/// "3.21 ms": four digits in the largest unit that is not above the value.
std::string format_cost(Cost cost, double value);
/// Likewise for a cost's unit_key, six digits without a unit for any other field.
std::string format_field(const std::string& field, double value);

/// Whether the four are lower bounds (stage bound) or were measured.
enum class CostKind { kLowerBound, kMeasured };

struct Excess {
  Limit limit;
  double value = 0;
};

/// The limits that `costs` breaks, in order; empty: meets all of them. A value that is not a number breaks
/// its limit, one that is not known does not. A bound says nothing about how much a cost is at most, so there
/// limits from below on the four are not checked.
std::vector<Excess> exceeded(const Limits& limits, const Costs& costs, CostKind kind = CostKind::kMeasured);
/// "tiles, accuracy": the fields of limits that `costs` does not know. What is not known when it was measured
/// cannot be held to a limit: such a candidate fails.
std::string unknown_fields(const Limits& limits, const Costs& costs);

/// By how much `value` breaks the limit: 0.5 is half the limit too much; negative: meets it. A difference
/// where the limit is 0.
double relative_excess(const Limit& limit, double value);

/// The four, and of the others those that a limit names: what a study keeps.
Costs keep_named(const Costs& costs, const Limits& limits);

/// "latency 3.21 ms over 2 ms (+60.5 %); accuracy 0.85 below 0.9 (-5.56 %)".
std::string describe(const std::vector<Excess>& excess);

/// "latency,min accuracy": name(limit) of each.
std::string names(const std::vector<Excess>& excess);

}  // namespace spikeloop::nas
