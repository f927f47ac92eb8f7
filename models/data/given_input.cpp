#include "models/data/given_input.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <sstream>
#include <utility>

#include "models/data/npz.h"
#include "models/data/readers.h"
#include "traces/nir_data.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

/// Samples in memory, each [T, C, H, W] counts.
struct Counts {
  std::vector<std::vector<std::uint8_t>> samples;
  std::vector<std::int64_t> labels;
};

class CountSet : public SampleSet {
 public:
  explicit CountSet(Counts counts) : counts_(std::move(counts)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(counts_.samples.size()); }
  std::int64_t label(std::int64_t index) const override {
    return counts_.labels.at(static_cast<std::size_t>(index));
  }
  void read(std::int64_t index, std::uint8_t* out) const override {
    const auto& sample = counts_.samples.at(static_cast<std::size_t>(index));
    std::copy(sample.begin(), sample.end(), out);
  }

 private:
  Counts counts_;
};

struct Size {
  std::int64_t timesteps, channels, height, width;
  std::int64_t neurons() const { return channels * height * width; }
};

void add(std::vector<std::uint8_t>& sample, std::int64_t timestep, std::int64_t neuron, const Size& size) {
  if (timestep < 0 || timestep >= size.timesteps) return;
  std::uint8_t& count = sample[static_cast<std::size_t>(timestep * size.neurons() + neuron)];
  if (count < 255) ++count;
}

Counts from_nir_data(const std::string& path, const Size& size, double dt_s) {
  const traces::NirData data = traces::read_nir_data(path);
  if (data.neurons != size.neurons()) {
    throw InputError(path, "neurons", std::to_string(data.neurons),
                     std::to_string(size.neurons()) + ", the elements of the network's input");
  }
  if (data.samples.empty()) throw InputError(path, "samples", "none", "at least one");
  Counts counts;
  counts.labels = data.labels;
  counts.labels.resize(data.samples.size(), -1);
  // A grid's own step, or the network's; a spike of step k of a grid is told at its end.
  const double step_s = data.steps > 0 ? data.duration_s / static_cast<double>(data.steps) : dt_s;
  for (const auto& spikes : data.samples) {
    std::vector<std::uint8_t> sample(static_cast<std::size_t>(size.timesteps * size.neurons()), 0);
    for (const auto& spike : spikes) {
      const double at = spike.time_s / step_s;
      const double step = data.steps > 0 ? std::round(at) - 1 : std::floor(at + 1e-6);
      if (step < static_cast<double>(size.timesteps))
        add(sample, static_cast<std::int64_t>(step), spike.neuron, size);
    }
    counts.samples.push_back(std::move(sample));
  }
  return counts;
}

Counts from_npz(const std::string& path, const Size& size) {
  const NpyArray array = read_npz(path, "frames");
  const std::vector<std::int64_t> wanted{size.timesteps, size.channels, size.height, size.width};
  if (array.shape != wanted) throw InputError(path, "frames", shape_text(array.shape), shape_text(wanted));
  std::vector<std::uint8_t> sample;
  for (const double value : array.values) {
    if (!(value >= 0 && value == std::floor(value))) {
      throw InputError(path, "frames, element " + std::to_string(sample.size()), std::to_string(value),
                       "a count of events");
    }
    sample.push_back(static_cast<std::uint8_t>(std::min(255.0, value)));
  }
  return {{std::move(sample)}, {-1}};
}

/// Four integers between commas; false for anything else.
bool parse_event(const std::string& line, std::int64_t (&fields)[4]) {
  const char* at = line.data();
  const char* const end = at + line.size();
  for (int i = 0; i < 4; ++i) {
    while (at < end && *at == ' ') ++at;
    const auto result = std::from_chars(at, end, fields[i]);
    if (result.ec != std::errc()) return false;
    at = result.ptr;
    if (i < 3 && (at == end || *at++ != ',')) return false;
  }
  return at == end;
}

Counts from_csv(const std::string& path, const Size& size, double dt_s) {
  std::istringstream lines(read_file(path));
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(size.timesteps * size.neurons()), 0);
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::int64_t fields[4]{};
    const std::string place = "line " + std::to_string(number);
    if (!parse_event(line, fields)) {
      if (line.empty() || (number == 1 && line.find_first_of("0123456789") == std::string::npos)) continue;
      throw InputError(path, place, '"' + line.substr(0, 40) + '"', "t,x,y,p as integers");
    }
    const auto [t, x, y, p] = fields;
    if (t < 0 || x < 0 || x >= size.width || y < 0 || y >= size.height || p < 0 || p >= size.channels) {
      throw InputError(path, place, '"' + line + '"',
                       "t from 0, x below " + std::to_string(size.width) + ", y below " +
                           std::to_string(size.height) + ", p below " + std::to_string(size.channels));
    }
    const double step = std::floor(static_cast<double>(t) * 1e-6 / dt_s + 1e-6);
    if (step >= static_cast<double>(size.timesteps)) continue;
    add(sample, static_cast<std::int64_t>(step), (p * size.height + y) * size.width + x, size);
  }
  return {{std::move(sample)}, {-1}};
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Dataset open_given_input(const std::string& path, const GivenInputShape& shape) {
  const bool map = shape.input.size() == 3;
  const Size size{shape.timesteps, shape.input.at(0), map ? shape.input[1] : 1, map ? shape.input[2] : 1};
  if (size.timesteps > (std::int64_t{1} << 30) / size.neurons()) {
    throw InputError(path, "samples",
                     std::to_string(size.timesteps) + " timesteps of " + std::to_string(size.neurons()),
                     "at most 2^30 values a sample");
  }
  Dataset dataset;
  dataset.name = "given";
  dataset.classes = shape.classes;
  Framing framing;
  framing.frames = size.timesteps;
  set_events(dataset, framing, size.channels, size.height, size.width);
  Counts counts;
  if (ends_with(path, ".h5") || ends_with(path, ".hdf5")) {
    counts = from_nir_data(path, size, shape.dt_s);
  } else if (ends_with(path, ".npz")) {
    counts = from_npz(path, size);
  } else if (ends_with(path, ".csv")) {
    counts = from_csv(path, size, shape.dt_s);
  } else {
    throw InputError(path, "name", "another ending",
                     ".h5 (NIRData), .npz (frames) or .csv (lines of t,x,y,p)");
  }
  dataset.test = std::make_shared<CountSet>(std::move(counts));
  return dataset;
}

}  // namespace spikeloop::models
