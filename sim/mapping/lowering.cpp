#include "sim/mapping/lowering.h"

#include <algorithm>

#include "sim/mapping/weights.h"

namespace spikeloop::sim {
namespace {

using traces::FlattenParams;
using traces::InputParams;
using traces::OutputParams;
using traces::Pool2dParams;
using traces::ScaleParams;

constexpr std::int64_t kLargestPool = 4096;  // pixels of a pooling window: counts of at most 13 bits

int count_bits(std::int64_t largest) {
  int bits = 0;
  while ((std::int64_t{1} << bits) <= largest) ++bits;
  return bits;
}

/// Words of membrane memory that a neuron of the node takes.
int states_of(const traces::Node& node) {
  if (node.as<traces::ThresholdParams>() != nullptr) return 0;
  return node.as<traces::CubaLifParams>() != nullptr ? 2 : 1;
}

int new_stage(Draft& d, StageKind kind, int node, const std::string& name, const std::string& layer_kind) {
  Stage s;
  s.kind = kind;
  s.name = name;
  s.layer = static_cast<int>(d.plan.layers.size());
  d.plan.layers.push_back({name, layer_kind, 0, 0, {}});
  d.map_size(node, s.height, s.width, s.channels);
  d.plan.stages.push_back(s);
  return static_cast<int>(d.plan.stages.size()) - 1;
}

int new_signal(Draft& d, Signal::Kind kind, int node) {
  Signal s;
  s.kind = kind;
  s.name = d.node_at(node).name;
  d.map_size(node, s.height, s.width, s.channels);
  d.plan.signals.push_back(s);
  return static_cast<int>(d.plan.signals.size()) - 1;
}

void add_pool(Draft& d, int node, const Pool2dParams& pool) {
  const auto i = static_cast<std::size_t>(node);
  const auto in = d.network.inputs_of(node);
  if (in.size() != 1)
    d.fail(node, std::to_string(in.size()) + " edges into it", "one (sum them in a Scale node)");
  if (d.forward_inputs(node).empty()) d.fail(node, "a backward edge into it", kBackwardTargets);
  if (pool.kernel[0] * pool.kernel[1] > kLargestPool) {
    d.fail(node, "a window of " + std::to_string(pool.kernel[0] * pool.kernel[1]) + " pixels",
           "at most " + std::to_string(kLargestPool));
  }
  const int source = d.resolve(in[0]);
  const int source_signal = d.signal_of[static_cast<std::size_t>(source)];
  if (source_signal >= 0) {
    if (d.signal_at(source_signal)->kind != Signal::Kind::kSpikes)
      d.fail(node, "pooling of counts or inputs", "pooling of spikes or values");
    const int signal = new_signal(d, Signal::Kind::kCounts, node);
    auto& s = d.plan.signals[static_cast<std::size_t>(signal)];
    s.source = source_signal;
    s.bits = count_bits(pool.kernel[0] * pool.kernel[1]);
    s.pool_kernel = pool.kernel;
    s.pool_stride = pool.stride;
    s.pool_padding = pool.padding;
    d.signal_of[i] = signal;
  } else if (d.is_mvm(source)) {
    // Values of a convolution meet in a node before they are pooled: its partial results come channel slice
    // by slice.
    d.implicit_sum[node] = new_stage(d, StageKind::kNode, source, d.node_at(node).name + ".sum", "node");
  }
  const int id = new_stage(d, StageKind::kPool, node, d.node_at(node).name, "pooling");
  auto& s = d.stage(id);
  for (std::size_t k = 0; k < 2; ++k) {
    s.kernel[k] = static_cast<int>(pool.kernel[k]);
    s.stride[k] = static_cast<int>(pool.stride[k]);
    s.padding[k] = static_cast<int>(pool.padding[k]);
  }
  s.signal = d.signal_of[i];
  d.stages_of[i] = {id};
}

void add_stages(Draft& d, int node) {
  const auto i = static_cast<std::size_t>(node);
  const auto& params = d.node_at(node);
  if (params.as<FlattenParams>() != nullptr) return;
  if (params.as<InputParams>() != nullptr) {
    const int signal = new_signal(d, Signal::Kind::kInput, node);
    auto& s = d.plan.signals[static_cast<std::size_t>(signal)];
    s.bits = d.network.input_bits > 0 ? d.network.input_bits : 8;
    s.is_signed = true;
    s.is_static = d.input_static;
    d.signal_of[i] = signal;
    d.stages_of[i] = {new_stage(d, StageKind::kHostInput, node, params.name, "input")};
    d.stage(d.stages_of[i][0]).signal = signal;
  } else if (d.is_mvm(node)) {
    map_weights(d, node);
  } else if (const auto* scale = params.as<ScaleParams>()) {
    for (float v : scale->scale.data)
      if (v != 1.0F) d.fail(node, "scale " + std::to_string(v), "1 (a sum node): the chip has no multiplier");
    d.stages_of[i] = {new_stage(d, StageKind::kNode, node, params.name, "node")};
  } else if (params.spiking()) {
    d.signal_of[i] = new_signal(d, Signal::Kind::kSpikes, node);
    const auto in = d.network.inputs_of(node);
    const bool behind_sum =
        in.size() == 1 && d.forward_inputs(node).size() == 1 && d.node_at(in[0]).as<ScaleParams>() != nullptr;
    d.stages_of[i] = {behind_sum ? d.stages_of[static_cast<std::size_t>(in[0])].at(0)
                                 : new_stage(d, StageKind::kNode, node, params.name, "node")};
    d.stage(d.stages_of[i][0]).lifs.push_back({params.name, d.signal_of[i], states_of(params)});
  } else if (const auto* pool = params.as<Pool2dParams>()) {
    add_pool(d, node, *pool);
  } else if (params.as<OutputParams>() != nullptr) {
    d.stages_of[i] = {new_stage(d, StageKind::kHostOutput, node, params.name, "output")};
    // Results come as they were made: a Flatten before the Output only renames positions.
    auto& out = d.stage(d.stages_of[i][0]);
    d.map_size(d.resolve(d.network.inputs_of(node).at(0)), out.height, out.width, out.channels);
  } else {
    d.fail(node, std::string("a node of type ") + params.type(),
           "Input, Conv2d, Linear, Affine, LIF, IF, CubaLIF, Threshold, Scale (1), AvgPool2d, SumPool2d, "
           "Flatten or "
           "Output");
  }
}

/// Fills gates_before of a node's stages from those of the nodes before it.
void count_gates(Draft& d, int node) {
  int before = 0;
  for (int source : d.forward_inputs(node)) {
    for (int s : d.stages_of[static_cast<std::size_t>(d.resolve(source))])
      before = std::max(before, d.gates_before[static_cast<std::size_t>(s)]);
  }
  d.gates_before.resize(d.plan.stages.size(), before);  // the implicit sum and all shards
  for (int s : d.stages_of[static_cast<std::size_t>(node)])
    if (d.is_gated(d.stage(s))) d.gates_before[static_cast<std::size_t>(s)] = before + 1;
}

}  // namespace

void lower(Draft& draft) {
  const auto n = draft.network.nodes.size();
  draft.shapes = traces::infer_shapes(draft.network, draft.path);
  draft.order = traces::topological_order(draft.network);
  draft.stages_of.assign(n, {});
  draft.signal_of.assign(n, -1);
  if (draft.chip.schedule == Schedule::kLayerSequential) {
    for (const auto& e : draft.network.edges) {
      if (!e.backward) continue;
      draft.fail(e.to,
                 "a backward edge from node " + draft.node_at(e.from).name +
                     ", through which schedule layer_sequential cannot run a layer for all timesteps",
                 "schedule pipelined or timestep_sequential");
    }
  }
  for (int node : draft.order) {
    add_stages(draft, node);
    count_gates(draft, node);
  }
}

}  // namespace spikeloop::sim
