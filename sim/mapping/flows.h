#pragma once
#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// Connects the stages along the network's edges, and the tiles of a layer to the owner of their partial
/// sums. Throws InputError where a stage cannot take what an edge carries.
void add_flows(Draft& draft);

/// How many items a sender may be ahead (Flow::depth), from the memory of the receiver; timesteps must have
/// been counted. Throws InputError when the input buffer is too small.
///
/// A crossbar layer holds as much as its input buffer does, at most two timesteps; a sum one timestep; a
/// pool the rows of its window; the host everything.
///
/// Schedule `layer_sequential` holds a crossbar layer until all timesteps of its input are there, so its
/// buffer must hold them all, and a sum must hold all timesteps of what reaches it past fewer held layers
/// than its latest input: that comes long before. So nothing before a held layer ever waits for something
/// behind it, and behind it the dataflow is that of `pipelined`.
void size_windows(Draft& draft);

}  // namespace spikeloop::sim
