#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "models/dataset.h"
#include "models/graph_runner.h"
#include "nas/candidate.h"
#include "nas/settings.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/network.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop trace --network FILE.nir --out FILE.h5 [--dataset NAME] [--samples 0-3] [options]\n\n"
    "Runs test images through a network, integer weights as the chip has them, and records which neuron "
    "fired in\n"
    "which timestep. spikeloop-sim replays the file.";

/// That the network takes these images and answers with one number (or several votes) per class.
void check_suits(const traces::Network& network, const std::string& file, const models::Dataset& dataset) {
  const auto text = [](const std::vector<std::int64_t>& shape) {
    std::string result = "[";
    for (const std::int64_t size : shape) result += (result.size() > 1 ? ", " : "") + std::to_string(size);
    return result + ']';
  };
  for (const traces::Node& node : network.nodes) {
    if (const auto* input = node.as<traces::InputParams>()) {
      if (input->shape != std::vector<std::int64_t>{3, 32, 32})
        throw InputError(file, "node \"" + node.name + '"', "shape " + text(input->shape),
                         "[3, 32, 32], the images of " + dataset.name);
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

}  // namespace

int trace_command(const std::vector<std::string>& arguments) {
  std::string network_file, dataset_name, data, samples = "0-3", out;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("network", po::value(&network_file)->value_name("FILE"), "the network (NIR)")(
      "dataset", po::value(&dataset_name)->value_name("NAME"),
      "cifar10 or shapes; default: what the network was trained with")(
      "data", po::value(&data)->value_name("DIR"), "folder of CIFAR-10's binary version")(
      "samples", po::value(&samples)->value_name("LIST")->default_value(samples),
      "records of the test set, such as 0,3-5")("out", po::value(&out)->value_name("FILE"),
                                                "where the spike trace goes (HDF5)");
  if (!line.parse(arguments)) return 0;
  line.required("network");
  line.required("out");
  const std::vector<std::int64_t> records = parse_records(samples, "--samples");
  require_writable(out, "--out");
  const traces::Network network = traces::read_nir(network_file);
  if (dataset_name.empty()) dataset_name = network.dataset;
  if (dataset_name.empty())
    throw InputError("command line", "--dataset", "nothing, and " + network_file + " names none",
                     "a dataset");
  const std::int64_t available = nas::sizes_of(dataset_name).test;
  if (records.back() >= available)
    throw InputError("command line", "--samples", "record " + std::to_string(records.back()),
                     "at most " + std::to_string(available - 1));
  const models::Dataset dataset =
      dataset_name == "cifar10" ? models::load_cifar10_test(data) : nas::load_images(dataset_name, data);
  check_suits(network, network_file, dataset);
  const traces::SpikeTrace trace = models::record_trace(network, dataset, dataset.test, records);
  traces::write_trace(out, trace);
  std::size_t right = 0;
  for (const traces::SampleInfo& sample : trace.samples) right += sample.label == sample.prediction ? 1 : 0;
  std::printf("%zu samples, %zu classified right, %zu spiking nodes, %d timesteps: %s\n",
              trace.samples.size(), right, trace.nodes.size(), trace.header.timesteps, out.c_str());
  return 0;
}

}  // namespace spikeloop::tools
