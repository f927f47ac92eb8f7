#include "nas/search.h"

#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "nas/settings.h"
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
  std::string cell_type = nas::to_string(settings.cell_type), seed = "1", executor, schedule;
  std::vector<std::string> set, more_limits;
  bool separate_cells = false, no_augment = false;

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
      "limit", po::value(&more_limits)->value_name("LIMIT")->composing(),
      "on any number of a measurement, such as \"tiles<=64\" or \"accuracy>=0.9\"; repeatable");
  po::options_description space("Search");
  space.add_options()("candidates", number(settings.candidates), "different networks to score")(
      "train", number(settings.train), "best scored ones to train and measure")(
      "cell-type", po::value(&cell_type)->value_name("TYPE")->default_value(cell_type),
      "forward, or backward (with edges to the next timestep)")(
      "separate-cells", po::bool_switch(&separate_cells),
      "draw a cell of its own for each of the two places")(
      "shared-cell", "the same cell in both places, as SNASNet does (default)")(
      "seed", po::value(&seed)->value_name("N")->default_value(seed), "of everything random")(
      "score-batch", number(settings.score_batch), "images a score looks at")(
      "score-repeats", number(settings.score_repeats), "batches a score is the mean of")(
      "samples", number(settings.samples), "test images that are simulated per trained network")(
      "provisional-samples", number(settings.provisional_samples), "and per untrained one");
  po::options_description training("Training");
  add_training_options(training, settings.recipe);
  training.add_options()("no-augment", po::bool_switch(&no_augment), "no random crops and flips")(
      "final-epochs", number(settings.final_epochs), "train the winner again for longer; 0: no")(
      "final-train-images", number(settings.final_train_images), "per epoch of that; 0: all")(
      "test-images", number(settings.test_images), "for accuracies; 0: all");
  po::options_description how("Running");
  how.add_options()("out", po::value(&places.out)->value_name("DIR"), "results; default runs/<dataset>")(
      "jobs,j", po::value(&places.jobs)->value_name("N")->default_value(default_jobs()),
      "processes at a time; never changes the result")(
      "executor", po::value(&executor)->value_name("local:N"), "the same as --jobs N")(
      "quiet,q", po::bool_switch(&places.quiet), "no progress");
  line.options.add(what).add(limits).add(space).add(training).add(how);
  if (!line.parse(arguments)) return 0;

  line.required("hw");
  if (separate_cells && line.given("shared-cell"))
    throw InputError("command line", "--separate-cells", "--shared-cell as well", "one of them");
  settings.cell_type = nas::parse_cell_type(cell_type, "--cell-type");
  settings.shared_cell = !separate_cells;
  settings.recipe.augment = !no_augment;
  settings.seed = parse_seed(seed, "--seed");
  settings.dataset = data.dataset;
  settings.framing = data.framing(settings.spec.timesteps);
  places.data = data.dir;
  for (const LimitOption& limit : kLimitOptions) {
    if (line.values.count(limit.option) == 0) continue;
    const std::string text = line.values[limit.option].as<std::string>();
    const std::string place = std::string("--") + limit.option;
    nas::add(settings.limits, nas::at_most(limit.cost, nas::parse_cost(limit.cost, text, place)), place);
  }
  for (const std::string& limit : more_limits)
    nas::add(settings.limits, nas::parse_limit(limit, "--limit"), "--limit");
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
  if (places.out.empty()) places.out = "runs/" + settings.dataset;
  places.programs = own_folder();
  return nas::run_search(settings, places, std::cout);
}

}  // namespace spikeloop::tools
