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

}  // namespace spikeloop::models
