#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

namespace spikeloop::models {

/// Runs a network given as plain data, timestep by timestep, as it stands (quantised weights as integer *
/// scale, input rounded to its integers when input_bits > 0). What it records is what the chip replays.
class GraphRunner {
 public:
  /// `file` is for messages. Throws InputError for what cannot be run.
  GraphRunner(const traces::Network& network, const std::string& file);
  ~GraphRunner();

  /// images: float32 [B, C, H, W], normalised, the same at every timestep; or [T, B, C, H, W], frames (event
  /// counts, rate-coded spikes), as many as the network has timesteps. Returns [B, classes], the mean
  /// over timesteps of the Output. spikes: if given, filled per spiking node with uint8 [T, B, ...] (0/1);
  /// membranes: with float32 [T, B, ...], after the reset, of nodes that have them.
  at::Tensor run(const at::Tensor& images, std::map<std::string, at::Tensor>* spikes = nullptr,
                 std::map<std::string, at::Tensor>* membranes = nullptr);

  /// Values of quantised inputs that were limited to the integers' range, in all runs so far: event counts
  /// larger than input_bits hold.
  std::int64_t clipped_inputs() const { return clipped_inputs_; }

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
  std::int64_t clipped_inputs_ = 0;
};

/// Runs the chosen test records (indices into `samples`) and collects the spike trace. clipped_inputs: if
/// given, GraphRunner's number.
traces::SpikeTrace record_trace(const traces::Network& network, const Dataset& dataset,
                                const SampleSet& samples, const std::vector<std::int64_t>& indices,
                                std::int64_t* clipped_inputs = nullptr);

}  // namespace spikeloop::models
