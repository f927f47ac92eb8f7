#include "traces/spike_export.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/hdf5_io.h"

namespace spikeloop::traces {

namespace {

struct Event {
  std::int64_t timestep = 0, neuron = 0;
};

/// In order of time, then of number in [C, H, W].
std::vector<Event> events_of(const SpikeTrace::NodeSpikes& node, std::size_t sample) {
  const std::int64_t pixels = node.info.height * node.info.width;
  std::vector<Event> events;
  for (std::size_t t = 0; t < node.spikes.at(sample).size(); ++t) {
    const PackedBits& bits = node.spikes[sample][t];
    const std::size_t begin = events.size();
    for (std::int64_t i = 0; i < node.info.bits(); ++i) {
      if ((bits[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1U) == 0) continue;
      events.push_back(
          {static_cast<std::int64_t>(t), i % node.info.channels * pixels + i / node.info.channels});
    }
    std::sort(events.begin() + static_cast<std::ptrdiff_t>(begin), events.end(),
              [](const Event& a, const Event& b) { return a.neuron < b.neuron; });
  }
  return events;
}

std::string csv_of(const SpikeTrace& trace) {
  std::string text = "neuron,timestep\n";
  for (const auto& [name, node] : trace.nodes) {
    for (const Event& event : events_of(node, 0))
      text += name + "." + std::to_string(event.neuron) + "," + std::to_string(event.timestep) + "\n";
  }
  return text;
}

void write_matrix(hid_t group, const std::string& name, hid_t type, std::int64_t rows, std::int64_t columns,
                  const void* data, const h5::Where& where) {
  const std::vector<std::int64_t> shape{rows, columns};
  std::vector<std::int64_t> chunk;
  if (columns > 0) chunk = {1, columns};
  const h5::Handle dataset = h5::create_dataset(group, name, type, shape, chunk, where);
  if (columns > 0) h5::write_slab(dataset.get(), type, {0, 0}, shape, data, where.in(name));
}

/// So that int(t_max / dt), the reference library's number of steps, is T in spite of rounding.
double duration_s(int timesteps, double dt_s) {
  double result = timesteps * dt_s;
  while (result / dt_s < timesteps) result = std::nextafter(result, std::numeric_limits<double>::infinity());
  return result;
}

void write_node(hid_t nodes, const std::string& name, const SpikeTrace& trace,
                const SpikeTrace::NodeSpikes& node, double dt_s, const h5::Where& where) {
  std::vector<std::vector<Event>> samples;
  std::size_t most = 0;
  for (std::size_t sample = 0; sample < trace.samples.size(); ++sample) {
    samples.push_back(events_of(node, sample));
    most = std::max(most, samples.back().size());
  }
  std::vector<std::int64_t> index(samples.size() * most, -1);
  std::vector<double> time(index.size(), std::numeric_limits<double>::infinity());
  for (std::size_t sample = 0; sample < samples.size(); ++sample) {
    for (std::size_t i = 0; i < samples[sample].size(); ++i) {
      index[sample * most + i] = samples[sample][i].neuron;
      time[sample * most + i] = (static_cast<double>(samples[sample][i].timestep) + 0.5) * dt_s;
    }
  }
  const h5::Handle group = h5::create_group(nodes, name, where);
  const h5::Where at = where.in(name);
  h5::write_string_attribute(group.get(), "__type__", "NIRNodeData", at);
  const h5::Handle observables = h5::create_group(group.get(), "observables", at);
  const h5::Handle spikes = h5::create_group(observables.get(), "spikes", at);
  const h5::Where in_spikes = at.in("observables/spikes");
  h5::write_string_attribute(spikes.get(), "__type__", "EventData", in_spikes);
  h5::write_integer_attribute(spikes.get(), "n_neurons", {node.info.bits()}, true, in_spikes);
  h5::write_real_attribute(spikes.get(), "t_max", duration_s(trace.header.timesteps, dt_s), in_spikes);
  const auto rows = static_cast<std::int64_t>(samples.size()), columns = static_cast<std::int64_t>(most);
  write_matrix(spikes.get(), "idx", H5T_NATIVE_INT64, rows, columns, index.data(), in_spikes);
  write_matrix(spikes.get(), "time", H5T_NATIVE_DOUBLE, rows, columns, time.data(), in_spikes);
}

void write_nir_data(const std::string& temporary, const SpikeTrace& trace, double dt_s,
                    const h5::Where& where) {
  const h5::Silence silence;
  h5::Handle file = h5::create_file(temporary, where);
  {
    const h5::Handle root = h5::open_group(file.get(), "/", where);
    h5::write_string_attribute(root.get(), "__type__", "NIRGraphData", where);
    const h5::Handle nodes = h5::create_group(file.get(), "nodes", where);
    for (const auto& [name, node] : trace.nodes)
      write_node(nodes.get(), name, trace, node, dt_s, where.in("nodes"));
    std::vector<std::int64_t> labels;
    for (const SampleInfo& sample : trace.samples) labels.push_back(sample.label);
    h5::write_integers(file.get(), "labels", labels, {static_cast<std::int64_t>(labels.size())}, where);
  }
  h5::close_file(file, where);
}

}  // namespace

void check_export(const std::string& path, std::size_t samples) {
  const bool csv = ends_with(path, ".csv");
  if (!csv && !ends_with(path, ".h5") && !ends_with(path, ".hdf5"))
    throw InputError(path, "name", "another ending", ".csv (SANA-FE's) or .h5 (NIRData)");
  if (csv && samples != 1) {
    throw InputError(path, "samples", std::to_string(samples),
                     "one for a CSV file, which has no column for them (or a .h5 file)");
  }
}

void export_spikes(const std::string& path, const SpikeTrace& trace, double dt_s) {
  check_export(path, trace.samples.size());
  if (ends_with(path, ".csv")) {
    write_file(path, csv_of(trace));
    return;
  }
  write_atomically(path, [&](const std::string& temporary) {
    write_nir_data(temporary, trace, dt_s, {path, ""});
  });
}

}  // namespace spikeloop::traces
