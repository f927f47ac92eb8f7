#include "sim/mapping/plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "sim/mapping/timesteps.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using traces::Conv2dParams;
using traces::FlattenParams;
using traces::IfParams;
using traces::InputParams;
using traces::LifParams;
using traces::LinearParams;
using traces::Network;
using traces::OutputParams;
using traces::Pool2dParams;
using traces::ScaleParams;

constexpr const char* kBackwardTargets = "backward edges into Scale or LIF nodes only";
constexpr std::int64_t kLargestPool = 4096;  // pixels of a pooling window: counts of at most 13 bits

int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

int count_bits(std::int64_t largest) {
  int bits = 0;
  while ((std::int64_t{1} << bits) <= largest) ++bits;
  return bits;
}

/// Builds a Plan in four passes: stages, mapping of weights, homes of nodes and pools, flows.
class Planner {
 public:
  Planner(const Network& network, const ChipConfig& chip, int timesteps, int input_frames, std::string path)
      : network_(network), chip_(chip), path_(std::move(path)), input_static_(input_frames == 1) {
    plan_.timesteps = timesteps;
    plan_.layers.push_back({"(shared)", "shared", 0, 0, {}});
  }

  Plan make() {
    shapes_ = traces::infer_shapes(network_, path_);
    order_ = traces::topological_order(network_);
    const auto n = network_.nodes.size();
    stages_of_.assign(n, {});
    signal_of_.assign(n, -1);
    for (int node : order_) add_stages(node);
    host_tile_ = chip_.host_port.row * chip_.mesh.columns + chip_.host_port.column;
    for (auto& stage : plan_.stages) {
      if (stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput)
        stage.tile = host_tile_;
    }
    place();
    for (int node : order_) add_flows(node);
    add_partial_sum_flows();
    check_feeds();
    mark_static(plan_, input_static_, path_);
    count_timesteps(plan_);
    make_routes();
    finish_tiles();
    check_memories();
    return std::move(plan_);
  }

 private:
  [[noreturn]] void fail(int node, const std::string& found, const std::string& expected) const {
    const auto& n = network_.nodes[static_cast<std::size_t>(node)];
    throw InputError(path_, std::string("node ") + n.name + " (" + n.type() + ")", found, expected);
  }
  [[noreturn]] void does_not_fit(const std::string& place, const std::string& needs,
                                 const std::string& has) const {
    throw InputError(path_, place, "a network that needs " + needs, has + " on chip " + chip_.name);
  }
  const traces::Node& node_at(int i) const { return network_.nodes[static_cast<std::size_t>(i)]; }
  Stage& stage(int i) { return plan_.stages[static_cast<std::size_t>(i)]; }

  std::vector<int> forward_inputs(int node) const {
    std::vector<int> sources;
    for (const auto& e : network_.edges)
      if (e.to == node && !e.backward) sources.push_back(e.from);
    return sources;
  }
  /// Skips Flatten nodes, which only rename positions.
  int resolve(int node) const {
    while (node_at(node).as<FlattenParams>() != nullptr) {
      const auto in = network_.inputs_of(node);
      if (in.size() != 1) fail(node, std::to_string(in.size()) + " edges into it", "one");
      node = in.front();
    }
    return node;
  }
  bool is_mvm(int node) const {
    return node_at(node).as<Conv2dParams>() != nullptr || node_at(node).as<LinearParams>() != nullptr;
  }
  bool is_spiking_pool(int node) const {
    return node_at(node).as<Pool2dParams>() != nullptr && signal_of_[static_cast<std::size_t>(node)] >= 0;
  }
  void map_size(int node, int& height, int& width, int& channels) const {
    const auto& s = shapes_[static_cast<std::size_t>(node)];
    if (s.size() == 3) {
      channels = static_cast<int>(s[0]);
      height = static_cast<int>(s[1]);
      width = static_cast<int>(s[2]);
    } else {
      channels = static_cast<int>(s.at(0));
      height = width = 1;
    }
  }

