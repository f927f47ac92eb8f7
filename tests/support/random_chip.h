#pragma once
#include "sim/config/chip_config.h"
#include "traces/network.h"
#include "traces/support/random.h"

/// Random small chips and networks that use every mechanism the simulator has.
namespace spikeloop::testing {

/// Large enough in tiles and memories for random_network; everything else drawn. Schedule layer_sequential is
/// drawn only for a network given here that it can run.
sim::ChipConfig random_chip(RandomStream& random);
sim::ChipConfig random_chip(RandomStream& random, const traces::Network& network);

/// A SNASNet-like network: stem, one or two cells with random edges (convolutions, skips, pooling, in two of
/// three networks backward edges), spike or value pooling, and a classifier.
traces::Network random_network(RandomStream& random);

}  // namespace spikeloop::testing
