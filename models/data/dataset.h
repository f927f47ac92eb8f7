#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Labelled samples on disk, in their published layouts. Plain C++, no LibTorch.
///
/// A sample is uint8 [frames, channels, height, width], row-major: a still image has one frame, an event
/// recording as many as it was binned to, each value a count of events (saturating at 255).
namespace spikeloop::models {

class SampleSet {
 public:
  virtual ~SampleSet() = default;
  virtual std::int64_t size() const = 0;
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// Writes the whole sample. Several threads may read at once. Throws InputError naming the file and the
  /// place in it.
  virtual void read(std::int64_t index, std::uint8_t* out) const = 0;
};

/// How events become frames.
struct Framing {
  enum class By { kTime, kCount } by = By::kTime;
  /// By time: frames of `frame_us` each from the sample's first event (`from_first_event`) or from time 0;
  /// events after the last frame are dropped. frame_us = 0: the sample's whole duration in `frames` equal
  /// parts. By count: the sample's events in `frames` parts of equal number (the last takes the rest), as
  /// SpikingJelly.
  std::int64_t frames = 0;  ///< 0: the dataset's default
  std::int64_t frame_us = 0;
  bool from_first_event = false;
  bool binary = false;  ///< a bit per pixel instead of a count
};

/// "time" or "count".
const char* to_string(Framing::By by);
/// Inverse of to_string. Throws InputError naming `place`.
Framing::By parse_framing(const std::string& text, const std::string& place);
/// All of it but the number of frames, such as "count,binary" or "time,frame-us=1000,from-first-event".
std::string to_text(const Framing& framing);
/// Inverse of to_text. Throws InputError naming `file`.
Framing framing_of(const std::string& text, const std::string& file);

struct Dataset {
  std::string name;                              ///< "cifar10", "nmnist", ...
  std::shared_ptr<const SampleSet> train, test;  ///< either may be null: not loaded
  std::int64_t classes = 0, frames = 1, channels = 0, height = 0, width = 0;
  /// Value of a network's input: (byte / 255 - mean[c]) / std[c] for images; the count itself for events
  /// (mean 0, std 1/255).
  std::vector<double> mean, std;
  std::vector<std::string> class_names;  ///< empty, or one per class
  bool events = false;
  Framing framing;  ///< how the recordings became frames; of events only
  /// Above 0: a network takes an image as so many frames of random spikes, drawn by read_batch and
  /// BatchLoader with the pixel, 0 to 1, as probability.
  std::int64_t rate_steps = 0;
  std::vector<std::string>
      notes;  ///< what a user should know: "train has 2500 of the 50000 published samples"
  std::int64_t sample_bytes() const { return frames * channels * height * width; }
  /// Whether a network gets integers, a frame for each timestep: counts of events, or spikes.
  bool framed() const { return events || rate_steps > 0; }
};

/// The number of samples, 0 for a half that was not opened.
inline std::int64_t size_of(const std::shared_ptr<const SampleSet>& set) { return set ? set->size() : 0; }
/// The first `count` samples of a set; all of them when it has no more or `count` is 0.
std::shared_ptr<const SampleSet> first_of(std::shared_ptr<const SampleSet> set, std::int64_t count);

struct DatasetOptions {
  std::string dir;                 ///< the dataset's folder; "" for shapes
  Framing framing;                 ///< of event recordings
  std::uint64_t seed = 1;          ///< of shapes
  bool train = true, test = true;  ///< which halves to open
};

/// Throws InputError for a name that dataset_kinds does not have.
void check_dataset_name(const std::string& name);

/// One of dataset_kinds().
/// Checks everything that can be checked without reading all samples. Throws InputError for another
/// name (with the nearest) and for whatever is wrong, naming the file, the place, what was found and what was
/// expected.
Dataset open_dataset(const std::string& name, const DatasetOptions& options);

/// What Network::input_code says of rate coding; of events it is to_text(Framing).
inline constexpr const char* kRateCode = "rate";
/// Makes the samples what a network with this input_code takes: images become spikes where it is rate coding.
/// Throws InputError naming `file` for events where it is.
void fit_input(Dataset& dataset, const std::string& input_code, std::int64_t timesteps,
               const std::string& file);

/// Names that open_dataset knows, with one line each on the expected files: for --help.
struct DatasetKind {
  const char *name, *files;
};
const std::vector<DatasetKind>& dataset_kinds();

}  // namespace spikeloop::models
