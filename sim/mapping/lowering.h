#pragma once
#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// Turns every node of the network into stages and signals, crossbar layers already cut into pieces
/// (weights.h). Throws InputError naming a node that the chip cannot run.
void lower(Draft& draft);

}  // namespace spikeloop::sim