  int new_layer(const std::string& name, const std::string& kind) {
    plan_.layers.push_back({name, kind, 0, 0, {}});
    return static_cast<int>(plan_.layers.size()) - 1;
  }
  int new_stage(StageKind kind, int node, const std::string& name, const std::string& layer_kind) {
    Stage s;
    s.kind = kind;
    s.name = name;
    s.layer = new_layer(name, layer_kind);
    map_size(node, s.height, s.width, s.channels);
    plan_.stages.push_back(s);
    return static_cast<int>(plan_.stages.size()) - 1;
  }
  int new_signal(Signal::Kind kind, int node) {
    Signal s;
    s.kind = kind;
    s.name = node_at(node).name;
    map_size(node, s.height, s.width, s.channels);
    plan_.signals.push_back(s);
    return static_cast<int>(plan_.signals.size()) - 1;
  }

  // ---- pass 1: stages and signals
  // -----------------------------------------------------------------------------

  void add_stages(int node) {
    const auto i = static_cast<std::size_t>(node);
    const auto& params = node_at(node);
    if (params.as<FlattenParams>() != nullptr) return;
    if (params.as<InputParams>() != nullptr) {
      const int signal = new_signal(Signal::Kind::kInput, node);
      auto& s = plan_.signals[static_cast<std::size_t>(signal)];
      s.bits = network_.input_bits > 0 ? network_.input_bits : 8;
      s.is_signed = true;
      s.is_static = input_static_;
      signal_of_[i] = signal;
      stages_of_[i] = {new_stage(StageKind::kHostInput, node, params.name, "input")};
      stage(stages_of_[i][0]).signal = signal;
    } else if (is_mvm(node)) {
      add_mvm(node);
    } else if (const auto* scale = params.as<ScaleParams>()) {
      for (float v : scale->scale.data)
        if (v != 1.0F) fail(node, "scale " + std::to_string(v), "1 (a sum node): the chip has no multiplier");
      stages_of_[i] = {new_stage(StageKind::kNode, node, params.name, "node")};
    } else if (params.as<LifParams>() != nullptr || params.as<IfParams>() != nullptr) {
      signal_of_[i] = new_signal(Signal::Kind::kSpikes, node);
      const auto in = network_.inputs_of(node);
      const bool behind_sum =
          in.size() == 1 && forward_inputs(node).size() == 1 && node_at(in[0]).as<ScaleParams>() != nullptr;
      stages_of_[i] = {behind_sum ? stages_of_[static_cast<std::size_t>(in[0])].at(0)
                                  : new_stage(StageKind::kNode, node, params.name, "node")};
      stage(stages_of_[i][0]).lifs.push_back({params.name, signal_of_[i]});
    } else if (const auto* pool = params.as<Pool2dParams>()) {
      add_pool(node, *pool);
    } else if (params.as<OutputParams>() != nullptr) {
      stages_of_[i] = {new_stage(StageKind::kHostOutput, node, params.name, "output")};
      // Results come as they were made: a Flatten before the Output only renames positions.
      auto& out = stage(stages_of_[i][0]);
      map_size(resolve(network_.inputs_of(node).at(0)), out.height, out.width, out.channels);
    } else {
      fail(node, std::string("a node of type ") + params.type(),
           "Input, Conv2d, Linear, Affine, LIF, IF, Scale (1), AvgPool2d, SumPool2d, Flatten or Output");
    }
  }

  void add_pool(int node, const Pool2dParams& pool) {
    const auto i = static_cast<std::size_t>(node);
    const auto in = network_.inputs_of(node);
    if (in.size() != 1)
      fail(node, std::to_string(in.size()) + " edges into it", "one (sum them in a Scale node)");
    if (forward_inputs(node).empty()) fail(node, "a backward edge into it", kBackwardTargets);
    if (pool.kernel[0] * pool.kernel[1] > kLargestPool) {
      fail(node, "a window of " + std::to_string(pool.kernel[0] * pool.kernel[1]) + " pixels",
           "at most " + std::to_string(kLargestPool));
    }
    const int source = resolve(in[0]);
    const int source_signal = signal_of_[static_cast<std::size_t>(source)];
    if (source_signal >= 0) {
      const auto& from = plan_.signals[static_cast<std::size_t>(source_signal)];
      if (from.kind != Signal::Kind::kSpikes)
        fail(node, "pooling of counts or inputs", "pooling of spikes or values");
      const int signal = new_signal(Signal::Kind::kCounts, node);
      auto& s = plan_.signals[static_cast<std::size_t>(signal)];
      s.source = source_signal;
      s.bits = count_bits(pool.kernel[0] * pool.kernel[1]);
      s.pool_kernel = pool.kernel;
      s.pool_stride = pool.stride;
      s.pool_padding = pool.padding;
      signal_of_[i] = signal;
    } else if (is_mvm(source)) {
      // Values of a convolution meet in a node before they are pooled: its partial results come channel slice
      // by slice.
      implicit_sum_[node] = new_stage(StageKind::kNode, source, node_at(node).name + ".sum", "node");
    }
    const int id = new_stage(StageKind::kPool, node, node_at(node).name, "pooling");
    auto& s = stage(id);
    for (int d = 0; d < 2; ++d) {
      const auto k = static_cast<std::size_t>(d);
      s.kernel[k] = static_cast<int>(pool.kernel[k]);
      s.stride[k] = static_cast<int>(pool.stride[k]);
      s.padding[k] = static_cast<int>(pool.padding[k]);
    }
    s.signal = signal_of_[i];
    stages_of_[i] = {id};
  }

