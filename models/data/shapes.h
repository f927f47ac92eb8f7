#pragma once
#include <cstdint>

#include "models/data/dataset.h"

namespace spikeloop::models {

/// `shapes`: ten classes of procedural 32 x 32 images (shape x texture, random place, size, rotation, colours
/// and noise), a pure function of (seed, index). Balanced classes. open_dataset makes 10000 and 2000 of them.
Dataset make_shapes(std::int64_t train_images, std::int64_t test_images, std::uint64_t seed);

}  // namespace spikeloop::models
