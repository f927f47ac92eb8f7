#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "models/dataset.h"
#include "models/graph_runner.h"
#include "nas/candidate.h"
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
  const traces::Network network = traces::read_nir(network_file);
  if (dataset_name.empty()) dataset_name = network.dataset;
  if (dataset_name.empty())
    throw InputError("command line", "--dataset", "nothing, and " + network_file + " names none",
                     "a dataset");
  const models::Dataset dataset = dataset_name == "cifar10"
                                      ? models::load_cifar10_test(data)
                                      : nas::load_images(dataset_name, data, 1, records.back() + 1);
  if (records.back() >= dataset.test.size())
    throw InputError("command line", "--samples", "record " + std::to_string(records.back()),
                     "at most " + std::to_string(dataset.test.size() - 1));
  const traces::SpikeTrace trace = models::record_trace(network, dataset, dataset.test, records);
  traces::write_trace(out, trace);
  std::size_t right = 0;
  for (const traces::SampleInfo& sample : trace.samples) right += sample.label == sample.prediction ? 1 : 0;
  std::printf("%zu samples, %zu classified right, %zu spiking nodes, %d timesteps: %s\n",
              trace.samples.size(), right, trace.nodes.size(), trace.header.timesteps, out.c_str());
  return 0;
}

}  // namespace spikeloop::tools
