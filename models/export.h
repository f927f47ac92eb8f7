#pragma once
#include <string>

#include "models/data/dataset.h"
#include "models/snasnet.h"
#include "traces/network.h"

namespace spikeloop::models {

/// The trained network as plain data: BatchNorm folded into the convolution before it, or into the LIF's r
/// and v_leak after it; LIFs with the same input merged; voting folded into the last linear layer; cell nodes
/// as Scale nodes with factor 1; backward edges marked. Float weights, no quantisation. Computes the same
/// function.
traces::Network export_network(Snasnet& net, const Dataset& dataset);

/// 8-bit post-training quantisation, symmetric, per output channel (weights of the first layer too). The
/// input gets `input_bits` with a scale that covers the dataset's normalised range. Float weights are
/// replaced by the de-quantised ones.
void quantise(traces::Network& network, const Dataset& dataset, int weight_bits = 8, int input_bits = 8);

}  // namespace spikeloop::models
