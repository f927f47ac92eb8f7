#pragma once
#include <string>

#include "sim/config/chip_config.h"
#include "sim/measurement.h"

namespace spikeloop::sim {

/// A measurement for a terminal: totals, layers, energy and area by component. Energies are means per sample.
std::string table(const Measurement& measurement, const ChipConfig& chip);

}  // namespace spikeloop::sim
