#include "sim/engine/chip_module.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

bool tile_has_stage(const Plan& plan, int tile) {
  for (const auto& s : plan.stages) {
    if (s.tile == tile && s.kind != StageKind::kHostInput && s.kind != StageKind::kHostOutput) return true;
  }
  return false;
}

}  // namespace

ClockedModule::ClockedModule(const sc_core::sc_module_name& name, Cycle period)
    : sc_module(name), period_(period) {
  SC_METHOD(on_wake);
  sensitive << wake_;
}

Cycle ClockedModule::now() { return static_cast<Cycle>(sc_core::sc_time_stamp().value() / kCyclePs); }

void ClockedModule::wake(Cycle cycle) {
  const Cycle edge = (cycle + period_ - 1) / period_ * period_;
  const auto delay = static_cast<std::uint64_t>(edge - now()) * kCyclePs;
  wake_.notify(sc_core::sc_time::from_value(delay));  // the kernel keeps an earlier pending wake-up
}

void ClockedModule::on_wake() {
  const Cycle next = work(now());
  if (next != kNever) wake(next);
}

RouterModule::RouterModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                           const Timing& timing, int tile)
    : ClockedModule(name, timing.network_period), rule_(plan, chip, timing, tile, *this) {}

void RouterModule::put_flit(int port, const Flit& flit, Cycle arrival) {
  rule_.put_flit(port, flit, arrival);
  wake(arrival);
}
void RouterModule::put_credit(int port, int vc, Cycle arrival) {
  rule_.put_credit(port, vc, arrival);
  wake(arrival);
}
void RouterModule::send_flit(int port, const Flit& flit, Cycle arrival) {
  peer(port).put_flit(opposite_port(port), flit, arrival);
}
void RouterModule::send_credit(int port, int vc, Cycle arrival) {
  peer(port).put_credit(opposite_port(port), vc, arrival);
}

LinkIf& RouterModule::peer(int port) {
  switch (port) {
    case kNorth:
      return *north.operator->();
    case kEast:
      return *east.operator->();
    case kSouth:
      return *south.operator->();
    case kWest:
      return *west.operator->();
    case kHost:
      return *host.operator->();
    default:
      return *local.operator->();
  }
}

CoreModule::CoreModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                       const Timing& timing, int tile, const Stimulus& stimulus)
    : ClockedModule(name, timing.tile_period), rule_(plan, chip, timing, tile, stimulus, *this) {}

void CoreModule::put_flit(int /*port*/, const Flit& flit, Cycle arrival) {
  rule_.put_flit(flit, arrival);
  wake(arrival);
}
void CoreModule::put_credit(int /*port*/, int vc, Cycle arrival) {
  rule_.put_injection_credit(vc, arrival);
  wake(arrival);
}

HostModule::HostModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                       const Timing& timing, const Stimulus& stimulus)
    : ClockedModule(name, timing.network_period), rule_(plan, chip, timing, stimulus, *this) {}

void HostModule::put_flit(int /*port*/, const Flit& flit, Cycle arrival) {
  rule_.put_flit(flit, arrival);
  wake(arrival);
}
void HostModule::put_credit(int /*port*/, int vc, Cycle arrival) {
  rule_.put_injection_credit(vc, arrival);
  wake(arrival);
}

TileModule::TileModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                       const Timing& timing, int tile, const Stimulus& stimulus, bool has_core)
    : sc_module(name), router("router", plan, chip, timing, tile) {
  if (!has_core) return;
  core = std::make_unique<CoreModule>("core", plan, chip, timing, tile, stimulus);
  core->router.bind(router);
  router.local.bind(*core);
}

ChipModule::ChipModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                       const Timing& timing, const Stimulus& stimulus)
    : sc_module(name),
      plan_(plan),
      chip_(chip),
      timing_(timing),
      host_("host", plan, chip, timing, stimulus) {
  for (int t = 0; t < plan.columns * plan.rows; ++t) {
    const std::string tile_name =
        "tile_" + std::to_string(plan.tile_column(t)) + "_" + std::to_string(plan.tile_row(t));
    tiles_.push_back(std::make_unique<TileModule>(tile_name.c_str(), plan, chip, timing, t, stimulus,
                                                  tile_has_stage(plan, t)));
    if (tiles_.back()->core) tiles_.back()->core->sideband.bind(*this);
  }
  for (int t = 0; t < num_tiles(); ++t) {
    if (plan.tile_column(t) + 1 < plan.columns) {
      tile(t).router.east.bind(tile(t + 1).router);
      tile(t + 1).router.west.bind(tile(t).router);
    }
    if (plan.tile_row(t) + 1 < plan.rows) {
      tile(t).router.south.bind(tile(t + plan.columns).router);
      tile(t + plan.columns).router.north.bind(tile(t).router);
    }
  }
  auto& beside_host = tile(chip.host_port.row * plan.columns + chip.host_port.column);
  beside_host.router.host.bind(host_);
  host_.router.bind(beside_host.router);
  host_.sideband.bind(*this);

  stages_left_.assign(static_cast<std::size_t>(plan.timesteps), 0);
  for (const auto& s : plan.stages) {
    for (int t = 0; t < s.timesteps; ++t) ++stages_left_[static_cast<std::size_t>(t)];
  }
}

void ChipModule::send_limit(int flow, std::int64_t limit, Cycle arrival) {
  const auto& producer =
      plan_.stages[static_cast<std::size_t>(plan_.flows[static_cast<std::size_t>(flow)].producer)];
  if (producer.kind == StageKind::kHostInput) {
    host_.rule().put_limit(flow, limit, arrival);
    host_.wake(arrival);
  } else {
    auto& core = *tile(producer.tile).core;
    core.rule().put_limit(flow, limit, arrival);
    core.wake(arrival);
  }
}

/// All of a timestep done by all stages: the next one may start everywhere.
void ChipModule::timestep_done(int /*stage*/, int timestep, Cycle arrival) {
  --stages_left_[static_cast<std::size_t>(timestep)];
  last_end_ = std::max(last_end_, arrival);  // word from the host port takes longer to cross into this clock
  if (chip_.schedule != Schedule::kTimestepSequential) return;
  while (timesteps_done_ < plan_.timesteps && stages_left_[static_cast<std::size_t>(timesteps_done_)] == 0) {
    ++timesteps_done_;
    const Cycle release = last_end_ + chip_.tile.barrier_latency_cycles * timing_.tile_period;
    for (auto& t : tiles_) {
      if (!t->core) continue;
      t->core->rule().release_timesteps(timesteps_done_ + 1, release);
      t->core->wake(release);
    }
    const Cycle at_host = release + timing_.crossing_to_network;
    host_.rule().release_timesteps(timesteps_done_ + 1, at_host);
    host_.wake(at_host);
  }
}

}  // namespace spikeloop::sim
