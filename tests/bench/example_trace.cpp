#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "tests/support/tiny.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"

/// Writes a trace of random spikes for a network, to measure the simulator without training anything.
int main(int argc, char** argv) {
  if (argc != 5) return std::fprintf(stderr, "usage: example_trace NETWORK.nir TRACE.h5 SAMPLES RATE\n"), 2;
  try {
    const auto network = spikeloop::traces::read_nir(argv[1]);
    const auto trace = spikeloop::testing::random_trace(network, std::stoi(argv[3]), std::stod(argv[4]), 1);
    spikeloop::traces::write_trace(argv[2], trace);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "example_trace: %s\n", error.what()), 1;
  }
  return 0;
}
