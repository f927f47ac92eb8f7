#pragma once
#include <cstdint>
#include <vector>

#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

/// What stands on the wordlines while a copy of a stage's weights reads one window: bit r of planes[b] is bit
/// b of the input of row r of the whole weight matrix (kernel position x channel; padding is 0).
struct Window {
  std::int64_t item = 0;  ///< timestep * items + pixel
  std::vector<traces::PackedBits> planes;
};

/// Fills `window` with the bits that a crossbar stage reads for `item`; its memory is used again.
void gather_window(const Plan& plan, const Stage& stage, const Stimulus& stimulus, std::int64_t item,
                   Window& window);

}  // namespace spikeloop::sim
