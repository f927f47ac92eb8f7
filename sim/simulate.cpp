#include "sim/simulate.h"

#include <algorithm>
#include <stdexcept>

#include "sim/energy.h"
#include "sim/engine/chip_module.h"
#include "sim/engine/fresh_kernel.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::sim {
namespace {

/// Everything that one sample's run adds to a measurement.
class Accountant {
 public:
  Accountant(const Plan& plan, const ChipConfig& chip, Measurement& measurement)
      : plan_(plan),
        chip_(chip),
        m_(measurement),
        event_aj_(event_energy_aj(chip)),
        tile_(tile_inventory(chip)),
        router_(router_inventory(chip)),
        host_(host_inventory(chip)) {
    m_.layers.resize(plan.layers.size());
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
      m_.layers[i].name = plan.layers[i].name;
      m_.layers[i].kind = plan.layers[i].kind;
      m_.layers[i].crossbars = plan.layers[i].crossbars;
      m_.layers[i].weights = plan.layers[i].weights;
      auto tiles = plan.layers[i].tiles;
      std::sort(tiles.begin(), tiles.end());
      m_.layers[i].tiles = static_cast<int>(std::unique(tiles.begin(), tiles.end()) - tiles.begin());
      m_.layers[i].first_cycle = kNever;
    }
    m_.tiles.resize(static_cast<std::size_t>(plan.columns * plan.rows));
    for (std::size_t t = 0; t < m_.tiles.size(); ++t) {
      m_.tiles[t].column = plan.tile_column(static_cast<int>(t));
      m_.tiles[t].row = plan.tile_row(static_cast<int>(t));
      m_.tiles[t].crossbars_used = plan.crossbars_used[t];
    }
    for (const auto& s : plan.stages) {
      if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) continue;
      auto& names = m_.tiles[static_cast<std::size_t>(s.tile)].layers;
      names.push_back(plan.layers[static_cast<std::size_t>(s.layer)].name);
    }
    add_area();
  }

  void add_sample(ChipModule& chip, SampleReport& sample, bool first) {
    EnergyByComponent before = m_.energy;
    for (int t = 0; t < chip.num_tiles(); ++t) {
      auto& tile = chip.tile(t);
      auto& report = m_.tiles[static_cast<std::size_t>(t)];
      if (tile.core) {
        auto& rule = tile.core->rule();
        for (int s : rule.stages()) add_stage(s, rule.counters(s), t, first);
        m_.packets += rule.packets();
        m_.flits_injected += rule.flits_injected();
        m_.flits_delivered += rule.flits_ejected();
        for (int f = 0; f < static_cast<int>(plan_.flows.size()); ++f) add_traffic(f, rule.flits_of_flow(f));
      }
      const auto& router = tile.router.rule();
      report.router_flits += router.flits();
      m_.flit_hops += router.link_flits();
      EventCounts events;
      events[Component::kRouter] = router.flits();
      events[Component::kLink] = router.link_flits();
      charge(events, event_aj_, report.energy);
    }
    auto& host = chip.host().rule();
    m_.packets += host.packets();
    m_.flits_injected += host.flits_injected();
    m_.flits_delivered += host.flits_ejected();
    for (int f = 0; f < static_cast<int>(plan_.flows.size()); ++f) add_traffic(f, host.flits_of_flow(f));
    const int host_tile = chip_.host_port.row * plan_.columns + chip_.host_port.column;
    for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
      const auto kind = plan_.stages[s].kind;
      if (kind == StageKind::kHostInput || kind == StageKind::kHostOutput) {
        add_stage(static_cast<int>(s), host.counters(static_cast<int>(s)), host_tile, first);
      }
    }
    add_leakage(m_.latency_ns(sample));
    m_.total_energy_aj();  // throws when the integers no longer hold it
    for (std::size_t i = 0; i < kNumComponents; ++i) {
      sample.energy.dynamic_aj += m_.energy[i].dynamic_aj - before[i].dynamic_aj;
      sample.energy.leakage_aj += m_.energy[i].leakage_aj - before[i].leakage_aj;
    }
  }

 private:
  LayerReport& layer_of_tile(int t) {
    return m_.layers[static_cast<std::size_t>(plan_.tile_layer[static_cast<std::size_t>(t)])];
  }

  void add_stage(int s, const StageCounters& c, int tile, bool first) {
    const auto& stage = plan_.stages[static_cast<std::size_t>(s)];
    auto& layer = m_.layers[static_cast<std::size_t>(stage.layer)];
    auto& report = m_.tiles[static_cast<std::size_t>(tile)];
    if (stage.name == layer.name || stage.name == layer.name + "#0") layer.items += c.items;
    layer.crossbar_reads += c.crossbar_reads;
    layer.input_ones += c.input_ones;
    layer.input_bits += c.input_bits;
    layer.busy_cycles += c.busy_cycles;
    layer.blocked_cycles += c.blocked_cycles;
    if (first && c.first_cycle != kNever) {
      layer.first_cycle = std::min(layer.first_cycle, c.first_cycle);
      layer.last_cycle = std::max(layer.last_cycle, c.last_cycle);
    }
    if (stage.kind == StageKind::kMvm) report.crossbar_busy_cycles += c.busy_cycles;
    if (stage.kind == StageKind::kNode) report.neuron_busy_cycles += c.busy_cycles;
    m_.crossbar_reads += c.crossbar_reads;
    layer.events += c.events;
    charge(c.events, event_aj_, layer.energy);
    charge(c.events, event_aj_, report.energy);
    charge(c.events, event_aj_, m_.energy);
  }

  /// A packet passes hops + 1 routers and hops links; they are charged to the layer that sent it.
  void add_traffic(int f, std::int64_t flits) {
    if (flits == 0) return;
    const auto& flow = plan_.flows[static_cast<std::size_t>(f)];
    auto& layer =
        m_.layers[static_cast<std::size_t>(plan_.stages[static_cast<std::size_t>(flow.producer)].layer)];
    EventCounts events;
    events[Component::kRouter] = flits * (flow.hops + 1);
    events[Component::kLink] = flits * flow.hops;
    layer.events += events;
    charge(events, event_aj_, layer.energy);
    charge(events, event_aj_, m_.energy);
  }

  template <class PerInventory>
  void for_each_inventory(const PerInventory& add) {
    for (int t = 0; t < plan_.columns * plan_.rows; ++t) {
      auto& tile = m_.tiles[static_cast<std::size_t>(t)];
      if (plan_.tile_used[static_cast<std::size_t>(t)] != 0) add(tile_, layer_of_tile(t), tile);
      add(router_, layer_of_tile(t), tile);
    }
    const int host_tile = chip_.host_port.row * plan_.columns + chip_.host_port.column;
    add(host_, m_.layers[0], m_.tiles[static_cast<std::size_t>(host_tile)]);
  }

  void add_area() {
    for_each_inventory([&](const Inventory& inventory, LayerReport& layer, TileReport& tile) {
      const auto area = area_nm2(inventory);
      for (std::size_t i = 0; i < kNumComponents; ++i) {
        add_millionths(m_.area[i], static_cast<double>(area[i]));
        layer.area[i] += area[i];
        tile.area[i] += area[i];
        m_.area[i] += area[i];
      }
    });
    m_.total_area_nm2();  // likewise
  }

  void add_leakage(double time_ns) {
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

  const Plan& plan_;
  const ChipConfig& chip_;
  Measurement& m_;
  std::array<std::int64_t, kNumComponents> event_aj_;
  Inventory tile_, router_, host_;
};

