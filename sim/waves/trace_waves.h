#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/waves/waves.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

struct TraceWaveSelection {
  std::vector<std::int64_t> samples;  ///< positions; empty: the first one
  std::vector<std::string> nodes;     ///< shell-style patterns; empty: all
  std::vector<std::int64_t> neurons;  ///< of each node, in H, W, C order; empty: all
};

/// A spike trace as waves: a timestep is 1 ns, samples follow each other.
///
///   trace.sample, .timestep   position of the sample; timestep within it
///   trace.NODE.spikes         neurons of the node (all of them) that fire in the timestep
///   trace.NODE.yY_xX_cC       1 while the neuron fires; cC alone in a vector
///
/// Throws InputError naming the option: nothing selected, or more neurons than a viewer is for.
Waves trace_waves(const traces::TraceReader& trace, const TraceWaveSelection& selection);

}  // namespace spikeloop::sim
