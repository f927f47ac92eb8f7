#include "sim/rules/tile_context.h"

#include <algorithm>

#include "sim/rules/packet_size.h"

namespace spikeloop::sim {
namespace {

std::vector<int> flows_from_tile(const Plan& plan, int tile) {
  std::vector<int> flows;
  for (std::size_t f = 0; f < plan.flows.size(); ++f) {
    const auto& producer = plan.stages[static_cast<std::size_t>(plan.flows[f].producer)];
    if (producer.tile == tile && producer.kind != StageKind::kHostInput) flows.push_back(static_cast<int>(f));
  }
  return flows;
}

}  // namespace

TileContext::TileContext(const Plan& p, const ChipConfig& c, const Timing& t, int tile_index,
                         const Stimulus& s, TilePorts& tile_ports, Recorder* recorder)
    : plan(p),
      chip(c),
      timing(t),
      tile(tile_index),
      stimulus(s),
      ports(tile_ports),
      limits(p, flows_from_tile(p, tile_index)),
      output(c, t),
      released_timesteps(c.schedule == Schedule::kTimestepSequential ? 1 : p.timesteps),
      recorder_(recorder),
      work_of_stage_(p.stages.size(), -1),
      arrived_(p.flows.size()),
      registers_(p.flows.size()),
      route_flits_(p.routes.size(), 0) {
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const auto& stage = plan.stages[i];
    if (stage.tile != tile || stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput)
      continue;
    StageWork w;
    w.stage = &stage;
    w.id = static_cast<int>(i);
    w.total = std::int64_t{stage.timesteps} * stage.items();
    for (int f : stage.inputs) {
      if (flow(f).payload == Flow::Payload::kPartialSums) continue;
      w.input_items = flow(f).items;
      w.input_row = flow(f).row;
    }
    if (stage.kind == StageKind::kMvm) {
      const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
      w.windows = make_windows(stage, signal.height, signal.width);
    } else if (stage.kind == StageKind::kPool) {
      const auto& in = stage_of(flow(stage.inputs.at(0)).producer);
      w.windows = make_windows(stage, in.height, in.width);
    }
    work_of_stage_[i] = static_cast<int>(works.size());
    works.push_back(std::move(w));
  }
}

bool TileContext::gate_open(const StageWork& w, std::int64_t item) const {
  return item < w.total && item / w.stage->items() < released_timesteps;
}

bool TileContext::window_ready(const StageWork& w, std::int64_t item) const {
  const std::int64_t timestep = item / w.stage->items();
  const auto pixel = static_cast<std::size_t>(item % w.stage->items());
  const bool whole_layer =
      chip.schedule == Schedule::kLayerSequential && w.stage->kind == StageKind::kMvm &&
      plan.signals[static_cast<std::size_t>(w.stage->signal)].kind != Signal::Kind::kInput;
  for (int f : w.stage->inputs) {
    if (flow(f).payload == Flow::Payload::kPartialSums) continue;
    const std::int64_t need = whole_layer ? std::int64_t{flow(f).timesteps} * flow(f).items
                                          : timestep * w.input_items + w.windows.needed[pixel];
    if (arrived(f) < need) return false;
  }
  return true;
}

/// One packet serves all flows of a route: it is made for the first of them.
bool TileContext::carried_by_first(int f) const {
  return plan.routes[static_cast<std::size_t>(flow(f).route)].flows.front() == f;
}

/// The pooling memory has a port for every unit of its tile, so nothing waits in front of it.
bool TileContext::has_register(int f) const { return stage_of(flow(f).consumer).kind != StageKind::kPool; }

bool TileContext::reserve_outputs(StageWork& w, std::int64_t item, Cycle now) {
  const std::int64_t timestep = item / w.stage->items();
  std::int64_t bits = 0;
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    if (timestep >= fl.timesteps) continue;
    if (!limits.may_send(f, item, now)) return false;
    if (fl.local) {
      if (has_register(f) && local_register(f).state != LocalRegister::State::kFree) return false;
    } else if (carried_by_first(f)) {
      bits += std::int64_t{packet_size(plan, chip, stimulus, fl, item)} * chip.mesh.flit_bits;
    }
  }
  if (bits > 0 && !output.has_room(bits)) return false;
  output.reserve(bits);
  for (int f : w.stage->outputs) {
    if (timestep < flow(f).timesteps && flow(f).local && has_register(f))
      local_register(f).state = LocalRegister::State::kReserved;
  }
  return true;
}

Cycle TileContext::send_outputs(StageWork& w, std::int64_t item, Cycle now) {
  const std::int64_t timestep = item / w.stage->items();
  Cycle written = now;
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    if (timestep >= fl.timesteps) continue;
    if (fl.local) {
      local_.push({now + timing.tile_period, f, item});
    } else if (carried_by_first(f)) {
      const int flits = packet_size(plan, chip, stimulus, fl, item);
      written = output.write(fl.route, item, flits, w.counters, now);
      route_flits_[static_cast<std::size_t>(fl.route)] += flits;
      ++packets_;
    }
  }
  return written;
}

