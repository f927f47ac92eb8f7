#pragma once
#include <ATen/core/Tensor.h>

#include <cstddef>

#include "models/graph_net.h"

/// What export makes of a layer's weight, in one place: quantisation-aware training must round the same
/// numbers.
namespace spikeloop::models {

/// BatchNorm in evaluation as y = scale x + offset per channel, in float64.
struct NormAffine {
  at::Tensor scale, offset;
};
NormAffine affine_of(const GraphNetImpl::Parameters& norm);

/// What is folded into a convolution or linear layer: the BatchNorm or the Vote that is all it feeds and that
/// nothing else enters. Layer indices, -1: none.
struct Folds {
  int norm = -1, vote = -1;
};
Folds folds_of(const Architecture& architecture, std::size_t layer);

/// float32 on the CPU: the weight times BatchNorm's scale per output, or the mean over votes; computed in
/// float64. No gradient.
at::Tensor exported_weight(const GraphNetImpl& net, std::size_t layer);
/// Its bias likewise, undefined where there is none.
at::Tensor exported_bias(const GraphNetImpl& net, std::size_t layer);

}  // namespace spikeloop::models
