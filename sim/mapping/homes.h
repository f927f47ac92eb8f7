#pragma once
#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// Decides what shares a tile: a tile per shard of a crossbar layer; nodes and pools go where their inputs
/// are made, if the node and membrane memories have room. Tiles are numbered as they are taken; where on the
/// mesh they lie is placement's (placement.h). Throws InputError when a node's memories or the tiles do not
/// suffice.
void choose_homes(Draft& draft);

}  // namespace spikeloop::sim
