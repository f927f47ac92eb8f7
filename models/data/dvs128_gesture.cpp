#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <mutex>

#include "models/data/aedat.h"
#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// DVS128 Gesture (A. Amir et al., CVPR 2017): recordings of many trials, cut by the times in a table beside
/// each. A trial is the events with start <= time < end, as in SpikingJelly
/// (DVS128Gesture.split_aedat_files_to_np).
namespace spikeloop::models {
namespace {

constexpr std::int64_t kSide = 128, kClasses = 11, kDefaultFrames = 16;

struct Trial {
  std::size_t file = 0;
  std::int64_t label = 0, begin_us = 0, end_us = 0;
};

class TrialSet : public SampleSet {
 public:
  TrialSet(std::vector<std::string> files, std::vector<Trial> trials, Framing framing)
      : trials_(std::move(trials)), framing_(framing), files_(files.size()) {
    for (std::size_t i = 0; i < files.size(); ++i) files_[i].path = std::move(files[i]);
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(trials_.size()); }
  std::int64_t label(std::int64_t index) const override {
    return trials_.at(static_cast<std::size_t>(index)).label;
  }

  void read(std::int64_t index, std::uint8_t* out) const override {
    const Trial& trial = trials_.at(static_cast<std::size_t>(index));
    File& file = files_[trial.file];
    std::call_once(file.looked_into, [&] { look_into(file); });
    Recording recording{kSide, kSide, {}};
    std::ifstream stream(file.path, std::ios::binary);
    std::string bytes;
    for (const Part& part : file.parts) {
      if (part.last_us < trial.begin_us || part.first_us >= trial.end_us) continue;
      bytes.resize(8 * static_cast<std::size_t>(part.packet.events));
      stream.seekg(static_cast<std::streamoff>(part.packet.at));
      stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!stream) throw InputError(file.path, "read", "a file that changed meanwhile", "the file as it was");
      append_events(file.path, bytes, {0, part.packet.events, part.packet.time_offset_us}, recording);
    }
    sort_by_time(recording);  // some packets of the published files are not in order
    std::memset(out, 0, static_cast<std::size_t>(framing_.frames * 2 * kSide * kSide));
    bin_events(recording, framing_, out, trial.begin_us, trial.end_us);
  }

 private:
  /// A packet and the times in it: a trial is a small part of its file.
  struct Part {
    Aedat31Packet packet;
    std::int64_t first_us = 0, last_us = 0;
  };
  struct File {
    std::string path;
    std::once_flag looked_into;
    std::vector<Part> parts;
  };

  static void look_into(File& file) {
    const std::string bytes = read_file(file.path);
    std::vector<Part> parts;
    for (const Aedat31Packet& packet : find_packets(file.path, bytes)) {
      Recording recording{kSide, kSide, {}};
      append_events(file.path, bytes, packet, recording);
      if (recording.events.empty()) continue;
      sort_by_time(recording);
      parts.push_back({packet, recording.events.front().time_us, recording.events.back().time_us});
    }
    file.parts = std::move(parts);
  }

  std::vector<Trial> trials_;
  Framing framing_;
  mutable std::vector<File> files_;  ///< each is filled once
};

/// "class,startTime_usec,endTime_usec" and a line a trial; classes 1 to 11.
void read_trials(const std::string& path, std::size_t file, std::vector<Trial>& trials) {
  const std::vector<std::string> lines = read_lines(path);
  if (lines.empty() || lines[0].rfind("class", 0) != 0) {
    throw InputError(path, "line 1", '"' + (lines.empty() ? "" : lines[0]) + '"',
                     "class,startTime_usec,endTime_usec");
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::array<std::int64_t, 3> values{-1, -1, -1};
    const std::size_t first = lines[i].find(','), second = lines[i].find(',', first + 1);
    if (first != std::string::npos && second != std::string::npos) {
      values = {whole_number(lines[i].substr(0, first)),
                whole_number(lines[i].substr(first + 1, second - first - 1)),
                whole_number(lines[i].substr(second + 1))};
    }
    if (values[0] < 1 || values[0] > kClasses || values[1] < 0 || values[2] <= values[1]) {
      throw InputError(path, "line " + std::to_string(i + 1), '"' + lines[i] + '"',
                       "class 1 to 11, start and a later end in microseconds");
    }
    trials.push_back({file, values[0] - 1, values[1], values[2]});
  }
}

std::shared_ptr<const SampleSet> open_half(const std::string& folder, const std::string& list,
                                           const Framing& framing) {
  std::vector<std::string> files;
  std::vector<Trial> trials;
  const std::vector<std::string> lines = read_lines(folder + '/' + list);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& name = lines[i];
    if (name.empty()) continue;
    static const std::string kEnding = ".aedat";
    if (name.size() <= kEnding.size() || name.substr(name.size() - kEnding.size()) != kEnding ||
        name.find('/') != std::string::npos) {
      throw InputError(folder + '/' + list, "line " + std::to_string(i + 1), '"' + name + '"',
                       "a file *.aedat");
    }
    files.push_back(folder + '/' + name);
    if (!std::ifstream(files.back())) {
      throw InputError(folder + '/' + list, "line " + std::to_string(i + 1),
                       '"' + name + "\", no readable file", "it in " + folder);
    }
    const std::string table = files.back().substr(0, files.back().size() - kEnding.size()) + "_labels.csv";
    read_trials(table, files.size() - 1, trials);
  }
  if (trials.empty()) throw InputError(folder + '/' + list, "trials", "none", "a file *.aedat a line");
  return std::make_shared<TrialSet>(std::move(files), std::move(trials), framing);
}

}  // namespace

Dataset open_dvs128_gesture(const DatasetOptions& options) {
  const std::string folder =
      data_folder(options, "trials_to_train.txt and trials_to_test.txt of DVS128 Gesture");
  const Framing framing = checked(options.framing, kDefaultFrames);
  Dataset dataset;
  dataset.name = "dvs128-gesture";
  dataset.classes = kClasses;
  dataset.class_names = {"hand clap",
                         "right hand wave",
                         "left hand wave",
                         "right arm clockwise",
                         "right arm counter clockwise",
                         "left arm clockwise",
                         "left arm counter clockwise",
                         "arm roll",
                         "air drums",
                         "air guitar",
                         "other gestures"};
  set_events(dataset, framing, 2, kSide, kSide);
  if (options.train) dataset.train = open_half(folder, "trials_to_train.txt", framing);
  if (options.test) dataset.test = open_half(folder, "trials_to_test.txt", framing);
  note_size(dataset, 1176, 288);
  return dataset;
}

}  // namespace spikeloop::models
