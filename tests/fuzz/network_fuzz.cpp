#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "sim/mapping/plan.h"
#include "tests/fuzz/in_process.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"
#include "traces/nir.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// NIR files with any content: read, validated and mapped, or refused with an InputError.
namespace {

using namespace spikeloop;

std::vector<std::string> base_files() {
  const testing::TemporaryFolder folder;
  std::vector<std::string> files;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    RandomStream random(seed);
    traces::write_nir(folder.file("network.nir"), testing::random_network(random));
    files.push_back(read_file(folder.file("network.nir")));
  }
  traces::write_nir(folder.file("network.nir"), testing::NetworkBuilder({1, 4, 4})
                                                    .conv("conv", "input", 2, 3)
                                                    .lif("lif", {"conv"})
                                                    .pool("pool", "lif", 2, 2)
                                                    .flatten("flat", "pool")
                                                    .linear("fc", "flat", 8, 3)
                                                    .lif("out", {"fc"})
                                                    .output("out", {3}, 2));
  files.push_back(read_file(folder.file("network.nir")));
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> bases = base_files();
  static const fuzz::MemoryFile file;
  fuzz::Decisions decisions(data, size);
  const std::string& base = bases[decisions.below(static_cast<std::uint32_t>(bases.size()))];
  const std::string edited = fuzz::edit_hdf5(base, decisions);
  if (edited.empty()) return 0;
  file.write(edited.data(), edited.size());
  try {
    const traces::Network network = traces::read_nir(file.path());
    sim::ChipConfig chip = testing::tiny_chip();
    chip.mesh.columns = chip.mesh.rows = 16;
    chip.mesh.flit_bits = chip.mesh.header_bits = 32;
    sim::make_plan(network, chip, std::clamp(network.timesteps, 1, 4), 1, "fuzz");
  } catch (const InputError&) {
    // The right answer.
  }
  fuzz::expect_all_closed();
  return 0;
}
