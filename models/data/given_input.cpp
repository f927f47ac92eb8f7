#include "models/data/given_input.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <sstream>
#include <utility>

#include "models/data/events.h"
#include "models/data/npz.h"
#include "models/data/readers.h"
#include "traces/nir_data.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

struct Size {
  std::int64_t timesteps, channels, height, width;
  std::int64_t neurons() const { return channels * height * width; }
};

void add(std::vector<std::uint8_t>& sample, std::int64_t timestep, std::int64_t neuron, const Size& size) {
  if (timestep < 0 || timestep >= size.timesteps) return;
  std::uint8_t& count = sample[static_cast<std::size_t>(timestep * size.neurons() + neuron)];
  if (count < 255) ++count;
}

using Samples = std::shared_ptr<const SampleSet>;

Samples one_sample(std::vector<std::uint8_t> sample) {
  return std::make_shared<MemorySet>(std::move(sample), std::vector<std::int64_t>{-1});
}

void refuse_asked_step(const std::string& path, const GivenInputShape& shape) {
  if (shape.dt_asked)
    throw InputError("command line", "--frame-us", "given for " + path, "none: it has timesteps of its own");
}

Samples from_nir_data(const std::string& path, const Size& size, const Framing& framing,
                      const GivenInputShape& shape) {
  traces::NirData data = traces::read_nir_data(path);
  if (data.neurons != size.neurons()) {
    throw InputError(path, "neurons", std::to_string(data.neurons),
                     std::to_string(size.neurons()) + ", the elements of the network's input");
  }
  if (data.samples.empty()) throw InputError(path, "samples", "none", "at least one");
  if (data.steps > 0) refuse_asked_step(path, shape);
  data.labels.resize(data.samples.size(), -1);
  const double own_step_s = data.duration_s / static_cast<double>(std::max<std::int64_t>(1, data.steps));
  const double step_s = data.steps > 0 ? own_step_s : shape.dt_s;
  return nir_samples(std::move(data), framing, step_s);
}

Samples from_npz(const std::string& path, const Size& size) {
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
  return one_sample(std::move(sample));
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

Samples from_csv(const std::string& path, const Size& size, double dt_s, std::int64_t& late) {
  std::istringstream lines(read_file(path));
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(size.timesteps * size.neurons()), 0);
  std::int64_t number = 0, events = 0;
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
    ++events;
    if (step >= static_cast<double>(size.timesteps)) {
      ++late;
      continue;
    }
    add(sample, static_cast<std::int64_t>(step), (p * size.height + y) * size.width + x, size);
  }
  if (events == 0) throw InputError(path, "events", "none", "at least one line t,x,y,p");
  return one_sample(std::move(sample));
}

Samples from_aedat2(const std::string& path, const Size& size, Framing framing, double dt_s) {
  const Recording recording = read_aedat2(path);
  if (size.channels != 2 || size.height != recording.height || size.width != recording.width) {
    throw InputError(path, "pixels", shape_text({2, recording.height, recording.width}),
                     shape_text({size.channels, size.height, size.width}) + ", the network's input");
  }
  framing.frame_us = std::llround(dt_s * 1e6);
  if (framing.frame_us < 1 || std::abs(static_cast<double>(framing.frame_us) - dt_s * 1e6) > 1e-6) {
    throw InputError(path, "timestep", std::to_string(dt_s * 1e6) + " us",
                     "whole microseconds (--frame-us), as its times have");
  }
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(size.timesteps * size.neurons()));
  framing.from_first_event = true;  // its times count from when the camera was switched on
  bin_events(recording, framing, sample.data());
  return one_sample(std::move(sample));
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
  if (ends_with(path, ".h5") || ends_with(path, ".hdf5")) {
    dataset.test = from_nir_data(path, size, framing, shape);
  } else if (ends_with(path, ".npz")) {
    refuse_asked_step(path, shape);
    dataset.test = from_npz(path, size);
  } else if (ends_with(path, ".csv")) {
    std::int64_t late = 0;
    dataset.test = from_csv(path, size, shape.dt_s, late);
    if (late > 0)
      dataset.notes.push_back(path + ": " + std::to_string(late) +
                              " events come after the last timestep and are left out");
  } else if (ends_with(path, ".aedat")) {
    dataset.test = from_aedat2(path, size, framing, shape.dt_s);
  } else {
    throw InputError(
        path, "name", "another ending",
        ".h5 (NIRData), .npz (frames), .csv (lines of t,x,y,p) or .aedat (AEDAT 2.0 of a DAVIS240)");
  }
  return dataset;
}

}  // namespace spikeloop::models
