#include "sim/rules/adder_units.h"

#include <algorithm>

namespace spikeloop::sim {

AdderUnits::AdderUnits(TileContext& tile, PacketRegister& packets) : tile_(tile), packets_(packets) {
  for (const auto& w : tile.works) {
    if (w.stage->kind != StageKind::kNode) continue;
    for (int f : w.stage->inputs)
      if (tile.flow(f).local) local_flows_.push_back(f);
  }
}

void AdderUnits::finish_due(Cycle now) {
  const auto finish = [&](Adder& adder, EventKind kind) {
    if (!adder.busy || adder.end > now) return;
    adder.busy = false;
    tile_.record(now, kind, adder.flow, adder.item);
    tile_.deliver(adder.flow, adder.item, now);
    if (adder.from_network) {
      packets_.taken();
    } else {
      tile_.local_register(adder.flow) = {};
    }
  };
  finish(node_, EventKind::kNodeAddEnd);
  finish(tree_, EventKind::kTreeAddEnd);
}

void AdderUnits::start(Cycle now) {
  const int packet = packets_.flow();
  const auto payload = packet < 0 ? Flow::Payload::kSpikes : tile_.flow(packet).payload;
  if (payload == Flow::Payload::kPartialSums && !tree_.busy) {
    const auto& f = tile_.flow(packet);
    const int cycles = std::max(1, ceil_div(f.channels, tile_.chip.adder_tree.lanes));
    tree_ = {true, now + tile_.tile_cycles(cycles), packet, packets_.item(), true};
    tile_.work_of(f.consumer).counters.events[Component::kAdderTree] += f.channels;
    tile_.record(now, EventKind::kTreeAddStart, packet, tree_.item);
    tile_.changed = true;
  }
  if (node_.busy) return;
  const std::size_t sources = local_flows_.size() + 1;
  for (std::size_t step = 1; step <= sources; ++step) {  // the one after the last served goes first
    const std::size_t source = (last_source_ + step) % sources;
    int f = -1;
    if (source == 0) {
      if (payload == Flow::Payload::kValues) f = packet;
    } else if (tile_.local_register(local_flows_[source - 1]).state ==
               TileContext::LocalRegister::State::kFull) {
      f = local_flows_[source - 1];
    }
    if (f < 0) continue;
    last_source_ = source;
    const auto& fl = tile_.flow(f);
    const int cycles = std::max(1, ceil_div(fl.channels, tile_.chip.node_adder.lanes));
    const auto item = source == 0 ? packets_.item() : tile_.local_register(f).item;
    node_ = {true, now + tile_.tile_cycles(cycles), f, item, source == 0};
    auto& events = tile_.work_of(fl.consumer).counters.events;
    events[Component::kNodeAdder] += fl.channels;
    events[Component::kNodeMemoryRead] += fl.item_bits;
    events[Component::kNodeMemoryWrite] += fl.item_bits;
    tile_.record(now, EventKind::kNodeAddStart, f, item);
    tile_.changed = true;
    return;
  }
}

Cycle AdderUnits::next_event(Cycle now) const {
  Cycle next = kNever;
  for (const auto* adder : {&node_, &tree_})
    if (adder->busy) consider(next, adder->end, now);
  return next;
}

}  // namespace spikeloop::sim
