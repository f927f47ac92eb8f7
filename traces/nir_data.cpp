#include "traces/nir_data.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "traces/support/error.h"
#include "traces/support/hdf5_io.h"
#include "traces/support/trial_read.h"

namespace spikeloop::traces {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

/// `wanted` if it is there, the only child otherwise.
std::string pick(hid_t group, const std::string& wanted, const h5::Where& where) {
  const std::vector<std::string> names = h5::child_names(group, where);
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  if (names.size() != 1) h5::fail(where, joined(names), '"' + wanted + "\", or one only");
  return names.front();
}

std::vector<double> read_matrix(hid_t group, const std::string& name, const h5::Where& where,
                                std::size_t rank, std::vector<std::int64_t>& shape) {
  const h5::Handle dataset = h5::open_dataset(group, name, where);
  shape = h5::dimensions(dataset.get(), where.in(name));
  if (shape.size() != rank) {
    h5::fail(where.in(name), std::to_string(shape.size()) + " dimensions", std::to_string(rank));
  }
  constexpr std::size_t kMost = std::size_t{1} << 31U;
  std::size_t count = 1;
  for (const std::int64_t length : shape) {
    if (static_cast<std::size_t>(length) > kMost || (count *= static_cast<std::size_t>(length)) > kMost) {
      h5::fail(where.in(name), "more than 2^31 elements", "fewer");
    }
  }
  std::vector<double> values(count);
  if (count > 0) {
    h5::read_slab(dataset.get(), H5T_NATIVE_DOUBLE, std::vector<std::int64_t>(rank, 0), shape, values.data(),
                  where.in(name));
  }
  return values;
}

std::string text(double value) {
  char result[32];
  std::snprintf(result, sizeof result, "%.6g", value);
  return result;
}

constexpr std::int64_t kMost = std::int64_t{1} << 24U;        ///< neurons, samples, steps
constexpr std::int64_t kMostAtOnce = std::int64_t{1} << 28U;  ///< values of a sample

void check_count(std::int64_t count, const char* what, const h5::Where& where) {
  if (count < 1 || count > kMost) h5::fail(where, std::to_string(count) + ' ' + what, "1 to 2^24");
}

/// A nanosecond is far below any timestep; shorter is damage, and times divided by it leave every integer.
void check_seconds(double seconds, const char* what, const h5::Where& where) {
  if (!(seconds >= 1e-9 && seconds <= 1e9))
    h5::fail(where, what + (' ' + text(seconds)), "1e-9 to 1e9 seconds");
}

void read_grid(hid_t group, const h5::Where& where, NirData& data) {
  const double dt = h5::read_real_attribute(group, "dt", where);
  check_seconds(dt, "dt", where);
  const h5::Where in_data = where.in("data");
  const h5::Handle dataset = h5::open_dataset(group, "data", where);
  const std::vector<std::int64_t> shape = h5::dimensions(dataset.get(), in_data);
  if (shape.size() != 3) h5::fail(in_data, std::to_string(shape.size()) + " dimensions", "3");
  check_count(shape[0], "samples", in_data);
  check_count(shape[1], "steps", in_data);
  check_count(shape[2], "neurons", in_data);
  data.steps = shape[1];
  data.neurons = shape[2];
  data.duration_s = static_cast<double>(data.steps) * dt;
  if (data.steps > kMostAtOnce / data.neurons) h5::fail(in_data, "more than 2^28 values a sample", "fewer");
  data.samples.resize(static_cast<std::size_t>(shape[0]));
  // Some samples at once: a grid is mostly zeros, and all of it as numbers takes many times the file.
  const std::int64_t values_each = data.steps * data.neurons;
  const std::int64_t block = std::max<std::int64_t>(1, (std::int64_t{1} << 22U) / values_each);
  std::vector<double> values;
  for (std::int64_t first = 0; first < shape[0]; first += block) {
    const std::int64_t count = std::min(block, shape[0] - first);
    values.resize(static_cast<std::size_t>(count * values_each));
    h5::read_slab(dataset.get(), H5T_NATIVE_DOUBLE, {first, 0, 0}, {count, data.steps, data.neurons},
                  values.data(), in_data);
    for (std::int64_t i = 0; i < count * values_each; ++i) {
      const double value = values[static_cast<std::size_t>(i)];
      if (value == 0) continue;
      if (!(value >= 0 && value <= 255 && value == std::floor(value))) {
        h5::fail(in_data, text(value) + " as element " + std::to_string(first * values_each + i),
                 "numbers of spikes, 0 to 255");
      }
      auto& sample = data.samples[static_cast<std::size_t>(first + i / values_each)];
      sample.insert(sample.end(), static_cast<std::size_t>(value),
                    {(static_cast<double>(i / data.neurons % data.steps) + 0.5) * dt, i % data.neurons});
    }
  }
}

void read_events(hid_t group, const h5::Where& where, NirData& data) {
  const std::vector<std::int64_t> neurons = h5::read_integer_attribute(group, "n_neurons", where);
  if (neurons.size() != 1) h5::fail(where, std::to_string(neurons.size()) + " values of n_neurons", "one");
  check_count(neurons[0], "neurons", where);
  data.neurons = neurons[0];
  data.duration_s = h5::read_real_attribute(group, "t_max", where);
  check_seconds(data.duration_s, "t_max", where);
  std::vector<std::int64_t> shape, other;
  const std::vector<double> index = read_matrix(group, "idx", where, 2, shape);
  const std::vector<double> time = read_matrix(group, "time", where, 2, other);
  if (shape != other) h5::fail(where, "idx and time of different shapes", "the same");
  if (shape[0] > kMost) h5::fail(where, std::to_string(shape[0]) + " samples", "at most 2^24");
  data.samples.resize(static_cast<std::size_t>(shape[0]));
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] == -1) continue;
    const auto row = i / static_cast<std::size_t>(shape[1]);
    const std::string place = "sample " + std::to_string(row);
    if (!(index[i] >= 0 && index[i] < static_cast<double>(data.neurons))) {
      h5::fail(where.in("idx"), text(index[i]) + " in " + place, "-1 to " + std::to_string(data.neurons - 1));
    }
    if (!(time[i] >= 0 && time[i] < 1e9))
      h5::fail(where.in("time"), text(time[i]) + " in " + place, "seconds, 0 to 1e9");
    data.samples[row].push_back({time[i], static_cast<std::int64_t>(index[i])});
    data.spike_at_zero = data.spike_at_zero || time[i] == 0;
    data.spike_at_end = data.spike_at_end || std::abs(time[i] - data.duration_s) <= 1e-9 * data.duration_s;
  }
  for (auto& sample : data.samples) {
    std::stable_sort(sample.begin(), sample.end(),
                     [](const NirData::Spike& a, const NirData::Spike& b) { return a.time_s < b.time_s; });
  }
}

