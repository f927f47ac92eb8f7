#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "traces/network.h"

namespace spikeloop::models {

/// The integers of a quantised input (network.input_bits > 0), as whole numbers in float32:
/// round(x / input_scale), ties to even, limited to two's complement of that many bits.
at::Tensor encode_input(const traces::Network& network, const at::Tensor& images);
at::Tensor encode_input(const at::Tensor& images, float scale, int bits);
/// How many values that limits.
std::int64_t beyond_range(const traces::Network& network, const at::Tensor& images);

}  // namespace spikeloop::models
