#include "models/dataset.h"

#include <ATen/ATen.h>

#include <vector>

#include "traces/support/error.h"

namespace spikeloop::models {

Dataset load_dataset(const std::string& name, const std::string& dir, std::uint64_t seed) {
  static const std::vector<std::string> kNames = {"cifar10", "shapes"};
  if (name == "cifar10") return load_cifar10(dir);
  if (name == "shapes") {
    if (!dir.empty())  // who gives a folder wants what is in it
      throw InputError("command line", "--data", "it beside dataset shapes, which is made on the fly",
                       "--dataset cifar10, or no --data");
    return make_shapes(10000, 2000, seed);
  }
  const std::string nearest = nearest_word(name, kNames);
  throw InputError("command line", "--dataset", "\"" + name + "\"",
                   "one of cifar10, shapes" + (nearest.empty() ? "" : " (did you mean " + nearest + "?)"));
}

at::Tensor normalise(const at::Tensor& images, const Dataset& dataset) {
  const auto per_channel = [&](const std::array<double, 3>& values) {
    at::Tensor tensor = at::empty({1, 3, 1, 1}, at::kFloat);
    for (std::size_t c = 0; c < 3; ++c) tensor.data_ptr<float>()[c] = static_cast<float>(values[c]);
    return tensor.to(images.device());
  };
  return images.to(at::kFloat).div(255).sub_(per_channel(dataset.mean)).div_(per_channel(dataset.std));
}

}  // namespace spikeloop::models