NirData read(const std::string& path, const std::string& wanted) {
  const h5::Silence silence;
  const h5::Handle file = h5::open_file(path, "a NIRData file");
  const h5::Where root{path, "/"};
  const h5::Handle nodes = h5::open_group(file.get(), "nodes", root);
  const h5::Where in_nodes = root.in("nodes");
  std::string name = wanted;
  if (name.empty()) name = pick(nodes.get(), "input", in_nodes);
  const h5::Handle node = h5::open_group(nodes.get(), name, in_nodes);
  const h5::Where in_node = in_nodes.in(name);
  const h5::Handle observables = h5::open_group(node.get(), "observables", in_node);
  const h5::Where in_observables = in_node.in("observables");
  const std::string observable = pick(observables.get(), "spikes", in_observables);
  const h5::Handle group = h5::open_group(observables.get(), observable, in_observables);
  const h5::Where where = in_observables.in(observable);
  const std::string type = h5::read_string_attribute(group.get(), "__type__", where);
  NirData data;
  if (type == "TimeGriddedData") {
    read_grid(group.get(), where, data);
  } else if (type == "EventData") {
    read_events(group.get(), where, data);
  } else {
    h5::fail(where, "__type__ \"" + type + '"', "TimeGriddedData or EventData");
  }
  std::vector<std::int64_t> dimensions;
  if (h5::has(file.get(), "labels")) {
    data.labels = h5::read_integers(file.get(), "labels", root, dimensions);
    if (data.labels.size() != data.samples.size()) {
      h5::fail(root.in("labels"), std::to_string(data.labels.size()) + " labels",
               std::to_string(data.samples.size()) + " as samples");
    }
  }
  if (h5::has(file.get(), "shape")) data.shape = h5::read_integers(file.get(), "shape", root, dimensions);
  return data;
}

}  // namespace

NirData read_nir_data(const std::string& path, const std::string& node) {
  try_in_child(path, "a NIRData file", [&] { read(path, node); });
  return read(path, node);
}

}  // namespace spikeloop::traces
