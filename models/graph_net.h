#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/architecture.h"

namespace spikeloop::models {

/// Told of every neuron layer's spikes and membranes (before reset) at every timestep.
using NeuronObserver = std::function<void(const std::string& layer, int timestep, const at::Tensor& spikes,
                                          const at::Tensor& membrane)>;
/// Told of the Output's value at every timestep, [T, B, classes].
using OutputObserver = std::function<void(const at::Tensor& outputs)>;

/// An observer for a scope; the one before comes back, whatever happens.
template <class Observer>
class Watching {
 public:
  Watching(Observer& place, Observer observer)
      : place_(place), before_(std::exchange(place, std::move(observer))) {}
  ~Watching() { place_ = std::move(before_); }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  Observer& place_;
  Observer before_;
};

/// A network of an Architecture, differentiable. Parameters are named <module>.weight, <module>.bias,
/// BatchNorm's <module>.weight/bias/running_mean/running_var, PLIF's <module>.w.
///
/// forward: [B, C, H, W] (the same image at every timestep) or [T, B, C, H, W] (frames: counts of events,
/// spikes of rate coding) -> [B, classes], the Output's mean over timesteps. Throws InputError for another
/// shape, and for images where the Input's code wants frames.
///
/// Two ways to run, equal in evaluation up to rounding:
///   folded (default)  timesteps folded into the batch wherever no backward edge crosses; neurons over all
///   timesteps
///                     in one kernel; layers that see a still input run once. In training BatchNorm's
///                     statistics are over batch and time together. Layers in a cycle of edges run step by
///                     step.
///   stepwise          every layer at every timestep, BatchNorm's statistics per step: the released SNASNet
///   code
///                     (whose stem, too, runs once).
class GraphNetImpl : public torch::nn::Module {
 public:
  /// `seed` draws the initial weights, each layer from a stream of its own. draw_weights = false leaves them
  /// unset. Throws InputError for an architecture that check() refuses.
  GraphNetImpl(const Architecture& architecture, std::uint64_t seed, bool draw_weights = true);
  at::Tensor forward(const at::Tensor& input);

  const Architecture& architecture() const { return architecture_; }
  std::int64_t num_parameters() const;

  bool stepwise = false;
  bool keep_state = false;      ///< stepwise only: membranes live on from forward to forward
  std::uint64_t draw_seed = 1;  ///< of dropout masks in the next forward; moves on with each
  NeuronObserver observer;      ///< empty: nobody watches. At every timestep in the layers' order
  /// Quantisation-aware training (train_quantised.h). What a convolution or linear layer computes with in
  /// place of its weight, once per forward; what the Input gives in place of its input. Empty: these
  /// themselves.
  std::function<at::Tensor(const GraphNetImpl& net, std::size_t layer)> weight_transform;
  std::function<at::Tensor(const at::Tensor& input)> input_transform;
  OutputObserver output_observer;  ///< empty: nobody watches. What a loss per timestep takes

  /// What one layer has; undefined where it has none.
  struct Parameters {
    at::Tensor weight, bias;               ///< convolution, linear, BatchNorm
    at::Tensor running_mean, running_var;  ///< BatchNorm
    at::Tensor plif;                       ///< w of 1 / tau = sigmoid(w)
  };
  const Parameters& parameters_of(std::size_t layer) const { return parameters_.at(layer); }

  /// Share of a new batch in BatchNorm's running statistics; negative: plain mean over all since
  /// reset_statistics().
  double norm_momentum = 0.1;
  void reset_statistics();

 private:
  class Forward;
  void add_parameters(std::size_t layer, const std::vector<std::int64_t>& inputs);
  void draw_weights(std::uint64_t seed);

  Architecture architecture_;
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<Parameters> parameters_;
  std::vector<at::Tensor> membranes_;          ///< of keep_state
  std::vector<std::int64_t> statistics_seen_;  ///< batches since reset_statistics()
};
TORCH_MODULE(GraphNet);

constexpr double kNormEpsilon = 1e-5;

}  // namespace spikeloop::models
