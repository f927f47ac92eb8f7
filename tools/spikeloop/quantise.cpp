#include "models/quantise.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "models/checkpoint.h"
#include "models/data/dataset.h"
#include "models/export.h"
#include "models/test_network.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/nir.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop quantise (NETWORK.nir | --checkpoint FILE) --weight-bits SPEC --out FILE.nir "
    "[options]\n\n"
    "Rounds the weights of a network, or of a training's checkpoint, to integers and says what that does to "
    "each layer. SPEC is\n"
    "BITS[:per-tensor][:mse][,LAYER=BITS ...][,input=BITS]: 2 to 8 bits for all layers and for single ones;\n"
    "a scale per output channel or per tensor; chosen by the largest weight or by least squared error.\n"
    "With a dataset the input becomes integers too, and accuracies before and after are measured.";

double kib(std::int64_t bits) { return static_cast<double>(bits) / 8 / 1024; }

std::string scale_text(const models::Quantisation& quantisation) {
  return std::string(quantisation.per_channel ? "channel" : "tensor") + ", " +
         (quantisation.scale == models::Quantisation::Scale::kMse ? "mse" : "max");
}

void print_layers(const std::vector<models::LayerRounding>& layers,
                  const models::Quantisation& quantisation) {
  std::size_t width = 5;
  for (const auto& layer : layers) width = std::max(width, layer.name.size());
  std::printf("%-*s  %9s  %7s  %-12s  %13s  %7s  %20s\n", static_cast<int>(width), "layer", "weights", "bits",
              "scale per", "largest error", "SQNR", "memory");
  std::int64_t before = 0, after = 0, weights = 0;
  const auto memory = [](std::int64_t from, std::int64_t to) {
    std::printf("%8.2f -> %.2f KiB\n", kib(from), kib(to));
  };
  for (const auto& layer : layers) {
    const std::string bits = std::to_string(layer.bits_before) + " -> " + std::to_string(layer.bits);
    std::printf("%-*s  %9lld  %7s  %-12s  %11.2f %%  %4.1f dB  ", static_cast<int>(width), layer.name.c_str(),
                static_cast<long long>(layer.weights), bits.c_str(), scale_text(quantisation).c_str(),
                100 * layer.largest_error, layer.sqnr_db);
    memory(layer.weights * layer.bits_before, layer.weights * layer.bits);
    weights += layer.weights;
    before += layer.weights * layer.bits_before;
    after += layer.weights * layer.bits;
  }
  std::printf("%-*s  %9lld  %7s  %-12s  %13s  %7s  ", static_cast<int>(width), "all",
              static_cast<long long>(weights), "", "", "", "");
  memory(before, after);
}

models::Dataset open(const DataOptions& data, const CommandLine& line, const traces::Network& network,
                     const std::string& file) {
  const models::Dataset dataset = data.open(line, network.timesteps, network.input_code, file);
  // The training half's counts say how many bits they need.
  return dataset.events ? data.open(line, network.timesteps, network.input_code, file, true) : dataset;
}

traces::Network network_of_checkpoint(const std::string& file) {
  models::Checkpoint checkpoint = models::load_checkpoint(file);
  traces::Network network = models::export_network(checkpoint.net, checkpoint.dataset);
  network.input_code = checkpoint.input_code;
  return network;
}

void print_notes(const traces::Network& rounded, const std::vector<models::LayerRounding>& layers,
                 const std::string& file) {
  if (rounded.input_bits > 0) {
    std::printf("input: %d bits, %.4g per step\n", rounded.input_bits,
                static_cast<double>(rounded.input_scale));
  } else {
    std::printf("input: floats; a chip needs integers: give a --dataset\n");
  }
  const auto before = std::find_if(layers.begin(), layers.end(),
                                   [](const models::LayerRounding& layer) { return layer.bits_before < 32; });
  if (before == layers.end()) return;
  std::printf("note: %s had %d-bit weights already; they were rounded a second time\n", file.c_str(),
              before->bits_before);
}

}  // namespace

int quantise_command(const std::vector<std::string>& arguments) {
  std::string network_file, checkpoint_file, weight_bits, out;
  std::int64_t test_images = 0;
  bool quiet = false;
  DataOptions data;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("network", po::value(&network_file)->value_name("FILE"), "the network (NIR)")(
      "checkpoint", po::value(&checkpoint_file)->value_name("FILE"),
      "a checkpoint of spikeloop train instead")("weight-bits", po::value(&weight_bits)->value_name("SPEC"),
                                                 "such as 4, or 3:mse,stem=8,fc2=6,input=6")(
      "out", po::value(&out)->value_name("FILE"), "where the integer network goes (NIR)")(
      "test-images", po::value(&test_images)->value_name("N")->default_value(0), "for accuracies; 0: all")(
      "quiet,q", po::bool_switch(&quiet), "no progress");
  add_data_options(line.options, data);
  line.positional.add("network", 1);
  if (!line.parse(arguments)) return 0;
  if (network_file.empty() == checkpoint_file.empty())
    throw InputError("command line", "--network", network_file.empty() ? "nothing" : "--checkpoint as well",
                     "either a network or --checkpoint");
  line.required("weight-bits");
  line.required("out");
  const models::Quantisation quantisation = models::parse_quantisation(weight_bits, "--weight-bits");
  const bool with_data = line.given("dataset") || line.given("data");
  if (!with_data && quantisation.input_bits != models::Quantisation{}.input_bits)
    throw InputError("command line", "--weight-bits", "input bits without --dataset",
                     "a dataset, whose range an input's scale covers");
  if (test_images < 0)
    throw InputError("command line", "--test-images", std::to_string(test_images), "0 (all) or more");
  require_writable(out, "--out");
  require_different({{"--network", network_file}, {"--checkpoint", checkpoint_file}, {"--out", out}});
  const std::string& file = network_file.empty() ? checkpoint_file : network_file;
  const traces::Network network = network_file.empty() ? network_of_checkpoint(file) : traces::read_nir(file);
  // Else what import has not decided would pass for decided once it is written.
  traces::require_timesteps(network, file);

  traces::Network rounded = network;
  if (!with_data) {
    models::quantise_weights(rounded, quantisation);
  } else {
    if (data.dataset.empty()) data.dataset = network.dataset;
    const models::Dataset dataset = open(data, line, network, file);
    models::quantise(rounded, dataset, quantisation);
    const auto test = models::first_of(dataset.test, test_images);
    models::EvaluateOptions options;
    options.quiet = quiet;
    const auto accuracy = [&](const traces::Network& which) {
      const models::NetworkTest result = models::test_network(which, file, dataset, *test, options);
      warn_of_clipped_inputs(result.clipped_inputs, which.input_bits);
      return result.evaluation.accuracy();
    };
    const double before = accuracy(network), after = accuracy(rounded);
    std::printf("test accuracy on %lld samples of %s: %.2f %% before, %.2f %% after\n",
                static_cast<long long>(test->size()), dataset.name.c_str(), 100 * before, 100 * after);
  }
  traces::write_nir(out, rounded);
  const auto layers = models::compare(network, rounded);
  print_layers(layers, quantisation);
  print_notes(rounded, layers, file);
  std::printf("network: %s\n", out.c_str());
  return 0;
}

}  // namespace spikeloop::tools
