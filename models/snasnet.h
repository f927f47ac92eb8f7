#pragma once
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/snasnet_spec.h"

namespace spikeloop::models {

/// Told of every LIF call: module name as in the released code ("cell1.cell_architecture.0.0", "downconv1.1",
/// "last_act.1", "classifier.2"), timestep, spikes [B, ...] (0/1), membrane before reset.
using LifObserver = std::function<void(const std::string& module, int timestep, const at::Tensor& spikes,
                                       const at::Tensor& membrane)>;

/// SNASNet's macro-architecture with two cells from a genotype (REFERENCE: Kim et al. 2022, model_snn.py).
/// Parameter names equal the released module's (stem.0.weight, cell1.cell_architecture.0.1.weight, ...).
/// forward: [B, C, H, W] normalised images -> [B, classes], mean over timesteps. Membranes and feedback are
/// reset at the start of every forward unless `keep_state` (the released scoring loop keeps LIF state between
/// repeats).
class SnasnetImpl : public torch::nn::Module {
 public:
  /// `seed` draws the initial weights (Kaiming uniform a=2 for convolutions, N(0, 0.01) for linear).
  /// draw_weights = false leaves them unset: for weights that come from elsewhere, or for counting.
  SnasnetImpl(const SnasnetSpec& spec, std::uint64_t seed, bool draw_weights = true);
  at::Tensor forward(const at::Tensor& images);

  const SnasnetSpec& spec() const { return spec_; }
  std::int64_t num_parameters() const;
  std::int64_t num_lif_modules() const;
  LifObserver observer;  ///< empty: nobody watches
  bool keep_state = false;
  double dropout = 0.5;            ///< before the classifier, in training mode only; 0 for scoring
  std::uint64_t dropout_seed = 1;  ///< of the next training forward's mask; moves on with each one
  /// [stage name, output shape] of one forward, in the order of refs/snasnet/full_params_shapes.json.
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> stage_shapes(const at::Tensor& images);

  struct State;  ///< layers and memories, in snasnet_parts.h
  State& state() { return *state_; }

 private:
  SnasnetSpec spec_;
  std::shared_ptr<State> state_;
};
TORCH_MODULE(Snasnet);

}  // namespace spikeloop::models
