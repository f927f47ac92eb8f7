#include <exception>
#include <filesystem>
#include <iostream>
#include <string>

#include "sim/config/chip_fields.h"
#include "tests/models/data/writers.h"
#include "traces/support/files.h"
#include "traces/support/random.h"

namespace {

/// The target's formats in its order, each after the byte that chooses it.
void write_dataset_seeds(const std::string& folder) {
  using namespace spikeloop;
  using namespace spikeloop::models;
  const Event event{20, 3, 4, true};
  const std::string array = npy("<f4", "(1, 2, 3, 3)", std::string(72, '\0'));
  write_npz(folder + "/array.npz", "frames", array, true);
  const std::string seeds[] = {nmnist_event(1, 2, true, 3) + nmnist_event(4, 240, false, 9),
                               aedat2({{5U << 22U | 7U << 12U, 1}, {1U << 31U, 2}}),
                               aedat31({{{event, event}}, {{event}, 1, 1, 2}}),
                               jpeg(64, 3, {200, 100, 50}),
                               array,
                               read_file(folder + "/array.npz")};
  for (char i = 0; i < 6; ++i) {
    write_file(folder + "/dataset/" + std::to_string(i),
               std::string(1, i) + seeds[static_cast<std::size_t>(i)]);
  }
  write_file(folder + "/dataset/6", '\3' + jpeg(64, 1, {77}));
}

}  // namespace

/// Writes the fuzz targets' first inputs and the configuration's dictionary into a folder.
int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  using namespace spikeloop;
  if (argc != 2) {
    std::cerr << "usage: write_fuzz_seeds FOLDER\n";
    return 2;
  }
  try {
    const std::string folder = argv[1];
    for (const char* target : {"config", "dataset", "network", "nirdata", "trace"})
      fs::create_directories(folder + '/' + target);
    for (const auto& entry : fs::directory_iterator(SPIKELOOP_SOURCE_DIR "/hwconfigs")) {
      if (entry.path().extension() == ".json")
        write_file(folder + "/config/" + entry.path().filename().string(), read_file(entry.path().string()));
    }
    std::string words;
    for (const sim::Field& field : sim::chip_fields()) {
      const std::string line = std::string(field.path) + '=';
      words += "\"" + line + "\"\n\"" + field.key() + "\"\n";
      if (field.default_text != nullptr && field.is_number())
        write_file(folder + "/config/" + field.path, line + field.default_text + '\n');
    }
    write_file(folder + "/config.dict", words);
    write_dataset_seeds(folder);
    // Programs of edits: an empty one leaves the file as it is.
    RandomStream random(1);
    for (int i = 0; i < 40; ++i) {
      std::string bytes;
      for (int n = 0; n < i * 4; ++n) bytes += static_cast<char>(random.below(256));
      for (const char* target : {"network", "nirdata", "trace"})
        write_file(folder + '/' + target + "/edits-" + std::to_string(i), bytes);
    }
  } catch (const std::exception& error) {
    std::cerr << "write_fuzz_seeds: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
