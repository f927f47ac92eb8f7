#include "nas/limits.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

struct Unit {
  std::string_view name;
  double factor;  ///< to bytes, um2, ns, pJ
};

struct CostInfo {
  const char* name;
  const char* key;
  std::vector<Unit> accepted;  ///< in the order the error message lists them
  std::vector<Unit> shown;     ///< growing
};

const CostInfo& info(Cost cost) {
  static const std::array<CostInfo, 4> kInfo{{
      {"memory",
       "memory_bytes",
       {{"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1024.0 * 1024.0}},
       {{"B", 1}, {"KB", 1e3}, {"MB", 1e6}}},
      {"area", "area_um2", {{"um2", 1}, {"mm2", 1e6}}, {{"um2", 1}, {"mm2", 1e6}}},
      {"latency",
       "latency_ns",
       {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}},
       {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}},
      {"energy",
       "energy_pj",
       {{"pJ", 1}, {"nJ", 1e3}, {"uJ", 1e6}, {"mJ", 1e9}},
       {{"pJ", 1}, {"nJ", 1e3}, {"uJ", 1e6}, {"mJ", 1e9}}},
  }};
  return kInfo[static_cast<std::size_t>(cost)];
}

/// Of Costs or Limits, which name their fields alike.
template <class Fields>
auto& field_of(Fields& fields, Cost cost) {
  switch (cost) {
    case Cost::kArea:
      return fields.area_um2;
    case Cost::kLatency:
      return fields.latency_ns;
    case Cost::kEnergy:
      return fields.energy_pj;
    case Cost::kMemory:
      break;
  }
  return fields.memory_bytes;
}

}  // namespace

const char* name(Cost cost) { return info(cost).name; }
const char* unit_key(Cost cost) { return info(cost).key; }

double Costs::get(Cost cost) const { return field_of(*this, cost); }
void Costs::set(Cost cost, double value) { field_of(*this, cost) = value; }
const std::optional<double>& Limits::get(Cost cost) const { return field_of(*this, cost); }
void Limits::set(Cost cost, double value) { field_of(*this, cost) = value; }

double parse_cost(Cost cost, const std::string& text, const std::string& place) {
  const std::vector<Unit>& units = info(cost).accepted;
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (error == std::errc() && std::isfinite(number) && number > 0) {
    for (const Unit& known : units)
      if (known.name == unit) return number * known.factor;
  }
  std::string expected = "a positive number with a unit (";
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i > 0) expected += ", ";
    expected += units[i].name;
  }
  expected += "), such as 2.5";
  expected += units[units.size() / 2].name;
  throw InputError("command line", place, '"' + text + '"', expected);
}

std::string format_cost(Cost cost, double value) {
  const Unit* best = nullptr;
  for (const Unit& unit : info(cost).shown)
    if (best == nullptr || std::abs(value) >= unit.factor) best = &unit;
  char text[64];
  std::snprintf(text, sizeof text, "%.4g %s", value / best->factor, std::string(best->name).c_str());
  return text;
}

std::vector<Excess> exceeded(const Limits& limits, const Costs& costs) {
  std::vector<Excess> result;
  for (const Cost cost : kAllCosts) {
    const auto& limit = limits.get(cost);
    if (limit && !(costs.get(cost) <= *limit)) result.push_back({cost, costs.get(cost), *limit});
  }
  return result;
}

std::string describe(const std::vector<Excess>& excess) {
  std::string text;
  for (const Excess& e : excess) {
    char percent[32];
    std::snprintf(percent, sizeof percent, " (+%.3g %%)", 100 * (e.value / e.limit - 1));
    if (!text.empty()) text += "; ";
    text += std::string(name(e.cost)) + ' ' + format_cost(e.cost, e.value) + " over " +
            format_cost(e.cost, e.limit) + percent;
  }
  return text;
}

std::string names(const std::vector<Excess>& excess) {
  std::string text;
  for (const Excess& e : excess) {
    if (!text.empty()) text += ',';
    text += name(e.cost);
  }
  return text;
}

}  // namespace spikeloop::nas
