#include "sim/rules/neuron_unit.h"

#include <algorithm>

namespace spikeloop::sim {

NeuronUnit::NeuronUnit(TileContext& tile) : tile_(tile) {
  for (auto& w : tile.works)
    if (w.stage->kind == StageKind::kNode) nodes_.push_back(&w);
}

bool NeuronUnit::node_ready(const StageWork& w, std::int64_t item) const {
  const std::int64_t items = w.stage->items();
  for (int f : w.stage->inputs) {
    std::int64_t need = item + 1;
    if (tile_.flow(f).is_static) need = item % items + 1;
    if (tile_.flow(f).backward) need = item + 1 - items;  // the timestep before
    if (tile_.arrived(f) < need) return false;
  }
  return true;
}

void NeuronUnit::finish_due(Cycle now) {
  if (busy_ && end_ <= now) {
    busy_ = false;
    tile_.give_back(*work_, item_ + 1, now);
    tile_.record(now, EventKind::kNeuronEnd, work_->id, item_);
    const int latency = work_->stage->lifs.empty() ? 0 : tile_.chip.neuron_unit.latency_cycles;
    results_.push({now + tile_.tile_cycles(latency), work_, item_});
    tile_.changed = true;
  }
  while (!results_.empty() && results_.front().ready <= now && written_ <= now) {
    const auto [ready, work, item] = results_.front();
    results_.pop();
    tile_.record(now, EventKind::kNodeOut, work->id, item);
    written_ = tile_.send_outputs(*work, item, now);
    tile_.item_done(*work, item, now);
  }
}

void NeuronUnit::start(Cycle now) {
  const auto& chip = tile_.chip;
  if (busy_ || results_.size() > static_cast<std::size_t>(chip.neuron_unit.latency_cycles)) return;
  StageWork* const next =
      tile_.next_to_start(nodes_, last_, now, [&](const StageWork& w) { return node_ready(w, w.started); });
  if (next == nullptr) return;
  const auto& s = *next->stage;
  const int cycles = s.lifs.empty()
                         ? ceil_div(s.channels, chip.node_adder.lanes)
                         : static_cast<int>(s.neuron_passes()) * ceil_div(s.channels, chip.neuron_unit.lanes);
  busy_ = true;
  work_ = next;
  end_ = now + tile_.tile_cycles(cycles);
  item_ = next->start_next(now, end_);
  bool holds_static = false;
  for (int f : s.inputs) holds_static = holds_static || (tile_.flow(f).is_static && !s.is_static);
  const std::int64_t words = s.neuron_states() * s.channels;
  auto& events = next->counters.events;
  events[Component::kNodeMemoryRead] +=
      std::int64_t{s.channels} * chip.node_adder.value_bits * (holds_static ? 2 : 1);
  events[Component::kNeuronUnit] += s.neuron_passes() * s.channels;
  events[Component::kMembraneMemoryRead] += words * chip.neuron_unit.membrane_bits;
  events[Component::kMembraneMemoryWrite] += words * chip.neuron_unit.membrane_bits;
  tile_.record(now, EventKind::kNeuronStart, next->id, item_);
  tile_.changed = true;
}

Cycle NeuronUnit::next_event(Cycle now) const {
  Cycle next = kNever;
  if (busy_) consider(next, end_, now);
  if (!results_.empty()) consider(next, std::max(results_.front().ready, written_), now);
  return next;
}

}  // namespace spikeloop::sim