  // ---- weights on crossbars
  // -----------------------------------------------------------------------------------

  void add_mvm(int node) {
    const auto i = static_cast<std::size_t>(node);
    const auto in = network_.inputs_of(node);
    if (in.size() != 1) {
      fail(node, std::to_string(in.size()) + " edges into it", "one: crossbars take the spikes of one layer");
    }
    const int source = resolve(in[0]);
    const int signal = signal_of_[static_cast<std::size_t>(source)];
    if (signal < 0) {
      fail(node, "real values from node " + node_at(source).name,
           "spikes, pooled spikes or the input: a crossbar's wordlines take bits");
    }
    Stage proto;
    proto.kind = StageKind::kMvm;
    proto.name = node_at(node).name;
    proto.signal = signal;
    map_size(node, proto.height, proto.width, proto.channels);
    int bits = chip_.weight_bits;
    std::int64_t weights = 0;
    if (const auto* conv = node_at(node).as<Conv2dParams>()) {
      if (conv->groups != 1) fail(node, "groups " + std::to_string(conv->groups), "1");
      for (std::size_t d = 0; d < 2; ++d) {
        proto.kernel[d] = static_cast<int>(conv->weight.shape[2 + d]);
        proto.stride[d] = static_cast<int>(conv->stride[d]);
        proto.padding[d] = static_cast<int>(conv->padding[d]);
        proto.dilation[d] = static_cast<int>(conv->dilation[d]);
      }
      proto.weight_rows = static_cast<int>(conv->weight.shape[1]) * proto.kernel[0] * proto.kernel[1];
      if (conv->quantised) bits = conv->quantised->bits;
      weights = conv->weight.size();
    } else {
      const auto* linear = node_at(node).as<LinearParams>();
      proto.whole_map = true;
      proto.weight_rows = static_cast<int>(linear->weight.shape[1]);
      if (linear->quantised) bits = linear->quantised->bits;
      weights = linear->weight.size();
    }
    proto.weight_bits = bits;
    const int per_output = columns_per_output(chip_, bits);
    const int outputs_per_crossbar = (chip_.crossbar.columns - reference_columns(chip_)) / per_output;
    if (outputs_per_crossbar < 1) {
      does_not_fit(std::string("node ") + proto.name, std::to_string(per_output) + " columns per output",
                   std::to_string(chip_.crossbar.columns) + " columns per crossbar");
    }
    const int row_blocks = ceil_div(proto.weight_rows, chip_.crossbar.rows);
    const int column_blocks = ceil_div(proto.channels, outputs_per_crossbar);
    const int per_tile = chip_.tile.pes * chip_.pe.crossbars;
    const int pieces = row_blocks * column_blocks;
    const int tiles = ceil_div(pieces, per_tile);

    proto.layer = new_layer(proto.name, proto.whole_map ? "linear" : "convolution");
    auto& layer = plan_.layers[static_cast<std::size_t>(proto.layer)];
    layer.crossbars = pieces;
    layer.weights = weights;
    plan_.weights += weights;
    plan_.weight_memory_bits += weights * bits;

    const auto channels_before = [&](int block) {
      return std::min(proto.channels, block * outputs_per_crossbar);
    };
    for (int t = 0; t < tiles; ++t) {
      Stage shard = proto;
      if (tiles > 1) shard.name += "#" + std::to_string(t);
      const int first = t * per_tile;
      const int last = std::min(pieces, first + per_tile);
      for (int p = first; p < last; ++p) {
        Piece piece;
        piece.column_block = p / row_blocks;
        piece.row_block = p % row_blocks;
        piece.row_begin = piece.row_block * chip_.crossbar.rows;
        piece.rows = std::min(chip_.crossbar.rows, proto.weight_rows - piece.row_begin);
        piece.outputs = channels_before(piece.column_block + 1) - channels_before(piece.column_block);
        piece.columns = piece.outputs * per_output + reference_columns(chip_);
        piece.pe = (p - first) / chip_.pe.crossbars;
        piece.crossbar = (p - first) % chip_.pe.crossbars;
        shard.pieces.push_back(piece);
      }
      // A column block belongs to the tile that holds its first row block; the rest of it sends partial sums
      // there.
      const int owned_begin = ceil_div(first, row_blocks);
      const int owned_end = ceil_div(last, row_blocks);
      shard.channel_begin = channels_before(owned_begin);
      shard.channel_end = channels_before(owned_end);
      if (first % row_blocks != 0) {
        const int block = first / row_blocks;
        shard.send_begin = channels_before(block);
        shard.send_end = channels_before(block + 1);
      }
      stages_of_[i].push_back(static_cast<int>(plan_.stages.size()));
      plan_.stages.push_back(shard);
    }
  }

