#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/data/events.h"
#include "traces/nir_data.h"

/// One function per data set, and what they share. Private to models/data: everybody else calls open_dataset.
namespace spikeloop::models {

Dataset open_cifar10(const DatasetOptions& options);
Dataset open_cifar100(const DatasetOptions& options);
Dataset open_tiny_imagenet(const DatasetOptions& options);
Dataset open_mnist(const DatasetOptions& options);
Dataset open_fashion_mnist(const DatasetOptions& options);
Dataset open_nmnist(const DatasetOptions& options);
Dataset open_dvs128_gesture(const DatasetOptions& options);
Dataset open_cifar10_dvs(const DatasetOptions& options);
Dataset open_nirdata(const DatasetOptions& options);
Dataset open_npz_frames(const DatasetOptions& options);
Dataset open_shapes(const DatasetOptions& options);

/// Recorded spikes as counts per frame: of `step_s` seconds, or by count. A spike at k step_s is in frame k,
/// or in k - 1 where times end steps (traces/nir_data.h); with framing.from_first_event frames start at the
/// first spike's time.
std::shared_ptr<const SampleSet> nir_samples(traces::NirData data, const Framing& framing, double step_s);

constexpr std::int64_t kMaxFrames = 4096;  ///< of an event sample

/// Samples that lie in memory one after the other.
class MemorySet : public SampleSet {
 public:
  MemorySet(std::vector<std::uint8_t> bytes, std::vector<std::int64_t> labels)
      : bytes_(std::move(bytes)), labels_(std::move(labels)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t label(std::int64_t index) const override {
    return labels_.at(static_cast<std::size_t>(index));
  }
  void read(std::int64_t index, std::uint8_t* out) const override;

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<std::int64_t> labels_;
};

/// Samples that are made or decoded when first asked for and kept from then on.
class KeptSet : public SampleSet {
 public:
  using Decode = std::function<void(std::int64_t index, std::uint8_t* out)>;  ///< of several threads at once
  KeptSet(std::vector<std::int64_t> labels, std::int64_t sample_bytes, Decode decode);
  ~KeptSet() override;
  KeptSet(const KeptSet&) = delete;
  KeptSet& operator=(const KeptSet&) = delete;
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  std::int64_t label(std::int64_t index) const override {
    return labels_.at(static_cast<std::size_t>(index));
  }
  void read(std::int64_t index, std::uint8_t* out) const override;

 private:
  std::vector<std::int64_t> labels_;
  std::size_t bytes_;
  Decode decode_;
  mutable std::vector<std::atomic<std::uint8_t*>> kept_;
};

/// Event recordings of one sample a file, read and binned whenever they are asked for.
class RecordingSet : public SampleSet {
 public:
  struct File {
    std::string path;
    std::int64_t label = 0;
  };
  using Reader = std::function<Recording(const std::string& path)>;
  RecordingSet(std::vector<File> files, Framing framing, Reader reader)
      : files_(std::move(files)), framing_(framing), reader_(std::move(reader)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t label(std::int64_t index) const override {
    return files_.at(static_cast<std::size_t>(index)).label;
  }
  void read(std::int64_t index, std::uint8_t* out) const override;

 private:
  std::vector<File> files_;
  Framing framing_;
  Reader reader_;
};

/// The folder that `options` names; InputError when it is none. `expected` says what belongs there.
std::string data_folder(const DatasetOptions& options, const std::string& expected);
/// Paths of the files (or folders) in a folder whose names end in `ending`, in the order of their names.
std::vector<std::string> files_in(const std::string& folder, const std::string& ending);
std::vector<std::string> folders_in(const std::string& folder);
/// Lines of a text file without their ends; empty ones at its end do not count.
std::vector<std::string> read_lines(const std::string& path);
/// A whole number from 0 on, digits only; -1 for any other text.
std::int64_t whole_number(const std::string& text);
/// Unsigned number of `bytes` bytes at `at`, which must be there.
std::uint64_t big_endian(const std::string& text, std::size_t at, std::size_t bytes);
std::uint64_t little_endian(const std::string& text, std::size_t at, std::size_t bytes);
/// Last part of a path.
std::string name_of(const std::string& path);
/// `framing` with the default number of frames filled in; InputError for values out of range.
Framing checked(Framing framing, std::int64_t default_frames);
/// InputError for options that cut recordings where there are none; `have` says what there is.
void refuse_cutting(const Framing& framing, const std::string& dataset, const std::string& have);
/// Puts events in order of time, equal times in the order they have.
void sort_by_time(Recording& recording);
/// Notes in the data set that a half is not as large as the published one.
void note_size(Dataset& dataset, std::int64_t train, std::int64_t test);
/// Sets what all event data sets have in common.
void set_events(Dataset& dataset, const Framing& framing, std::int64_t channels, std::int64_t height,
                std::int64_t width);

}  // namespace spikeloop::models
