#include "models/input_code.h"

#include <ATen/ATen.h>

namespace spikeloop::models {

at::Tensor encode_input(const at::Tensor& images, float scale, int bits) {
  const auto limit = static_cast<double>(1 << (bits - 1));
  return (images / scale).round_().clamp_(-limit, limit - 1);
}

at::Tensor encode_input(const traces::Network& network, const at::Tensor& images) {
  return encode_input(images, network.input_scale, network.input_bits);
}

std::int64_t beyond_range(const traces::Network& network, const at::Tensor& images) {
  const auto limit = static_cast<double>(1 << (network.input_bits - 1));
  const at::Tensor rounded = (images / network.input_scale).round_();
  return rounded.gt(limit - 1).logical_or_(rounded.lt(-limit)).sum().item<std::int64_t>();
}

}  // namespace spikeloop::models
