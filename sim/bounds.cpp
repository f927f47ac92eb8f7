#include "sim/bounds.h"

#include <algorithm>

#include "sim/energy.h"
#include "sim/mapping/plan.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// What a tile's resources are busy for when no input bit is set, in Cycle.
struct Busy {
  Cycle fetch = 0, crossbars = 0, neurons = 0, node_adder = 0, tree_adder = 0, pooling = 0, injection = 0,
        ejection = 0;
  Cycle longest() const {
    return std::max({fetch, crossbars, neurons, node_adder, tree_adder, pooling, injection, ejection});
  }
};

class Bounder {
 public:
  Bounder(const Plan& plan, const ChipConfig& chip)
      : plan_(plan),
        chip_(chip),
        timing_(make_timing(chip)),
        busy_(static_cast<std::size_t>(plan.columns * plan.rows)) {}

  Bounds bound() {
    for (const auto& s : plan_.stages) add_stage(s);
    for (const auto& r : plan_.routes) add_route(r);
    for (const auto& f : plan_.flows) add_flow(f);
    Cycle cycles = std::max(host_.longest(), Cycle{1});
    for (const auto& b : busy_) cycles = std::max(cycles, b.longest());
    Bounds bounds;
    bounds.latency_ns = static_cast<double>(cycles) * 1000.0 / timing_.grid_mhz;
    bounds.memory_bytes = static_cast<double>(plan_.weight_memory_bits) / 8.0;

    EnergyByComponent energy{};
    charge(events_, event_energy_aj(chip_), energy);
    std::int64_t total_aj = 0;
    for (const auto& e : energy) total_aj += e.dynamic_aj;
    std::int64_t area = 0;
    const auto add = [&](const Inventory& inventory, std::int64_t count) {
      for (auto a : area_nm2(inventory)) area += count * a;
      for (auto l : leakage_aj(inventory, bounds.latency_ns)) total_aj += count * l;
    };
    add(tile_inventory(chip_), plan_.tiles_used);
    add(router_inventory(chip_), std::int64_t{plan_.columns} * plan_.rows);
    add(host_inventory(chip_), 1);
    bounds.energy_pj = static_cast<double>(total_aj) / 1e6;
    bounds.area_um2 = static_cast<double>(area) / 1e6;
    return bounds;
  }

 private:
  const Flow& flow(int id) const { return plan_.flows[static_cast<std::size_t>(id)]; }

