#include "sim/rules/tile_core.h"

#include <algorithm>

namespace spikeloop::sim {

TileCore::TileCore(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile,
                   const Stimulus& stimulus, TilePorts& ports, Recorder* recorder,
                   const ArrayFactory& make_array)
    : tile_(plan, chip, timing, tile, stimulus, ports, recorder),
      packets_(tile_),
      adders_(tile_, packets_),
      neurons_(tile_),
      pooling_(tile_),
      injection_credits_(chip.router.virtual_channels, chip.router.buffer_flits) {
  for (auto& w : tile_.works) {
    stage_ids_.push_back(w.id);
    if (w.stage->kind == StageKind::kMvm)
      crossbars_ = std::make_unique<CrossbarUnit>(tile_, packets_, w, make_array);
  }
}

const StageCounters& TileCore::counters(int stage) const {
  const auto found =
      std::find_if(tile_.works.begin(), tile_.works.end(), [&](const StageWork& w) { return w.id == stage; });
  return found->counters;
}

bool TileCore::finished() const {
  return std::all_of(tile_.works.begin(), tile_.works.end(), [&](const StageWork& w) {
    return w.done == w.total && std::all_of(w.stage->inputs.begin(), w.stage->inputs.end(), [&](int f) {
             return tile_.arrived(f) == std::int64_t{tile_.flow(f).timesteps} * tile_.flow(f).items;
           });
  });
}

std::vector<Wait> TileCore::waits() {
  std::vector<Wait> waits;
  for (auto& w : tile_.works) tile_.add_waits(w, waits);
  return waits;
}

Cycle TileCore::evaluate(Cycle now) {
  tile_.changed = false;
  take_arrivals(now);
  tile_.finish_due(now);
  adders_.finish_due(now);
  if (crossbars_) crossbars_->finish_due(now);
  neurons_.finish_due(now);
  pooling_.finish_due(now);
  inject(now);
  if (crossbars_) {
    crossbars_->release_sums(now);
    crossbars_->start(now);
  }
  adders_.start(now);
  neurons_.start(now);
  pooling_.start(now);
  packets_.take_flit(now);
  return tile_.changed ? now + tile_.timing.tile_period : next_event(now);
}

void TileCore::take_arrivals(Cycle now) {
  if (injection_credits_.take_arrivals(now)) tile_.changed = true;
  while (!coming_releases_.empty() && coming_releases_.front().arrival <= now) {
    tile_.released_timesteps = coming_releases_.front().timesteps;
    coming_releases_.pop();
    if (tile_.released_timesteps <= tile_.plan.timesteps)
      tile_.record(now, EventKind::kTimestepStart, tile_.released_timesteps - 1, 0);
    tile_.changed = true;
  }
}

void TileCore::inject(Cycle now) {
  if (!tile_.output.ready(now)) return;
  // A faster tile still sends a flit per network cycle: the link takes one at each of its edges.
  const Cycle link_edge = edge_from(now, tile_.timing.network_period);
  if (link_edge <= last_link_edge_) return;
  if (tile_.output.front()->sent == 0) injection_vc_ = injection_credits_.freest();
  if (injection_credits_.available(injection_vc_) == 0) return;
  const auto& packet = tile_.output.take_flit();
  Flit flit;
  flit.route = packet.route;
  flit.item = packet.item;
  flit.head = packet.sent == 1;
  flit.tail = packet.sent == packet.flits;
  flit.vc = static_cast<std::uint8_t>(injection_vc_);
  injection_credits_.take(injection_vc_);
  last_link_edge_ = link_edge;
  ++flits_injected_;
  const auto& t = tile_.timing;
  tile_.ports.inject_flit(flit,
                          now + tile_.chip.link.latency_cycles * t.network_period + t.crossing_to_network);
  tile_.record(now, EventKind::kFlitInjected, flit.route, flit.item);
  if (flit.tail) tile_.output.pop();
  tile_.changed = true;
}

Cycle TileCore::next_event(Cycle now) const {
  Cycle next = tile_.next_event(now);
  if (crossbars_) consider(next, crossbars_->next_event(now), now);
  consider(next, adders_.next_event(now), now);
  consider(next, neurons_.next_event(now), now);
  consider(next, pooling_.next_event(now), now);
  consider(next, packets_.next_event(now), now);
  consider(next, injection_credits_.next_arrival(), now);
  if (tile_.output.ready(now)) consider(next, last_link_edge_ + 1, now);
  if (!coming_releases_.empty()) consider(next, coming_releases_.front().arrival, now);
  return next == kNever ? kNever : edge_from(next, tile_.timing.tile_period);
}

}  // namespace spikeloop::sim
