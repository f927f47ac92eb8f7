#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/component.h"
#include "sim/rules/ring.h"
#include "sim/rules/router.h"
#include "sim/rules/stage_counters.h"
#include "sim/rules/timing.h"
#include "sim/stimulus.h"

namespace spikeloop::sim {

/// Where a tile's sends go. An arrival is always at least one cycle after the call.
class TilePorts {
 public:
  virtual ~TilePorts() = default;
  virtual void inject_flit(const Flit& flit, Cycle arrival) = 0;  ///< into FIFO flit.vc of the router's input
  virtual void return_credit(Cycle arrival) = 0;  ///< for a place in the ejection FIFO (one channel)
  virtual void send_limit(int flow, std::int64_t limit,
                          Cycle arrival) = 0;  ///< to the flow's sender, beside the mesh
  virtual void timestep_done(int stage, int timestep, Cycle arrival) = 0;
};

/// Sending side of flows: windows granted by receivers.
class FlowLimits {
 public:
  FlowLimits(const Plan& plan, const std::vector<int>& flows);
  void put(int flow, std::int64_t limit, Cycle arrival);
  bool may_send(int flow, std::int64_t item, Cycle now);
  bool take_arrivals(Cycle now);  ///< whether windows have come since the last call
  Cycle next_arrival() const { return arrivals_.empty() ? kNever : arrivals_.front(); }

 private:
  struct Update {
    Cycle arrival;
    std::int64_t limit;
  };
  struct State {
    std::int64_t limit = 0;
    Ring<Update> coming;
  };
  std::vector<int> index_;  ///< per flow of the plan, -1 elsewhere
  std::vector<State> states_;
  std::vector<Cycle> arrivals_;  ///< heap, earliest first
};

/// Everything of a tile but its router, as rules that are told the cycle.
///
/// In each cycle, in this order: what ends in it takes effect (1), then a flit enters the router (2),
/// finished windows leave the shift-and-add pipeline (3), crossbars and window fetch start (4), the node
/// adder and the adder tree take a packet (5), the neuron unit and the pooling unit start an item (6), a flit
/// is taken from the router (7). Later steps feed earlier ones, so what a step puts down is used in the next
/// cycle at the earliest.
class TileCore {
 public:
  TileCore(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile, const Stimulus& stimulus,
           TilePorts& ports);

  void put_flit(const Flit& flit, Cycle arrival);
  void put_injection_credit(int vc, Cycle arrival);
  void put_limit(int flow, std::int64_t limit, Cycle arrival);
  /// Schedule timestep_sequential: items of timesteps below `timesteps` may start from this cycle on.
  void release_timesteps(int timesteps, Cycle arrival);
  /// Works one cycle. Returns the next cycle in which it may have work without being told of anything new.
  Cycle evaluate(Cycle now);

  const std::vector<int>& stages() const { return stage_ids_; }
  const StageCounters& counters(int stage) const;
  std::int64_t packets() const { return packets_; }
  std::int64_t flits_injected() const { return flits_injected_; }
  std::int64_t flits_ejected() const { return flits_ejected_; }
  std::int64_t flits_of_route(int route) const { return route_flits_[static_cast<std::size_t>(route)]; }
  bool finished() const;
  /// What each unfinished stage waits for, for the message of a simulation that stopped.
  std::string describe() const;

 private:
  struct Work {  ///< a stage and how far it is
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
  };
  struct Job {
    bool busy = false;
    Cycle end = 0;
    int work = 0;
    std::int64_t item = 0;
    Cycle start = 0;
  };
  struct Result {
    Cycle ready;
    int work;
    std::int64_t item;
  };
  struct LocalDelivery {
    Cycle due;
    int flow;
    std::int64_t item;
  };
  struct Packet {
    int flow, route;
    std::int64_t item;
    int flits, sent;
  };
  struct Assembly {
    bool used = false, complete = false;
    int flow = 0;
  };
  struct Adder {
    bool busy = false;
    Cycle end = 0;
    int flow = 0;
    bool from_network = false;
  };

  const Flow& flow(int id) const { return plan_.flows[static_cast<std::size_t>(id)]; }
  std::int64_t& arrived(int id) { return arrived_[static_cast<std::size_t>(id)]; }
  std::int64_t arrived(int id) const { return arrived_[static_cast<std::size_t>(id)]; }
  bool gate_open(const Work& w, std::int64_t item) const;
  bool node_ready(const Work& w, std::int64_t item) const;
  bool window_ready(const Work& w, std::int64_t item) const;
  int packet_size(int flow_id, std::int64_t item) const;
  bool reserve_outputs(Work& w, std::int64_t item, Cycle now);
  void send_outputs(Work& w, std::int64_t item, Cycle now);
  void item_done(Work& w, std::int64_t item, Cycle now);
  void give_back(Work& w, std::int64_t freed, Cycle now);
  void take_delivery(int flow_id);
  Cycle read_window(Work& w, std::int64_t item);
  void track_blocked(Work& w, bool blocked, Cycle now);

  void finish_due(Cycle now);
  void inject(Cycle now);
  void release_results(Cycle now);
  void start_crossbars(Cycle now);
  void start_adders(Cycle now);
  void start_neurons(Cycle now);
  void start_pooling(Cycle now);
  void eject(Cycle now);
  Cycle next_event(Cycle now) const;

  const Plan& plan_;
  const ChipConfig& chip_;
  const Timing& timing_;
  const Stimulus& stimulus_;
  TilePorts& ports_;

  std::vector<int> stage_ids_;
  std::vector<Work> works_;
  std::vector<int> work_of_stage_;  ///< per stage of the plan, -1 when elsewhere
  int mvm_ = -1;                    ///< index into works_
  std::vector<int> nodes_, pools_;  ///< indices into works_
  FlowLimits limits_;
  std::vector<std::int64_t> arrived_;  ///< per flow: items received (values: and added)
  std::vector<char> mailbox_;          ///< per flow: local values wait for the adder (1 reserved, 2 there)
  std::vector<int> local_value_flows_;
  std::vector<std::int64_t> route_flits_;  ///< injected
  Ring<LocalDelivery> local_;
  Ring<Packet> output_queue_;
  std::int64_t output_bits_ = 0;  ///< of packets in the output buffer or reserved
  LinkCredits injection_credits_;
  int injection_vc_ = 0;  ///< of the packet under way
  struct Waiting {
    Flit flit;
    Cycle ready;
  };
  Ring<Waiting> ejection_;
  Assembly assembly_;
  struct Release {
    Cycle arrival;
    int timesteps;
  };
  Ring<Release> coming_releases_;
  int released_timesteps_;

  Job fetch_, crossbars_, neurons_, pooling_;
  bool window_full_ = false;
  std::int64_t window_item_ = 0;
  std::int64_t in_pipeline_ = 0;  ///< windows between crossbar start and their results' departure
  int result_latency_ = 0;        ///< shift-and-add and adder tree
  Ring<Result> results_;
  Ring<Result> neuron_results_;
  Adder node_adder_, tree_adder_;
  std::size_t last_node_ = 0, last_pool_ = 0, last_source_ = 0;
  std::vector<std::vector<std::uint64_t>> window_bits_;  ///< per bit plane
  bool changed_ = false;
  std::int64_t packets_ = 0, flits_injected_ = 0, flits_ejected_ = 0;
};

}  // namespace spikeloop::sim
