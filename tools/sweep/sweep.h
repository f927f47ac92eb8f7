#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "tools/sweep/axes.h"

/// Measures one network with one trace on many variants of a chip, each in a process of spikeloop-sim.
///
/// A sweep lives in a folder: sweep.json says what is swept, and by which build of the simulator,
/// runs/NUMBER/ has the measurement of a combination (measurement.json), its row (row.json, written last:
/// what counts as done) and its log, and at the end table.csv, table.json and times.csv. The tables are the
/// same bytes however many processes worked and however often the sweep was stopped; what depends on the
/// machine is in times.csv.
namespace spikeloop::tools {

/// What decides the results.
struct SweepSettings {
  std::string network, trace, hw;  ///< paths as given, which stand in messages
  std::vector<Axis> axes;
  std::string samples;  ///< "" = all
  std::string engine = "fast";
  bool replays = true;               ///< false: accuracy alone, which no engine takes part in
  std::vector<std::string> options;  ///< handed on to spikeloop-sim as they are: "--functional"
};

struct SweepPlaces {
  std::string out;       ///< the sweep's folder: new, empty, or an earlier run's of the same sweep
  std::string programs;  ///< folder of spikeloop-sim and spikeloop-job
  int jobs = 1;
  std::int64_t limit = 1000;  ///< of combinations
  bool quiet = false;         ///< neither progress nor table
};

/// Runs what an earlier run has not measured yet, writes the tables and prints one. Returns the exit code: 0,
/// 1 when nothing could be measured or a simulation failed, 128 + the number of the signal that stopped it.
/// Throws InputError for wrong input and a folder of another sweep, std::runtime_error when the machine is
/// to blame (a full disk, a program that is not there).
int run_sweep(const SweepSettings& settings, const SweepPlaces& places, std::ostream& out);

/// The command line of `spikeloop sweep` and `spikeloop-sim sweep`, without these words. `program` is the
/// name for messages.
int sweep_command(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace spikeloop::tools
