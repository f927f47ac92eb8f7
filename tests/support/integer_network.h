#pragma once
#include <map>
#include <string>
#include <vector>

#include "traces/network.h"
#include "traces/spike_trace.h"
#include "traces/support/random.h"

namespace spikeloop::testing {

/// Random integer weights of 2 to 8 bits, each layer its own, random scales, biases and neuron parameters, in
/// place.
void randomise_parameters(traces::Network& network, RandomStream& random);

/// What a network with integer weights computes: plain loops over [C][H][W], layers as int64 sums, the rest
/// in fp32. A second implementation of what the crossbars must come to.
struct IntegerRun {
  std::map<std::string, std::vector<traces::PackedBits>> spikes;  ///< [T], H, W, C order as in a trace
  std::vector<float> output;                                      ///< mean over timesteps
};
/// `input`: of one sample.
IntegerRun run_integers(const traces::Network& network, const traces::SpikeTrace::Input& input,
                        int timesteps);

/// A trace of random inputs and of the spikes and predictions they lead to.
traces::SpikeTrace integer_trace(const traces::Network& network, int samples, std::uint64_t seed,
                                 int frames = 1);

}  // namespace spikeloop::testing