/// Every result is there and no tile has work left.
bool finished(ChipModule& chip) {
  for (int t = 0; t < chip.num_tiles(); ++t) {
    if (chip.tile(t).core && !chip.tile(t).core->rule().finished()) return false;
  }
  return chip.host().rule().finished();
}

[[noreturn]] void stopped(ChipModule& chip) {
  std::string text =
      "the simulated chip stopped before all results arrived:\n" + chip.host().rule().describe();
  for (int t = 0; t < chip.num_tiles(); ++t) {
    if (chip.tile(t).core) text += chip.tile(t).core->rule().describe();
  }
  throw std::runtime_error(text);
}

/// Energy charged to layers by path must be what the routers counted, and every flit must have arrived.
void check_conservation(const Measurement& m) {
  std::int64_t by_layer = 0;
  std::int64_t by_tile = 0;
  std::int64_t links = 0;
  for (const auto& layer : m.layers) {
    by_layer += layer.events[Component::kRouter];
    links += layer.events[Component::kLink];
  }
  for (const auto& tile : m.tiles) by_tile += tile.router_flits;
  if (m.flits_injected != m.flits_delivered || by_layer != by_tile || links != m.flit_hops) {
    throw std::runtime_error("flits got lost in the simulated mesh: " + std::to_string(m.flits_injected) +
                             " injected, " + std::to_string(m.flits_delivered) + " delivered, " +
                             std::to_string(by_layer) + " router passes expected, " +
                             std::to_string(by_tile) + " counted");
  }
}

}  // namespace

