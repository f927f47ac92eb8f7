#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "models/data/readers.h"
#include "traces/nir_data.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kDefaultFrames = 10;
using traces::NirData;

/// Event times are the ends of time steps: one at k dt belongs to step k - 1 (the reference library's
/// to_time_gridded with dynamic_before_transition). `steps` for all that come later.
std::int64_t step_of(double time_s, double step_s, std::int64_t steps) {
  const double step = std::ceil(time_s / step_s - 1e-6) - 1;
  return step < static_cast<double>(steps) ? std::max<std::int64_t>(0, static_cast<std::int64_t>(step))
                                           : steps;
}

class NirSet : public SampleSet {
 public:
  NirSet(NirData data, Framing framing) : data_(std::move(data)), framing_(framing) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(data_.samples.size()); }
  std::int64_t label(std::int64_t index) const override {
    return data_.labels.empty() ? 0 : data_.labels.at(static_cast<std::size_t>(index));
  }
  void read(std::int64_t index, std::uint8_t* out) const override {
    const auto& spikes = data_.samples.at(static_cast<std::size_t>(index));
    std::memset(out, 0, static_cast<std::size_t>(framing_.frames * data_.neurons));
    const auto count = static_cast<std::int64_t>(spikes.size());
    const bool from_first = framing_.frame_us > 0 && framing_.from_first_event && count > 0;
    const double origin_s = from_first ? spikes.front().time_s : 0;
    const double step_s = framing_.frame_us > 0 ? static_cast<double>(framing_.frame_us) * 1e-6
                                                : data_.duration_s / static_cast<double>(framing_.frames);
    for (std::int64_t i = 0; i < count; ++i) {
      const NirData::Spike& spike = spikes[static_cast<std::size_t>(i)];
      const std::int64_t part = count / framing_.frames;
      const std::int64_t frame =
          framing_.by == Framing::By::kCount
              ? (part == 0 ? framing_.frames - 1 : std::min(i / part, framing_.frames - 1))
              : step_of(spike.time_s - origin_s, step_s, framing_.frames);
      if (frame >= framing_.frames) continue;
      std::uint8_t& value = out[frame * data_.neurons + spike.neuron];
      if (value < (framing_.binary ? 1 : 255)) ++value;
    }
  }

 private:
  NirData data_;
  Framing framing_;
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

Dataset open_nirdata(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "train.h5 and test.h5 (NIRData)");
  Dataset dataset;
  dataset.name = "nirdata";
  Framing framing;
  std::vector<std::int64_t> shape;
  for (const bool train : {true, false}) {
    if (!(train ? options.train : options.test)) continue;
    const std::string path = folder + (train ? "/train.h5" : "/test.h5");
    NirData data = traces::read_nir_data(path);
    if (data.samples.empty()) throw InputError(path, "samples", "none", "at least one");
    if (data.labels.empty()) dataset.notes.push_back(path + " has no /labels: every sample is of class 0");
    const auto most = std::max_element(data.labels.begin(), data.labels.end());
    for (std::size_t i = 0; i < data.labels.size(); ++i) {
      if (data.labels[i] >= 0 && data.labels[i] < 1'000'000) continue;
      throw InputError(path, "/labels, sample " + std::to_string(i), std::to_string(data.labels[i]),
                       "0 to 999999");
    }
    dataset.classes = std::max(dataset.classes, data.labels.empty() ? 1 : *most + 1);
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
    (train ? dataset.train : dataset.test) = std::make_shared<NirSet>(std::move(data), framing);
  }
  if (!shape.empty()) set_events(dataset, framing, shape[0], shape[1], shape[2]);
  return dataset;
}

}  // namespace spikeloop::models
