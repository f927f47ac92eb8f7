#pragma once
#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

#include "models/graph_net.h"

/// What export makes of a layer's weight, in one place: quantisation-aware training must round the same
/// numbers.
namespace spikeloop::models {

/// y = scale x + offset per channel, in float64: a BatchNorm in evaluation, or an Affine.
struct ScaleOffset {
  at::Tensor scale, offset;
};
ScaleOffset scale_offset_of(const GraphNetImpl::Parameters& parameters);

/// What becomes part of a convolution or linear layer, because it is all that the layer feeds and nothing
/// else enters it: a BatchNorm or Affine, or a Vote behind a linear layer. Layer indices, -1: none.
struct Folds {
  int affine = -1, vote = -1;
};
/// Of every layer; those that do not lead to the Output do not count.
std::vector<Folds> folds_of(const Architecture& architecture);

/// float32 on the CPU: the weight times the scale per output, or the mean over votes; computed in float64. No
/// gradient.
at::Tensor exported_weight(const GraphNetImpl& net, std::size_t layer, const Folds& folds);
/// Its bias likewise, undefined where there is none.
at::Tensor exported_bias(const GraphNetImpl& net, std::size_t layer, const Folds& folds);

}  // namespace spikeloop::models
