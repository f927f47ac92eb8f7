#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>

namespace spikeloop::models {

/// Labelled images in memory.
struct ImageSet {
  at::Tensor images;  ///< uint8 [N, 3, 32, 32]
  at::Tensor labels;  ///< int64 [N]
  std::int64_t size() const { return images.defined() ? images.size(0) : 0; }
};

struct Dataset {
  std::string name;  ///< "cifar10", "shapes"
  ImageSet train, test;
  std::int64_t classes = 10;
  std::array<double, 3> mean{}, std{};  ///< of pixel / 255, per channel
};

/// CIFAR-10, binary version: data_batch_1..5.bin and test_batch.bin in `dir`, 3073 bytes a record.
/// Throws InputError for a missing or truncated file (expected and found bytes) and for a label above 9
/// (record).
Dataset load_cifar10(const std::string& dir);
/// Only test_batch.bin (train is empty): for verify and evaluation.
Dataset load_cifar10_test(const std::string& dir);

/// `shapes`: ten classes of procedural 32 x 32 images (shape x texture, random place, size, rotation, colours
/// and noise), a pure function of (seed, index). Balanced classes.
Dataset make_shapes(std::int64_t train_images, std::int64_t test_images, std::uint64_t seed);

/// By name ("cifar10" needs `dir`; "shapes" ignores it). Throws InputError for another name.
Dataset load_dataset(const std::string& name, const std::string& dir, std::uint64_t seed);

/// float32 [B, 3, 32, 32]: (pixel / 255 - mean) / std.
at::Tensor normalise(const at::Tensor& images, const Dataset& dataset);

}  // namespace spikeloop::models
