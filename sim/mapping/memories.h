#pragma once
#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// Checks what a stage must be able to hold to make progress at all, beyond input buffers (flows.h) and node
/// memories (homes.h): pooling memory, output buffers, and the router FIFOs that multicast packets wait in.
/// Throws InputError saying what is needed and what there is.
void check_memories(const Draft& draft);

}  // namespace spikeloop::sim
