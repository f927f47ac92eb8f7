#include "models/train.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "models/device.h"
#include "models/evaluate.h"
#include "models/export.h"
#include "models/graph_runner.h"
#include "models/quantise.h"
#include "models/split.h"
#include "models/test_network.h"
#include "models/train_quantised.h"
#include "nas/candidate.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/network_options.h"
#include "tools/spikeloop/options.h"
#include "tools/spikeloop/training_options.h"
#include "traces/nir.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop train --cell CELL [--dataset NAME] (--out DIR | --checkpoint FILE --network FILE) "
    "[options]\n"
    "       spikeloop train --arch vgg9 ...\n\n"
    "Trains a network and writes a checkpoint, the network as the chip runs it (integer weights, NIR), and "
    "with\n"
    "--out also metrics.jsonl, metrics.csv, times.jsonl and curves in training.html. The same command goes "
    "on\n"
    "where it was stopped, however it ended, and comes to the same result.\n\n"
    "CELL is one connection matrix for both cells or two joined by '|': rows separated by '/', 0 none, 1 "
    "skip,\n"
    "2 conv1x1, 3 conv3x3, 4 avgpool3x3; \"0303/0030/2002/0200\". Below the diagonal: backward edges.";

/// Where the results go.
struct Outputs {
  std::string out, checkpoint, network;

  void check() {
    if (out.empty() && checkpoint.empty() && network.empty())
      throw InputError("command line", "--out", "nothing", "a folder, or --checkpoint or --network");
    if (!checkpoint.empty()) require_writable(checkpoint, "--checkpoint");
    if (!network.empty()) require_writable(network, "--network");
    if (out.empty()) return;
    if (checkpoint.empty()) checkpoint = out + "/checkpoint.pt";
    if (network.empty()) network = out + "/network.nir";
  }
  /// After all that could be wrong with the input: makes the folder.
  void prepare() const {
    if (out.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(out, error);
    if (error) throw InputError(out, "create", error.message(), "a folder that can be made");
    require_writable(checkpoint, "--out");
    require_writable(network, "--out");
  }
};

void check_going_on(const std::string& checkpoint, bool resume, bool restart) {
  if (resume && restart) throw InputError("command line", "--resume", "--restart as well", "one of them");
  if (!resume) return;
  if (checkpoint.empty())
    throw InputError("command line", "--resume", "no place of a checkpoint", "--out or --checkpoint");
  if (!std::filesystem::exists(checkpoint))
    throw InputError(checkpoint, "open", "no such file", "the checkpoint of a training to go on with");
}

void say_what_happened(const models::TrainResult& result, const models::TrainOptions& options,
                       const std::string& checkpoint) {
  if (result.was_finished) std::cout << "nothing left to train: " << checkpoint << " is finished\n";
  if (result.stopped_early)
    std::cout << "stopped early, after " << result.epochs.size() << " of " << options.epochs << " epochs\n";
  if (result.best_epoch > 0)
    std::cout << "weights of epoch " << result.best_epoch << ", the best on validation\n";
}

/// What the network takes.
void prepare_for(const models::Architecture& architecture, models::Dataset& dataset) {
  for (const models::Layer& layer : architecture.layers) {
    const auto* input = layer.as<models::layer::Input>();
    if (input != nullptr && input->code == models::layer::InputCode::kRate)
      models::fit_input(dataset, models::kRateCode, architecture.timesteps, "network");
  }
}

/// "" or why the network cannot be exported. Throws when the command line asks for the exported network.
std::string why_not_exported(const models::Architecture& architecture, bool wanted) {
  try {
    models::check_exportable(architecture);
  } catch (const InputError& error) {
    if (!wanted) return error.what();
    throw InputError("command line", "--out or --network", error.what(),
                     "--checkpoint FILE alone, to train it all the same");
  }
  return "";
}

std::string weights_text(const std::string& bits) {
  const bool number = bits.find_first_not_of("0123456789") == std::string::npos;
  return number ? bits + "-bit weights" : "weights of " + bits + " bits";
}

}  // namespace

