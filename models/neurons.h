#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "models/neuron_spec.h"

/// Spiking neurons over all timesteps at once: one fused kernel with its own backward, vectorised.
namespace spikeloop::models {

struct NeuronParameters {
  at::Tensor plif_weight;  ///< kPlif: the trained scalar w (undefined otherwise)
  /// Input factor and offset per channel (input's dimension 2), applied before the neuron:
  /// x' = factor[c] x + offset[c] (a BatchNorm in evaluation, or one whose statistics are known). Undefined:
  /// none.
  at::Tensor factor, offset;
  bool all_membranes = false;  ///< whether NeuronOutput::membranes is wanted (observers)
};

struct NeuronOutput {
  at::Tensor spikes;     ///< as the input, 0 or 1
  at::Tensor membrane;   ///< after the last timestep, before its reset (what `previous` takes): [B, ...]
  at::Tensor membranes;  ///< of every timestep, before reset: [T, B, ...]; not differentiable; undefined
                         ///< unless asked
};

/// input [T, B, ...] (T >= 1), CPU or CUDA, float32 or float64. `previous`: membrane before reset handed over
/// from earlier timesteps, or undefined (a membrane of 0). Differentiable in input, previous and all
/// parameters.
///   v = reset(previous); v += charge(input); spike = v >= threshold
/// with charge and reset of the spec (neuron_spec.h has the formulas; 1 / tau and threshold are rounded to
/// the input's type).
NeuronOutput run_neurons(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                         const NeuronParameters& parameters = {});

/// The same by a loop of tensor operations over timesteps: what run_neurons does where it has no kernel
/// (other devices, other types).
NeuronOutput run_neurons_by_steps(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                                  const NeuronParameters& parameters = {});

/// 3 x 3 average pooling, stride 1, padding 1 (padding counted), differentiable; several times faster than
/// avg_pool2d.
at::Tensor average_pool3x3(const at::Tensor& input);

/// Convolution of [N, C, H, W] with weight [Co, C / groups, K, K], no bias; picks the fastest exact way for
/// this shape on this machine's CPU (measured choices are documented in convolve.cpp); at::conv2d elsewhere.
/// Differentiable. `binary`: the input holds only 0 and 1 (spikes).
at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, std::int64_t stride,
                    std::int64_t padding, std::int64_t groups, bool binary);

/// BatchNorm in training mode over [N, C, H, W] (N = timesteps x batch) or [N, C]: normalises each channel
/// with its mean and biased variance over N, H, W, then weight[c] and bias[c]. Differentiable in input,
/// weight and bias. Running statistics, when defined, move as LibTorch's: running += momentum (new -
/// running), with the unbiased variance.
at::Tensor batch_norm_train(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_var,
                            double momentum = 0.1, double eps = 1e-5);

/// BatchNorm with known statistics (evaluation), same shapes.
at::Tensor batch_norm_eval(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                           const at::Tensor& running_mean, const at::Tensor& running_var, double eps = 1e-5);

}  // namespace spikeloop::models
