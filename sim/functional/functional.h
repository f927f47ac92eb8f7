#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/functional/functional_report.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

struct FunctionalOptions {
  std::uint64_t seed = 0;         ///< of devices, ADCs and read noise
  bool ideal_adc_bits = false;    ///< every layer with ADCs that lose nothing, whatever the chip's
  bool column_by_column = false;  ///< for tests: even where nothing can be lost
};

/// The network computed on the chip's crossbars: what spikes come out depends on how the weights lie on cells
/// and on the input, not on when things happen, so a sample is computed first and then replayed.
///
/// Values (sums of nodes, membranes, pooled values) are fp32, in the order of operations of
/// models/graph_runner: with ideal devices and ADCs that lose nothing every spike and output equals those of
/// the network with integer weights, bit for bit.
class FunctionalChip {
 public:
  /// Programs the devices. Throws InputError for a network without integer weights and input, or with a
  /// weight that the chip's encoding cannot hold. `plan` must outlive it.
  FunctionalChip(const traces::Network& network, const Plan& plan, const ChipConfig& chip,
                 const FunctionalOptions& options, const std::string& network_path);
  ~FunctionalChip();

  struct Result {
    Stimulus stimulus;          ///< for the replay, as read_stimulus gives the trace's
    std::vector<float> output;  ///< mean over timesteps, in C, H, W order
    int prediction = 0;         ///< its largest
  };
  /// Computes the sample at `position` from the trace's input, and compares it with the trace.
  Result run(const traces::TraceReader& trace, std::int64_t position);

  FunctionalReport report() const;  ///< of the samples run so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All samples (`positions` empty) or some, without a replay: accuracy alone.
FunctionalReport run_functional(const traces::Network& network, const traces::TraceReader& trace,
                                const ChipConfig& chip, const FunctionalOptions& options,
                                std::vector<std::int64_t> positions, const std::string& network_path,
                                bool quiet);

}  // namespace spikeloop::sim
