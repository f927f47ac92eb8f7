#include "sim/mapping/flows.h"

#include <algorithm>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

void connect(Draft& d, int producer, int consumer, Flow::Payload payload, int signal, int channels,
             bool backward) {
  Flow f;
  const auto& from = d.stage(producer);
  const auto& to = d.stage(consumer);
  f.payload = payload;
  f.producer = producer;
  f.consumer = consumer;
  f.signal = signal;
  f.channels = channels;
  f.backward = backward;
  const auto* bits = d.signal_at(signal);
  f.item_bits = bits != nullptr ? channels * bits->bits : channels * d.chip.node_adder.value_bits;
  f.items = bits != nullptr ? bits->height * bits->width : from.items();
  f.row = bits != nullptr ? bits->width : from.width;
  if (producer == consumer) {
    throw InputError(d.path, "node " + to.name, "a backward edge from the node to itself",
                     "backward edges from another node");
  }
  if (to.kind != StageKind::kMvm && to.kind != StageKind::kPool && f.items != to.items()) {
    throw InputError(d.path, "node " + to.name,
                     "a map of " + std::to_string(f.items) + " pixels from " + from.name + " for " +
                         std::to_string(to.items()),
                     "Flatten behind LIF and Scale nodes, not before them");
  }
  const int id = static_cast<int>(d.plan.flows.size());
  d.plan.flows.push_back(f);
  d.stage(producer).outputs.push_back(id);
  d.stage(consumer).inputs.push_back(id);
}

void connect_from(Draft& d, int source, int target_node, int consumer, bool backward) {
  source = d.resolve(source);
  const auto s = static_cast<std::size_t>(source);
  const int signal = d.signal_of[s];
  const auto kind = d.stage(consumer).kind;
  const int producer = d.stages_of[s].at(0);
  if (signal >= 0) {
    if (kind == StageKind::kNode)
      d.fail(target_node, "bits from node " + d.node_at(source).name, "values to sum");
    if (backward)
      d.fail(target_node, "a backward edge that carries spikes", "a backward edge into a Scale node");
    connect(d, producer, consumer, Flow::Payload::kSpikes, signal, d.signal_at(signal)->channels, backward);
  } else if (d.is_mvm(source)) {
    for (int shard : d.stages_of[s]) {
      const int channels = d.stage(shard).channel_end - d.stage(shard).channel_begin;
      if (channels > 0) connect(d, shard, consumer, Flow::Payload::kValues, -1, channels, backward);
    }
  } else {
    connect(d, producer, consumer, Flow::Payload::kValues, -1, d.stage(producer).channels, backward);
  }
}

void add_flows_into(Draft& d, int node) {
  const auto& own = d.stages_of[static_cast<std::size_t>(node)];
  if (own.empty()) return;
  const auto& params = d.node_at(node);
  if (params.spiking() && d.stage(own[0]).name != params.name) return;  // behind its sum node: no flow
  if (const auto sum = d.implicit_sum.find(node); sum != d.implicit_sum.end()) {
    connect_from(d, d.network.inputs_of(node)[0], node, sum->second, false);
    connect(d, sum->second, own[0], Flow::Payload::kValues, -1, d.stage(sum->second).channels, false);
    return;
  }
  for (const auto& e : d.network.edges) {
    if (e.to != node) continue;
    if (e.backward && d.stage(own[0]).kind != StageKind::kNode) {
      d.fail(node, "a backward edge from node " + d.node_at(e.from).name, kBackwardTargets);
    }
    for (int consumer : own) connect_from(d, e.from, node, consumer, e.backward);
  }
}

/// Each tile of a layer to the one that owns the column block which it holds the rest of.
void add_partial_sums(Draft& d, const std::vector<int>& shards) {
  for (int id : shards) {
    if (d.stage(id).kind != StageKind::kMvm || d.stage(id).send_begin == d.stage(id).send_end) continue;
    for (int owner : shards) {
      const auto& o = d.stage(owner);
      if (o.channel_begin <= d.stage(id).send_begin && d.stage(id).send_begin < o.channel_end) {
        connect(d, id, owner, Flow::Payload::kPartialSums, -1, d.stage(id).send_end - d.stage(id).send_begin,
                false);
      }
    }
  }
}

/// Whole rows of a window, or everything, or all timesteps of it.
int input_buffer_depth(const Draft& d, const Flow& f) {
  const auto& to = d.stage(f.consumer);
  const int rows = (to.kernel[0] - 1) * to.dilation[0] + 1;
  const bool gated = d.is_gated(to);
  std::int64_t need = to.whole_map ? f.items : std::min(f.items, rows * f.row);
  if (gated) need = std::int64_t{f.items} * f.timesteps;
  const auto room = d.chip.input_buffer.capacity_bits / f.item_bits;
  if (room < need) {
    d.does_not_fit("node " + d.plan.layers[static_cast<std::size_t>(to.layer)].name,
                   std::to_string(need * f.item_bits) + " bits of input buffer" +
                       (gated ? " (schedule layer_sequential: all " + std::to_string(f.timesteps) +
                                    " timesteps of its input)"
                              : ""),
                   std::to_string(d.chip.input_buffer.capacity_bits) + " bits per tile");
  }
  // More than two timesteps ahead never helps otherwise.
  return static_cast<int>(gated ? need : std::min<std::int64_t>(room, 2 * std::int64_t{f.items}));
}

}  // namespace

void add_flows(Draft& draft) {
  for (int node : draft.order) add_flows_into(draft, node);
  for (const auto& shards : draft.stages_of) add_partial_sums(draft, shards);
  for (const auto& s : draft.plan.stages) {
    if (s.kind == StageKind::kNode && s.inputs.empty()) {
      throw InputError(draft.path, "node " + s.name, "nothing that it sums",
                       "at least one edge of values into it");
    }
  }
}

void size_windows(Draft& draft) {
  for (auto& f : draft.plan.flows) {
    const auto& to = draft.stage(f.consumer);
    const bool early = draft.gates_before[static_cast<std::size_t>(f.producer)] <
                       draft.gates_before[static_cast<std::size_t>(f.consumer)];
    switch (to.kind) {
      case StageKind::kMvm:
        if (f.payload == Flow::Payload::kPartialSums) {
          f.depth = 2;  // the ping-pong registers of the owner's adder tree
          f.row = 1;
        } else {
          f.depth = input_buffer_depth(draft, f);
          if (to.whole_map) f.row = f.items;  // credits come in rows
        }
        break;
      case StageKind::kNode:
        f.depth = f.items * (early && !f.is_static ? std::max(1, f.timesteps) : 1);
        break;
      case StageKind::kPool:
        f.depth = std::min(f.items, to.kernel[0] * f.row);
        break;
      default:
        f.depth = f.items * draft.plan.timesteps;
    }
  }
}

}  // namespace spikeloop::sim
