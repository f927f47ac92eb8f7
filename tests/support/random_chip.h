#pragma once
#include "sim/config/chip_config.h"
#include "traces/network.h"
#include "traces/support/random.h"

/// Random small chips and networks that use every mechanism the simulator has.
namespace spikeloop::testing {

/// Large enough in tiles and memories for random_network; everything else drawn.
sim::ChipConfig random_chip(RandomStream& random);

/// A SNASNet-like network: stem, one or two cells with random edges (convolutions, skips, pooling, backward
/// edges), spike or value pooling, and a classifier.
traces::Network random_network(RandomStream& random);

}  // namespace spikeloop::testing
