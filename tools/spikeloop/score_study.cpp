#include "nas/score_study.h"

#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop score-study --table FILE --data DIR [options]\n\n"
    "How well scores rank cells whose accuracy is published (SpikeNAS-Bench's CSV files): draws random\n"
    "connected cells of the table, computes every zero-cost score, and fits the learned one to other cells.\n"
    "Scores take images of the data set (cifar10 unless --dataset says otherwise).";

/// The network that the tables' cells were trained in (SNASNet for CIFAR), on this data set.
models::SnasnetSpec table_spec(const models::Dataset& dataset) {
  models::SnasnetSpec spec;
  spec.channels = 128;
  spec.timesteps = 5;
  spec.hidden = 1024;
  spec.votes = 10;
  spec.input_channels = dataset.channels;
  spec.input_size = dataset.height;
  spec.stem_stride = dataset.height > 32 ? 2 : 1;
  spec.second_pool = 2;
  spec.classes = dataset.classes;
  return spec;
}

}  // namespace

int score_study_command(const std::vector<std::string>& arguments) {
  std::string table_file, train_file, json_file, seed = "1";
  std::vector<std::string> fidelities;
  std::int64_t cells = 300, train_cells = 0;
  std::vector<std::string> formulas;
  int jobs = 1;
  bool quiet = false, full = false;
  DataOptions data;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("table", po::value(&table_file), "published accuracies of cells (CSV)")(
      "cells", po::value(&cells)->default_value(cells), "random connected cells that are measured")(
      "train-cells", po::value(&train_cells)->value_name("N"),
      "forms of cells that the learned score is fitted to, none of them measured; 0: none; default: all "
      "others")("score", po::value(&formulas)->value_name("FORMULA")->composing(),
                "a combination, as in \"10*depth + sahd\"; repeatable")(
      "train-table", po::value(&train_file), "fit also to a table of another data set")(
      "fidelity", po::value(&fidelities),
      "channels=,timesteps=,batch=,repeats=,shrink=,precision= of the network that is scored; may come more "
      "than once (default channels=16,timesteps=2,batch=64,shrink=2,precision=single)")(
      "full", po::bool_switch(&full), "score the table's network as well (128 channels, 5 timesteps), slow")(
      "seed", po::value(&seed)->default_value(seed), "of the choice of cells, weights and images")(
      "jobs", po::value(&jobs)->default_value(jobs), "threads")(
      "json", po::value(&json_file), "write the results there")("quiet", po::bool_switch(&quiet),
                                                                "no progress");
  add_data_options(line.options, data);
  if (!line.parse(arguments)) return 0;
  line.required("table");
  if (jobs < 1) throw InputError("command line", "--jobs", std::to_string(jobs), "at least 1");
  if (!json_file.empty()) require_writable(json_file, "--json");
  require_different({{"--table", table_file}, {"--train-table", train_file}, {"--json", json_file}});
  nas::ScoreStudyOptions options;
  options.cells = cells;
  if (line.given("train-cells")) options.train_cells = train_cells;
  if (train_cells < 0)
    throw InputError("command line", "--train-cells", std::to_string(train_cells), "0 or more");
  if (formulas.empty()) formulas = {"10*depth + sahd"};
  for (const std::string& formula : formulas)
    options.formulas.push_back(nas::parse_formula(formula, "--score"));
  options.seed = parse_seed(seed, "--seed");
  options.jobs = jobs;
  options.quiet = quiet;
  nas::ScoreOptions reduced;
  reduced.channels = 16;
  reduced.timesteps = 2;
  reduced.batch = 64;
  reduced.image_shrink = 2;
  reduced.double_precision = false;
  nas::ScoreOptions table_network;
  table_network.double_precision = false;
  for (const std::string& text : fidelities)
    options.fidelities.push_back(nas::parse_fidelity(text, table_network, "--fidelity"));
  if (fidelities.empty()) options.fidelities.push_back(reduced);
  if (full) options.fidelities.push_back(table_network);
  const nas::Table table = nas::read_table(table_file);
  std::optional<nas::Table> train_table;
  if (!train_file.empty()) train_table = nas::read_table(train_file);
  models::DatasetOptions how;
  if (data.dataset.empty()) data.dataset = "cifar10";
  how.dir = data.dir;
  how.framing = data.framing(5);
  how.test = data.dataset == "shapes";
  const models::Dataset dataset = models::open_dataset(data.dataset, how);
  options.spec = table_spec(dataset);
  const nas::ScoreStudy study =
      nas::study_scores(table, train_table ? &*train_table : nullptr, dataset, options);
  std::cout << nas::report(study, options, table_file);
  if (!json_file.empty()) write_file(json_file, nas::to_json(study, options, table_file));
  return 0;
}

}  // namespace spikeloop::tools
