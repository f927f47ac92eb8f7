#pragma once
#include <cstdint>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"

namespace spikeloop::sim {

/// Flits of the packet that carries an item of a flow: of values, all of them; of spikes, as they are
/// encoded.
int packet_size(const Plan& plan, const ChipConfig& chip, const Stimulus& stimulus, const Flow& flow,
                std::int64_t item);

}  // namespace spikeloop::sim
