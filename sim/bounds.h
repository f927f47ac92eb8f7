#pragma once
#include <string>

#include "sim/config/chip_config.h"
#include "traces/network.h"

namespace spikeloop::sim {

/// What a network costs at least on a chip, whatever its spikes: from the mapping alone, no simulation.
/// Latency is the longest that any one resource (a tile's fetch, crossbars of a copy, adders, neuron unit,
/// pooling unit, way into or out of its router, the host port) works for when no bit is set, each at its own
/// clock; energy is the events of that, and leakage for that long.
/// memory and area equal the measured ones; latency and energy are lower bounds that never exceed the
/// measurement.
struct Bounds {
  double latency_ns = 0, energy_pj = 0, area_um2 = 0, memory_bytes = 0;
};

/// Throws InputError when the network does not fit the chip. `network_path` is for messages only.
Bounds lower_bounds(const traces::Network& network, const ChipConfig& chip, const std::string& network_path);

}  // namespace spikeloop::sim
