#pragma once
#include <cstdint>
#include <vector>

#include "sim/mapping/plan.h"
#include "sim/rules/ring.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// Sending side of flows: windows granted by receivers.
class FlowLimits {
 public:
  FlowLimits(const Plan& plan, const std::vector<int>& flows);
  void put(int flow, std::int64_t limit, Cycle arrival);
  bool may_send(int flow, std::int64_t item, Cycle now);
  /// The window as of the last may_send: items below it may be sent.
  std::int64_t limit(int flow) const;
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

}  // namespace spikeloop::sim