void TileContext::item_done(StageWork& w, std::int64_t item, Cycle now) {
  ++w.done;
  ++w.counters.items;
  w.counters.last_cycle = now;
  if ((item + 1) % w.stage->items() == 0) {
    ports.timestep_done(w.id, static_cast<int>(item / w.stage->items()), now + timing.tile_period);
  }
  changed = true;
}

void TileContext::give_back(StageWork& w, std::int64_t freed, Cycle now) {
  const std::int64_t row = w.input_row;
  const std::int64_t before = w.freed / row * row;
  const std::int64_t after = freed / row * row;
  w.freed = freed;
  if (after == before) return;
  for (int f : w.stage->inputs) {
    const auto& fl = flow(f);
    if (fl.payload == Flow::Payload::kPartialSums || (fl.is_static && w.stage->kind == StageKind::kNode))
      continue;
    const bool from_host = stage_of(fl.producer).kind == StageKind::kHostInput;
    ports.send_limit(f, after + (fl.backward ? 0 : fl.depth), now + limit_delay(timing, fl, from_host));
  }
}

void TileContext::deliver(int f, std::int64_t item, Cycle now) {
  arrived_[static_cast<std::size_t>(f)].add(item);
  record(now, EventKind::kDelivered, f, item);
  changed = true;
}

void TileContext::deliver_bits(int f, std::int64_t item, Cycle now) {
  auto& w = work_of(flow(f).consumer);
  const bool pool = w.stage->kind == StageKind::kPool;
  w.counters.events[pool ? Component::kPoolingMemoryWrite : Component::kInputBufferWrite] +=
      flow(f).item_bits;
  deliver(f, item, now);
}

void TileContext::track_blocked(StageWork& w, bool blocked, Cycle now) {
  if (blocked) {
    if (w.blocked_since != kNever) return;
    w.blocked_since = now;
    record(now, EventKind::kBlocked, w.id, 0);
  } else if (w.blocked_since != kNever) {
    w.counters.blocked_cycles += now - w.blocked_since;
    w.blocked_since = kNever;
    record(now, EventKind::kUnblocked, w.id, 0);
  }
}

void TileContext::finish_due(Cycle now) {
  if (limits.take_arrivals(now)) changed = true;
  while (!local_.empty() && local_.front().due <= now) {
    const auto [due, f, item] = local_.front();
    local_.pop();
    changed = true;
    if (has_register(f)) {
      local_register(f) = {LocalRegister::State::kFull, item};
    } else {
      deliver_bits(f, item, now);
    }
  }
}

Cycle TileContext::next_event(Cycle now) const {
  Cycle next = output.next_event(now);
  consider(next, limits.next_arrival(), now);
  if (!local_.empty()) consider(next, local_.front().due, now);
  return next;
}

void TileContext::add_waits(StageWork& w, std::vector<Wait>& waits) {
  if (w.done == w.total) return;
  const std::int64_t item = w.done;  // the oldest that is not finished
  const auto before = waits.size();
  const std::int64_t timestep = item / w.stage->items();
  if (w.started == item && timestep >= released_timesteps) {
    waits.push_back({w.id, Wait::For::kTimestep, -1, -1});
  }
  for (int f : w.stage->inputs) {
    const auto& fl = flow(f);
    std::int64_t need = item + 1;
    if (fl.payload != Flow::Payload::kPartialSums && w.stage->kind != StageKind::kNode) {
      need = timestep * w.input_items + w.windows.needed[static_cast<std::size_t>(item % w.stage->items())];
      if (chip.schedule == Schedule::kLayerSequential && !window_ready(w, item)) {
        need = std::int64_t{fl.timesteps} * fl.items;
      }
    } else if (w.stage->kind == StageKind::kNode) {
      if (fl.is_static) need = item % w.stage->items() + 1;
      if (fl.backward) need = item + 1 - w.stage->items();
    }
    if (arrived(f) < need) waits.push_back({w.id, Wait::For::kItems, fl.producer, f});
  }
  if (waits.size() > before) return;
  bool output_buffer = false;
  for (int f : w.stage->outputs) {
    const auto& fl = flow(f);
    if (timestep >= fl.timesteps) continue;
    if (item >= limits.limit(f)) {
      waits.push_back({w.id, Wait::For::kRoom, fl.consumer, f});
    } else if (fl.local) {
      if (has_register(f) && local_register(f).state != LocalRegister::State::kFree)
        waits.push_back({w.id, Wait::For::kRegister, fl.consumer, f});
    } else {
      output_buffer = true;
    }
  }
  const auto* oldest = output.front();
  if (waits.size() == before && output_buffer && oldest != nullptr) {
    const int f = plan.routes[static_cast<std::size_t>(oldest->route)].flows.front();
    waits.push_back({w.id, Wait::For::kOutputBuffer, flow(f).producer, f});
  }
}

}  // namespace spikeloop::sim
