#include <cstdint>
#include <string>
#include <vector>

#include "models/data/aedat.h"
#include "models/data/events.h"
#include "models/data/jpeg.h"
#include "models/data/npz.h"
#include "tests/fuzz/in_process.h"
#include "traces/support/error.h"

/// Recordings, images and arrays with any content: read, or refused with an InputError. The first byte
/// chooses the format.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace spikeloop;
  using namespace spikeloop::models;
  if (size == 0) return 0;
  static const fuzz::MemoryFile file;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  file.write(bytes.data(), bytes.size());
  try {
    Recording recording;
    std::vector<std::uint8_t> pixels(3 * 64 * 64);
    switch (data[0] % 6) {
      case 0:
        recording = read_nmnist_events(file.path());
        break;
      case 1:
        recording = read_aedat2(file.path());
        break;
      case 2:
        recording = read_aedat31(file.path());
        break;
      case 3:
        read_jpeg(file.path(), 64, 64, pixels.data());
        break;
      case 4:
        parse_npy(bytes, "file", "array");
        break;
      default:
        read_npz(file.path(), "frames");
    }
    std::vector<std::uint8_t> frames(static_cast<std::size_t>(3 * 2 * recording.height * recording.width));
    for (const Framing& framing :
         {Framing{Framing::By::kTime, 3, 0, false, false}, Framing{Framing::By::kTime, 3, 1000, true, true},
          Framing{Framing::By::kCount, 3, 0, false, false}}) {
      bin_events(recording, framing, frames.data());
    }
  } catch (const InputError&) {
    // The right answer.
  }
  return 0;
}
