#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "models/data/given_input.h"
#include "models/graph_runner.h"
#include "models/input_code.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/network.h"
#include "traces/nir.h"
#include "traces/spike_export.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop trace --network FILE.nir --out FILE.h5 [--dataset NAME | --input FILE] [--samples 0-3] "
    "[options]\n\n"
    "Runs test samples (of the dataset that the network was trained with, unless given) through a network, "
    "integer weights as the chip has them, and records which neuron "
    "fired in\n"
    "which timestep. spikeloop-sim replays the file.";

/// That the network takes these samples and answers with one number per class.
void check_suits(const traces::Network& network, const std::string& file, const models::Dataset& dataset) {
  const auto text = [](const std::vector<std::int64_t>& shape) {
    std::string result = "[";
    for (const std::int64_t size : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(size);
    return result + ']';
  };
  for (const traces::Node& node : network.nodes) {
    if (const auto* input = node.as<traces::InputParams>()) {
      std::vector<std::int64_t> sample{dataset.channels, dataset.height, dataset.width};
      if (input->shape.size() == 1 && dataset.height * dataset.width == 1) sample.resize(1);
      if (input->shape != sample)
        throw InputError(file, "node \"" + node.name + '"', "shape " + text(input->shape),
                         text(sample) + ", the samples of " + dataset.name);
    }
    if (const auto* output = node.as<traces::OutputParams>()) {
      std::int64_t size = 1;
      for (const std::int64_t length : output->shape) size *= length;
      if (size != dataset.classes)
        throw InputError(file, "node \"" + node.name + '"', "shape " + text(output->shape),
                         '[' + std::to_string(dataset.classes) + "], the classes of " + dataset.name);
    }
  }
}

/// Of a timestep of the input.
double step_s(std::int64_t frame_us, const traces::Network& network) {
  return frame_us > 0 ? static_cast<double>(frame_us) * 1e-6 : network.dt_s;
}

models::Dataset open_test_half(DataOptions& data, const CommandLine& line, const traces::Network& network,
                               const std::string& file) {
  if (data.dataset.empty()) data.dataset = network.dataset;
  if (data.dataset.empty())
    throw InputError("command line", "--dataset", "nothing, and " + file + " names none",
                     "a dataset, or --input FILE");
  return data.open(line, network.timesteps, network.input_code, file);
}

/// Of --input: as the network was trained or quantised, unless the command line says otherwise.
double input_step_s(const DataOptions& data, const traces::Network& network, const std::string& file) {
  std::int64_t frame_us = data.frame_us;
  if (frame_us == 0 && !network.input_code.empty() && network.input_code != models::kRateCode)
    frame_us = models::framing_of(network.input_code, file).frame_us;
  return step_s(frame_us, network);
}

models::Dataset open_file(const std::string& input, const DataOptions& data, const traces::Network& network,
                          const std::string& file) {
  models::GivenInputShape shape;
  shape.timesteps = network.timesteps;
  shape.dt_s = input_step_s(data, network, file);
  shape.dt_asked = data.frame_us > 0;
  const auto shapes = traces::infer_shapes(network, file);
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    if (network.nodes[i].as<traces::InputParams>() != nullptr) shape.input = shapes[i];
    if (network.nodes[i].as<traces::OutputParams>() == nullptr) continue;
    shape.classes = 1;
    for (const std::int64_t size : shapes[i]) shape.classes *= size;
  }
  return models::open_given_input(input, shape);
}

}  // namespace

int trace_command(const std::vector<std::string>& arguments) {
  std::string network_file, samples = "0-3", out, spikes, input;
  DataOptions data;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("network", po::value(&network_file)->value_name("FILE"), "the network (NIR)")(
      "samples", po::value(&samples)->value_name("LIST")->default_value(samples),
      "records of the test set, such as 0,3-5")("out", po::value(&out)->value_name("FILE"),
                                                "where the spike trace goes (HDF5)")(
      "input", po::value(&input)->value_name("FILE"),
      "spikes to run it on instead of a dataset: .h5 (NIRData), .npz (frames), .csv (t,x,y,p in "
      "microseconds) or .aedat (AEDAT 2.0, DAVIS240); a timestep is the network's dt, or --frame-us")(
      "export-spikes", po::value(&spikes)->value_name("FILE"),
      "the spikes for other tools too: .h5 (NIRData) or .csv (one sample, as SANA-FE writes)");
  add_data_options(line.options, data);
  if (!line.parse(arguments)) return 0;
  line.required("network");
  line.required("out");
  parse_records(samples, "--samples");  // before anything is read
  require_writable(out, "--out");
  if (!input.empty() && (line.given("dataset") || line.given("data")))
    throw InputError("command line", "--input", "--dataset or --data as well", "one of them");
  for (const char* option : {"frames-by", "from-first-event", "binary-events"})
    if (!input.empty() && line.given(option))
      throw InputError("command line", line.place_of(option), "together with --input",
                       "a dataset: the spikes of a file are taken as they are");
  if (!input.empty() && line.given("frame-us") && data.frame_us < 1)
    throw InputError("command line", "--frame-us", std::to_string(data.frame_us), "1 or more");
  if (!spikes.empty()) require_writable(spikes, "--export-spikes");
  require_different(
      {{"--network", network_file}, {"--input", input}, {"--out", out}, {"--export-spikes", spikes}});
  const traces::Network network = traces::read_nir(network_file);
  traces::require_timesteps(network, network_file);
  const models::Dataset dataset = input.empty() ? open_test_half(data, line, network, network_file)
                                                : open_file(input, data, network, network_file);
  const std::int64_t available = dataset.test->size();
  std::vector<std::int64_t> records = parse_records(samples, "--samples");
  if (!line.given("samples") && !input.empty()) {
    records.resize(static_cast<std::size_t>(available));
    std::iota(records.begin(), records.end(), 0);
  }
  if (records.back() >= available)
    throw InputError("command line", "--samples", "record " + std::to_string(records.back()),
                     "at most " + std::to_string(available - 1));
  check_suits(network, network_file, dataset);
  if (!spikes.empty()) traces::check_export(spikes, records.size());
  if (!input.empty())
    for (const std::string& note : dataset.notes) std::fprintf(stderr, "note: %s\n", note.c_str());
  std::int64_t clipped = 0;
  const traces::SpikeTrace trace = models::record_trace(network, dataset, *dataset.test, records, &clipped);
  warn_of_clipped_inputs(clipped, network.input_bits);
  traces::write_trace(out, trace);
  if (!spikes.empty()) {
    const double timestep_s =
        input.empty() ? step_s(dataset.framing.frame_us, network) : input_step_s(data, network, network_file);
    traces::export_spikes(spikes, trace, timestep_s);
  }
  std::size_t right = 0, labelled = 0;
  for (const traces::SampleInfo& sample : trace.samples) {
    right += sample.label == sample.prediction ? 1 : 0;
    labelled += sample.label >= 0 ? 1 : 0;
  }
  const std::string correct = labelled > 0 ? std::to_string(right) + " classified right" : "without labels";
  std::printf("%zu samples, %s, %zu spiking nodes, %d timesteps: %s\n", trace.samples.size(), correct.c_str(),
              trace.nodes.size(), trace.header.timesteps, out.c_str());
  return 0;
}

}  // namespace spikeloop::tools
