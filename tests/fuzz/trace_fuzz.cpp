#include <string>
#include <utility>
#include <vector>

#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "tests/fuzz/in_process.h"
#include "tests/support/tiny.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Traces with any content beside a fixed network: read and turned into stimuli, or refused with an
/// InputError.
namespace {

using namespace spikeloop;

traces::Network fixed_network() {
  return testing::NetworkBuilder({1, 4, 4})
      .conv("conv", "input", 2, 3)
      .lif("lif", {"conv"})
      .pool("pool", "lif", 2, 2)
      .flatten("flat", "pool")
      .linear("fc", "flat", 8, 3)
      .lif("out", {"fc"})
      .output("out", {3}, 2);
}

std::vector<std::string> base_files(const traces::Network& network) {
  const testing::TemporaryFolder folder;
  std::vector<std::string> files;
  for (const int frames : {1, 2}) {
    traces::write_trace(folder.file("trace.h5"), testing::random_trace(network, 2, 0.3, 1, frames));
    files.push_back(read_file(folder.file("trace.h5")));
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const traces::Network network = fixed_network();
  static const std::vector<std::string> bases = base_files(network);
  static const fuzz::MemoryFile file;
  fuzz::Decisions decisions(data, size);
  const std::string& base = bases[decisions.below(static_cast<std::uint32_t>(bases.size()))];
  const std::string edited = fuzz::edit_hdf5(base, decisions);
  if (edited.empty()) return 0;
  file.write(edited.data(), edited.size());
  try {
    const traces::TraceReader trace(file.path());
    sim::check_trace(network, trace, "network");
    const auto frames = trace.input(0).frames;
    sim::ChipConfig chip = testing::tiny_chip();
    chip.mesh.columns = 8;
    const sim::Plan plan = sim::make_plan(network, chip, trace.header().timesteps,
                                          frames == 0 ? 1 : static_cast<int>(frames), "");
    for (std::size_t i = 0; i < trace.samples().size() && i < 3; ++i)
      sim::read_stimulus(plan, trace, static_cast<std::int64_t>(i));
  } catch (const InputError&) {
    // The right answer.
  }
  fuzz::expect_all_closed();
  return 0;
}
