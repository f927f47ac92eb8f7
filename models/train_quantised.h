#pragma once
#include <vector>

#include "models/graph_net.h"
#include "models/quantise.h"

namespace spikeloop::models {

/// Quantisation-aware training: from now on, in training and in evaluation, the net computes with the input
/// and the weights that `quantise` will write for the exported network, BatchNorm's factor (of its running
/// statistics) and votes included. So evaluation is that of the integer network, up to fp32 rounding where
/// BatchNorm is not folded yet. `train` calls this itself for TrainOptions::qat; a net from a checkpoint
/// needs it before it is evaluated (Checkpoint::qat). Scales follow the weights in every step.
///
/// Gradients go straight through the rounding; a weight that is clipped (only with least-squares scales) gets
/// none. Throws as bits_by_layer and input_range do.
void train_quantised(GraphNet& net, const Dataset& dataset, const Quantisation& quantisation);
/// Back to floats.
void train_floats(GraphNet& net);

/// Bits of every layer's weights. Throws InputError for a name in layer_bits that the exported network will
/// not have.
std::vector<int> bits_by_layer(const Architecture& architecture, const Quantisation& quantisation);

/// The dequantised weight of `weight` and where it is not clipped (1) or is (0), by the arithmetic of
/// quantise_weights. weight: float32, any device.
struct RoundedWeight {
  at::Tensor value, passes;
};
RoundedWeight round_weight(const at::Tensor& weight, int bits, const Quantisation& how);

}  // namespace spikeloop::models
