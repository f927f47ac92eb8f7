#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/mapping/plan.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

/// The bits of every signal of a plan for one sample, as the trace says: planes[signal][timestep][bit] in H,
/// W, C order. Counts out of spike pooling are computed here from the spikes; a static signal has one
/// timestep.
struct Stimulus {
  std::vector<std::vector<std::vector<traces::PackedBits>>> planes;

  const std::vector<traces::PackedBits>& at(const Plan& plan, int signal, int timestep) const {
    const auto s = static_cast<std::size_t>(signal);
    return planes[s][plan.signals[s].is_static ? 0 : static_cast<std::size_t>(timestep)];
  }
  /// Channels of an item (a pixel) with a value that is not 0.
  int item_ones(const Plan& plan, int signal, int timestep, int item) const;
};

/// Throws InputError (trace path, node) when the trace lacks a node or its shape differs.
Stimulus read_stimulus(const Plan& plan, const traces::TraceReader& trace, std::int64_t position);

/// Every spike and every input bit set; counts out of pooling are those of such spikes.
Stimulus dense_stimulus(const Plan& plan);

/// Sums of the spikes of `source` over the pooling windows of `signal`, as bit planes.
std::vector<traces::PackedBits> pool_counts(const Signal& signal, const Signal& source,
                                            const traces::PackedBits& spikes);

/// `positions`, or every sample when there are none. Throws InputError for one that the trace lacks.
std::vector<std::int64_t> chosen_samples(const traces::TraceReader& trace,
                                         std::vector<std::int64_t> positions);

/// Checks that the trace belongs to the network (hash, timesteps) before anything is simulated.
void check_trace(const traces::Network& network, const traces::TraceReader& trace,
                 const std::string& network_path);

}  // namespace spikeloop::sim
