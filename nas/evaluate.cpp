#include "nas/evaluate.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <new>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "models/data/dataset.h"
#include "models/graph_runner.h"
#include "models/networks.h"
#include "models/test_network.h"
#include "models/train.h"
#include "nas/candidate.h"
#include "nas/job.h"
#include "nas/score.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/executor.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 2;  ///< of a simulation that crashes

/// Nothing about the candidate: the machine or somebody stopped its evaluation.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Files that can't be read or written say nothing about the candidate.
template <class Action>
auto with_files(const Action& action) {
  try {
    return action();
  } catch (const std::exception& error) {
    throw Interrupted(error.what());
  }
}

bool out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         std::string(error.what()).find("can't allocate memory") != std::string::npos;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \n\r");
  if (end == std::string::npos) return "";
  const std::size_t newline = text.rfind('\n', end);
  const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return text.substr(begin, end + 1 - begin);
}

/// Replaces the paths of this machine, so that a reason reads the same wherever the study was run.
std::string without_places(std::string text, const EvaluationJob& job) {
  for (const std::string& place : {job.places.hw, job.places.data, job.places.programs}) {
    if (place.empty()) continue;
    const std::string shown = fs::path(place).filename().string();
    for (std::size_t at = text.find(place); at != std::string::npos; at = text.find(place, at + shown.size()))
      text.replace(at, place.size(), shown);
  }
  return text;
}

JobEnd run(const Job& process, const EvaluationJob& job) {
  LocalExecutor executor(1, job.places.programs + "/spikeloop-job");
  executor.submit(process);
  std::vector<JobEnd> ends;
  while (ends.empty()) ends = executor.poll(1000);
  return ends.front();
}

/// Did the simulator complain about a file as such (a full disk), not about what is in it?
bool about_files(const std::string& message) {
  for (const char* place : {": open: ", ": write: ", ": read: ", ": --out: ", "bad_alloc"})
    if (message.find(place) != std::string::npos) return true;
  return false;
}

/// Runs spikeloop-sim in the job's directory on the files there. Throws Interrupted when it was stopped,
/// something else when it refused or crashed.
Costs simulate(const EvaluationJob& job, const std::string& directory) {
  Job process;
  process.directory = directory;
  process.argv = {job.places.programs + "/spikeloop-sim",
                  "--network",
                  "network.nir",
                  "--trace",
                  "trace.h5",
                  "--hw",
                  job.places.hw};
  for (const auto& [key, value] : job.places.overrides) {
    process.argv.emplace_back("--set");
    process.argv.push_back(key + '=' + value);
  }
  process.argv.insert(process.argv.end(), {"--out", "measurement.json", "--quiet"});
  JobEnd end = run(process, job);
  for (int attempt = 1; attempt < kAttempts && crashed(end); ++attempt) end = run(process, job);
  if (end.ok()) return with_files([&] { return read_measured_costs(directory + "/measurement.json"); });
  const std::string said = last_line(with_files([&] { return read_file(directory + "/log.txt"); }));
  const std::string message = "spikeloop-sim: " + describe(end) + ": " + said;
  if (!crashed(end) && (end.signal != 0 || end.exit_code == kCannotStart || about_files(said)))
    throw Interrupted(message);
  throw std::runtime_error(message);
}

Costs measure(const EvaluationJob& job, const std::string& directory, const traces::Network& network,
              const models::Dataset& dataset, std::int64_t samples) {
  std::vector<std::int64_t> records(static_cast<std::size_t>(std::min(samples, dataset.test->size())));
  std::iota(records.begin(), records.end(), 0);
  const traces::SpikeTrace trace = models::record_trace(network, dataset, *dataset.test, records);
  with_files([&] {
    traces::write_nir(directory + "/network.nir", network);
    traces::write_trace(directory + "/trace.h5", trace);
  });
  return simulate(job, directory);
}

