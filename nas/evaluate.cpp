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
#include "nas/evaluator.h"
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

constexpr int kAttempts = 2;         ///< of a simulation that crashes
constexpr int kNotExecutable = 126;  ///< exit code of a shell

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
Costs simulate(const EvaluationJob& job, const Design& design, const std::string& directory) {
  Job process;
  process.directory = directory;
  process.argv = {job.places.programs + "/spikeloop-sim",
                  "--network",
                  "network.nir",
                  "--trace",
                  "trace.h5",
                  "--hw",
                  job.places.hw};
  for (const auto* overrides : {&job.places.overrides, &design.chip}) {
    for (const auto& [key, value] : *overrides) {
      process.argv.emplace_back("--set");
      process.argv.push_back(key + '=' + value);
    }
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

/// Has the evaluator's command measure what lies in the job's directory. Throws like simulate().
Answer ask_evaluator(const EvaluationJob& job, const std::string& directory, std::int64_t samples) {
  with_files([&] { write_file(directory + "/request.json", request_json(job, directory, samples)); });
  Job process;
  process.directory = directory;
  process.argv = {"/bin/sh", "-c", "(" + job.settings.evaluator + "\n) <request.json >answer.json"};
  const JobEnd end = run(process, job);
  if (end.ok()) return parse_answer(with_files([&] { return read_file(directory + "/answer.json"); }));
  const std::string said = last_line(with_files([&] { return read_file(directory + "/log.txt"); }));
  const std::string message = "evaluator: " + describe(end) + (said.empty() ? "" : ": " + said);
  if (end.exit_code == kCannotStart || end.exit_code == kNotExecutable) throw Interrupted(message);
  throw std::runtime_error(message);
}

void measure(const EvaluationJob& job, const std::string& directory, const Design& design,
             const traces::Network& network, const models::Dataset& dataset, std::int64_t samples,
             EvaluationResult& result) {
  samples = std::min(samples, dataset.test->size());
  std::vector<std::int64_t> records(static_cast<std::size_t>(samples));
  std::iota(records.begin(), records.end(), 0);
  const traces::SpikeTrace trace = models::record_trace(network, dataset, *dataset.test, records);
  with_files([&] {
    traces::write_nir(directory + "/network.nir", network);
    traces::write_trace(directory + "/trace.h5", trace);
  });
  if (job.settings.evaluator.empty()) {
    result.costs = simulate(job, design, directory);
    return;
  }
  const Answer answer = ask_evaluator(job, directory, samples);
  result.costs = answer.costs;
  result.accuracy = answer.accuracy;
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

void evaluate(const EvaluationJob& job, const std::string& directory, const models::Dataset& dataset,
              EvaluationResult& result) {
  const SearchSettings& settings = job.settings;
  const Design design = design_of(settings, parse_candidate(job.genotype, "candidate"));
  switch (job.stage) {
    case Stage::kProvisional: {
      models::SnasnetSpec without_dropout = design.spec;
      without_dropout.dropout = 0;
      models::GraphNet net(models::snasnet(without_dropout), seed_of(settings, SeedOf::kWeights));
      calibrate_batch_norm(net, dataset);
      measure(job, directory, design, chip_network(net, dataset, design.weight_bits), dataset,
              settings.provisional_samples, result);
      result.accuracy.reset();  // of a network that was not trained
      return;
    }
    case Stage::kMeasured:
    case Stage::kFinal: {
      models::GraphNet net = trained_network(job, directory, design.spec, dataset);
      const traces::Network network = chip_network(net, dataset, design.weight_bits);
      measure(job, directory, design, network, dataset, settings.samples, result);
      if (!result.accuracy)
        result.accuracy = models::accuracy(network, "network", dataset,
                                           *models::first_of(dataset.test, settings.test_images));
      result.costs->fields["accuracy"] = *result.accuracy;
      if (const std::string unknown = unknown_fields(settings.limits, *result.costs); !unknown.empty())
        throw std::runtime_error("limits on what was not measured: " + unknown);
      return;
    }
    case Stage::kScore:
    case Stage::kBound:
      break;
  }
  throw std::logic_error("nothing to train or measure");
}

/// What jobs of one process share: the data set, and the scorer on it.
class Shared {
 public:
  const models::Dataset& dataset(const EvaluationJob& job) {
    SearchSettings settings = job.settings;
    settings.spec.timesteps = design_of(settings, candidate_of(job)).spec.timesteps;  // frames of events
    const std::string key = to_json(settings) + '\n' + job.places.data;
    if (key != key_) {
      scorer_.reset();
      dataset_ = with_files([&] { return load_images(settings, job.places.data); });
      key_ = key;
    }
    return dataset_;
  }
  const Scorer& scorer(const EvaluationJob& job) {
    const models::Dataset& images = dataset(job);
    if (scorer_) return *scorer_;
    return scorer_.emplace(images, score_options(job.settings));
  }
  static Candidate candidate_of(const EvaluationJob& job) {
    return parse_candidate(job.genotype, "candidate");
  }

 private:
  std::string key_;
  models::Dataset dataset_;
  std::optional<Scorer> scorer_;
};

/// Candidates with the same first cell share its work.
std::vector<EvaluationResult> score(const std::vector<EvaluationJob>& jobs, Shared& shared) {
  const Scorer& scorer = shared.scorer(jobs.front());
  const ScoreFormula formula = parse_formula(jobs.front().settings.score, "score");
  std::vector<models::SnasnetSpec> specs;
  for (const EvaluationJob& job : jobs)
    specs.push_back(design_of(job.settings, Shared::candidate_of(job)).spec);
  std::vector<EvaluationResult> results;
  for (const Score& score : scorer.score_all(specs)) {
    EvaluationResult result;
    const double ranked_by = value(formula, score);
    if (std::isfinite(ranked_by)) result.score = ranked_by;
    for (const std::string& name : score_names())
      if (std::isfinite(value(name, score))) result.scores[name] = value(name, score);
    results.push_back(std::move(result));
  }
  return results;
}

/// `jobs` are scores that belong together, or one of another kind.
std::vector<EvaluationResult> evaluate_together(const std::vector<EvaluationJob>& jobs,
                                                const std::string& directory, Shared& shared) {
  try {
    if (jobs.front().stage == Stage::kScore) return score(jobs, shared);
    std::vector<EvaluationResult> results(1);
    evaluate(jobs.front(), directory, shared.dataset(jobs.front()), results.front());
    return results;
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (out_of_memory(error)) throw;
    EvaluationResult result;
    result.failure = without_places(error.what(), jobs.front());
    return {result};
  }
}

/// Whether `other` may be scored in one go with `first`.
bool belong_together(const EvaluationJob& first, const EvaluationJob& other) {
  if (first.stage != Stage::kScore || other.stage != Stage::kScore) return false;
  const Candidate a = Shared::candidate_of(first), b = Shared::candidate_of(other);
  return a.cell1 == b.cell1 && a.choices == b.choices && to_json(first.settings) == to_json(other.settings) &&
         first.places.data == other.places.data;
}

}  // namespace

void evaluate_jobs(const std::vector<std::string>& directories) {
  at::set_num_threads(1);
  Shared shared;
  for (std::size_t first = 0; first < directories.size();) {
    std::vector<EvaluationJob> jobs{read_job(directories[first] + "/job.json")};
    while (first + jobs.size() < directories.size()) {
      EvaluationJob next = read_job(directories[first + jobs.size()] + "/job.json");
      if (!belong_together(jobs.front(), next)) break;
      jobs.push_back(std::move(next));
    }
    std::vector<EvaluationResult> results = evaluate_together(jobs, directories[first], shared);
    if (results.size() < jobs.size()) {  // one of them could not be scored: each by itself
      results.clear();
      for (const EvaluationJob& job : jobs)
        results.push_back(evaluate_together({job}, directories[first], shared).front());
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      results[i].job_sha256 = jobs[i].sha256();
      write_result(directories[first + i] + "/result.json", results[i]);
    }
    first += jobs.size();
  }
}

}  // namespace spikeloop::nas
