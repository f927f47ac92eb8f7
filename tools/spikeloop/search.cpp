#include "nas/search.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nas/score.h"
#include "nas/settings.h"
#include "nas/strategy.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"
#include "traces/support/executor.h"

namespace spikeloop::tools {
namespace {

constexpr int kMaxDefaultJobs = 4;
constexpr const char* kUsage =
    "usage: spikeloop search --hw FILE [--dataset NAME] [limits] [options]\n\n"
    "Proposes networks, rejects what cannot meet the limits on the chip, scores the others\n"
    "untrained, trains the best, measures their spikes on the chip and picks the most accurate\n"
    "one that meets all limits. Running the same command again goes on where it stopped.";

int default_jobs() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxDefaultJobs);
}

std::string strategy_text() {
  std::string text;
  for (const nas::Strategy& strategy : nas::strategies())
    text += (text.empty() ? "" : ";\n") + std::string(strategy.name) + ": " + strategy.text;
  return text;
}

struct LimitOption {
  const char* option;
  nas::Cost cost;
  const char* text;
};
constexpr LimitOption kLimitOptions[] = {
    {"max-memory", nas::Cost::kMemory, "weights: B, KB, MB, KiB, MiB"},
    {"max-area", nas::Cost::kArea, "of the chip's used part: um2, mm2"},
    {"max-latency", nas::Cost::kLatency, "mean per image: ns, us, ms, s"},
    {"max-energy", nas::Cost::kEnergy, "mean per image: pJ, nJ, uJ, mJ"},
};

}  // namespace

