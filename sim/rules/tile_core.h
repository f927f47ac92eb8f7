#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/record.h"
#include "sim/rules/adder_units.h"
#include "sim/rules/crossbar_unit.h"
#include "sim/rules/link_credits.h"
#include "sim/rules/neuron_unit.h"
#include "sim/rules/packet_register.h"
#include "sim/rules/pooling_unit.h"
#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// Everything of a tile but its router, as rules that are told the cycle. Works at edges of the tile clock.
///
/// In each tile cycle, in this order: what ends in it takes effect (1), then a flit enters the router (2),
/// sums of finished windows leave the shift-and-add pipeline (3), crossbars, input buffer writes and window
/// fetch start (4), the node adder and the adder tree take an item (5), the neuron unit and the pooling unit
/// start an item (6), a flit is taken from the router (7). Later steps feed earlier ones, so what a step puts
/// down is used in the next cycle at the earliest.
class TileCore {
 public:
  TileCore(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile, const Stimulus& stimulus,
           TilePorts& ports, Recorder* recorder = nullptr,
           const ArrayFactory& make_array = make_grouped_array);

  void put_flit(const Flit& flit, Cycle arrival) { packets_.put_flit(flit, arrival); }
  void put_injection_credit(int vc, Cycle arrival) { injection_credits_.put(vc, arrival); }
  void put_limit(int flow, std::int64_t limit, Cycle arrival) { tile_.limits.put(flow, limit, arrival); }
  /// Schedule timestep_sequential: items of timesteps below `timesteps` may start from this cycle on.
  void release_timesteps(int timesteps, Cycle arrival) { coming_releases_.push({arrival, timesteps}); }
  /// Works one tile cycle. Returns the next Cycle, a tile edge, in which it may have work without being told
  /// of anything new.
  Cycle evaluate(Cycle now);
  /// The crossbars, null when there are none. An engine with an array that steps evaluates it at array edges.
  CrossbarArray* array() { return crossbars_ ? &crossbars_->array() : nullptr; }

  const std::vector<int>& stages() const { return stage_ids_; }
  const StageCounters& counters(int stage) const;
  std::int64_t packets() const { return tile_.packets(); }
  std::int64_t flits_injected() const { return flits_injected_; }
  std::int64_t flits_ejected() const { return packets_.flits(); }
  std::int64_t flits_of_route(int route) const { return tile_.flits_of_route(route); }  ///< injected
  /// All items of its stages are done, and all items of flows that end here have come, needed or not.
  bool finished() const;
  /// What its unfinished stages wait for, in a simulation that has stopped.
  std::vector<Wait> waits();

 private:
  struct Release {
    Cycle arrival;
    int timesteps;
  };
  void take_arrivals(Cycle now);
  void inject(Cycle now);
  Cycle next_event(Cycle now) const;

  TileContext tile_;
  std::vector<int> stage_ids_;
  PacketRegister packets_;
  std::unique_ptr<CrossbarUnit> crossbars_;
  AdderUnits adders_;
  NeuronUnit neurons_;
  PoolingUnit pooling_;
  LinkCredits injection_credits_;
  int injection_vc_ = 0;       ///< of the packet under way
  Cycle last_link_edge_ = -1;  ///< network edge at which the link into the router took its last flit
  Ring<Release> coming_releases_;
  std::int64_t flits_injected_ = 0;
};

}  // namespace spikeloop::sim
