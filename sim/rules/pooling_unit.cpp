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
  StageWork* const next = tile_.next_to_start(
      pools_, last_, now, [&](const StageWork& w) { return tile_.window_ready(w, w.started); });
  if (next == nullptr) return;
  const auto pixel = static_cast<std::size_t>(next->started % next->stage->items());
  const int pixels = next->windows.in_bounds[pixel];
  const int additions = next->stage->channels * pixels;
  busy_ = true;
  work_ = next;
  end_ = now + tile_.tile_cycles(std::max(1, ceil_div(additions, tile_.chip.pooling_unit.lanes)));
  item_ = next->start_next(now, end_);
  auto& events = next->counters.events;
  events[Component::kPoolingUnit] += additions;
  events[Component::kPoolingMemoryRead] +=
      std::int64_t{pixels} * tile_.flow(next->stage->inputs[0]).item_bits;
  tile_.record(now, EventKind::kPoolStart, next->id, item_);
  tile_.changed = true;
}

Cycle PoolingUnit::next_event(Cycle now) const {
  Cycle next = kNever;
  if (busy_) consider(next, end_, now);
  if (held_) consider(next, written_, now);
  return next;
}

}  // namespace spikeloop::sim
