#pragma once
#include <string>

#include "models/graph_net.h"
#include "traces/network.h"

namespace spikeloop::models {

/// A network given as plain data as one that can be trained: kind "imported", a layer of the same name for
/// every node. A neuron's input factor and leak potential become an Affine layer before it (name +
/// ".affine"); a neuron that fires above its threshold only gets the next larger float as threshold. Throws
/// InputError naming `file` and the node for what cannot be trained: kernels, strides or paddings that are
/// not square, dilation, neuron parameters that differ from neuron to neuron, Threshold.
Architecture architecture_of(const traces::Network& network, const std::string& file);

/// The same with the network's (de-quantised) weights.
GraphNet trainable(const traces::Network& network, const std::string& file);

}  // namespace spikeloop::models
