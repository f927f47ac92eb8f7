#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/analytic/comparison.h"
#include "sim/config/text_format.h"

namespace spikeloop::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kColumn = 11;

std::string energy(const std::optional<double>& pj) { return pj ? scaled(*pj * 1e-12) + "J" : "-"; }
std::string time(const std::optional<double>& ns) { return ns ? scaled(*ns * 1e-9) + "s" : "-"; }

std::string row(std::size_t name_width, const std::string& name, const std::vector<std::string>& cells) {
  std::string out = "  " + left(name, name_width);
  for (const auto& cell : cells) out += right(cell, kColumn);
  return out + "\n";
}

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::string table(const Comparison& c) {
  const auto& p = c.parameters;
  std::size_t width = 7;
  for (const auto& layer : c.layers) width = std::max(width, layer.name.size() + 2);
  std::string out = "measured beside analytic models, per sample\n";
  out +=
      wrapped("SpikeSim: its released formulas with X = " + std::to_string(p.crossbar) +
                  " (crossbar.rows), P = " + std::to_string(p.pes_per_tile) +
                  " (tile.pes), T = " + std::to_string(p.timesteps) + ", " + fixed_point(p.clock_mhz, 0) +
                  " MHz (clock.frequency_mhz), k of each layer, its own energy and area constants; event: "
                  "the same, charged for windows and rows with spikes; closed form: this chip's events "
                  "counted from the same spikes (dynamic energy; least = its busiest resource), and with "
                  "every bit set (dense). From energy to event: energies; from span on: times, span from the "
                  "layer's first start to its last end, busy of its crossbars or unit.",
              2);
  for (const auto& note : c.notes) out += wrapped("note: " + note, 2);
  out += "\n" + row(width, "",
                    {"energy", "dynamic", "closed", "dense", "SpikeSim", "event", "span", "busy", "least",
                     "SpikeSim"});
  for (const auto& l : c.layers) {
    const auto none = [](double value, const std::string& text) { return value == 0 ? "-" : text; };
    out += row(width, l.name,
               {energy(l.energy_pj), none(l.dynamic_pj, energy(l.dynamic_pj)),
                none(l.closed_pj, energy(l.closed_pj)) + (l.same_events ? "" : "!"),
                none(l.dense_pj, energy(l.dense_pj)), energy(l.spikesim_pj), energy(l.event_pj),
                none(l.span_ns, time(l.span_ns)), none(l.busy_ns, time(l.busy_ns)),
                none(l.least_ns, time(l.least_ns)), time(l.spikesim_ns)});
  }
  out += row(width, "chip",
             {energy(c.energy_pj), "", energy(c.closed_pj), energy(c.dense_pj), energy(c.spikesim_pj),
              energy(c.event_pj), time(c.latency_ns), "", time(c.least_ns), time(c.spikesim_ns)});
  const auto differing =
      std::count_if(c.layers.begin(), c.layers.end(), [](const auto& l) { return !l.same_events; });
  out +=
      "  " +
      (differing == 0 ? "every event count of the closed form is the measured one"
                      : "! event counts differ from the measured ones in " + count_of(differing, "layer")) +
      "; area " + fixed_point(c.area_um2 * 1e-6, 3) + " mm2, SpikeSim's " +
      fixed_point(c.spikesim_um2 * 1e-6, 3) + " mm2\n";

  out += "\nwhy they differ\n";
  for (const auto& l : c.layers) {
    if (l.reasons.empty()) continue;
    std::string text;
    for (const auto& reason : l.reasons)
      text += (text.empty() ? "" : "; ") + reason.name + ": " + reason.words;
    const std::string body = wrapped(text, width + 2);
    out += "  " + left(l.name, width) + body.substr(std::min(body.size(), width + 2));
  }
  return out;
}

std::string add_to_json(const std::string& measurement_json, const Comparison& c) {
  Json json = Json::parse(measurement_json);
  Json layers = Json::array();
  for (const auto& l : c.layers) {
    Json reasons = Json::array();
    for (const auto& r : l.reasons)
      reasons.push_back({{"name", r.name}, {"value", r.value}, {"unit", r.unit}, {"words", r.words}});
    layers.push_back({{"name", l.name},
                      {"kind", l.kind},
                      {"energy_pj", l.energy_pj},
                      {"dynamic_pj", l.dynamic_pj},
                      {"span_ns", l.span_ns},
                      {"busy_ns", l.busy_ns},
                      {"spikesim_energy_pj", optional_json(l.spikesim_pj)},
                      {"spikesim_event_energy_pj", optional_json(l.event_pj)},
                      {"spikesim_latency_ns", optional_json(l.spikesim_ns)},
                      {"closed_form_dynamic_pj", l.closed_pj},
                      {"dense_dynamic_pj", l.dense_pj},
                      {"least_ns", l.least_ns},
                      {"same_events", l.same_events},
                      {"reasons", reasons}});
  }
  json["analytic"] = {
      {"spikesim",
       {{"crossbar", c.parameters.crossbar},
        {"pes_per_tile", c.parameters.pes_per_tile},
        {"timesteps", c.parameters.timesteps},
        {"clock_mhz", c.parameters.clock_mhz},
        {"energy_pj", c.spikesim_pj},
        {"event_energy_pj", c.event_pj},
        {"latency_ns", c.spikesim_ns},
        {"area_um2", c.spikesim_um2},
        {"notes", c.notes}}},
      {"closed_form",
       {{"dynamic_pj", c.closed_pj}, {"dense_dynamic_pj", c.dense_pj}, {"least_ns", c.least_ns}}},
      {"layers", layers}};
  return json.dump(1) + "\n";
}

}  // namespace spikeloop::sim
