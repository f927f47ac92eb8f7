#pragma once
#include <string>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"

namespace spikeloop::sim {

/// What of a network lies where on a chip: tiles and crossbars of every layer and how full they are, what its
/// tiles' memories hold, and how far its packets travel.
std::string describe_plan(const Plan& plan, const ChipConfig& chip);

}  // namespace spikeloop::sim
