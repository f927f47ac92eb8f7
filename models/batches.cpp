#include "models/batches.h"

#include <ATen/ATen.h>

#include <array>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

/// Byte -> value of the network's input, per channel.
using Lookup = std::vector<std::array<float, 256>>;

Lookup lookup_of(const Dataset& dataset) {
  Lookup lookup(static_cast<std::size_t>(dataset.channels));
  for (std::size_t c = 0; c < lookup.size(); ++c) {
    for (std::size_t v = 0; v < 256; ++v) {
      const auto value = static_cast<float>(v);
      lookup[c][v] = dataset.events ? value
                                    : (value / 255.0F - static_cast<float>(dataset.mean[c])) /
                                          static_cast<float>(dataset.std[c]);
    }
  }
  return lookup;
}

Batch empty_batch(const Dataset& dataset, std::int64_t count) {
  std::vector<std::int64_t> shape{count, dataset.channels, dataset.height, dataset.width};
  if (dataset.events) shape.insert(shape.begin(), dataset.frames);
  return {at::empty(shape, at::kFloat), at::empty({count}, at::kLong), {}, {}};
}

}  // namespace

Batch read_batch(const Dataset& dataset, const SampleSet& set, const std::vector<std::int64_t>& records) {
  const Lookup lookup = lookup_of(dataset);
  const auto count = static_cast<std::int64_t>(records.size());
  Batch batch = empty_batch(dataset, count);
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(dataset.sample_bytes()));
  const std::int64_t plane = dataset.height * dataset.width;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t record = records[static_cast<std::size_t>(i)];
    if (record < 0 || record >= set.size()) {
      throw InputError(dataset.name, "sample", std::to_string(record),
                       "0 to " + std::to_string(set.size() - 1));
    }
    set.read(record, sample.data());
    batch.labels.data_ptr<std::int64_t>()[i] = set.label(record);
    const std::uint8_t* in = sample.data();
    for (std::int64_t frame = 0; frame < dataset.frames; ++frame) {
      float* out = batch.input.data_ptr<float>() + (frame * count + i) * dataset.channels * plane;
      for (const auto& values : lookup) {
        for (std::int64_t p = 0; p < plane; ++p) *out++ = values[*in++];
      }
    }
  }
  return batch;
}

}  // namespace spikeloop::models
