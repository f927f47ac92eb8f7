#pragma once
#include <ATen/core/Tensor.h>

#include "models/neuron_spec.h"

/// Spiking neurons over all timesteps at once: one fused kernel with its own backward, vectorised.
namespace spikeloop::models {

struct NeuronParameters {
  at::Tensor plif_weight;  ///< kPlif: the trained scalar w (undefined otherwise)
  /// Input factor and offset per channel, applied before the neuron: x' = factor[c] x + offset[c] (a BatchNorm in
  /// evaluation, or one whose statistics are known). Undefined: none.
  at::Tensor factor, offset;
};

struct NeuronOutput {
  at::Tensor spikes;    ///< as the input, 0 or 1
  at::Tensor membrane;  ///< after the last timestep, before its reset (what `previous` takes): [B, ...]
};

/// input [T, B, ...] (T >= 1), CPU or CUDA, float32 or float64. `previous`: membrane before reset handed over from
/// earlier timesteps, or undefined (0). Differentiable in input, previous and plif_weight.
///   v = reset(previous); v += charge(input); spike = v >= threshold
/// with charge and reset of the spec (neuron_spec.h has the formulas).
NeuronOutput run_neurons(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                         const NeuronParameters& parameters = {});

/// 3 x 3 average pooling, stride 1, padding 1 (padding counted), differentiable; several times faster than
/// avg_pool2d.
at::Tensor average_pool3x3(const at::Tensor& input);

/// Convolution of [N, C, H, W] with weight [Co, C / groups, K, K], no bias; picks the fastest exact way for this
/// shape on this machine's CPU (measured choices are documented in neurons' .cpp); at::conv2d elsewhere.
/// Differentiable. `binary`: the input holds only 0 and 1 (spikes).
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, std::int64_t stride, std::int64_t padding,
                    std::int64_t groups, bool binary);

}  // namespace spikeloop::models