  // ---- pass 2: tiles
  // ------------------------------------------------------------------------------------------

  int allocate_tile(int layer) {
    const int tile = static_cast<int>(plan_.tile_layer.size());
    plan_.tile_layer.push_back(layer);
    plan_.crossbars_used.push_back(0);
    node_bits_.push_back(0);
    membrane_bits_.push_back(0);
    return tile;
  }

  void place() {
    for (auto& s : plan_.stages) {
      if (s.kind != StageKind::kMvm) continue;
      s.tile = allocate_tile(s.layer);
      plan_.crossbars_used.back() = static_cast<int>(s.pieces.size());
      plan_.layers[static_cast<std::size_t>(s.layer)].tiles.push_back(s.tile);
    }
    for (int node : order_) {
      const auto& own = stages_of_[static_cast<std::size_t>(node)];
      if (own.empty()) continue;
      if (auto sum = implicit_sum_.find(node); sum != implicit_sum_.end()) {
        place_node(sum->second, tiles_of(resolve(network_.inputs_of(node)[0])));
      }
      const auto kind = stage(own[0]).kind;
      if (kind == StageKind::kNode && stage(own[0]).tile < 0) {
        std::vector<int> wish;
        for (int source : forward_inputs(node)) {
          if (!is_mvm(resolve(source))) continue;
          for (int tile : tiles_of(resolve(source))) wish.push_back(tile);
        }
        for (int source : forward_inputs(node))
          for (int tile : tiles_of(resolve(source))) wish.push_back(tile);
        for (const auto& e : network_.edges) {
          if (e.to != node || !e.backward) continue;
          for (int tile : tiles_of(resolve(e.from)))
            wish.push_back(tile);  // layers; later nodes have no tile yet
        }
        place_node(own[0], wish);
      } else if (kind == StageKind::kPool) {
        auto sum = implicit_sum_.find(node);
        const int tile = sum != implicit_sum_.end() ? stage(sum->second).tile
                                                    : tiles_of(resolve(network_.inputs_of(node)[0])).at(0);
        stage(own[0]).tile = tile;
        plan_.layers[static_cast<std::size_t>(stage(own[0]).layer)].tiles.push_back(tile);
      }
    }
    const int available = chip_.mesh.columns * chip_.mesh.rows;
    const int needed = static_cast<int>(plan_.tile_layer.size());
    if (needed > available) {
      std::int64_t crossbars = 0;
      for (const auto& layer : plan_.layers) crossbars += layer.crossbars;
      does_not_fit("mapping",
                   std::to_string(needed) + " tiles (" + std::to_string(crossbars) + " crossbars of " +
                       std::to_string(chip_.crossbar.rows) + "x" + std::to_string(chip_.crossbar.columns) +
                       ")",
                   "at most " + std::to_string(available) + " tiles of " +
                       std::to_string(chip_.tile.pes * chip_.pe.crossbars) + " crossbars");
    }
  }

