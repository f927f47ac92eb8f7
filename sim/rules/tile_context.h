#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/record.h"
#include "sim/rules/arrival_order.h"
#include "sim/rules/flow_limits.h"
#include "sim/rules/output_buffer.h"
#include "sim/rules/stage_counters.h"
#include "sim/rules/tile_ports.h"
#include "sim/rules/timing.h"
#include "sim/rules/wait.h"
#include "sim/stimulus.h"

namespace spikeloop::sim {

inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

/// A stage of a tile and how far it is.
struct StageWork {
  const Stage* stage = nullptr;
  int id = 0;
  StageCounters counters;
  std::int64_t total = 0;    ///< items it will work through
  std::int64_t started = 0;  ///< next item to start
  std::int64_t done = 0;     ///< items finished and sent
  std::int64_t freed = 0;    ///< input items given back
  WindowTable windows;       ///< kMvm, kPool
  int input_items = 0, input_row = 1;
  Cycle blocked_since = kNever;

  /// The next item starts and keeps its unit at work until `end`. Returns its number.
  std::int64_t start_next(Cycle now, Cycle end) {
    counters.busy_cycles += end - now;
    counters.first_cycle = std::min(counters.first_cycle, now);
    return started++;
  }
};

/// What the units of a tile share: its stages, what has arrived for them, and where results go: the registers
/// between stages of one tile, the output buffer, the windows of receivers.
class TileContext {
 public:
  TileContext(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile,
              const Stimulus& stimulus, TilePorts& ports, Recorder* recorder);
  TileContext(const TileContext&) = delete;
  TileContext& operator=(const TileContext&) = delete;

  const Plan& plan;
  const ChipConfig& chip;
  const Timing& timing;
  const int tile;
  const Stimulus& stimulus;
  TilePorts& ports;
  std::vector<StageWork> works;
  FlowLimits limits;
  OutputBuffer output;
  int released_timesteps = 0;
  bool changed = false;  ///< in this cycle: the units look again in the next one

  /// A register that holds one item of a flow between two stages of this tile.
  struct LocalRegister {
    enum class State { kFree, kReserved, kFull } state = State::kFree;
    std::int64_t item = 0;
  };

  const Flow& flow(int id) const { return plan.flows[static_cast<std::size_t>(id)]; }
  const Stage& stage_of(int id) const { return plan.stages[static_cast<std::size_t>(id)]; }
  StageWork& work_of(int stage) {
    return works[static_cast<std::size_t>(work_of_stage_[static_cast<std::size_t>(stage)])];
  }
  bool lives_here(int stage) const { return work_of_stage_[static_cast<std::size_t>(stage)] >= 0; }
  LocalRegister& local_register(int flow) { return registers_[static_cast<std::size_t>(flow)]; }
  /// Items of a flow that have arrived without a gap (values: and are added).
  std::int64_t arrived(int flow) const { return arrived_[static_cast<std::size_t>(flow)].prefix(); }
  std::int64_t flits_of_route(int route) const { return route_flits_[static_cast<std::size_t>(route)]; }
  std::int64_t packets() const { return packets_; }
  Cycle tile_cycles(int cycles) const { return cycles * timing.tile_period; }

  bool gate_open(const StageWork& w, std::int64_t item) const;
  /// kMvm, kPool: all pixels of the item's window have arrived; schedule layer_sequential: of all windows.
  bool window_ready(const StageWork& w, std::int64_t item) const;
  /// Takes the places that an item's sends will need: windows at the receivers, local registers, output
  /// buffer. All or none.
  bool reserve_outputs(StageWork& w, std::int64_t item, Cycle now);
  /// The next of a unit's stages, taken in turn from the one behind `last`, whose next item may start: it is
  /// `ready(work)` and there was room for its results, which is taken; null when there is none. A stage that
  /// is ready and has no room is blocked.
  template <class Ready>
  StageWork* next_to_start(const std::vector<StageWork*>& stages, std::size_t& last, Cycle now,
                           const Ready& ready) {
    for (std::size_t step = 1; step <= stages.size(); ++step) {
      const std::size_t pick = (last + step) % stages.size();
      StageWork& w = *stages[pick];
      if (!gate_open(w, w.started) || !ready(w)) continue;
      const bool room = reserve_outputs(w, w.started, now);
      track_blocked(w, !room, now);
      if (!room) continue;
      last = pick;
      return &w;
    }
    return nullptr;
  }
  /// Sends an item. Returns when all its packets are in the output buffer: until then the unit that made it
  /// holds it.
  Cycle send_outputs(StageWork& w, std::int64_t item, Cycle now);
  void item_done(StageWork& w, std::int64_t item, Cycle now);
  /// Returns memory to the senders, a row of items at a time.
  void give_back(StageWork& w, std::int64_t freed, Cycle now);
  /// An item of a flow is in its consumer's memory.
  void deliver(int flow, std::int64_t item, Cycle now);
  /// Bits of an item written into the memory of a crossbar or pooling stage.
  void deliver_bits(int flow, std::int64_t item, Cycle now);
  void track_blocked(StageWork& w, bool blocked, Cycle now);
  void record(Cycle now, EventKind kind, int index, std::int64_t item) const {
    if (recorder_ != nullptr) recorder_->record({now, kind, tile, index, item});
  }

  void finish_due(Cycle now);  ///< windows and items within the tile that arrive
  Cycle next_event(Cycle now) const;
  /// What a stage that is not finished waits for.
  void add_waits(StageWork& w, std::vector<Wait>& waits);

 private:
  struct LocalDelivery {
    Cycle due;
    int flow;
    std::int64_t item;
  };
  bool carried_by_first(int flow) const;
  bool has_register(int flow) const;

  Recorder* recorder_;
  std::vector<int> work_of_stage_;  ///< per stage of the plan, -1 when elsewhere
  std::vector<ArrivalOrder> arrived_;
  std::vector<LocalRegister> registers_;  ///< per flow
  std::vector<std::int64_t> route_flits_;
  Ring<LocalDelivery> local_;
  std::int64_t packets_ = 0;
};

}  // namespace spikeloop::sim
