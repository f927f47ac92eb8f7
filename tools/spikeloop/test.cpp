#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/checkpoint.h"
#include "models/quantise.h"
#include "models/test_network.h"
#include "models/train_quantised.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/nir.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::tools {
namespace {

using Json = nlohmann::json;

constexpr const char* kUsage =
    "usage: spikeloop test (--network FILE.nir | --checkpoint FILE) [--dataset NAME] [options]\n\n"
    "Runs a network on test samples: accuracy, what is taken for what, and how much each layer fires.\n"
    "A checkpoint has the weights as trained, a NIR file those of the chip.";

std::string class_name(const models::Dataset& dataset, std::size_t index) {
  return index < dataset.class_names.size() ? dataset.class_names[index] : std::to_string(index);
}

void print_confusion(const models::Evaluation& evaluation, const models::Dataset& dataset) {
  std::printf("\n  rows: the class, columns: the answer\n  %-18s", "");
  for (std::size_t c = 0; c < evaluation.confusion.size(); ++c) std::printf("%7zu", c);
  std::printf("   right\n");
  for (std::size_t label = 0; label < evaluation.confusion.size(); ++label) {
    const auto& row = evaluation.confusion[label];
    std::int64_t samples = 0;
    std::printf("  %3zu %-14.14s", label, class_name(dataset, label).c_str());
    for (const std::int64_t count : row) {
      samples += count;
      std::printf("%7lld", static_cast<long long>(count));
    }
    if (samples > 0)
      std::printf("  %5.1f %%", 100 * static_cast<double>(row[label]) / static_cast<double>(samples));
    std::printf("\n");
  }
}

void print_rates(const models::NetworkTest& test) {
  std::printf("\n  %-24s %10s  %s\n", "layer", "neurons", "spikes per neuron and timestep");
  for (const models::LayerRate& rate : test.rates)
    std::printf("  %-24s %10lld  %.4f\n", rate.layer.c_str(), static_cast<long long>(rate.neurons),
                rate.rate);
}

std::string to_json(const models::NetworkTest& test, const models::Dataset& dataset) {
  Json json{{"format", "spikeloop.test"},
            {"version", 1},
            {"dataset", dataset.name},
            {"samples", test.evaluation.samples},
            {"right", test.evaluation.right},
            {"accuracy", test.evaluation.accuracy()},
            {"loss", test.evaluation.loss},
            {"class_names", dataset.class_names},
            {"confusion", test.evaluation.confusion},
            {"layers", Json::array()}};
  for (const models::LayerRate& rate : test.rates)
    json["layers"].push_back({{"name", rate.layer}, {"neurons", rate.neurons}, {"rate", rate.rate}});
  return json.dump(2) + '\n';
}

}  // namespace

int test_command(const std::vector<std::string>& arguments) {
  std::string network_file, checkpoint_file, json_file;
  DataOptions data;
  models::EvaluateOptions options;
  std::int64_t test_images = 0;
  bool quiet = false;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("network", po::value(&network_file)->value_name("FILE"), "a network (NIR)")(
      "checkpoint", po::value(&checkpoint_file)->value_name("FILE"), "a checkpoint of spikeloop train");
  add_data_options(line.options, data);
  line.options.add_options()("test-images",
                             po::value(&test_images)->value_name("N")->default_value(test_images), "0: all")(
      "batch", po::value(&options.batch)->value_name("N")->default_value(options.batch), "images at a time")(
      "json", po::value(&json_file)->value_name("FILE"), "the same as JSON")(
      "quiet,q", po::bool_switch(&quiet), "no progress");
  if (!line.parse(arguments)) return 0;
  if (network_file.empty() == checkpoint_file.empty())
    throw InputError("command line", "--network", network_file.empty() ? "nothing" : "--checkpoint as well",
                     "either --network or --checkpoint");
  if (test_images < 0)
    throw InputError("command line", "--test-images", std::to_string(test_images), "0 or more");
  if (options.batch < 1)
    throw InputError("command line", "--batch", std::to_string(options.batch), "1 or more");
  if (!json_file.empty()) require_writable(json_file, "--json");
  require_different({{"--network", network_file}, {"--checkpoint", checkpoint_file}, {"--json", json_file}});
  options.quiet = quiet;

  std::optional<traces::Network> network;
  std::optional<models::Checkpoint> checkpoint;
  if (network_file.empty())
    checkpoint = models::load_checkpoint(checkpoint_file);
  else
    network = traces::read_nir(network_file);
  const std::string& file = network ? network_file : checkpoint_file;
  if (data.dataset.empty()) data.dataset = network ? network->dataset : checkpoint->dataset;
  if (data.dataset.empty())
    throw InputError("command line", "--dataset", "nothing, and " + file + " names none", "a dataset");
  const int timesteps = network ? network->timesteps : checkpoint->net->architecture().timesteps;
  const std::string& input_code = network ? network->input_code : checkpoint->input_code;
  const bool train = checkpoint && !checkpoint->qat.empty();  // whose counts decide the input's bits
  const models::Dataset dataset = data.open(line, timesteps, input_code, file, train);
  const auto set = models::first_of(dataset.test, test_images);
  if (checkpoint && !checkpoint->qat.empty())
    models::train_quantised(checkpoint->net, dataset,
                            models::parse_quantisation(checkpoint->qat, checkpoint_file));
  const models::NetworkTest test = network ? models::test_network(*network, file, dataset, *set, options)
                                           : models::test_network(checkpoint->net, dataset, *set, options);
  if (network) warn_of_clipped_inputs(test.clipped_inputs, network->input_bits);
  std::printf("%lld of %lld right, accuracy %.2f %%, loss %.4f\n",
              static_cast<long long>(test.evaluation.right), static_cast<long long>(test.evaluation.samples),
              100 * test.evaluation.accuracy(), test.evaluation.loss);
  if (dataset.classes <= 20) print_confusion(test.evaluation, dataset);
  print_rates(test);
  if (!json_file.empty()) write_file(json_file, to_json(test, dataset));
  return 0;
}

}  // namespace spikeloop::tools
