#pragma once
#include "models/graph_net.h"
#include "models/quantise.h"

namespace spikeloop::models {

/// Quantisation-aware training: from now on, in training and in evaluation, the net computes with the input
/// and the weights that `quantise` will write for the exported network, BatchNorm's factor (of its running
/// statistics) and votes included. So evaluation is that of the integer network, up to fp32 rounding where
/// BatchNorm is not folded yet. Call before training; scales follow the weights in every step.
///
/// Gradients go straight through the rounding; a weight that is clipped (only with least-squares scales) gets
/// none. Throws InputError for a layer that the architecture lacks. An undefined GraphNet computes with
/// floats again after train_floats.
void train_quantised(GraphNet& net, const Dataset& dataset, const Quantisation& quantisation);
void train_floats(GraphNet& net);

/// The dequantised weight of `weight` and where it is not clipped (1) or is (0), by the arithmetic of
/// quantise_weights. weight: float32, any device.
struct RoundedWeight {
  at::Tensor value, passes;
};
RoundedWeight round_weight(const at::Tensor& weight, int bits, const Quantisation& how);

}  // namespace spikeloop::models
