#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/component.h"
#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/network.h"

namespace spikeloop::sim {

/// What a network costs at least on a chip, whatever its spikes: from the mapping alone, no simulation.
/// Latency is the longest that any one resource (a tile's fetch, crossbars of a copy, adders, neuron unit,
/// pooling unit, way into or out of its router, the host port) works for when no bit is set, each at its own
/// clock, up to the last item that results wait for (needed_items.h); energy is the events of that, and
/// leakage for that long. memory and area equal the measured ones; latency and energy are lower bounds that
/// never exceed the measurement.
struct Bounds {
  double latency_ns = 0, energy_pj = 0, area_um2 = 0, memory_bytes = 0;
};

/// Throws InputError when the network does not fit the chip. `network_path` is for messages only.
Bounds lower_bounds(const traces::Network& network, const ChipConfig& chip, const std::string& network_path);

/// What the parts of a chip do for one sample, counted without simulating when: everything but time follows
/// from the mapping and the bits.
struct Work {
  struct Layer {
    EventCounts events;                 ///< the measured ones
    std::int64_t crossbar_reads = 0;    ///< passes, summed over crossbars; the measured ones
    std::int64_t crossbar_read_aj = 0;  ///< read_energy "conductance": of the driven rows; the measured one
    double least_ns = 0;                ///< its busiest resource; never exceeds first start to last end
  };
  std::vector<Layer> layers;  ///< as Plan::layers
  double least_ns = 0;        ///< of the sample: its busiest resource of all; never exceeds the latency
};

/// `stimulus` null: no bit is set, and events are the fewest that any input has.
Work count_work(const Plan& plan, const ChipConfig& chip, const Stimulus* stimulus);

}  // namespace spikeloop::sim
