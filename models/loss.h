#pragma once
#include <ATen/core/Tensor.h>

/// Classification losses. Includes torch.
namespace spikeloop::models {

/// What a batch should be answered with; labels2 and share are CutMix's and undefined without it.
struct Target {
  at::Tensor labels;   ///< int64 [B]
  at::Tensor labels2;  ///< int64 [B]
  at::Tensor share;    ///< [B], of the first label
};

/// Sum over the samples of their cross-entropy, float32 or float64. output: [B, C], or [T, B, C] for the mean
/// over timesteps of each timestep's loss. With q the target distribution,
///   L = -sum_c q[c] log softmax(output)[c],   q = (1 - s) onehot + s / C   (Szegedy et al., 2016)
/// and with CutMix share L(labels) + (1 - share) L(labels2) (Yun et al., 2019).
at::Tensor cross_entropy_sum(const at::Tensor& output, const Target& target, double label_smoothing);

/// How many of the samples are right; with CutMix the share of the label that is.
double count_right(const at::Tensor& output, const Target& target);

}  // namespace spikeloop::models
