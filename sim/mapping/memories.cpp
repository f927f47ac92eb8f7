#include "sim/mapping/memories.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

int worst_flits(const Draft& d, const Route& route) {
  const auto& flow = d.plan.flows[static_cast<std::size_t>(route.flows.front())];
  return packet_flits_worst(d.chip, flow, d.signal_at(flow.signal));
}

void check_pooling(const Draft& d) {
  std::vector<std::int64_t> pooling(d.plan.tile_layer.size(), 0);
  for (const auto& s : d.plan.stages) {
    if (s.kind != StageKind::kPool) continue;
    auto& used = pooling[static_cast<std::size_t>(s.tile)];
    for (int f : s.inputs) {
      const auto& flow = d.plan.flows[static_cast<std::size_t>(f)];
      used += std::int64_t{flow.depth} * flow.item_bits;
    }
    if (used > d.chip.pooling_memory.capacity_bits) {
      d.does_not_fit("node " + s.name, std::to_string(used) + " bits of pooling memory in one tile",
                     std::to_string(d.chip.pooling_memory.capacity_bits) + " bits per tile");
    }
  }
}

/// All packets of one item must fit the output buffer, or the stage could never send it.
void check_output_buffers(const Draft& d) {
  std::vector<std::int64_t> bits(d.plan.stages.size(), 0);
  for (const auto& route : d.plan.routes) {
    const auto& flow = d.plan.flows[static_cast<std::size_t>(route.flows.front())];
    bits[static_cast<std::size_t>(flow.producer)] +=
        std::int64_t{worst_flits(d, route)} * d.chip.mesh.flit_bits;
  }
  for (std::size_t s = 0; s < bits.size(); ++s) {
    const auto& stage = d.plan.stages[s];
    if (stage.kind != StageKind::kHostInput && bits[s] > d.chip.output_buffer.capacity_bits) {
      d.does_not_fit("node " + stage.name,
                     std::to_string(bits[s]) + " bits of output buffer for the packets of one item",
                     std::to_string(d.chip.output_buffer.capacity_bits) + " bits per tile");
    }
  }
}

/// A packet that forks waits for each of its branches with its tail in the FIFO, or branches could wait for
/// each other in a circle.
void check_multicast(const Draft& d) {
  for (const auto& route : d.plan.routes) {
    if (route.tiles.size() < 2) continue;
    const int flits = worst_flits(d, route);
    if (flits <= d.chip.router.buffer_flits) continue;
    const auto& flow = d.plan.flows[static_cast<std::size_t>(route.flows.front())];
    d.does_not_fit("node " + d.stage(flow.producer).name,
                   std::to_string(flits) + " flits per router FIFO for a packet to " +
                       std::to_string(route.tiles.size()) + " tiles (delivery multicast)",
                   std::to_string(d.chip.router.buffer_flits) + " (router.buffer_flits)");
  }
}

}  // namespace

void check_memories(const Draft& draft) {
  check_pooling(draft);
  check_output_buffers(draft);
  check_multicast(draft);
}

}  // namespace spikeloop::sim
