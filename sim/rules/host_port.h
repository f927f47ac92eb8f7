#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/rules/tile_core.h"

namespace spikeloop::sim {

/// Sends the encoded input into the mesh and collects the results, one flit a cycle each way. Its memory is
/// not modelled (the host's); it obeys the receivers' windows like any sender.
class HostPort {
 public:
  HostPort(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
           TilePorts& ports);

  void put_flit(const Flit& flit, Cycle arrival) { ejection_.push({flit, arrival}); }
  void put_injection_credit(Cycle arrival) { coming_credits_.push(arrival); }
  void put_limit(int flow, std::int64_t limit, Cycle arrival);
  void release_timesteps(int timesteps, Cycle arrival) { coming_releases_.push({arrival, timesteps}); }
  Cycle evaluate(Cycle now);

  bool finished() const;  ///< every result has arrived
  Cycle last_arrival() const { return last_arrival_; }
  const StageCounters& counters(int stage) const { return counters_[static_cast<std::size_t>(stage)]; }
  std::int64_t flits_of_flow(int flow) const { return flow_flits_[static_cast<std::size_t>(flow)]; }
  std::int64_t packets() const { return packets_; }
  std::int64_t flits_injected() const { return flits_injected_; }
  std::int64_t flits_ejected() const { return flits_ejected_; }
  std::string describe() const;

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
  bool start_packet(Cycle now);
  void collect(Cycle now);

  const Plan& plan_;
  const ChipConfig& chip_;
  const Timing& timing_;
  const Stimulus& stimulus_;
  TilePorts& ports_;
  std::vector<int> input_flows_, output_stages_;
  FlowLimits limits_;
  std::vector<std::int64_t> sent_, arrived_, flow_flits_;  ///< per flow
  std::vector<StageCounters> counters_;                    ///< per stage; host stages only
  std::vector<std::int64_t> stage_done_;                   ///< per stage: timesteps finished
  Ring<Waiting> ejection_;
  Ring<Cycle> coming_credits_;
  Ring<Release> coming_releases_;
  int released_timesteps_, credits_;
  int current_flow_ = -1, current_flits_ = 0, current_sent_ = 0;
  std::size_t last_flow_ = 0;
  Cycle last_arrival_ = 0;
  std::int64_t packets_ = 0, flits_injected_ = 0, flits_ejected_ = 0;
  bool changed_ = false;
};

}  // namespace spikeloop::sim