int train_command(const std::vector<std::string>& arguments) {
  NetworkChoice choice;
  choice.spec = nas::default_spec();
  TrainingChoice training;
  models::TrainRun run;
  DataOptions data;
  data.dataset = "cifar10";
  Outputs outputs;
  std::string seed = "1", weight_bits;
  std::int64_t test_images = 0;
  bool resume = false;
  run.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));

  CommandLine line;
  line.usage = kUsage;
  po::options_description network_options("Network"), neuron_options("Neurons (default: the network's own)");
  po::options_description data_options("Data"), recipe_options("Training"), run_options("Running");
  po::options_description output_options("Output");
  add_architecture_options(network_options, neuron_options, choice);
  add_data_options(data_options, data);
  add_recipe_options(recipe_options, data_options, training);
  data_options.add_options()("test-images",
                             po::value(&test_images)->value_name("N")->default_value(test_images),
                             "for accuracies; 0: all");
  models::TrainOptions& options = training.options;
  run_options.add_options()("seed", po::value(&seed)->value_name("N")->default_value(seed),
                            "of weights, order and all draws")(
      "device", po::value(&options.device)->value_name("NAME")->default_value(options.device),
      "cpu, cuda or cuda:N")("threads,j",
                             po::value(&run.threads)->value_name("N")->default_value(run.threads),
                             "two train, the rest read ahead; never changes the result")(
      "checkpoint-minutes",
      po::value(&run.checkpoint_minutes)->value_name("X")->default_value(run.checkpoint_minutes, "10"),
      "between checkpoints within an epoch")("resume", po::bool_switch(&resume),
                                             "go on (the default); an error without a checkpoint")(
      "restart", po::bool_switch(&run.restart), "forget the checkpoint that is there")(
      "quiet,q", po::bool_switch(&run.quiet), "no progress");
  output_options.add_options()("out", po::value(&outputs.out)->value_name("DIR"),
                               "folder for checkpoint.pt, network.nir, metrics and curves")(
      "checkpoint", po::value(&outputs.checkpoint)->value_name("FILE"), "where the checkpoint goes")(
      "network", po::value(&outputs.network)->value_name("FILE"), "where the network goes")(
      "weight-bits", po::value(&weight_bits)->value_name("BITS"), "of that network; default: --qat's, or 8");
  line.options.add(network_options).add(neuron_options).add(data_options).add(recipe_options);
  line.options.add(run_options).add(output_options);
  if (!line.parse(arguments)) return 0;

  nas::SearchSettings settings;
  settings.seed = parse_seed(seed, "--seed");
  options.seed = nas::seed_of(settings, nas::SeedOf::kTraining);
  if (!line.given("min-lr")) options.min_lr = std::min(options.min_lr, options.lr);
  options = finish(training);
  models::open_device(options.device, "--device");
  if (run.threads < 1)
    throw InputError("command line", "--threads", std::to_string(run.threads), "1 or more");
  if (!(run.checkpoint_minutes > 0))
    throw InputError("command line", "--checkpoint-minutes", std::to_string(run.checkpoint_minutes),
                     "above 0");
  if (test_images < 0)
    throw InputError("command line", "--test-images", std::to_string(test_images), "0 or more");
  const char* bits_place = weight_bits.empty() ? "--qat" : "--weight-bits";
  if (weight_bits.empty()) weight_bits = options.qat.empty() ? "8" : options.qat;
  const models::Quantisation quantisation = models::parse_quantisation(weight_bits, bits_place);
  const models::Quantisation qat =
      options.qat.empty() ? models::Quantisation{} : models::parse_quantisation(options.qat, "--qat");
  outputs.check();
  require_different(
      {{"--from", choice.from}, {"--checkpoint", outputs.checkpoint}, {"--network", outputs.network}});
  models::DatasetOptions dataset_options;
  dataset_options.dir = data.dir;
  dataset_options.framing = framing_for(choice, line, data);
  dataset_options.seed = nas::kShapesSeed;
  models::Dataset dataset = models::open_dataset(data.dataset, dataset_options);
  models::GraphNet net = network_for(choice, line, dataset, nas::seed_of(settings, nas::SeedOf::kWeights));
  prepare_for(net->architecture(), dataset);
  for (const models::Quantisation& wanted : {quantisation, qat}) {
    models::bits_by_layer(net->architecture(), wanted);
    models::check_input_bits(dataset, wanted.input_bits);
  }
  const std::string no_export = why_not_exported(net->architecture(), !outputs.network.empty());
  run.checkpoint = outputs.checkpoint;
  run.metrics = outputs.out;
  check_going_on(run.checkpoint, resume, run.restart);
  models::hold_out(dataset.train, options.validation_images, options.seed);  // refuses what it cannot split
  outputs.prepare();

  models::TrainResult result;
  try {
    result = models::train(net, dataset, options, run);
  } catch (const InputError&) {
    std::error_code error;
    if (!outputs.out.empty()) std::filesystem::remove(outputs.out, error);  // only when nothing is in it
    throw;
  }
  say_what_happened(result, options, run.checkpoint);
  if (!run.checkpoint.empty()) std::cout << "checkpoint: " << run.checkpoint << '\n';
  if (!run.metrics.empty()) std::cout << "curves: " << run.metrics << "/training.html\n";
  const auto test = models::first_of(dataset.test, test_images);
  models::EvaluateOptions how;
  how.quiet = run.quiet;
  how.threads = std::min(run.threads, 2);
  net->to(models::open_device(options.device, "--device"));
  const double as_trained = models::evaluate(net, dataset, *test, how).accuracy();
  net->to(c10::Device(c10::kCPU));
  char text[128];
  std::snprintf(text, sizeof text, "test accuracy on %lld images: %.2f %% as trained",
                static_cast<long long>(test->size()), 100 * as_trained);
  if (!no_export.empty()) {
    std::cout << text << "\nnot exported: " << no_export << '\n';
    return 0;
  }
  traces::Network network;
  try {
    network = models::export_network(net, dataset.name);
    models::quantise(network, dataset, quantisation);
    if (!outputs.network.empty()) traces::write_nir(outputs.network, network);
  } catch (const std::exception&) {  // what hours of training gave is said all the same
    std::cout << text << std::endl;
    throw;
  }
  if (!outputs.network.empty()) std::cout << "network: " << outputs.network << '\n';
  const double quantised = models::accuracy(network, "network", dataset, *test, how);
  std::printf("%s, %.2f %% with %s\n", text, 100 * quantised, weights_text(weight_bits).c_str());
  return 0;
}

}  // namespace spikeloop::tools
