#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "models/data/readers.h"
#include "traces/nir_data.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kDefaultFrames = 10;
using traces::NirData;

/// The step that a time is in, or that it is the end of; `steps` for all that come later.
std::int64_t step_of(double time_s, double step_s, std::int64_t steps, bool ends) {
  const double at = time_s / step_s;
  const double step = std::max(0.0, ends ? std::ceil(at - 1e-6) - 1 : std::floor(at + 1e-6));
  return step < static_cast<double>(steps) ? static_cast<std::int64_t>(step) : steps;
}

class NirSet : public SampleSet {
 public:
  NirSet(NirData data, const Framing& framing, double step_s)
      : data_(std::move(data)),
        framing_(framing),
        step_s_(step_s),
        frames_cover_all_(!framing.from_first_event &&
                          step_s * static_cast<double>(framing.frames) >= data_.duration_s * (1 - 1e-9)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(data_.samples.size()); }
  std::int64_t label(std::int64_t index) const override {
    return data_.labels.at(static_cast<std::size_t>(index));
  }
  void read(std::int64_t index, std::uint8_t* out) const override {
    const auto& spikes = data_.samples.at(static_cast<std::size_t>(index));
    std::memset(out, 0, static_cast<std::size_t>(framing_.frames * data_.neurons));
    const auto count = static_cast<std::int64_t>(spikes.size());
    const std::int64_t part = count / framing_.frames;
    for (std::int64_t i = 0; i < count; ++i) {
      const NirData::Spike& spike = spikes[static_cast<std::size_t>(i)];
      std::int64_t frame = 0;
      if (framing_.by == Framing::By::kCount) {
        frame = part == 0 ? framing_.frames - 1 : std::min(i / part, framing_.frames - 1);
      } else if (framing_.from_first_event) {
        frame = step_of(spike.time_s - spikes.front().time_s, step_s_, framing_.frames, false);
      } else {
        frame = step_of(spike.time_s, step_s_, framing_.frames, data_.times_end_steps());
      }
      if (frames_cover_all_ && spike.time_s <= data_.duration_s) frame = std::min(frame, framing_.frames - 1);
      if (frame >= framing_.frames) continue;
      std::uint8_t& value = out[frame * data_.neurons + spike.neuron];
      if (value < (framing_.binary ? 1 : 255)) ++value;
    }
  }

 private:
  NirData data_;
  Framing framing_;
  double step_s_;
  bool frames_cover_all_;  ///< what is at the very end belongs to the last one
};

/// [channels, height, width] of a sample.
std::vector<std::int64_t> shape_of(const NirData& data, const std::string& path) {
  if (data.shape.empty()) return {data.neurons, 1, 1};
  std::int64_t elements = 1;
  for (const std::int64_t length : data.shape) {
    elements = length > 0 && length <= data.neurons && elements <= data.neurons ? elements * length : -1;
    if (elements < 0) break;
  }
  if (data.shape.size() != 3 || elements != data.neurons) {
    throw InputError(path, "/shape", std::to_string(data.shape.size()) + " lengths of another product",
                     "channels, height and width of the " + std::to_string(data.neurons) + " neurons");
  }
  return data.shape;
}

}  // namespace

std::shared_ptr<const SampleSet> nir_samples(traces::NirData data, const Framing& framing, double step_s) {
  return std::make_shared<NirSet>(std::move(data), framing, step_s);
}

Dataset open_nirdata(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "train.h5 and test.h5 (NIRData)");
  Dataset dataset;
  dataset.name = "nirdata";
  Framing framing;
  std::vector<std::int64_t> shape;
  // Both halves where they are there: the number of classes and what times mean are those of both.
  std::vector<std::pair<std::string, NirData>> halves;
  bool at_zero = false, at_end = false;
  for (const bool train : {true, false}) {
    const std::string path = folder + (train ? "/train.h5" : "/test.h5");
    std::error_code error;
    if (!(train ? options.train : options.test) && !std::filesystem::exists(path, error)) continue;
    halves.emplace_back(path, traces::read_nir_data(path));
    at_zero = at_zero || halves.back().second.spike_at_zero;
    at_end = at_end || halves.back().second.spike_at_end;
  }
  for (auto& [path, data] : halves) {
    const bool train = ends_with(path, "/train.h5");
    const bool wanted = train ? options.train : options.test;
    data.spike_at_zero = at_zero;
    data.spike_at_end = at_end;
    if (data.samples.empty()) throw InputError(path, "samples", "none", "at least one");
    if (wanted && data.times_end_steps())
      dataset.notes.push_back(path + ": times taken for ends of steps: some are t_max, none is 0");
    if (wanted && data.labels.empty())
      dataset.notes.push_back(path + " has no /labels: every sample is of class 0");
    const auto most = std::max_element(data.labels.begin(), data.labels.end());
    for (std::size_t i = 0; i < data.labels.size(); ++i) {
      if (data.labels[i] >= 0 && data.labels[i] < 1'000'000) continue;
      throw InputError(path, "/labels, sample " + std::to_string(i), std::to_string(data.labels[i]),
                       "0 to 999999");
    }
    dataset.classes = std::max(dataset.classes, data.labels.empty() ? 1 : *most + 1);
    if (!wanted) continue;
    const Framing own = checked(options.framing, data.steps > 0 ? data.steps : kDefaultFrames);
    const std::vector<std::int64_t> own_shape = shape_of(data, path);
    if (!shape.empty() && (own_shape != shape || own.frames != framing.frames)) {
      throw InputError(path, "samples",
                       std::to_string(own.frames) + " frames of " + std::to_string(data.neurons),
                       std::to_string(framing.frames) + " of the same shape as in train.h5");
    }
    shape = own_shape;
    framing = own;
    if (data.neurons > (std::int64_t{1} << 30) / framing.frames) {
      throw InputError(path, "samples",
                       std::to_string(framing.frames) + " frames of " + std::to_string(data.neurons),
                       "at most 2^30 values a sample");
    }
    data.labels.resize(data.samples.size(), 0);
    const double step_s = framing.frame_us > 0 ? static_cast<double>(framing.frame_us) * 1e-6
                                               : data.duration_s / static_cast<double>(framing.frames);
    (train ? dataset.train : dataset.test) = nir_samples(std::move(data), framing, step_s);
  }
  if (!shape.empty()) set_events(dataset, framing, shape[0], shape[1], shape[2]);
  return dataset;
}

}  // namespace spikeloop::models
