#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "models/train_options.h"

/// SGD and AdamW as PyTorch defines them, on plain tensors. Includes torch.
namespace spikeloop::models {

struct OptimiserState {
  std::int64_t steps = 0;
  std::vector<at::Tensor> first;   ///< SGD: momentum buffers; AdamW: means of the gradients
  std::vector<at::Tensor> second;  ///< AdamW: means of their squares; empty for SGD
};

OptimiserState make_optimiser_state(const OptimiserOptions& options,
                                    const std::vector<at::Tensor>& parameters);

/// The group with weight decay: weights of convolutions and linear layers, all that has more than one
/// dimension.
bool takes_weight_decay(const at::Tensor& parameter);

/// One step, in place; parameters and state in the same order, gradients of the parameters' shapes (they are
/// used up). For g the gradient, w the parameter, d its weight decay:
///   SGD    g += d w; m = momentum m + g; w -= lr m          (Nesterov: w -= lr (g + momentum m))
///   AdamW  w -= lr d w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
///          w -= lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + epsilon)      (Loshchilov and Hutter, 2019)
void optimiser_step(const OptimiserOptions& options, double lr, const std::vector<at::Tensor>& parameters,
                    const std::vector<at::Tensor>& gradients, OptimiserState& state);

/// Euclidean norm of all gradients together; not finite when one of them is not.
double gradient_norm(const std::vector<at::Tensor>& gradients);

/// The factor on the loss that keeps half-precision gradients from vanishing: halved, and the step skipped,
/// when a gradient is not finite; doubled after 2000 good steps (PyTorch's GradScaler).
struct LossScale {
  double scale = 65536;
  std::int64_t good_steps = 0;
  void update(bool finite);
};

}  // namespace spikeloop::models
