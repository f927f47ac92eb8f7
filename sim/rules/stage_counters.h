#pragma once
#include <cstdint>

#include "sim/component.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// What one stage did, for the report. Durations are in Cycle.
struct StageCounters {
  EventCounts events;
  std::int64_t items = 0, crossbar_reads = 0, input_ones = 0, input_bits = 0;
  /// Dynamic energy of crossbar reads with read_energy "conductance"; 0 when it is charged per event.
  std::int64_t crossbar_read_aj = 0;
  /// busy: of its main resource, summed over the copies of its weights. blocked: results waited for room.
  std::int64_t busy_cycles = 0, blocked_cycles = 0;
  Cycle first_cycle = kNever, last_cycle = 0;
};

}  // namespace spikeloop::sim
