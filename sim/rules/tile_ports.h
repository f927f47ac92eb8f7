#pragma once
#include <cstdint>

#include "sim/rules/router.h"
#include "sim/rules/timing.h"

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

}  // namespace spikeloop::sim
