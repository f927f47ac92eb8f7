#include "nas/limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <tuple>

#include "sim/component.h"
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

constexpr double Costs::*kMembers[]{&Costs::memory_bytes, &Costs::area_um2, &Costs::latency_ns,
                                    &Costs::energy_pj};

constexpr const char* kAccuracy = "accuracy";

const char* operator_of(Limit::Side side) { return side == Limit::Side::kAtMost ? "<=" : ">="; }

/// The four first, in their order.
auto rank(const Limit& limit) {
  const auto cost = cost_of(limit.field);
  return std::tuple(cost ? static_cast<int>(*cost) : static_cast<int>(kAllCosts.size()), limit.field,
                    limit.side);
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_field_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '/';
  });
}

double parse_limit_value(const std::string& field, const std::string& text, const std::string& place) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const bool plain = error == std::errc() && rest == end && std::isfinite(number);
  const auto cost = cost_of(field);
  if (!plain && cost && !text.empty()) return parse_cost(*cost, text, place);
  if (!plain)
    throw InputError("command line", place, '"' + text + "\" for " + field,
                     "a number in the unit of the field");
  if (field == kAccuracy && (number < 0 || number > 1))
    throw InputError("command line", place, text + " for accuracy", "0 to 1");
  return number;
}

}  // namespace

const char* name(Cost cost) { return info(cost).name; }
const char* unit_key(Cost cost) { return info(cost).key; }

std::optional<Cost> cost_of(const std::string& field) {
  for (const Cost cost : kAllCosts)
    if (field == unit_key(cost)) return cost;
  return std::nullopt;
}

double Costs::get(Cost cost) const { return this->*kMembers[static_cast<std::size_t>(cost)]; }
void Costs::set(Cost cost, double value) { this->*kMembers[static_cast<std::size_t>(cost)] = value; }

std::optional<double> Costs::find(const std::string& field) const {
  if (const auto cost = cost_of(field)) return get(*cost);
  const auto it = fields.find(field);
  return it == fields.end() ? std::nullopt : std::optional<double>(it->second);
}

Limit at_most(Cost cost, double value) { return {unit_key(cost), Limit::Side::kAtMost, value}; }

void add(Limits& limits, const Limit& limit, const std::string& place) {
  const auto at = std::lower_bound(limits.begin(), limits.end(), limit,
                                   [](const Limit& a, const Limit& b) { return rank(a) < rank(b); });
  if (at != limits.end() && rank(*at) == rank(limit))
    throw InputError("command line", place, to_text(limit) + " besides " + to_text(*at),
                     "one limit of a kind on a field");
  limits.insert(at, limit);
}

std::optional<double> limit_of(const Limits& limits, Cost cost) {
  for (const Limit& limit : limits)
    if (limit.field == unit_key(cost) && limit.side == Limit::Side::kAtMost) return limit.value;
  return std::nullopt;
}

std::string name(const Limit& limit) {
  const auto cost = cost_of(limit.field);
  const std::string of = cost ? name(*cost) : limit.field;
  return limit.side == Limit::Side::kAtLeast ? "min " + of : of;
}

const std::vector<std::string>& known_fields() {
  static const std::vector<std::string> kFields = [] {
    std::vector<std::string> fields;
    for (const Cost cost : kAllCosts) fields.emplace_back(unit_key(cost));
    fields.insert(fields.end(), {kAccuracy,
                                 "parameters",
                                 "tiles",
                                 "crossbars",
                                 "weights",
                                 "samples",
                                 "timesteps",
                                 "chip.clock_mhz",
                                 "network_on_chip.columns",
                                 "network_on_chip.rows",
                                 "network_on_chip.packets",
                                 "network_on_chip.flits_injected",
                                 "network_on_chip.flits_delivered",
                                 "network_on_chip.flit_hops",
                                 "totals.energy_pj",
                                 "totals.area_um2",
                                 "totals.crossbar_reads",
                                 "functional.accuracy",
                                 "functional.trace_accuracy",
                                 "functional.agreement",
                                 "spikesim.energy_pj",
                                 "spikesim.latency_ns",
                                 "spikesim.area_um2"});
    std::string last;
    for (std::size_t i = 0; i < sim::kNumComponents; ++i) {
      const std::string component = sim::component_name(static_cast<sim::Component>(i));
      if (component == last) continue;
      last = component;
      fields.push_back("area." + component);
      for (const char* part : {".dynamic_pj", ".leakage_pj"}) fields.push_back("energy." + component + part);
    }
    return fields;
  }();
  return kFields;
}

