#include <algorithm>

#include "models/data/events.h"
#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kSide = 34, kDefaultFrames = 10;
constexpr std::size_t kEventBytes = 5;
constexpr unsigned kClockOver = 240;  // in the place of y
constexpr std::int64_t kClockStepUs = 1 << 13;

std::shared_ptr<const SampleSet> open_half(const std::string& folder, const Framing& framing) {
  std::vector<RecordingSet::File> files;
  for (std::int64_t digit = 0; digit < 10; ++digit) {
    for (const std::string& path : files_in(folder + '/' + std::to_string(digit), ".bin")) {
      files.push_back({path, digit});
    }
  }
  if (files.empty()) throw InputError(folder, "files", "none", "<digit>/<number>.bin");
  return std::make_shared<RecordingSet>(std::move(files), framing, read_nmnist_events);
}

}  // namespace

Recording read_nmnist_events(const std::string& path) {
  const std::string bytes = read_file(path);
  if (bytes.size() % kEventBytes != 0) {
    throw InputError(path, "size", std::to_string(bytes.size()) + " bytes", "5 bytes an event, whole events");
  }
  Recording recording{kSide, kSide, {}};
  recording.events.reserve(bytes.size() / kEventBytes);
  std::int64_t passed_us = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kEventBytes) {
    const auto byte = [&](std::size_t i) {
      return static_cast<unsigned>(static_cast<unsigned char>(bytes[at + i]));
    };
    if (byte(1) == kClockOver) {
      passed_us += kClockStepUs;
      continue;
    }
    if (byte(0) >= kSide || byte(1) >= kSide) {
      throw InputError(path, "event " + std::to_string(at / kEventBytes),
                       "x " + std::to_string(byte(0)) + ", y " + std::to_string(byte(1)), "0 to 33 each");
    }
    const std::int64_t time_us = (byte(2) & 0x7FU) << 16U | byte(3) << 8U | byte(4);
    recording.events.push_back({passed_us + time_us, static_cast<std::uint16_t>(byte(0)),
                                static_cast<std::uint16_t>(byte(1)), (byte(2) & 0x80U) != 0});
  }
  sort_by_time(recording);
  return recording;
}

Dataset open_nmnist(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "Train/<digit>/<number>.bin and Test/<digit>/<number>.bin");
  const Framing framing = checked(options.framing, kDefaultFrames);
  Dataset dataset;
  dataset.name = "nmnist";
  dataset.classes = 10;
  for (int digit = 0; digit < 10; ++digit) dataset.class_names.push_back(std::to_string(digit));
  set_events(dataset, framing, 2, kSide, kSide);
  if (options.train) dataset.train = open_half(folder + "/Train", framing);
  if (options.test) dataset.test = open_half(folder + "/Test", framing);
  note_size(dataset, 60000, 10000);
  return dataset;
}

}  // namespace spikeloop::models
