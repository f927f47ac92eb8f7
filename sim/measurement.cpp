#include "sim/measurement.h"

#include <nlohmann/json.hpp>

#include "sim/millionths.h"

namespace spikeloop::sim {
namespace {

using Json = nlohmann::ordered_json;

/// Decimal pJ (um2) of an integer in aJ (nm2): exact to the last printed digit below 1e15 (1 mJ, 1 m2).
double decimal(std::int64_t millionths) { return static_cast<double>(millionths) / 1e6; }

std::string block(std::size_t component) { return component_name(static_cast<Component>(component)); }

/// Per hardware block: a memory's reads and writes together.
Json energy_json(const EnergyByComponent& energy) {
  std::vector<std::pair<std::string, Energy>> blocks;
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    if (blocks.empty() || blocks.back().first != block(i)) blocks.emplace_back(block(i), Energy{});
    blocks.back().second += energy[i];
  }
  Json json = Json::object();
  for (const auto& [name, e] : blocks) {
    json[name] = {{"dynamic_pj", decimal(e.dynamic_aj)}, {"leakage_pj", decimal(e.leakage_aj)}};
  }
  return json;
}

Json area_json(const AreaByComponent& area) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    if (area[i] != 0) json[block(i)] = decimal(area[i]);
  }
  return json;
}

Json events_json(const EventCounts& events) {
  Json json = Json::array();
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    if (events.count[i] == 0) continue;
    json.push_back({{"component", block(i)},
                    {"event", event_name(static_cast<Component>(i))},
                    {"count", events.count[i]}});
  }
  return json;
}

std::int64_t sum(const EnergyByComponent& energy) {
  std::int64_t total = 0;
  for (const auto& e : energy) {
    for (const std::int64_t part : {e.dynamic_aj, e.leakage_aj}) {
      add_millionths(total, static_cast<double>(part));
      total += part;
    }
  }
  return total;
}

std::int64_t sum(const AreaByComponent& area) {
  std::int64_t total = 0;
  for (const std::int64_t a : area) {
    add_millionths(total, static_cast<double>(a));
    total += a;
  }
  return total;
}

Json layer_json(const LayerReport& layer) {
  return {{"name", layer.name},
          {"kind", layer.kind},
          {"tiles", layer.tiles},
          {"crossbars", layer.crossbars},
          {"weights", layer.weights},
          {"items", layer.items},
          {"crossbar_reads", layer.crossbar_reads},
          {"input_ones", layer.input_ones},
          {"input_bits", layer.input_bits},
          {"busy_cycles", layer.busy_cycles},
          {"blocked_cycles", layer.blocked_cycles},
          {"first_cycle", layer.first_cycle},
          {"last_cycle", layer.last_cycle},
          {"span_cycles", layer.span_cycles},
          {"energy_pj", decimal(sum(layer.energy))},
          {"area_um2", decimal(sum(layer.area))},
          {"energy", energy_json(layer.energy)},
          {"area", area_json(layer.area)},
          {"events", events_json(layer.events)}};
}

Json tile_json(const TileReport& tile) {
  return {{"column", tile.column},
          {"row", tile.row},
          {"layers", tile.layers},
          {"crossbars_used", tile.crossbars_used},
          {"copies", tile.copies},
          {"crossbar_busy_cycles", tile.crossbar_busy_cycles},
          {"neuron_busy_cycles", tile.neuron_busy_cycles},
          {"router_flits", tile.router_flits},
          {"energy_pj", decimal(sum(tile.energy))},
          {"area_um2", decimal(sum(tile.area))},
          {"energy", energy_json(tile.energy)},
          {"area", area_json(tile.area)}};
}

}  // namespace

double Measurement::mean_latency_ns() const {
  double total = 0;
  for (const auto& s : samples) total += latency_ns(s);
  return samples.empty() ? 0 : total / static_cast<double>(samples.size());
}

double Measurement::mean_energy_pj() const {
  return samples.empty() ? 0 : decimal(total_energy_aj()) / static_cast<double>(samples.size());
}

std::int64_t Measurement::total_energy_aj() const { return sum(energy); }
std::int64_t Measurement::total_area_nm2() const { return sum(area); }

std::string to_json(const Measurement& m) {
  Json json;
  json["format"] = "spikeloop.measurement";
  json["version"] = 1;
  json["network_sha256"] = m.network_sha256;
  json["chip"] = {{"name", m.chip_name}, {"sha256", m.chip_sha256}, {"clock_mhz", m.clock_mhz}};
  json["schedule"] = m.schedule;
  json["engine"] = m.engine;
  json["timesteps"] = m.timesteps;
  json["summary"] = {{"samples", m.samples.size()},      {"latency_ns", m.mean_latency_ns()},
                     {"energy_pj", m.mean_energy_pj()},  {"area_um2", decimal(m.total_area_nm2())},
                     {"memory_bytes", m.memory_bytes()}, {"weights", m.weights}};
  json["samples"] = Json::array();
  for (const auto& s : m.samples) {
    json["samples"].push_back({{"index", s.index},
                               {"label", s.label},
                               {"prediction", s.prediction},
                               {"cycles", s.cycles},
                               {"latency_ns", m.latency_ns(s)},
                               {"energy_pj", decimal(s.energy.total_aj())},
                               {"dynamic_pj", decimal(s.energy.dynamic_aj)},
                               {"leakage_pj", decimal(s.energy.leakage_aj)}});
  }
  json["network_on_chip"] = {{"columns", m.mesh_columns},
                             {"rows", m.mesh_rows},
                             {"packets", m.packets},
                             {"flits_injected", m.flits_injected},
                             {"flits_delivered", m.flits_delivered},
                             {"flit_hops", m.flit_hops}};
  json["totals"] = {{"energy_pj", decimal(m.total_energy_aj())},
                    {"area_um2", decimal(m.total_area_nm2())},
                    {"crossbar_reads", m.crossbar_reads}};
  json["energy"] = energy_json(m.energy);
  json["area"] = area_json(m.area);
  if (m.functional) json["functional"] = functional_json(*m.functional);
  json["layers"] = Json::array();
  for (const auto& layer : m.layers) json["layers"].push_back(layer_json(layer));
  json["tiles"] = Json::array();
  for (const auto& tile : m.tiles) json["tiles"].push_back(tile_json(tile));
  return json.dump(1) + "\n";
}

}  // namespace spikeloop::sim
