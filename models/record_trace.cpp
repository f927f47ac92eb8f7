#include <ATen/ATen.h>

#include <algorithm>

#include "models/batches.h"
#include "models/graph_runner.h"
#include "models/input_code.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kBatch = 50;  // bounds the memory of the recorded spikes

/// [T, B, ...] of one batch -> packed bits of its samples.
void append_spikes(const at::Tensor& spikes, traces::SpikeTrace::NodeSpikes& node) {
  const std::int64_t timesteps = spikes.size(0), batch = spikes.size(1);
  const bool map = spikes.dim() == 5;
  node.info.channels = spikes.size(2);
  node.info.height = map ? spikes.size(3) : 1;
  node.info.width = map ? spikes.size(4) : 1;
  const auto* bits = spikes.data_ptr<std::uint8_t>();
  for (std::int64_t sample = 0; sample < batch; ++sample) {
    std::vector<traces::PackedBits> steps;
    for (std::int64_t t = 0; t < timesteps; ++t) {
      steps.push_back(traces::pack_chw(bits + (t * batch + sample) * node.info.bits(), node.info.channels,
                                       node.info.height, node.info.width));
    }
    node.spikes.push_back(std::move(steps));
  }
}

/// [B, C, H, W] or [T, B, C, H, W].
void append_input(const at::Tensor& integers, traces::SpikeTrace::Input& input) {
  const at::Tensor ordered =
      integers.dim() == 5 ? integers.permute({1, 0, 3, 4, 2}) : integers.permute({0, 2, 3, 1});
  const at::Tensor hwc = ordered.to(at::kChar).contiguous();
  const auto* data = hwc.data_ptr<std::int8_t>();
  input.data.insert(input.data.end(), data, data + hwc.numel());
}

}  // namespace

traces::SpikeTrace record_trace(const traces::Network& network, const Dataset& dataset,
                                const SampleSet& samples, const std::vector<std::int64_t>& indices,
                                std::int64_t* clipped_inputs) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= samples.size()) {
      throw InputError(dataset.name, "sample", std::to_string(index),
                       "0 to " + std::to_string(samples.size() - 1));
    }
  }
  GraphRunner runner(network, "network");
  traces::SpikeTrace trace;
  trace.header.network_sha256 = traces::network_hash(network);
  trace.header.dataset = dataset.name;
  trace.header.timesteps = network.timesteps;
  if (network.input_bits > 0) {
    trace.input.frames = dataset.events ? dataset.frames : std::max<std::int64_t>(1, dataset.rate_steps);
    trace.input.channels = dataset.channels;
    trace.input.height = dataset.height;
    trace.input.width = dataset.width;
    trace.input.scale = network.input_scale;
    trace.input.bits = network.input_bits;
  }
  const auto total = static_cast<std::int64_t>(indices.size());
  for (std::int64_t begin = 0; begin < total; begin += kBatch) {
    const std::int64_t count = std::min(kBatch, total - begin);
    const Batch batch =
        read_batch(dataset, samples, {indices.begin() + begin, indices.begin() + begin + count});
    std::map<std::string, at::Tensor> spikes;
    const at::Tensor predicted = runner.run(batch.input, &spikes).argmax(1);
    for (std::int64_t i = 0; i < count; ++i) {
      trace.samples.push_back({indices[static_cast<std::size_t>(begin + i)],
                               static_cast<std::int32_t>(batch.labels[i].item<std::int64_t>()),
                               static_cast<std::int32_t>(predicted[i].item<std::int64_t>())});
    }
    for (const auto& [name, record] : spikes) append_spikes(record, trace.nodes[name]);
    if (network.input_bits > 0) append_input(encode_input(network, batch.input), trace.input);
  }
  if (clipped_inputs != nullptr) *clipped_inputs = runner.clipped_inputs();
  return trace;
}

}  // namespace spikeloop::models
