#pragma once
#include <string>

#include "models/graph_net.h"
#include "traces/network.h"

namespace spikeloop::models {

/// The trained network as plain data; it computes what the net computes in evaluation. A BatchNorm becomes
/// part of the convolution or linear layer before it, or of the neurons after it (their r and v_leak); a vote
/// of the linear layer before it; sums are Scale nodes of factor 1; neuron layers alike in input and
/// behaviour become one; MaxPool of spikes is SumPool and Threshold(0.5). PLIF becomes LIF with the tau it
/// has learnt. Float weights, no quantisation. Layers that do not lead to the Output are left out. `dataset`:
/// name to note. Throws InputError ("network", layer) for what the format does not hold: MaxPool of real
/// values, a BatchNorm that can become part of nothing, a layer that leads to the Output but is not reached.
traces::Network export_network(GraphNet& net, const std::string& dataset);

/// Throws as export_network would for a trained network of this architecture: before hours of training. A
/// BatchNorm counts as one with an offset.
void check_exportable(const Architecture& architecture);

}  // namespace spikeloop::models
