#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/architecture.h"

namespace spikeloop::models {

/// Told of every neuron layer's spikes and membranes (before reset) at every timestep.
using NeuronObserver = std::function<void(const std::string& layer, int timestep, const at::Tensor& spikes,
                                          const at::Tensor& membrane)>;

/// A network of an Architecture, differentiable. Parameters are named <module>.weight, <module>.bias, BatchNorm's
/// <module>.weight/bias/running_mean/running_var, PLIF's <module>.w.
///
/// forward: [B, C, H, W] (the same image at every timestep) or [T, B, C, H, W] -> [B, classes], the Output's mean
/// over timesteps.
///
/// Two ways to run, equal in evaluation up to rounding:
///   folded (default)  timesteps folded into the batch wherever no backward edge crosses; neurons over all timesteps
///                     in one kernel; layers that see a still input run once. In training BatchNorm's statistics are
///                     over batch and time together. Layers in a cycle of edges run step by step.
///   stepwise          every layer at every timestep, BatchNorm's statistics per step: the released SNASNet code.
class GraphNetImpl : public torch::nn::Module {
 public:
  /// `seed` draws the initial weights, each layer from a stream of its own. draw_weights = false leaves them unset.
  GraphNetImpl(const Architecture& architecture, std::uint64_t seed, bool draw_weights = true);
  at::Tensor forward(const at::Tensor& input);

  const Architecture& architecture() const { return architecture_; }
  std::int64_t num_parameters() const;

  bool stepwise = false;
  bool keep_state = false;         ///< stepwise only: membranes live on from forward to forward
  std::uint64_t draw_seed = 1;     ///< of dropout masks and rate coding in the next forward; moves on with each
  NeuronObserver observer;         ///< empty: nobody watches
  /// What a convolution or linear layer computes with in place of its weight (quantisation-aware training);
  /// index: of the layer. Empty: the weight itself.
  std::function<at::Tensor(std::size_t layer, const at::Tensor& weight)> weight_transform;

  struct State;
  State& state() { return *state_; }

 private:
  Architecture architecture_;
  std::shared_ptr<State> state_;
};
TORCH_MODULE(GraphNet);

}  // namespace spikeloop::models
