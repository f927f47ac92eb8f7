#pragma once
#include <ATen/core/Tensor.h>

namespace spikeloop::models {

struct LifStep {
  at::Tensor spikes;    ///< 0 or 1
  at::Tensor membrane;  ///< before the reset; what the next step takes as `previous`
};

/// One step of leaky integrate-and-fire, differentiable:
///   v = previous >= threshold ? 0 : previous;  v += (input - v) / tau;  spike = v >= threshold.
/// Handing on the membrane before its (hard, detached) reset saves writing it twice. The spike's derivative
/// is the ATan surrogate 1 / (1 + (pi x)^2), x = v - threshold (alpha = 2). `previous` undefined: v = 0.
LifStep lif_step(const at::Tensor& input, const at::Tensor& previous, double tau, double threshold);

/// 3 x 3 average pooling, stride 1, padding 1 (padding counted), differentiable; several times faster than
/// avg_pool2d.
at::Tensor average_pool3x3(const at::Tensor& input);

}  // namespace spikeloop::models