Measurement simulate(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
                     const SimulateOptions& options) {
  check_trace(network, trace, options.network_path);
  const int timesteps = trace.header().timesteps;
  const auto num_samples = static_cast<std::int64_t>(trace.samples().size());
  auto positions = options.positions;
  if (positions.empty()) {
    for (std::int64_t i = 0; i < num_samples; ++i) positions.push_back(i);
  }
  for (auto p : positions) {
    if (p < 0 || p >= num_samples) {
      throw InputError(trace.path(), "/samples", "no sample at position " + std::to_string(p),
                       "0 to " + std::to_string(num_samples - 1));
    }
  }
  const auto first_input = trace.input(positions.front());
  const int frames = first_input.frames == 0 ? 1 : static_cast<int>(first_input.frames);
  const Plan plan = make_plan(network, chip, timesteps, frames, options.network_path);
  const Timing timing = make_timing(chip);

  Measurement m;
  m.network_sha256 = trace.header().network_sha256;
  m.chip_name = chip.name;
  m.chip_sha256 = chip.sha256;
  m.schedule = chip.schedule == Schedule::kPipelined ? "pipelined" : "timestep_sequential";
  m.engine = "fast";
  m.timesteps = timesteps;
  m.clock_mhz = chip.clock.frequency_mhz;
  m.mesh_columns = plan.columns;
  m.mesh_rows = plan.rows;
  m.weights = plan.weights;
  m.weight_memory_bits = plan.weight_memory_bits;

  Accountant accountant(plan, chip, m);
  Progress progress("simulate", static_cast<std::int64_t>(positions.size()), "samples", options.quiet);
  for (auto position : positions) {
    const auto stimulus = read_stimulus(plan, trace, position);
    FreshKernel kernel;
    ChipModule module("chip", plan, chip, timing, stimulus);
    sc_core::sc_start();
    if (!finished(module)) stopped(module);
    const auto& info = trace.samples()[static_cast<std::size_t>(position)];
    SampleReport sample;
    sample.index = info.index;
    sample.label = info.label;
    sample.prediction = info.prediction;
    sample.cycles = module.host().rule().last_arrival() + 1;
    accountant.add_sample(module, sample, m.samples.empty());
    m.samples.push_back(sample);
    progress.advance();
  }
  progress.finish();
  for (auto& layer : m.layers) {
    if (layer.first_cycle == kNever) layer.first_cycle = 0;
  }
  check_conservation(m);
  return m;
}

}  // namespace spikeloop::sim