  std::vector<int> tiles_of(int node) {
    std::vector<int> tiles;
    for (int s : stages_of_[static_cast<std::size_t>(node)])
      if (stage(s).tile >= 0 && stage(s).kind != StageKind::kHostInput) tiles.push_back(stage(s).tile);
    return tiles;
  }

  /// The first wished-for tile with room for the node's accumulators and membranes, else a tile of its own.
  void place_node(int id, const std::vector<int>& wish) {
    auto& s = stage(id);
    const std::int64_t map = std::int64_t{s.items()} * s.channels;
    const std::int64_t values = map * chip_.node_adder.value_bits * (may_hold_static(id) ? 2 : 1);
    const std::int64_t membranes = map * chip_.neuron_unit.membrane_bits * static_cast<int>(s.lifs.size());
    const auto fits = [&](int tile) {
      const auto t = static_cast<std::size_t>(tile);
      return node_bits_[t] + values <= chip_.node_memory.capacity_bits &&
             membrane_bits_[t] + membranes <= chip_.membrane_memory.capacity_bits;
    };
    int tile = -1;
    for (int candidate : wish) {
      if (fits(candidate)) {
        tile = candidate;
        break;
      }
    }
    if (tile < 0) tile = allocate_tile(s.layer);
    if (!fits(tile)) {
      does_not_fit("node " + s.name,
                   std::to_string(values) + " bits of node memory and " + std::to_string(membranes) +
                       " bits of membrane memory in one tile",
                   std::to_string(chip_.node_memory.capacity_bits) + " and " +
                       std::to_string(chip_.membrane_memory.capacity_bits) + " bits per tile");
    }
    node_bits_[static_cast<std::size_t>(tile)] += values;
    membrane_bits_[static_cast<std::size_t>(tile)] += membranes;
    s.tile = tile;
    plan_.layers[static_cast<std::size_t>(s.layer)].tiles.push_back(tile);
  }

  /// Whether a node sums something that arrives once and is used at every timestep: it keeps a second map for
  /// that.
  bool may_hold_static(int id) {
    if (plan_.timesteps <= 1 || !input_static_) return false;
    for (std::size_t node = 0; node < stages_of_.size(); ++node) {
      const auto& own = stages_of_[node];
      // A LIF behind a sum shares the sum's stage; only the node that names the stage feeds it.
      if (own.empty() || own[0] != id || node_at(static_cast<int>(node)).name != stage(id).name) continue;
      for (int source : forward_inputs(static_cast<int>(node)))
        if (depends_on_input_only(resolve(source))) return true;
    }
    return false;
  }
  bool depends_on_input_only(int node) const {
    if (node_at(node).as<InputParams>() != nullptr) return true;
    if (node_at(node).spiking()) return false;
    for (const auto& e : network_.edges)
      if (e.to == node && (e.backward || !depends_on_input_only(e.from))) return false;
    return true;
  }

  // ---- pass 3: flows
  // ------------------------------------------------------------------------------------------