models::TrainOptions train_options(const EvaluationJob& job) {
  const SearchSettings& settings = job.settings;
  const TrainRecipe& recipe = settings.recipe;
  const bool final = job.stage == Stage::kFinal;
  models::TrainOptions options;
  options.epochs = final ? settings.final_epochs : recipe.epochs;
  options.max_train_images = final ? settings.final_train_images : recipe.train_images;
  options.batch = recipe.batch;
  options.lr = recipe.lr;
  options.min_lr = std::min(recipe.min_lr, recipe.lr);
  options.optimiser.momentum = recipe.momentum;
  options.optimiser.weight_decay = recipe.weight_decay;
  options.augment = recipe.augment;
  options.seed = seed_of(settings, SeedOf::kTraining);
  return options;
}

/// Goes on where an interrupted run of this very job stopped: the marker, written before the first
/// checkpoint, says whose checkpoint it is.
models::GraphNet trained_network(const EvaluationJob& job, const std::string& directory,
                                 const models::SnasnetSpec& spec, const models::Dataset& dataset) {
  const std::string marker = directory + "/training.txt";
  models::TrainRun run;
  run.checkpoint = directory + "/checkpoint.pt";
  run.threads = job.threads;  // changes the time only
  with_files([&] {
    if (fs::exists(marker) && read_file(marker) == job.sha256()) return;
    fs::remove(run.checkpoint);
    write_file(marker, job.sha256());
  });
  models::GraphNet net(models::snasnet(spec), seed_of(job.settings, SeedOf::kWeights));
  try {
    models::train(net, dataset, train_options(job), run);
  } catch (const InputError& error) {  // a checkpoint that can't be written or read
    const std::string message = error.what();
    if (message.rfind(run.checkpoint, 0) == 0) throw Interrupted(message);
    throw;
  }
  return net;
}

void evaluate(const EvaluationJob& job, const std::string& directory, EvaluationResult& result) {
  const SearchSettings& settings = job.settings;
  const models::SnasnetSpec spec = candidate_spec(settings, job.genotype);
  const models::Dataset dataset = with_files([&] { return load_images(settings, job.places.data); });
  switch (job.stage) {
    case Stage::kScore: {
      ScoreOptions options;
      options.batch = settings.score_batch;
      options.repeats = static_cast<int>(settings.score_repeats);
      options.seed = seed_of(settings, SeedOf::kScore);
      const Score score = score_network(spec, dataset, options);
      if (std::isfinite(score.sahd)) result.score = score.sahd;
      result.lif_modules = score.lif_modules;
      result.convolutions = score.convolutions;
      result.firing_rate = score.firing_rate;
      return;
    }
    case Stage::kProvisional: {
      models::SnasnetSpec without_dropout = spec;
      without_dropout.dropout = 0;
      models::GraphNet net(models::snasnet(without_dropout), seed_of(settings, SeedOf::kWeights));
      calibrate_batch_norm(net, dataset);
      result.costs =
          measure(job, directory, chip_network(net, dataset), dataset, settings.provisional_samples);
      return;
    }
    case Stage::kMeasured:
    case Stage::kFinal: {
      models::GraphNet net = trained_network(job, directory, spec, dataset);
      const traces::Network network = chip_network(net, dataset);
      result.costs = measure(job, directory, network, dataset, settings.samples);
      result.accuracy = models::accuracy(network, "network", dataset,
                                         *models::first_of(dataset.test, settings.test_images));
      return;
    }
    case Stage::kBound:
      break;
  }
  throw std::logic_error("no job has stage bound");
}

}  // namespace

void evaluate_job(const std::string& directory) {
  const EvaluationJob job = read_job(directory + "/job.json");
  at::set_num_threads(1);
  EvaluationResult result;
  try {
    evaluate(job, directory, result);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (out_of_memory(error)) throw;
    result = {};
    result.failure = without_places(error.what(), job);
  }
  result.job_sha256 = job.sha256();
  write_result(directory + "/result.json", result);
}

}  // namespace spikeloop::nas
