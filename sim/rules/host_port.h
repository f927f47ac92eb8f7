#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/record.h"
#include "sim/rules/arrival_order.h"
#include "sim/rules/link_credits.h"
#include "sim/rules/tile_core.h"
#include "sim/rules/wait.h"

namespace spikeloop::sim {

/// Sends the encoded input into the mesh and collects the results, one flit a cycle of the network clock each
/// way. Its memory is not modelled (the host's); it obeys the receivers' windows like any sender. Items of a
/// route leave in order; routes take turns. Results may overtake each other on the way: an item counts once
/// all before it have arrived.
class HostPort {
 public:
  /// `recorder` may be null.
  HostPort(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
           TilePorts& ports, Recorder* recorder = nullptr);

  void put_flit(const Flit& flit, Cycle arrival) { ejection_.push({flit, arrival}); }
  void put_injection_credit(int vc, Cycle arrival) { credits_.put(vc, arrival); }
  void put_limit(int flow, std::int64_t limit, Cycle arrival);
  void release_timesteps(int timesteps, Cycle arrival) { coming_releases_.push({arrival, timesteps}); }
  /// Works one network cycle; `now` is an edge. Returns when it may have work without being told of anything
  /// new (which the engine rounds up to an edge).
  Cycle evaluate(Cycle now);

  bool finished() const;  ///< every result has arrived
  Cycle last_arrival() const { return last_arrival_; }
  const StageCounters& counters(int stage) const { return counters_[static_cast<std::size_t>(stage)]; }
  std::int64_t flits_of_route(int route) const { return route_flits_[static_cast<std::size_t>(route)]; }
  std::int64_t packets() const { return packets_; }
  std::int64_t flits_injected() const { return flits_injected_; }
  std::int64_t flits_ejected() const { return flits_ejected_; }
  /// What its unfinished stages wait for, in a simulation that has stopped.
  std::vector<Wait> waits() const;

 private:
  struct Waiting {
    Flit flit;
    Cycle ready;
  };
  struct Release {
    Cycle arrival;
    int timesteps;
  };
  const Flow& flow(int id) const { return plan_.flows[static_cast<std::size_t>(id)]; }
  const Route& route(int id) const { return plan_.routes[static_cast<std::size_t>(id)]; }
  bool start_packet(Cycle now);
  void inject(Cycle now);
  void collect(Cycle now);
  void finish_timesteps(int stage, std::int64_t items, Cycle now);
  void record(EventKind kind, const Flit& flit, Cycle now) const;

  const Plan& plan_;
  const ChipConfig& chip_;
  const Timing& timing_;
  const Stimulus& stimulus_;
  TilePorts& ports_;
  Recorder* recorder_;
  int tile_;
  Cycle period_, link_;
  std::vector<int> input_routes_, output_stages_;
  FlowLimits limits_;
  std::vector<std::int64_t> sent_, route_flits_;  ///< per route: items, flits
  std::vector<ArrivalOrder> arrived_;             ///< per flow
  std::vector<StageCounters> counters_;           ///< per stage; host stages only
  std::vector<std::int64_t> stage_done_;          ///< per stage: timesteps finished
  Ring<Waiting> ejection_;
  LinkCredits credits_;
  Ring<Release> coming_releases_;
  int released_timesteps_;
  int current_route_ = -1, current_flits_ = 0, current_sent_ = 0, current_vc_ = 0;
  std::size_t last_route_ = 0;
  Cycle last_arrival_ = 0;
  std::int64_t packets_ = 0, flits_injected_ = 0, flits_ejected_ = 0;
  bool changed_ = false;
};

}  // namespace spikeloop::sim
