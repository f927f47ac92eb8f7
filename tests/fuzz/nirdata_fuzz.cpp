#include <string>
#include <vector>

#include "tests/fuzz/in_process.h"
#include "tests/models/data/writers.h"
#include "tests/support/tiny.h"
#include "traces/nir_data.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Recorded spikes (NIRData) with any content: read, or refused with an InputError.
namespace {

using namespace spikeloop;

std::vector<std::string> base_files() {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("spikes.h5");
  std::vector<std::string> files;
  models::write_nir_events(path);
  files.push_back(read_file(path));
  models::write_nir_grid(path);
  files.push_back(read_file(path));
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
    const traces::NirData found = traces::read_nir_data(file.path());
    std::int64_t spikes = 0;
    for (const auto& sample : found.samples) spikes += static_cast<std::int64_t>(sample.size());
    if (spikes > 0 && found.neurons == 0) __builtin_trap();
  } catch (const InputError&) {
    // The right answer.
  }
  fuzz::expect_all_closed();
  return 0;
}
