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
  std::vector<std::int64_t> neurons;  ///< of each node, in H, W, C order; empty: of all nodes that fit
};

struct TraceWaves {
  Waves waves;
  std::vector<std::string> counts_only;  ///< nodes whose neurons are left out, as too many for a viewer
};

/// A spike trace as waves: a timestep is 1 ns, samples follow each other.
///
///   trace.sample, .timestep   position of the sample; timestep within it
///   trace.NODE.spikes         neurons of the node (all of them) that fire in the timestep
///   trace.NODE.yY_xX_cC       1 while the neuron fires; cC alone in a vector
///
/// Without a choice of neurons, nodes get theirs from the smallest on as long as a viewer's limits (20,000
/// neurons, 50,000,000 values) hold. Throws InputError naming the option: nothing selected, or a choice
/// beyond the limits.
TraceWaves trace_waves(const traces::TraceReader& trace, const TraceWaveSelection& selection);

}  // namespace spikeloop::sim
