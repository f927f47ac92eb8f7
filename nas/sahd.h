#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/snasnet_spec.h"

/// Sparsity-aware Hamming distance score (Kim et al. 2022, model_snn.py:13-94), in double precision.
namespace spikeloop::nas {

/// Collects what two scores and two plain statistics need over the LIF calls of one batch:
///   s_i = mean of x_i, E_ij = N (s_i (1-s_j) + (1-s_i) s_j), H_ij = Hamming distance,
///   SAHD     K_ij += N - 0.5 / (E_ij + 1e-3) * H_ij
///   Hamming  K_ij += N - H_ij   (Mellor et al., ICML 2021; SNASNet's baseline "HD")
/// Distances are counted in integers, so that the spikes' type changes nothing.
class SahdKernel {
 public:
  /// spikes: [B, N] or [B, ...] of 0/1, any dtype; `calls`: counts as so many LIF calls with these spikes.
  void add(const at::Tensor& spikes, std::int64_t calls = 1);
  /// Adds another kernel of the same batch.
  void add(const SahdKernel& other);
  at::Tensor kernel() const;  ///< double [B, B], SAHD's K / number of LIF calls
  struct LogDet {
    double value = 0, sign = 0;
  };
  /// log |det(K / calls)|, computed from the distances so that the large constant does not cost digits:
  /// det(N 11^T - D) = det(-D) (1 - N 1^T D^-1 1). Two samples with the same spikes in every call (silent
  /// ones, say) make K singular: value -infinity, sign 0.
  LogDet log_det() const;
  LogDet hamming_log_det() const;  ///< of the Hamming kernel
  std::int64_t calls() const { return calls_; }
  /// Means over calls: of all spikes, and of the share of neurons that fire for some samples but not for all.
  double firing_rate() const;
  double active_share() const;

 private:
  std::int64_t batch_ = 0, calls_ = 0;
  std::vector<double> distance_, hamming_;  ///< [B, B], sums of 0.5 / (E + 1e-3) * H and of H
  double sum_n_ = 0, rates_ = 0, active_ = 0;
};

/// An observer of snasnet(spec) that tells `told` of every LIF call of the released code: by its module name,
/// in its order, where a layer stands for several modules once for each. Only for a stepwise run.
models::NeuronObserver in_released_order(const models::SnasnetSpec& spec, models::NeuronObserver told);

}  // namespace spikeloop::nas
