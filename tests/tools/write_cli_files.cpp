#include <exception>
#include <iostream>
#include <string>

#include "tests/support/tiny.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"

/// Writes a small network and its trace of four samples into a folder, for cli_sim_test.sh.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_cli_files FOLDER\n";
    return 2;
  }
  try {
    const std::string folder = argv[1];
    const auto network = spikeloop::testing::small_classifier();
    spikeloop::traces::write_nir(folder + "/network.nir", network);
    spikeloop::traces::write_trace(folder + "/trace.h5",
                                   spikeloop::testing::random_trace(network, 4, 0.2, 7));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "write_cli_files: " << error.what() << '\n';
    return 1;
  }
}
