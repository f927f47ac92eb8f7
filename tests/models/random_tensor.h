#pragma once
#include <ATen/ATen.h>

#include <vector>

#include "traces/support/random.h"

namespace spikeloop::models {

/// Uniform in [-1.5, 2.5), double.
inline at::Tensor random_tensor(const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<double>()[i] = 4 * unit(seed, static_cast<std::uint64_t>(i)) - 1.5;
  }
  return tensor;
}

}  // namespace spikeloop::models