  void connect(int producer, int consumer, Flow::Payload payload, int signal, int channels, bool backward) {
    Flow f;
    const auto& from = stage(producer);
    const auto& to = stage(consumer);
    f.payload = payload;
    f.producer = producer;
    f.consumer = consumer;
    f.signal = signal;
    f.channels = channels;
    f.backward = backward;
    const bool bits = payload == Flow::Payload::kSpikes;
    const auto* sig = bits ? &plan_.signals[static_cast<std::size_t>(signal)] : nullptr;
    f.item_bits = bits ? channels * sig->bits : channels * chip_.node_adder.value_bits;
    f.items = bits ? sig->height * sig->width : from.items();
    f.row = bits ? sig->width : from.width;
    if (producer == consumer) {
      throw InputError(path_, "node " + to.name, "a backward edge from the node to itself",
                       "backward edges from another node");
    }
    if (to.kind != StageKind::kMvm && to.kind != StageKind::kPool && f.items != to.items()) {
      throw InputError(path_, "node " + to.name,
                       "a map of " + std::to_string(f.items) + " pixels from " + from.name + " for " +
                           std::to_string(to.items()),
                       "Flatten behind LIF and Scale nodes, not before them");
    }
    switch (to.kind) {
      case StageKind::kMvm:
        if (payload == Flow::Payload::kPartialSums) {
          f.depth = 2;  // the ping-pong registers of the owner's adder tree
          f.row = 1;
        } else {
          const int rows = (to.kernel[0] - 1) * to.dilation[0] + 1;
          const int need = to.whole_map ? f.items : std::min(f.items, rows * f.row);
          const auto room = chip_.input_buffer.capacity_bits / f.item_bits;
          if (room < need) {
            does_not_fit("node " + to.name,
                         std::to_string(std::int64_t{need} * f.item_bits) + " bits of input buffer",
                         std::to_string(chip_.input_buffer.capacity_bits) + " bits per tile");
          }
          // More than two timesteps ahead never helps. Whole rows, as credits come in rows.
          f.depth = static_cast<int>(std::min<std::int64_t>(room, 2 * std::int64_t{f.items}));
          if (to.whole_map) f.row = f.items;
        }
        break;
      case StageKind::kNode:
        f.depth = f.items;
        break;
      case StageKind::kPool:
        f.depth = std::min(f.items, to.kernel[0] * f.row);
        break;
      default:
        f.depth = f.items * plan_.timesteps;
    }
    const auto column = [&](int tile) { return tile % chip_.mesh.columns; };
    const auto row = [&](int tile) { return tile / chip_.mesh.columns; };
    f.hops = std::abs(column(from.tile) - column(to.tile)) + std::abs(row(from.tile) - row(to.tile));
    f.local = from.tile == to.tile && from.kind != StageKind::kHostInput && to.kind != StageKind::kHostOutput;
    const int id = static_cast<int>(plan_.flows.size());
    plan_.flows.push_back(f);
    stage(producer).outputs.push_back(id);
    stage(consumer).inputs.push_back(id);
  }

  void connect_from(int source, int target_node, int consumer, bool backward) {
    source = resolve(source);
    const auto s = static_cast<std::size_t>(source);
    const int signal = signal_of_[s];
    const auto kind = stage(consumer).kind;
    if (signal >= 0) {
      if (kind == StageKind::kNode)
        fail(target_node, "bits from node " + node_at(source).name, "values to sum");
      if (backward)
        fail(target_node, "a backward edge that carries spikes", "a backward edge into a Scale node");
      connect(stages_of_[s].at(0), consumer, Flow::Payload::kSpikes, signal,
              plan_.signals[static_cast<std::size_t>(signal)].channels, backward);
    } else if (is_mvm(source)) {
      for (int shard : stages_of_[s]) {
        const int channels = stage(shard).channel_end - stage(shard).channel_begin;
        if (channels > 0) connect(shard, consumer, Flow::Payload::kValues, -1, channels, backward);
      }
    } else {
      connect(stages_of_[s].at(0), consumer, Flow::Payload::kValues, -1, stage(stages_of_[s].at(0)).channels,
              backward);
    }
  }

  void add_flows(int node) {
    const auto i = static_cast<std::size_t>(node);
    if (stages_of_[i].empty()) return;
    const auto& params = node_at(node);
    if (params.spiking() && stage(stages_of_[i][0]).name != params.name)
      return;  // behind its sum node: no flow
    if (auto sum = implicit_sum_.find(node); sum != implicit_sum_.end()) {
      connect_from(network_.inputs_of(node)[0], node, sum->second, false);
      connect(sum->second, stages_of_[i][0], Flow::Payload::kValues, -1, stage(sum->second).channels, false);
      return;
    }
    for (const auto& e : network_.edges) {
      if (e.to != node) continue;
      if (e.backward && stage(stages_of_[i][0]).kind != StageKind::kNode) {
        fail(node, "a backward edge from node " + node_at(e.from).name, kBackwardTargets);
      }
      for (int consumer : stages_of_[i]) connect_from(e.from, node, consumer, e.backward);
    }
  }

  void add_partial_sum_flows() {
    for (const auto& shards : stages_of_) {
      for (int id : shards) {
        if (stage(id).kind != StageKind::kMvm || stage(id).send_begin == stage(id).send_end) continue;
        for (int owner : shards) {
          const auto& o = stage(owner);
          if (o.channel_begin <= stage(id).send_begin && stage(id).send_begin < o.channel_end) {
            connect(id, owner, Flow::Payload::kPartialSums, -1, stage(id).send_end - stage(id).send_begin,
                    false);
          }
        }
      }
    }
  }

