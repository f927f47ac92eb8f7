#pragma once
#include <vector>

#include "models/batches.h"
#include "models/data/shapes.h"

namespace spikeloop::models {

/// All test samples as a network takes them.
inline at::Tensor inputs_of(const Dataset& dataset) {
  return read_batch(dataset, *dataset.test, 0, dataset.test->size()).input;
}

}  // namespace spikeloop::models
