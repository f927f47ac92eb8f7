#include "nas/score.h"

#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "nas/candidate.h"
#include "nas/settings.h"
#include "nas/space.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop score --cell CELL [--cell CELL ...] [--dataset NAME] [--data DIR] [options]\n\n"
    "Scores untrained networks, as a search with the same options and seed does.";

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int score_command(const std::vector<std::string>& arguments) {
  nas::SearchSettings settings;
  std::vector<std::string> cells;
  std::string seed = "1";
  DataOptions data;
  data.dataset = settings.dataset;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("cell", po::value(&cells)->value_name("CELL")->composing(),
                             "one connection matrix for both cells, or two joined by '|'; repeatable")(
      "seed", po::value(&seed)->value_name("N")->default_value(seed), "of weights and images");
  add_data_options(line.options, data);
  add_network_options(line.options, settings.spec);
  add_score_options(line.options, settings);
  if (!line.parse(arguments)) return 0;
  if (cells.empty()) throw InputError("command line", "--cell", "nothing", "it");
  settings.seed = parse_seed(seed, "--seed");
  settings.dataset = data.dataset;
  settings.framing = data.framing(settings.spec.timesteps);
  const nas::ScoreFormula formula = nas::parse_formula(settings.score, "--score");
  nas::check(settings);
  std::vector<nas::Candidate> candidates;
  for (const std::string& cell : cells) candidates.push_back(nas::parse_candidate(cell, "--cell"));

  const models::Dataset dataset = nas::load_images(settings, data.dir);
  nas::fit_to(settings, dataset);
  const nas::Scorer scorer(dataset, nas::score_options(settings));
  std::printf("%-44s %12s", "cells", nas::to_text(formula).c_str());
  for (const std::string& name : nas::score_names()) std::printf(" %12s", name.c_str());
  std::printf(" %9s\n", "CPU s");
  for (const nas::Candidate& candidate : candidates) {
    const double before = cpu_seconds();
    const nas::Score score = scorer.score(nas::design_of(settings, candidate).spec);
    std::printf("%-44s %12.4f", nas::to_text(candidate).c_str(), nas::value(formula, score));
    for (const std::string& name : nas::score_names()) std::printf(" %12.5g", nas::value(name, score));
    std::printf(" %9.2f\n", cpu_seconds() - before);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace spikeloop::tools