  void check_feeds() const {
    for (const auto& s : plan_.stages) {
      if (s.kind == StageKind::kNode && s.inputs.empty()) {
        throw InputError(path_, "node " + s.name, "nothing that it sums",
                         "at least one edge of values into it");
      }
    }
  }

  // ---- pass 4: totals
  // -------------------------------------------------------------------

  void make_routes() {
    for (std::size_t i = 0; i < plan_.flows.size(); ++i) {
      auto& f = plan_.flows[i];
      if (f.local) continue;
      f.route = static_cast<int>(plan_.routes.size());
      Route route;
      route.flows = {static_cast<int>(i)};
      route.tiles = {stage(f.consumer).tile};
      route.to_host = stage(f.consumer).kind == StageKind::kHostOutput;
      route.links = f.hops;
      plan_.routes.push_back(route);
    }
  }

  void finish_tiles() {
    plan_.columns = chip_.mesh.columns;
    plan_.tiles_used = static_cast<int>(plan_.tile_layer.size());
    plan_.rows = std::max(ceil_div(plan_.tiles_used, plan_.columns), chip_.host_port.row + 1);
    plan_.tile_used.assign(plan_.tile_layer.size(), 1);
    plan_.tile_layer.resize(static_cast<std::size_t>(plan_.rows) * static_cast<std::size_t>(plan_.columns),
                            0);
    plan_.tile_used.resize(plan_.tile_layer.size(), 0);
    plan_.crossbars_used.resize(plan_.tile_layer.size(), 0);
  }

  void check_memories() {
    std::vector<std::int64_t> pooling(plan_.tile_layer.size(), 0);
    for (const auto& s : plan_.stages) {
      if (s.kind != StageKind::kPool) continue;
      auto& used = pooling[static_cast<std::size_t>(s.tile)];
      for (int f : s.inputs) {
        const auto& flow = plan_.flows[static_cast<std::size_t>(f)];
        used += std::int64_t{flow.depth} * flow.item_bits;
      }
      if (used > chip_.pooling_memory.capacity_bits) {
        does_not_fit("node " + s.name, std::to_string(used) + " bits of pooling memory in one tile",
                     std::to_string(chip_.pooling_memory.capacity_bits) + " bits per tile");
      }
    }
    // All packets of one item must fit the output buffer, or the stage could never send it.
    for (const auto& s : plan_.stages) {
      std::int64_t bits = 0;
      for (int f : s.outputs) {
        const auto& flow = plan_.flows[static_cast<std::size_t>(f)];
        if (!flow.local) bits += std::int64_t{packet_flits(chip_, flow.item_bits)} * chip_.mesh.flit_bits;
      }
      if (s.kind != StageKind::kHostInput && bits > chip_.output_buffer.capacity_bits) {
        does_not_fit("node " + s.name,
                     std::to_string(bits) + " bits of output buffer for the packets of one item",
                     std::to_string(chip_.output_buffer.capacity_bits) + " bits per tile");
      }
    }
  }

  const Network& network_;
  const ChipConfig& chip_;
  std::string path_;
  bool input_static_;
  Plan plan_;
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<int> order_;
  std::vector<std::vector<int>>
      stages_of_;                    ///< per network node: its stages (shards of a layer); a LIF's: its node
  std::vector<int> signal_of_;       ///< per network node: the bits it puts out, or -1
  std::map<int, int> implicit_sum_;  ///< pooling node -> the sum stage before it
  std::vector<std::int64_t> node_bits_, membrane_bits_;
  int host_tile_ = 0;
};

}  // namespace

int packet_flits(const ChipConfig& chip, int payload_bits) {
  return ceil_div(std::int64_t{chip.mesh.header_bits} + payload_bits, chip.mesh.flit_bits);
}

Plan make_plan(const Network& network, const ChipConfig& chip, int timesteps, int input_frames,
               const std::string& network_path) {
  return Planner(network, chip, timesteps, input_frames, network_path).make();
}

}  // namespace spikeloop::sim
