#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/simulate.h"
#include "sim/waves/chip_waves.h"
#include "tools/support/command_line.h"

namespace spikeloop::tools {

/// A replay's options for waves.
struct WaveOptions {
  std::string file, window;
  std::vector<std::string> signals;
  std::int64_t sample = -1;
  void describe(po::options_description& options);
};

/// Takes the waves of one sample of a replay.
class WaveTaker {
 public:
  /// Does nothing without --waves; else checks everything that can be checked before the run and sets
  /// how.recorder. Throws InputError.
  WaveTaker(const WaveOptions& options, const traces::Network& network, const traces::TraceReader& trace,
            const sim::ChipConfig& chip, sim::SimulateOptions& how);
  void write();

 private:
  struct Parts {
    sim::Plan plan;
    sim::Timing timing;
    std::unique_ptr<sim::ChipWaves> waves;
  };
  std::string file_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace spikeloop::tools
