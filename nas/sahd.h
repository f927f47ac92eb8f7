#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/snasnet_spec.h"

/// Sparsity-aware Hamming distance score (Kim et al. 2022, model_snn.py:13-94), in double precision.
namespace spikeloop::nas {

/// Collects the kernel K over LIF calls of one batch:
///   s_i = mean of x_i, E_ij = N (s_i (1-s_j) + (1-s_i) s_j), H_ij = Hamming distance,
///   K_ij += N - 0.5 / (E_ij + 1e-3) * H_ij.
class SahdKernel {
 public:
  /// spikes: [B, N] or [B, ...] of 0/1, any dtype.
  void add(const at::Tensor& spikes);
  at::Tensor kernel() const;  ///< double [B, B], K / number of LIF calls
  struct LogDet {
    double value = 0, sign = 0;
  };
  /// log |det(K / calls)|, computed from the distances so that the large constant does not cost digits:
  /// det(N 11^T - D) = det(-D) (1 - N 1^T D^-1 1). Two samples with the same spikes in every call (silent
  /// ones, say) make K singular: value -infinity, sign 0.
  LogDet log_det() const;
  std::int64_t calls() const { return calls_; }

 private:
  at::Tensor distance_;  ///< sum of 0.5 / (E + 1e-3) * H
  double sum_n_ = 0;
  std::int64_t calls_ = 0;
};

/// An observer of snasnet(spec) that tells `told` of every LIF call of the released code: by its module name,
/// in its order, where a layer stands for several modules once for each. Only for a stepwise run.
models::NeuronObserver in_released_order(const models::SnasnetSpec& spec, models::NeuronObserver told);

struct ScoreOptions {
  std::int64_t batch = 64;
  int repeats = 1;
  std::uint64_t seed = 1;  ///< of the weights and the choice of images
};

struct Score {
  double sahd = 0;                ///< mean over repeats of log|det|
  std::int64_t lif_modules = 0;   ///< the cheap reference it largely counts
  std::int64_t convolutions = 0;  ///< in the cells
  double firing_rate = 0;         ///< mean over all LIF calls
};

/// Score of an untrained network: fp64 weights and activations, BatchNorm with the batch's statistics,
/// dropout off, membranes reset before every repeat, weights and images from the seed only: same spec and
/// seed, same score, whatever the thread count.
Score score_network(const models::SnasnetSpec& spec, const models::Dataset& dataset,
                    const ScoreOptions& options);

}  // namespace spikeloop::nas
