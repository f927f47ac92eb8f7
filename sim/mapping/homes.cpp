#include "sim/mapping/homes.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

class Homes {
 public:
  explicit Homes(Draft& draft) : d_(draft) {}

  void choose() {
    for (auto& s : d_.plan.stages) {
      if (s.kind != StageKind::kMvm) continue;
      settle(s, new_tile(s.layer));
      d_.plan.crossbars_used.back() = static_cast<int>(s.pieces.size()) * s.copies;
    }
    for (int node : d_.order) choose(node);
    check_tiles();
  }

 private:
  int new_tile(int layer) {
    d_.plan.tile_layer.push_back(layer);
    d_.plan.crossbars_used.push_back(0);
    node_bits_.push_back(0);
    membrane_bits_.push_back(0);
    return static_cast<int>(d_.plan.tile_layer.size()) - 1;
  }

  void settle(Stage& s, int tile) {
    s.tile = tile;
    d_.plan.layers[static_cast<std::size_t>(s.layer)].tiles.push_back(tile);
  }

  std::vector<int> tiles_of(int node) const {
    std::vector<int> tiles;
    for (int s : d_.stages_of[static_cast<std::size_t>(node)])
      if (d_.stage(s).tile >= 0) tiles.push_back(d_.stage(s).tile);
    return tiles;
  }

  void choose(int node) {
    const auto& own = d_.stages_of[static_cast<std::size_t>(node)];
    if (own.empty()) return;
    const auto sum = d_.implicit_sum.find(node);
    if (sum != d_.implicit_sum.end())
      choose_node(sum->second, tiles_of(d_.resolve(d_.network.inputs_of(node)[0])));
    auto& stage = d_.stage(own[0]);
    if (stage.kind == StageKind::kNode && stage.tile < 0) {
      choose_node(own[0], wishes(node));
    } else if (stage.kind == StageKind::kPool) {
      settle(stage, sum != d_.implicit_sum.end() ? d_.stage(sum->second).tile
                                                 : tiles_of(d_.resolve(d_.network.inputs_of(node)[0])).at(0));
    }
  }

  /// Tiles of the layers that feed it, then of its other sources, then of backward ones that have a tile yet.
  std::vector<int> wishes(int node) const {
    std::vector<int> wish;
    const auto add = [&](int source) {
      for (int tile : tiles_of(d_.resolve(source))) wish.push_back(tile);
    };
    for (int source : d_.forward_inputs(node))
      if (d_.is_mvm(d_.resolve(source))) add(source);
    for (int source : d_.forward_inputs(node)) add(source);
    for (const auto& e : d_.network.edges)
      if (e.to == node && e.backward) add(e.from);
    return wish;
  }

  /// Maps of accumulators: one, or one per timestep where an input may run that far ahead (flows.h), and one
  /// for what arrives once and is used at every timestep.
  int maps(const Stage& s) const {
    int timesteps = 1;
    int held = 0;
    for (int f : s.inputs) {
      const auto& flow = d_.plan.flows[static_cast<std::size_t>(f)];
      timesteps = std::max(timesteps, flow.depth / flow.items);
      if (flow.is_static && !s.is_static) held = 1;
    }
    return timesteps + held;
  }

  /// The first wished-for tile with room for the node's accumulators and membranes, else a tile of its own.
  void choose_node(int id, const std::vector<int>& wish) {
    auto& s = d_.stage(id);
    const std::int64_t map = std::int64_t{s.items()} * s.channels;
    const std::int64_t values = map * d_.chip.node_adder.value_bits * maps(s);
    const std::int64_t membranes = map * d_.chip.neuron_unit.membrane_bits * s.neuron_states();
    const auto fits = [&](int tile) {
      const auto t = static_cast<std::size_t>(tile);
      return node_bits_[t] + values <= d_.chip.node_memory.capacity_bits &&
             membrane_bits_[t] + membranes <= d_.chip.membrane_memory.capacity_bits;
    };
    const auto found = std::find_if(wish.begin(), wish.end(), fits);
    const int tile = found != wish.end() ? *found : new_tile(s.layer);
    if (!fits(tile)) {
      d_.does_not_fit("node " + s.name,
                      std::to_string(values) + " bits of node memory and " + std::to_string(membranes) +
                          " bits of membrane memory in one tile",
                      std::to_string(d_.chip.node_memory.capacity_bits) + " and " +
                          std::to_string(d_.chip.membrane_memory.capacity_bits) + " bits per tile");
    }
    node_bits_[static_cast<std::size_t>(tile)] += values;
    membrane_bits_[static_cast<std::size_t>(tile)] += membranes;
    settle(s, tile);
  }

  void check_tiles() const {
    const int available = d_.chip.mesh.columns * d_.chip.mesh.rows;
    const int needed = static_cast<int>(d_.plan.tile_layer.size());
    if (needed <= available) return;
    std::int64_t crossbars = 0;
    for (const auto& layer : d_.plan.layers) crossbars += layer.crossbars;
    d_.does_not_fit("mapping",
                    std::to_string(needed) + " tiles (" + std::to_string(crossbars) + " crossbars of " +
                        std::to_string(d_.chip.crossbar.rows) + "x" +
                        std::to_string(d_.chip.crossbar.columns) + ")",
                    "at most " + std::to_string(available) + " tiles of " +
                        std::to_string(d_.chip.tile.pes * d_.chip.pe.crossbars) + " crossbars");
  }

  Draft& d_;
  std::vector<std::int64_t> node_bits_, membrane_bits_;  ///< per tile
};

}  // namespace

void choose_homes(Draft& draft) { Homes(draft).choose(); }

}  // namespace spikeloop::sim
