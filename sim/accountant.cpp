#include "sim/accountant.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace spikeloop::sim {

Accountant::Accountant(const Plan& plan, const ChipConfig& chip, Measurement& measurement)
    : plan_(plan),
      m_(measurement),
      event_aj_(event_energy_aj(chip)),
      tile_(tile_inventory(chip)),
      router_(router_inventory(chip)),
      host_(host_inventory(chip)),
      host_tile_(chip.host_port.row * plan.columns + chip.host_port.column) {
  m_.layers.resize(plan.layers.size());
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    m_.layers[i].name = plan.layers[i].name;
    m_.layers[i].kind = plan.layers[i].kind;
    m_.layers[i].crossbars = plan.layers[i].crossbars;
    m_.layers[i].weights = plan.layers[i].weights;
    auto tiles = plan.layers[i].tiles;
    std::sort(tiles.begin(), tiles.end());
    m_.layers[i].tiles = static_cast<int>(std::unique(tiles.begin(), tiles.end()) - tiles.begin());
  }
  m_.tiles.resize(static_cast<std::size_t>(plan.columns * plan.rows));
  for (std::size_t t = 0; t < m_.tiles.size(); ++t) {
    m_.tiles[t].column = plan.tile_column(static_cast<int>(t));
    m_.tiles[t].row = plan.tile_row(static_cast<int>(t));
    m_.tiles[t].crossbars_used = plan.crossbars_used[t];
  }
  for (const auto& s : plan.stages) {
    if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) continue;
    auto& tile = m_.tiles[static_cast<std::size_t>(s.tile)];
    tile.layers.push_back(plan.layers[static_cast<std::size_t>(s.layer)].name);
    if (s.kind == StageKind::kMvm) tile.copies = s.copies;
  }
  add_area();
}

void Accountant::add_sample(const RunResult& run, SampleReport& sample) {
  const EnergyByComponent before = m_.energy;
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) add_stage(s, run.stages[s]);
  add_spans(run);
  add_traffic(run);
  m_.packets += run.packets;
  m_.flits_injected += run.flits_injected;
  m_.flits_delivered += run.flits_delivered;
  add_leakage(m_.latency_ns(sample));
  m_.total_energy_aj();  // throws when the integers no longer hold it
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    sample.energy.dynamic_aj += m_.energy[i].dynamic_aj - before[i].dynamic_aj;
    sample.energy.leakage_aj += m_.energy[i].leakage_aj - before[i].leakage_aj;
  }
}

void Accountant::finish() {
  std::int64_t by_layer = 0;
  std::int64_t by_tile = 0;
  std::int64_t links = 0;
  for (const auto& layer : m_.layers) {
    by_layer += layer.events[Component::kRouter];
    links += layer.events[Component::kLink];
  }
  for (const auto& tile : m_.tiles) by_tile += tile.router_flits;
  if (deliveries_due_ != m_.flits_delivered || by_layer != by_tile || links != m_.flit_hops) {
    throw std::runtime_error("flits got lost in the simulated mesh: " + std::to_string(m_.flits_injected) +
                             " injected, " + std::to_string(m_.flits_delivered) + " of " +
                             std::to_string(deliveries_due_) + " delivered, " + std::to_string(by_layer) +
                             " router passes expected, " + std::to_string(by_tile) + " counted");
  }
}

LayerReport& Accountant::layer_of_tile(int tile) {
  return m_.layers[static_cast<std::size_t>(plan_.tile_layer[static_cast<std::size_t>(tile)])];
}

void Accountant::add_stage(std::size_t stage_id, const StageCounters& c) {
  const auto& stage = plan_.stages[stage_id];
  const bool at_host = stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput;
  auto& layer = m_.layers[static_cast<std::size_t>(stage.layer)];
  auto& tile = m_.tiles[static_cast<std::size_t>(at_host ? host_tile_ : stage.tile)];
  if (stage.name == layer.name || stage.name == layer.name + "#0") layer.items += c.items;
  layer.crossbar_reads += c.crossbar_reads;
  layer.input_ones += c.input_ones;
  layer.input_bits += c.input_bits;
  layer.busy_cycles += c.busy_cycles;
  layer.blocked_cycles += c.blocked_cycles;
  if (stage.kind == StageKind::kMvm) tile.crossbar_busy_cycles += c.busy_cycles;
  if (stage.kind == StageKind::kNode) tile.neuron_busy_cycles += c.busy_cycles;
  m_.crossbar_reads += c.crossbar_reads;
  layer.events += c.events;
  charge(c.events, event_aj_, layer.energy);
  charge(c.events, event_aj_, tile.energy);
  charge(c.events, event_aj_, m_.energy);
  add_millionths(m_.energy[static_cast<std::size_t>(Component::kCrossbar)].dynamic_aj,
                 static_cast<double>(c.crossbar_read_aj));
  for (auto* energy : {&layer.energy, &tile.energy, &m_.energy})
    (*energy)[static_cast<std::size_t>(Component::kCrossbar)].dynamic_aj += c.crossbar_read_aj;
}

