#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "models/data/dataset.h"

/// Parts of a set of samples. Plain C++, no LibTorch.
namespace spikeloop::models {

/// The samples of these indices, in this order.
std::shared_ptr<const SampleSet> subset(std::shared_ptr<const SampleSet> set,
                                        std::vector<std::int64_t> indices);

struct Split {
  std::shared_ptr<const SampleSet> train, validation;
};
/// Holds `validation` samples out, drawn without repeats by the seed; both parts in the set's order.
/// validation = 0: the set itself and nothing. Throws InputError when no sample would be left to train on.
Split hold_out(std::shared_ptr<const SampleSet> set, std::int64_t validation, std::uint64_t seed);

}  // namespace spikeloop::models
