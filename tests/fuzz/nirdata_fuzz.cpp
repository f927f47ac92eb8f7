#include <string>
#include <vector>

#include "tests/fuzz/in_process.h"
#include "tests/support/tiny.h"
#include "traces/nir_data.h"
#include "traces/spike_export.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Recorded spikes (NIRData) with any content: read, or refused with an InputError.
namespace {

using namespace spikeloop;

std::string base_file() {
  const traces::Network network = testing::NetworkBuilder({1, 3, 3})
                                      .flatten("flat", "input")
                                      .linear("fc", "flat", 9, 3)
                                      .lif("lif", {"fc"})
                                      .output("lif", {3}, 4);
  const testing::TemporaryFolder folder;
  traces::export_spikes(folder.file("spikes.h5"), testing::random_trace(network, 2, 0.3, 1, 1), 1e-3);
  return read_file(folder.file("spikes.h5"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string base = base_file();
  static const fuzz::MemoryFile file;
  fuzz::Decisions decisions(data, size);
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
