#include "sim/engine/chip_module.h"

#include <algorithm>
#include <string>

namespace spikeloop::sim {
namespace {

bool tile_has_stage(const Plan& plan, int tile) {
  for (const auto& s : plan.stages) {
    if (s.tile == tile && s.kind != StageKind::kHostInput && s.kind != StageKind::kHostOutput) return true;
  }
  return false;
}

}  // namespace

RouterModule::RouterModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile)
    : ClockedModule(name, chip.network_clock),
      rule_(chip.plan, chip.config, chip.timing, tile, *this, chip.recorder) {}

void RouterModule::put_flit(int port, const Flit& flit, Cycle arrival) {
  rule_.put_flit(port, flit, arrival);
  wake(arrival);
}
void RouterModule::put_credit(int port, int vc, Cycle arrival) {
  rule_.put_credit(port, vc, arrival);
  if (!rule_.idle()) wake(arrival);
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

CoreModule::CoreModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile)
    : ClockedModule(name, chip.tile_clock),
      rule_(chip.plan, chip.config, chip.timing, tile, chip.stimulus, *this, chip.recorder,
            chip.engine == Engine::kReference ? make_stepped_array : make_grouped_array) {}

void CoreModule::put_flit(int /*port*/, const Flit& flit, Cycle arrival) {
  rule_.put_flit(flit, arrival);
  wake(arrival);
}
void CoreModule::put_credit(int /*port*/, int vc, Cycle arrival) {
  rule_.put_injection_credit(vc, arrival);
  wake(arrival);
}

HostModule::HostModule(const sc_core::sc_module_name& name, const Blueprint& chip)
    : ClockedModule(name, chip.network_clock),
      rule_(chip.plan, chip.config, chip.timing, chip.stimulus, *this, chip.recorder) {}

void HostModule::put_flit(int /*port*/, const Flit& flit, Cycle arrival) {
  rule_.put_flit(flit, arrival);
  wake(arrival);
}
void HostModule::put_credit(int /*port*/, int vc, Cycle arrival) {
  rule_.put_injection_credit(vc, arrival);
  wake(arrival);
}

/// The kernel runs the modules of a cycle in an order that follows from when they were made and woken. The
/// engines make them in opposite orders, so that the kernel's differ between them (engines_test counts that)
/// and a rule which leans on the order shows as a difference in results.
TileModule::TileModule(const sc_core::sc_module_name& name, const Blueprint& chip, int tile)
    : sc_module(name), index(tile) {
  const bool reference = chip.engine == Engine::kReference;
  if (!reference) router = std::make_unique<RouterModule>("router", chip, tile);
  if (tile_has_stage(chip.plan, tile)) core = std::make_unique<CoreModule>("core", chip, tile);
  if (reference && core && core->rule().array() != nullptr)
    array = std::make_unique<ArrayModule>("crossbars", chip, *core->rule().array());
  if (reference) router = std::make_unique<RouterModule>("router", chip, tile);
}

ChipModule::ChipModule(const sc_core::sc_module_name& name, const Plan& plan, const ChipConfig& chip,
                       const Timing& timing, const Stimulus& stimulus, Engine engine, Recorder* recorder)
    : sc_module(name),
      plan_(plan),
      chip_(chip),
      blueprint_{plan,
                 chip,
                 timing,
                 stimulus,
                 engine,
                 recorder,
                 ClockDomain("tile_clock", timing.tile_period, engine),
                 ClockDomain("array_clock", timing.array_period, engine),
                 ClockDomain("network_clock", timing.network_period, engine)},
      tiles_(static_cast<std::size_t>(plan.columns * plan.rows)) {
  const int count = static_cast<int>(tiles_.size());
  if (engine == Engine::kReference) {
    for (int t = count - 1; t >= 0; --t) make_tile(t);
    host_ = std::make_unique<HostModule>("host", blueprint_);
  } else {
    host_ = std::make_unique<HostModule>("host", blueprint_);
    for (int t = 0; t < count; ++t) make_tile(t);
  }
  connect();
  stages_left_.assign(static_cast<std::size_t>(plan.timesteps), 0);
  for (const auto& s : plan.stages) {
    for (int t = 0; t < s.timesteps; ++t) ++stages_left_[static_cast<std::size_t>(t)];
  }
}

/// The last one made goes first: the kernel looks for ports that go among the youngest first, so in any other
/// order those of a large mesh take quadratic time. (Processes still do: it walks a list of them.)
ChipModule::~ChipModule() {
  if (blueprint_.engine == Engine::kReference) {
    host_.reset();
    for (auto& t : tiles_) t.reset();
  } else {
    while (!tiles_.empty()) tiles_.pop_back();
  }
}

void ChipModule::make_tile(int t) {
  const std::string tile_name =
      "tile_" + std::to_string(plan_.tile_column(t)) + "_" + std::to_string(plan_.tile_row(t));
  tiles_[static_cast<std::size_t>(t)] = std::make_unique<TileModule>(tile_name.c_str(), blueprint_, t);
}

void ChipModule::connect() {
  for (auto& t : tiles_) {
    auto& router = *t->router;
    if (t->core) {
      t->core->sideband.bind(*this);
      t->core->router.bind(router);
      router.local.bind(*t->core);
    }
    if (plan_.tile_column(t->index) + 1 < plan_.columns) {
      router.east.bind(*tile(t->index + 1).router);
      tile(t->index + 1).router->west.bind(router);
    }
    if (plan_.tile_row(t->index) + 1 < plan_.rows) {
      router.south.bind(*tile(t->index + plan_.columns).router);
      tile(t->index + plan_.columns).router->north.bind(router);
    }
  }
  auto& beside_host = *tile(chip_.host_port.row * plan_.columns + chip_.host_port.column).router;
  beside_host.host.bind(*host_);
  host_->router.bind(beside_host);
  host_->sideband.bind(*this);
}

bool ChipModule::finished() const {
  const auto done = [](const auto& t) { return !t->core || t->core->rule().finished(); };
  return host_->rule().finished() && std::all_of(tiles_.begin(), tiles_.end(), done);
}

void ChipModule::send_limit(int flow, std::int64_t limit, Cycle arrival) {
  const auto& producer =
      plan_.stages[static_cast<std::size_t>(plan_.flows[static_cast<std::size_t>(flow)].producer)];
  if (producer.kind == StageKind::kHostInput) {
    host_->rule().put_limit(flow, limit, arrival);
    host_->wake(arrival);
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
    const Cycle release = last_end_ + chip_.tile.barrier_latency_cycles * blueprint_.timing.tile_period;
    for (auto& t : tiles_) {
      if (!t->core) continue;
      t->core->rule().release_timesteps(timesteps_done_ + 1, release);
      t->core->wake(release);
    }
    const Cycle at_host = release + blueprint_.timing.crossing_to_network;
    host_->rule().release_timesteps(timesteps_done_ + 1, at_host);
    host_->wake(at_host);
  }
}

}  // namespace spikeloop::sim
