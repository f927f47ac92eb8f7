#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "models/graph_net.h"
#include "traces/support/random.h"

/// Networks that look trained without having been.
namespace spikeloop::models {

inline at::Tensor random_tensor(const std::vector<std::int64_t>& shape, std::uint64_t seed, double low,
                                double high) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<float>()[i] =
        static_cast<float>(low + (high - low) * unit(seed, static_cast<std::uint64_t>(i)));
  }
  return tensor;
}

/// Parameters and statistics that leave nothing as it was initialised, and neurons near their threshold.
inline void wear(GraphNet& net) {
  const at::NoGradGuard no_grad;
  std::uint64_t seed = 100;
  for (std::size_t i = 0; i < net->architecture().layers.size(); ++i) {
    const auto& own = net->parameters_of(i);
    if (!own.running_mean.defined()) continue;
    at::Tensor weight = own.weight, bias = own.bias, mean = own.running_mean, variance = own.running_var;
    weight.copy_(random_tensor(weight.sizes().vec(), ++seed, 0.5, 2));
    bias.copy_(random_tensor(bias.sizes().vec(), ++seed, 0, 1));
    mean.copy_(random_tensor(mean.sizes().vec(), ++seed, -0.2, 0.2));
    variance.copy_(random_tensor(variance.sizes().vec(), ++seed, 0.3, 1));
  }
}

}  // namespace spikeloop::models
