#include "sim/rules/pooling_unit.h"

#include <algorithm>

namespace spikeloop::sim {

PoolingUnit::PoolingUnit(TileContext& tile) : tile_(tile) {
  for (auto& w : tile.works)
    if (w.stage->kind == StageKind::kPool) pools_.push_back(&w);
}

void PoolingUnit::finish_due(Cycle now) {
  if (busy_ && end_ <= now) {
    busy_ = false;
    held_ = true;
    const auto& s = *work_->stage;
    const auto pixel = static_cast<std::size_t>(item_ % s.items());
    tile_.give_back(*work_, item_ / s.items() * work_->input_items + work_->windows.freed[pixel], now);
    tile_.record(now, EventKind::kPoolEnd, work_->id, item_);
    tile_.changed = true;
  }
  if (held_ && written_ <= now) {
    held_ = false;
    written_ = tile_.send_outputs(*work_, item_, now);
    tile_.item_done(*work_, item_, now);
  }
}

void PoolingUnit::start(Cycle now) {
  if (busy_ || held_) return;
  for (std::size_t step = 1; step <= pools_.size(); ++step) {
    const std::size_t pick = (last_ + step) % pools_.size();
    auto& w = *pools_[pick];
    if (!tile_.gate_open(w, w.started) || !tile_.window_ready(w, w.started)) continue;
    const bool room = tile_.reserve_outputs(w, w.started, now);
    tile_.track_blocked(w, !room, now);
    if (!room) continue;
    const auto pixel = static_cast<std::size_t>(w.started % w.stage->items());
    const int additions = w.stage->channels * w.windows.in_bounds[pixel];
    busy_ = true;
    work_ = &w;
    item_ = w.started++;
    end_ = now + tile_.tile_cycles(std::max(1, ceil_div(additions, tile_.chip.pooling_unit.lanes)));
    last_ = pick;
    w.counters.events[Component::kPoolingUnit] += additions;
    w.counters.events[Component::kPoolingMemoryRead] +=
        std::int64_t{w.windows.in_bounds[pixel]} * tile_.flow(w.stage->inputs[0]).item_bits;
    w.counters.busy_cycles += end_ - now;
    w.counters.first_cycle = std::min(w.counters.first_cycle, now);
    tile_.record(now, EventKind::kPoolStart, w.id, item_);
    tile_.changed = true;
    return;
  }
}

Cycle PoolingUnit::next_event(Cycle now) const {
  Cycle next = kNever;
  if (busy_) consider(next, end_, now);
  if (held_) consider(next, written_, now);
  return next;
}

}  // namespace spikeloop::sim
