#include "models/train.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "models/dataset.h"
#include "models/graph_runner.h"
#include "models/networks.h"
#include "models/snasnet.h"
#include "nas/candidate.h"
#include "nas/genotype.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/network.h"
#include "traces/nir.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop train --cell CELL [--dataset NAME] (--out DIR | --checkpoint FILE --network FILE) "
    "[options]\n\n"
    "Trains a network of the search space and writes a checkpoint and the network as the chip runs it\n"
    "(8-bit weights, NIR). CELL is one connection matrix for both cells or two joined by '|':\n"
    "rows separated by '/', 0 none, 1 skip, 2 conv1x1, 3 conv3x3, 4 avgpool3x3; \"0303/0030/2002/0200\".";

void require_valid(const models::CellMatrix& cell, const char* which) {
  if (!nas::is_valid(cell))
    throw InputError(
        "command line", "--cell", std::string("a ") + which + " cell that is not in the search space",
        "an empty diagonal, one direction per pair, an edge from the first node to the last, and "
        "no node without a way from the first and to the last");
}

}  // namespace

int train_command(const std::vector<std::string>& arguments) {
  nas::SearchSettings settings;
  std::string data, cell, out, checkpoint, network_file, seed = "1";
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  bool no_augment = false, quiet = false;

  CommandLine line;
  line.usage = kUsage;
  po::options_description network_options("Network");
  network_options.add_options()("cell", po::value(&cell)->value_name("CELL"), "the cells");
  add_data_options(network_options, settings.dataset, data);
  add_network_options(network_options, settings.spec);
  po::options_description training("Training");
  add_training_options(training, settings.recipe);
  training.add_options()("no-augment", po::bool_switch(&no_augment), "no random crops and flips")(
      "seed", po::value(&seed)->value_name("N")->default_value(seed), "of weights and order")(
      "threads,j", po::value(&threads)->value_name("N")->default_value(threads), "never changes the result")(
      "test-images", po::value(&settings.test_images)->value_name("N")->default_value(0),
      "for accuracies; 0: all")("quiet,q", po::bool_switch(&quiet), "no progress");
  po::options_description output("Output");
  output.add_options()("out", po::value(&out)->value_name("DIR"), "folder for checkpoint.pt and network.nir")(
      "checkpoint", po::value(&checkpoint)->value_name("FILE"), "where the checkpoint goes")(
      "network", po::value(&network_file)->value_name("FILE"), "where the network goes");
  line.options.add(network_options).add(training).add(output);
  if (!line.parse(arguments)) return 0;

  line.required("cell");
  models::parse_cells(cell, "--cell", settings.spec.cell1, settings.spec.cell2);
  require_valid(settings.spec.cell1, "first");
  require_valid(settings.spec.cell2, "second");
  settings.seed = parse_seed(seed, "--seed");
  nas::check(settings);
  if (threads < 1) throw InputError("command line", "--threads", std::to_string(threads), "1 or more");
  if (out.empty() && checkpoint.empty() && network_file.empty())
    throw InputError("command line", "--out", "nothing", "a folder, or --checkpoint or --network");
  if (!checkpoint.empty()) require_writable(checkpoint, "--checkpoint");
  if (!network_file.empty()) require_writable(network_file, "--network");
  const models::Dataset dataset = nas::load_images(settings.dataset, data);
  if (!out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(out, error);
    if (error) throw InputError(out, "create", error.message(), "a folder that can be made");
    if (checkpoint.empty()) checkpoint = out + "/checkpoint.pt";
    if (network_file.empty()) network_file = out + "/network.nir";
    require_writable(checkpoint, "--out");
    require_writable(network_file, "--out");
  }

  settings.spec.dropout = settings.recipe.dropout;
  models::GraphNet net(models::snasnet(settings.spec), nas::seed_of(settings, nas::SeedOf::kWeights));
  models::TrainOptions options;
  options.epochs = settings.recipe.epochs;
  options.batch = settings.recipe.batch;
  options.max_train_images = settings.recipe.train_images;
  options.lr = settings.recipe.lr;
  options.momentum = settings.recipe.momentum;
  options.weight_decay = settings.recipe.weight_decay;
  options.min_lr = settings.recipe.min_lr;
  options.augment = !no_augment;
  options.seed = nas::seed_of(settings, nas::SeedOf::kTraining);
  options.threads = threads;
  options.quiet = quiet;
  models::train(net, dataset, options);
  if (!checkpoint.empty()) {
    models::save_checkpoint(checkpoint, net, dataset);
    std::cout << "checkpoint: " << checkpoint << '\n';
  }
  models::ImageSet test = dataset.test;
  if (settings.test_images > 0 && settings.test_images < test.size()) {
    test.images = test.images.slice(0, 0, settings.test_images);
    test.labels = test.labels.slice(0, 0, settings.test_images);
  }
  const double as_trained = models::accuracy(net, dataset, test, 100, quiet);
  const traces::Network network = nas::chip_network(net, dataset);
  if (!network_file.empty()) {
    traces::write_nir(network_file, network);
    std::cout << "network: " << network_file << '\n';
  }
  const double quantised = models::accuracy(network, dataset, test, 100, quiet);
  std::printf("test accuracy on %lld images: %.2f %% as trained, %.2f %% with 8-bit weights\n",
              static_cast<long long>(test.size()), 100 * as_trained, 100 * quantised);
  return 0;
}

}  // namespace spikeloop::tools