  void add_stage(const Stage& s) {
    if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) return;
    auto& busy = busy_[static_cast<std::size_t>(s.tile)];
    const std::int64_t items = std::int64_t{s.timesteps} * s.items();
    if (s.kind == StageKind::kNode) {
      const auto lifs = static_cast<std::int64_t>(s.lifs.size());
      busy.neurons += items * timing_.tile_period *
                      (lifs > 0 ? lifs * ceil_div(s.channels, chip_.neuron_unit.lanes)
                                : ceil_div(s.channels, chip_.node_adder.lanes));
      bool holds_static = false;
      for (int f : s.inputs) holds_static = holds_static || (flow(f).is_static && !s.is_static);
      const std::int64_t channels = items * s.channels;
      events_[Component::kNodeMemoryRead] += channels * chip_.node_adder.value_bits * (holds_static ? 2 : 1);
      events_[Component::kNeuronUnit] += lifs * channels;
      events_[Component::kMembraneMemoryRead] += lifs * channels * chip_.neuron_unit.membrane_bits;
      events_[Component::kMembraneMemoryWrite] += lifs * channels * chip_.neuron_unit.membrane_bits;
      return;
    }
    const auto& input = flow(s.inputs.at(0));
    const auto& from = plan_.stages[static_cast<std::size_t>(input.producer)];
    const auto* signal =
        s.kind == StageKind::kMvm ? &plan_.signals[static_cast<std::size_t>(s.signal)] : nullptr;
    const auto windows = signal != nullptr ? make_windows(s, signal->height, signal->width)
                                           : make_windows(s, from.height, from.width);
    if (signal != nullptr) add_reads(s, *signal, items, busy);
    for (std::size_t p = 0; p < windows.needed.size(); ++p) {
      if (signal != nullptr) {
        const std::int64_t bits = std::int64_t{windows.new_items[p]} * signal->channels * signal->bits;
        busy.fetch += timing_.tile_period * s.timesteps *
                      std::max<std::int64_t>(1, ceil_div(bits, chip_.input_buffer.port_bits));
        events_[Component::kInputBufferRead] += s.timesteps * bits;
      } else {
        const std::int64_t additions = std::int64_t{s.channels} * windows.in_bounds[p];
        busy.pooling += timing_.tile_period * s.timesteps *
                        std::max<std::int64_t>(1, ceil_div(additions, chip_.pooling_unit.lanes));
        events_[Component::kPoolingUnit] += s.timesteps * additions;
        events_[Component::kPoolingMemoryRead] +=
            std::int64_t{s.timesteps} * windows.in_bounds[p] * input.item_bits;
      }
    }
  }

  /// Windows without a set bit: nothing is read when zeros are skipped, but each takes a cycle of the arrays.
  /// Copies share them.
  void add_reads(const Stage& s, const Signal& signal, std::int64_t windows, Busy& busy) {
    Cycle longest = 1;
    const std::int64_t passes = signal.bits * read_passes(chip_, 0);
    for (const auto& piece : s.pieces) {
      if (passes == 0) break;
      const std::int64_t conversions = windows * passes * piece.columns;
      events_[Component::kColumnMux] += conversions;
      events_[Component::kAdc] += conversions;
      events_[Component::kShiftAdd] += conversions;
      longest = std::max(
          longest, crossbar_cycles(timing_, chip_.adc.sample_and_hold, passes,
                                   static_cast<int>(ceil_div(piece.columns, timing_.adcs_per_crossbar))));
    }
    busy.crossbars += timing_.array_period * longest * ceil_div(windows, s.copies);
  }

  /// Packets at their smallest: spikes without a set bit are a bare header in every encoding.
  void add_route(const Route& route) {
    const auto& f = flow(route.flows.front());
    const auto& from = plan_.stages[static_cast<std::size_t>(f.producer)];
    const auto* signal = f.signal >= 0 ? &plan_.signals[static_cast<std::size_t>(f.signal)] : nullptr;
    const std::int64_t flits =
        std::int64_t{f.timesteps} * f.items * packet_flits(chip_, packet_payload_bits(chip_, f, signal, 0));
    const std::int64_t bits = flits * chip_.mesh.flit_bits;
    // A router takes and gives one flit per port in a cycle of its clock, a tile in one of its own.
    const Cycle host_time = flits * timing_.network_period;
    const Cycle tile_time = flits * std::max(timing_.network_period, timing_.tile_period);
    events_[Component::kRouter] += flits * (route.links + static_cast<std::int64_t>(route.tiles.size()));
    events_[Component::kLink] += flits * route.links;
    if (from.kind == StageKind::kHostInput) {
      host_.injection += host_time;
      events_[Component::kHostPort] += bits;
    } else {
      busy_[static_cast<std::size_t>(from.tile)].injection += tile_time;
      events_[Component::kOutputBufferRead] += bits;
      events_[Component::kOutputBufferWrite] += bits;
    }
    if (route.to_host) {
      host_.ejection += host_time;
      events_[Component::kHostPort] += bits;
    } else {
      for (int tile : route.tiles) busy_[static_cast<std::size_t>(tile)].ejection += tile_time;
    }
  }

  /// What a flow's consumer does with its items.
  void add_flow(const Flow& f) {
    const auto& to = plan_.stages[static_cast<std::size_t>(f.consumer)];
    if (to.kind == StageKind::kHostOutput) return;
    auto& busy = busy_[static_cast<std::size_t>(to.tile)];
    const std::int64_t items = std::int64_t{f.timesteps} * f.items;
    const std::int64_t bits = items * f.item_bits;
    if (f.payload == Flow::Payload::kPartialSums) {
      busy.tree_adder += timing_.tile_period * items * ceil_div(f.channels, chip_.adder_tree.lanes);
      events_[Component::kAdderTree] += items * f.channels;
    } else if (to.kind == StageKind::kNode) {
      busy.node_adder += timing_.tile_period * items * ceil_div(f.channels, chip_.node_adder.lanes);
      events_[Component::kNodeAdder] += items * f.channels;
      events_[Component::kNodeMemoryRead] += bits;
      events_[Component::kNodeMemoryWrite] += bits;
    } else {
      events_[to.kind == StageKind::kPool ? Component::kPoolingMemoryWrite : Component::kInputBufferWrite] +=
          bits;
    }
  }

  const Plan& plan_;
  const ChipConfig& chip_;
  Timing timing_;
  std::vector<Busy> busy_;
  Busy host_;
  EventCounts events_;
};

}  // namespace

Bounds lower_bounds(const traces::Network& network, const ChipConfig& chip, const std::string& network_path) {
  const Plan plan = make_plan(network, chip, std::max(1, network.timesteps), 1, network_path);
  return Bounder(plan, chip).bound();
}

}  // namespace spikeloop::sim