Limit parse_limit(const std::string& text, const std::string& place, FieldNames names) {
  const std::size_t at = text.find_first_of("<>=");
  const std::string sign = at == std::string::npos ? "" : text.substr(at, 2);
  Limit limit;
  limit.field = without_blanks(std::string_view(text).substr(0, at));
  if ((sign != "<=" && sign != ">=") || !is_field_name(limit.field))
    throw InputError("command line", place, '"' + text + '"',
                     "FIELD<=VALUE or FIELD>=VALUE, such as tiles<=64");
  const std::vector<std::string>& known = known_fields();
  if (names == FieldNames::kKnown && std::find(known.begin(), known.end(), limit.field) == known.end()) {
    const std::string nearest = nearest_word(limit.field, known);
    throw InputError("command line", place, "the field \"" + limit.field + '"',
                     nearest.empty() ? "one of the costs, accuracy, tiles, crossbars, or another number of "
                                       "a measurement file, such as area.adc"
                                     : nearest);
  }
  limit.side = sign == "<=" ? Limit::Side::kAtMost : Limit::Side::kAtLeast;
  limit.value = parse_limit_value(limit.field,
                                  std::string(without_blanks(std::string_view(text).substr(at + 2))), place);
  return limit;
}

std::string to_text(const Limit& limit) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, limit.value).ptr;
  return limit.field + operator_of(limit.side) + std::string(text, end);
}

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

std::string format_field(const std::string& field, double value) {
  if (const auto cost = cost_of(field)) return format_cost(*cost, value);
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::vector<Excess> exceeded(const Limits& limits, const Costs& costs, CostKind kind) {
  std::vector<Excess> result;
  for (const Limit& limit : limits) {
    const bool from_below = limit.side == Limit::Side::kAtLeast;
    if (from_below && kind == CostKind::kLowerBound && cost_of(limit.field)) continue;
    const std::optional<double> value = costs.find(limit.field);
    if (!value) continue;
    const bool meets = from_below ? *value >= limit.value : *value <= limit.value;
    if (!meets) result.push_back({limit, *value});
  }
  return result;
}

std::string unknown_fields(const Limits& limits, const Costs& costs) {
  std::string text, last;
  for (const Limit& limit : limits) {
    if (limit.field == last || costs.find(limit.field)) continue;
    last = limit.field;
    text += (text.empty() ? "" : ", ") + limit.field;
  }
  return text;
}

double relative_excess(const Limit& limit, double value) {
  const double over = limit.side == Limit::Side::kAtMost ? value - limit.value : limit.value - value;
  return limit.value == 0 ? over : over / std::abs(limit.value);
}

Costs keep_named(const Costs& costs, const Limits& limits) {
  Costs kept = costs;
  kept.fields.clear();
  for (const Limit& limit : limits) {
    const auto it = costs.fields.find(limit.field);
    if (it != costs.fields.end()) kept.fields.insert(*it);
  }
  return kept;
}

std::string describe(const std::vector<Excess>& excess) {
  std::string text;
  for (const Excess& e : excess) {
    const Limit& limit = e.limit;
    const auto cost = cost_of(limit.field);
    if (!text.empty()) text += "; ";
    text += (cost ? name(*cost) : limit.field) + ' ' + format_field(limit.field, e.value) +
            (limit.side == Limit::Side::kAtMost ? " over " : " below ") +
            format_field(limit.field, limit.value);
    if (limit.value == 0) continue;
    char percent[32];
    std::snprintf(percent, sizeof percent, " (%+.3g %%)",
                  100 * (e.value - limit.value) / std::abs(limit.value));
    text += percent;
  }
  return text;
}

std::string names(const std::vector<Excess>& excess) {
  std::string text;
  for (const Excess& e : excess) text += (text.empty() ? "" : ",") + name(e.limit);
  return text;
}

}  // namespace spikeloop::nas