int search_command(const std::vector<std::string>& arguments) {
  nas::SearchSettings settings;
  nas::SearchPlaces places;
  std::string cell_type = nas::to_string(settings.space.cell_type), ops = nas::to_text(settings.space.ops),
              seed = "1", executor, schedule, launcher;
  std::vector<std::string> set, limit_texts, axes;
  bool separate_cells = false, no_augment = false, any_path = false;

  DataOptions data;
  data.dataset = settings.dataset;
  CommandLine line;
  line.usage = kUsage;
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  po::options_description what("Network and chip");
  add_data_options(what, data);
  what.add_options()("hw", po::value(&places.hw)->value_name("FILE"), "chip configuration (JSON)")(
      "set", po::value(&set)->value_name("PATH=VALUE")->composing(),
      "change one value of the chip; repeatable")("schedule", po::value(&schedule)->value_name("NAME"),
                                                  "pipelined or timestep_sequential");
  add_network_options(what, settings.spec);
  po::options_description limits("Limits (none unless given), with a unit, as in 2.5ms");
  for (const LimitOption& limit : kLimitOptions)
    limits.add_options()(limit.option, po::value<std::string>()->value_name("X"), limit.text);
  limits.add_options()(
      "limit", po::value(&limit_texts)->value_name("FIELD<=X")->composing(),
      "on any field of the measurement, <= or >=: \"tiles<=64\", \"accuracy>=0.9\"; repeatable");
  po::options_description space("Search");
  space.add_options()(
      "strategy", po::value(&settings.strategy)->value_name("NAME")->default_value(settings.strategy),
      strategy_text().c_str())("candidates", number(settings.candidates), "different networks to score")(
      "train", number(settings.train), "of them to train and measure; 0: the best score wins")(
      "ops", po::value(&ops)->value_name("LIST")->default_value(ops),
      "what an edge may be besides nothing; thresholds as in conv3x3(0.5)")(
      "cell-type", po::value(&cell_type)->value_name("TYPE")->default_value(cell_type),
      "forward, or backward (with edges to the next timestep)")(
      "separate-cells", po::bool_switch(&separate_cells), "a cell of its own for each of the two places")(
      "shared-cell", "the same cell in both places, as SNASNet does (default)")(
      "any-path", po::bool_switch(&any_path), "cells need no direct edge from input to output, only a path")(
      "vary", po::value(&axes)->value_name("NAME=X,Y,...")->composing(),
      "search this too: channels, timesteps, weight_bits, or a path of the chip (crossbar.rows=64,128); "
      "repeatable")("seed", po::value(&seed)->value_name("N")->default_value(seed), "of everything random")(
      "samples", number(settings.samples), "test images that are simulated per trained network")(
      "provisional-samples", number(settings.provisional_samples), "and per untrained one");
  po::options_description scoring("Scores of untrained networks");
  add_score_options(scoring, settings);
  po::options_description training("Training");
  add_training_options(training, settings.recipe);
  training.add_options()("no-augment", po::bool_switch(&no_augment), "no random crops and flips")(
      "final-epochs", number(settings.final_epochs), "train the best again for longer; 0: no")(
      "finalists", number(settings.finalists), "how many of them")(
      "final-train-images", number(settings.final_train_images), "per epoch of that; 0: all")(
      "test-images", number(settings.test_images), "for accuracies; 0: all");
  po::options_description how("Running");
  how.add_options()("out", po::value(&places.out)->value_name("DIR"), "results; default runs/<dataset>")(
      "jobs,j", po::value(&places.jobs)->value_name("N")->default_value(default_jobs()),
      "processes at a time; never changes the result")(
      "executor", po::value(&executor)->value_name("local:N"), "the same as --jobs N")(
      "launcher", po::value(&launcher)->value_name("\"WORDS\""),
      "put before each job's command, to run it elsewhere: \"srun -n1\", \"bsub -K\"; it must wait for the "
      "end")("job-limit", po::value(&places.job_limit_s)->value_name("SECONDS")->default_value(0),
             "kill an evaluation that takes longer; it fails after a second try; 0: never")(
      "evaluator", po::value(&settings.evaluator)->value_name("\"COMMAND\""),
      "measures in place of spikeloop-sim; README says what it is asked")(
      "quiet,q", po::bool_switch(&places.quiet), "no progress");
  line.options.add(what).add(limits).add(space).add(scoring).add(training).add(how);
  if (!line.parse(arguments)) return 0;

  line.required("hw");
  if (separate_cells && line.given("shared-cell"))
    throw InputError("command line", "--separate-cells", "--shared-cell as well", "one of them");
  nas::strategy_named(settings.strategy, "--strategy");
  settings.space.cell_type = nas::parse_cell_type(cell_type, "--cell-type");
  settings.space.shared_cell = !separate_cells;
  settings.space.direct_edge = !any_path;
  settings.space.ops = nas::parse_ops(ops, "--ops");
  for (const std::string& axis : axes) settings.space.axes.push_back(nas::parse_axis(axis, "--vary"));
  if (!line.given("score")) settings.score = nas::default_score(settings.strategy);
  settings.score = nas::to_text(nas::parse_formula(settings.score, "--score"));
  std::istringstream words(launcher);
  for (std::string word; words >> word;) places.launcher.push_back(word);
  settings.recipe.augment = !no_augment;
  settings.seed = parse_seed(seed, "--seed");
  settings.dataset = data.dataset;
  settings.framing = data.framing(settings.spec.timesteps);
  places.data = data.dir;
  for (const LimitOption& limit : kLimitOptions) {
    if (line.values.count(limit.option) == 0) continue;
    const std::string text = line.values[limit.option].as<std::string>();
    const std::string option = std::string("--") + limit.option;
    nas::add(settings.limits, nas::at_most(limit.cost, nas::parse_cost(limit.cost, text, option)), option);
  }
  const auto names = settings.evaluator.empty() ? nas::FieldNames::kKnown : nas::FieldNames::kAny;
  for (const std::string& text : limit_texts)
    nas::add(settings.limits, nas::parse_limit(text, "--limit", names), "--limit");
  if (settings.final_epochs == 0 && line.given("final-train-images"))
    throw InputError("command line", "--final-train-images", "it beside --final-epochs 0",
                     "a final training, or no images for it");
  places.overrides = parse_overrides(set, schedule);
  if (line.given("executor")) {
    if (line.given("jobs")) throw InputError("command line", "--executor", "--jobs as well", "one of them");
    places.jobs = parse_executor(executor, "--executor");
  }
  if (places.jobs < 1 || places.jobs > kMaxSlots)
    throw InputError("command line", "--jobs", std::to_string(places.jobs),
                     "1 to " + std::to_string(kMaxSlots));
  if (!(places.job_limit_s >= 0))
    throw InputError("command line", "--job-limit", std::to_string(places.job_limit_s), "0 or more seconds");
  if (places.out.empty()) places.out = "runs/" + settings.dataset;
  places.programs = own_folder();
  return nas::run_search(settings, places, std::cout);
}

}  // namespace spikeloop::tools
