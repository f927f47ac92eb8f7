#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <system_error>

#include "models/data/npz.h"
#include "models/data/readers.h"
#include "traces/support/error.h"

/// Folders of SpikingJelly's integrated frames: <split>/<class>/<name>.npz with an array "frames" [T, 2, H,
/// W] (spikingjelly.datasets, frames_number_..._split_by_... and duration_...). Classes in the order of their
/// names.
namespace spikeloop::models {
namespace {

class FrameSet : public SampleSet {
 public:
  FrameSet(std::vector<RecordingSet::File> files, std::vector<std::int64_t> shape, bool binary)
      : files_(std::move(files)), shape_(std::move(shape)), most_(binary ? 1 : 255) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t label(std::int64_t index) const override {
    return files_.at(static_cast<std::size_t>(index)).label;
  }
  void read(std::int64_t index, std::uint8_t* out) const override {
    const std::string& path = files_.at(static_cast<std::size_t>(index)).path;
    const NpyArray array = read_npz(path, "frames");
    if (array.shape != shape_) throw InputError(path, "frames", shape_text(array.shape), shape_text(shape_));
    for (std::size_t i = 0; i < array.values.size(); ++i) {
      const double value = array.values[i];
      if (!(value >= 0 && value == std::floor(value))) {
        throw InputError(path, "frames, element " + std::to_string(i), std::to_string(value),
                         "a count of events");
      }
      out[i] = static_cast<std::uint8_t>(std::min(most_, value));
    }
  }

 private:
  std::vector<RecordingSet::File> files_;
  std::vector<std::int64_t> shape_;
  double most_;
};

std::vector<RecordingSet::File> files_of(const std::string& folder, const std::vector<std::string>& classes) {
  std::vector<RecordingSet::File> files;
  for (const std::string& place : folders_in(folder)) {
    const auto found = std::find(classes.begin(), classes.end(), name_of(place));
    if (found == classes.end())
      throw InputError(place, "class", name_of(place), "one of the classes in train");
    for (const std::string& path : files_in(place, ".npz")) files.push_back({path, found - classes.begin()});
  }
  if (files.empty()) throw InputError(folder, "files", "none", "<class>/*.npz");
  return files;
}

}  // namespace

Dataset open_npz_frames(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "train/<class>/*.npz and test/<class>/*.npz");
  refuse_cutting(options.framing, "npz-frames", "frames already");
  Dataset dataset;
  dataset.name = "npz-frames";
  std::error_code error;
  const bool has_train = std::filesystem::is_directory(folder + "/train", error);
  for (const std::string& place : folders_in(folder + (has_train ? "/train" : "/test"))) {
    dataset.class_names.push_back(name_of(place));
  }
  dataset.classes = static_cast<std::int64_t>(dataset.class_names.size());
  if (dataset.classes == 0) throw InputError(folder + "/train", "folders", "none", "one for each class");
  std::vector<std::int64_t> shape;
  for (const bool train : {true, false}) {
    if (!(train ? options.train : options.test)) continue;
    auto files = files_of(folder + (train ? "/train" : "/test"), dataset.class_names);
    if (shape.empty()) {
      const std::string& first = files.front().path;
      shape = read_npz(first, "frames").shape;
      if (shape.size() != 4 || shape[1] != 2) {
        throw InputError(first, "frames", shape_text(shape), "[T, 2, height, width]");
      }
      if (options.framing.frames > 0 && options.framing.frames != shape[0]) {
        throw InputError(first, "frames", std::to_string(shape[0]) + " frames",
                         std::to_string(options.framing.frames) + ", the timesteps");
      }
    }
    (train ? dataset.train : dataset.test) =
        std::make_shared<FrameSet>(std::move(files), shape, options.framing.binary);
  }
  if (!shape.empty()) set_events(dataset, checked({}, shape[0]), 2, shape[2], shape[3]);
  return dataset;
}

}  // namespace spikeloop::models