/// From the first start of a layer's stages to the last end of them, in this sample.
void Accountant::add_spans(const RunResult& run) {
  std::vector<Cycle> first(plan_.layers.size(), kNever);
  std::vector<Cycle> last(plan_.layers.size(), 0);
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    if (run.stages[s].first_cycle == kNever) continue;
    const auto layer = static_cast<std::size_t>(plan_.stages[s].layer);
    first[layer] = std::min(first[layer], run.stages[s].first_cycle);
    last[layer] = std::max(last[layer], run.stages[s].last_cycle);
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == kNever) continue;
    auto& layer = m_.layers[i];
    layer.span_cycles += last[i] - first[i];
    if (!m_.samples.empty()) continue;
    layer.first_cycle = first[i];
    layer.last_cycle = last[i];
  }
}

/// A flit passes the routers and links of its route. To the layer that sends it they are charged from the
/// route, to the tile of the router as counted there.
void Accountant::add_traffic(const RunResult& run) {
  for (std::size_t r = 0; r < plan_.routes.size(); ++r) {
    const auto& route = plan_.routes[r];
    const std::int64_t flits = run.route_flits[r];
    deliveries_due_ += flits * static_cast<std::int64_t>(route.tiles.size());
    const auto& sender = plan_.flows[static_cast<std::size_t>(route.flows.at(0))].producer;
    auto& layer = m_.layers[static_cast<std::size_t>(plan_.stages[static_cast<std::size_t>(sender)].layer)];
    EventCounts events;
    // Each router on the way sends the flit once to each side that leads on; each destination takes it once.
    events[Component::kRouter] = flits * (route.links + static_cast<std::int64_t>(route.tiles.size()));
    events[Component::kLink] = flits * route.links;
    layer.events += events;
    charge(events, event_aj_, layer.energy);
    charge(events, event_aj_, m_.energy);
  }
  for (std::size_t t = 0; t < run.routers.size(); ++t) {
    EventCounts events;
    events[Component::kRouter] = run.routers[t].flits;
    events[Component::kLink] = run.routers[t].link_flits;
    m_.tiles[t].router_flits += run.routers[t].flits;
    m_.flit_hops += run.routers[t].link_flits;
    charge(events, event_aj_, m_.tiles[t].energy);
  }
}

template <class Add>
void Accountant::for_each_inventory(const Add& add) {
  for (int t = 0; t < plan_.columns * plan_.rows; ++t) {
    auto& tile = m_.tiles[static_cast<std::size_t>(t)];
    if (plan_.tile_used[static_cast<std::size_t>(t)] != 0) add(tile_, layer_of_tile(t), tile);
    add(router_, layer_of_tile(t), tile);
  }
  add(host_, m_.layers[0], m_.tiles[static_cast<std::size_t>(host_tile_)]);
}

void Accountant::add_area() {
  for_each_inventory([&](const Inventory& inventory, LayerReport& layer, TileReport& tile) {
    const auto area = area_nm2(inventory);
    for (std::size_t i = 0; i < kNumComponents; ++i) {
      add_millionths(m_.area[i], static_cast<double>(area[i]));
      layer.area[i] += area[i];
      tile.area[i] += area[i];
      m_.area[i] += area[i];
    }
  });
  m_.total_area_nm2();  // likewise throws when the integers no longer hold it
}

void Accountant::add_leakage(double time_ns) {
  for_each_inventory([&](const Inventory& inventory, LayerReport& layer, TileReport& tile) {
    const auto leakage = leakage_aj(inventory, time_ns);
    for (std::size_t i = 0; i < kNumComponents; ++i) {
      add_millionths(m_.energy[i].leakage_aj, static_cast<double>(leakage[i]));
      layer.energy[i].leakage_aj += leakage[i];
      tile.energy[i].leakage_aj += leakage[i];
      m_.energy[i].leakage_aj += leakage[i];
    }
  });
}

}  // namespace spikeloop::sim
