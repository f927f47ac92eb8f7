#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/measurement.h"
#include "sim/record.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

/// Two SystemC models over one set of component rules. Both come to the same events in the same cycles.
enum class Engine {
  kFast,       ///< event-driven: modules sleep until their rule has work, crossbars in lock-step are grouped
  kReference,  ///< every rule in every cycle, every crossbar by itself: slow, the definition
};

struct SimulateOptions {
  Engine engine = Engine::kFast;
  Recorder* recorder = nullptr;         ///< told of every event of every sample
  std::vector<std::int64_t> positions;  ///< samples by position in the trace; empty: all of them
  std::string network_path;             ///< for messages
  bool quiet = true;                    ///< no progress on stderr
};

/// Replays the trace on the chip, one sample after the other, each from an idle chip, in a SystemC kernel of
/// its own. Throws InputError when the trace is of another network, the network does not fit the chip or uses
/// something the chip does not have, or the chip stops because a memory is too small (who waits for whom);
/// std::runtime_error when it stops or loses something for another reason (a bug of the rules, with a dump).
Measurement simulate(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
                     const SimulateOptions& options = {});

/// What simulate() runs: for those who read the recorder's events.
Plan plan_for(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
              const SimulateOptions& options);

}  // namespace spikeloop::sim
