#pragma once
#include <cstdint>
#include <vector>

#include "sim/rules/stage_counters.h"

namespace spikeloop::sim {

/// What happened to one sample on the chip, in numbers; what it costs is the accountant's.
struct RunResult {
  Cycle cycles = 0;                       ///< up to and with the one in which the last result arrived
  std::vector<StageCounters> stages;      ///< per stage of the plan
  std::vector<std::int64_t> route_flits;  ///< per route: injected
  struct Router {
    std::int64_t flits = 0;       ///< that left it, to all sides
    std::int64_t link_flits = 0;  ///< of them, to other routers
  };
  std::vector<Router> routers;  ///< per powered tile
  std::int64_t packets = 0, flits_injected = 0, flits_delivered = 0;
};

}  // namespace spikeloop::sim
