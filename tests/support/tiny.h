#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "tests/support/temporary_folder.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

/// Small chips, networks and traces for tests of the simulator.
namespace spikeloop::testing {

/// 1 GHz, 2 x 1 mesh, 8-bit flits behind 8-bit headers, 8 x 8 crossbars of 4-bit cells, one conversion a
/// cycle; every energy is a different power of two of 1 aJ, so that a wrong count shows.
sim::ChipConfig tiny_chip();

/// Builds networks a node at a time; names are the caller's.
class NetworkBuilder {
 public:
  explicit NetworkBuilder(std::vector<std::int64_t> input_shape, int input_bits = 8);
  NetworkBuilder& conv(const std::string& name, const std::string& from, int out, int kernel, int stride = 1,
                       int padding = -1);
  NetworkBuilder& linear(const std::string& name, const std::string& from, int in, int out);
  NetworkBuilder& sum(const std::string& name, const std::vector<std::string>& from);
  NetworkBuilder& lif(const std::string& name, const std::vector<std::string>& from);
  NetworkBuilder& pool(const std::string& name, const std::string& from, int kernel, int stride,
                       int padding = 0);
  NetworkBuilder& flatten(const std::string& name, const std::string& from);
  NetworkBuilder& edge(const std::string& from, const std::string& to, bool backward = false);
  traces::Network output(const std::string& from, std::vector<std::int64_t> shape, int timesteps);

 private:
  int add(const std::string& name, traces::NodeParams params, const std::vector<std::string>& from);
  std::int64_t channels_of(const std::string& name) const;
  traces::Network network_;
  std::vector<std::int64_t> channels_;
};

/// [3, 8, 8] through two convolutions and a linear layer to 10 classes, each with its LIF; 3 timesteps.
traces::Network small_classifier();

/// Random spikes of every LIF with probability `rate`, random input integers (all 0 when rate is 0).
/// `frames`: 1, or the network's timesteps for an input that changes.
traces::SpikeTrace random_trace(const traces::Network& network, int samples, double rate, std::uint64_t seed,
                                int frames = 1);

}  // namespace spikeloop::testing
