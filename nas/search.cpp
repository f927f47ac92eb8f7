#include "nas/search.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/networks.h"
#include "nas/candidate.h"
#include "nas/job.h"
#include "nas/search_report.h"
#include "nas/strategy.h"
#include "nas/study.h"
#include "sim/bounds.h"
#include "sim/config/chip_config.h"
#include "traces/support/error.h"
#include "traces/support/executor.h"
#include "traces/support/files.h"
#include "traces/support/progress.h"

namespace spikeloop::nas {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDrawsPerCandidate = 20;  ///< before the space counts as exhausted
constexpr int kPollMs = 500;

std::string study_settings(const SearchSettings& settings, const sim::ChipConfig& chip,
                           const std::string& data_sha256) {
  nlohmann::json json = nlohmann::json::parse(to_json(settings));
  json["chip"] = {{"name", chip.name}, {"sha256", chip.sha256}};
  json["data"] = {{"sha256", data_sha256}};
  json["version"] = SPIKELOOP_VERSION;
  return json.dump(2);
}

std::string canonical_path(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

/// A final training that failed or broke a limit takes nothing away from what was measured before.
void not_finished(Trial& trial, const std::string& why) {
  trial.state = TrialState::kComplete;
  trial.reason = "final training: " + why;
}

/// What a killed run left half written, and results of other jobs.
void remove_leftovers(const std::string& folder) {
  std::vector<fs::path> leftovers{folder + "/result.json"};
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.front() == '.' && entry.path().extension() == ".tmp") leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove(path);
}

/// What the search itself needs of the dataset.
struct SearchData {
  std::string name, sha256;
  models::InputRange input;
};

class Search {
 public:
  Search(const SearchSettings& settings, const SearchPlaces& places, sim::ChipConfig chip, SearchData data,
         Study study);
  void run();
  const std::vector<Trial>& trials() const { return trials_; }

 private:
  using Next = std::function<std::optional<std::size_t>()>;
  using Commit = std::function<bool(Trial&, const EvaluationResult&)>;

  std::optional<Trial> propose();
  void set_bound(Trial& trial);
  void score();
  void measure_provisionally();
  void train();
  void train_winner();
  void run_stage(Stage stage, std::int64_t wanted, std::int64_t counted, const std::string& what,
                 const Next& next, const Commit& commit);
  std::optional<EvaluationResult> outcome(const Trial& trial, Stage stage, const JobEnd& end) const;
  void submit(const Trial& trial, const EvaluationJob& job);
  JobEnd wait_for(const Trial& trial, Stage stage);
  EvaluationJob job_of(const Trial& trial, Stage stage) const;
  bool reject_over_limits(Trial& trial, const Costs& costs, CostKind kind = CostKind::kMeasured) const;
  Next unfinished(Stage stage, std::vector<std::size_t> order) const;

  SearchSettings settings_;
  SearchPlaces places_;
  sim::ChipConfig chip_;
  Study study_;
  LocalExecutor executor_;
  SearchData data_;
  std::vector<Trial> trials_;
  std::set<std::string> hashes_;
  std::map<std::int64_t, JobEnd> ended_;
  std::set<std::int64_t> retried_;  ///< trials whose present job was lost once
  std::int64_t next_draw_ = 0;
};

Search::Search(const SearchSettings& settings, const SearchPlaces& places, sim::ChipConfig chip,
               SearchData data, Study study)
    : settings_(settings),
      places_(places),
      chip_(std::move(chip)),
      study_(std::move(study)),
      executor_(places.jobs, places.programs + "/spikeloop-job"),
      data_(std::move(data)),
      trials_(study_.trials()) {
  for (const Trial& trial : trials_) {
    hashes_.insert(trial.hash);
    next_draw_ = std::max(next_draw_, trial.round + 1);
  }
}

void Search::run() {
  score();
  measure_provisionally();
  train();
  if (settings_.final_epochs > 0) train_winner();
}

/// The next candidate that isn't known yet, with its bounds; stored. Empty when the draws are used up.
std::optional<Trial> Search::propose() {
  const std::int64_t draws = kDrawsPerCandidate * settings_.candidates;
  for (; next_draw_ < draws; ++next_draw_) {
    Space space;
    space.cell_type = settings_.cell_type;
    space.shared_cell = settings_.shared_cell;
    RandomStream random(
        derive_seed(seed_of(settings_, SeedOf::kDraws), static_cast<std::uint64_t>(next_draw_)));
    const Candidate cells = random_candidate(space, random);
    models::SnasnetSpec spec = settings_.spec;
    spec.cell1 = cells.cell1;
    spec.cell2 = cells.cell2;
    Trial trial;
    trial.hash = candidate_hash(spec, settings_.dataset, settings_.seed);
    if (!hashes_.insert(trial.hash).second) continue;
    trial.number = static_cast<std::int64_t>(trials_.size());
    trial.round = next_draw_++;
    trial.genotype = models::to_text(cells.cell1, cells.cell2);
    set_bound(trial);
    study_.insert({trial});
    return trial;
  }
  return std::nullopt;
}

void Search::set_bound(Trial& trial) {
  trial.stage = Stage::kBound;
  models::GraphNet net(models::snasnet(candidate_spec(settings_, trial.genotype)),
                       seed_of(settings_, SeedOf::kWeights));
  try {
    const sim::Bounds bounds = sim::lower_bounds(chip_network(net, data_.name, data_.input), chip_,
                                                 "candidate " + std::to_string(trial.number));
    trial.bound = Costs{bounds.memory_bytes, bounds.area_um2, bounds.latency_ns, bounds.energy_pj};
  } catch (const InputError& error) {
    trial.state = TrialState::kInfeasible;
    trial.reason = error.what();
    return;
  }
  if (reject_over_limits(trial, *trial.bound, CostKind::kLowerBound)) return;
  trial.state = TrialState::kWaiting;
  trial.stage = Stage::kScore;
}

bool Search::reject_over_limits(Trial& trial, const Costs& costs, CostKind kind) const {
  const std::vector<Excess> excess = exceeded(settings_.limits, costs, kind);
  if (excess.empty()) return false;
  trial.state = TrialState::kInfeasible;
  trial.reason = describe(excess);
  trial.limits_exceeded = names(excess);
  return true;
}

EvaluationJob Search::job_of(const Trial& trial, Stage stage) const {
  EvaluationJob job;
  job.stage = stage;
  job.genotype = trial.genotype;
  job.settings = settings_;
  job.chip_sha256 = chip_.sha256;
  job.data_sha256 = data_.sha256;
  job.places = places_;
  job.threads = stage == Stage::kFinal ? places_.jobs : 1;
  return job;
}

/// What a job that ended left, if anything.
std::optional<EvaluationResult> Search::outcome(const Trial& trial, Stage stage, const JobEnd& end) const {
  if (!end.ok()) return std::nullopt;
  return read_result(places_.out + '/' + job_folder(trial.number, stage) + "/result.json",
                     job_of(trial, stage).sha256());
}

void Search::submit(const Trial& trial, const EvaluationJob& job) {
  const std::string folder = places_.out + '/' + job_folder(trial.number, job.stage);
  fs::create_directories(folder);
  remove_leftovers(folder);
  write_job(folder + "/job.json", job);
  Job process;
  process.id = trial.number;
  process.directory = folder;
  process.argv = {places_.programs + "/spikeloop", "evaluate", "."};
  executor_.submit(process);
}

/// Waits until the trial's job is decided. A job without a result gets a second try; then a crash counts as
/// the candidate's, anything else (the kernel out of memory, a full disk) ends the search, with the trial
/// still RUNNING so that the same command goes on with it.
JobEnd Search::wait_for(const Trial& trial, Stage stage) {
  while (ended_.count(trial.number) == 0) {
    for (const JobEnd& end : executor_.poll(kPollMs)) {
      const Trial& of = trials_[static_cast<std::size_t>(end.id)];
      if (outcome(of, stage, end)) {
        ended_[end.id] = end;
      } else if (retried_.insert(end.id).second) {
        submit(of, job_of(of, stage));
      } else if (crashed(end)) {
        ended_[end.id] = end;
      } else {
        throw std::runtime_error("candidate " + std::to_string(end.id) + ", stage " + to_string(stage) +
                                 ": stopped twice, last by " +
                                 (end.ok() ? "an end without a result" : describe(end)) + " (see " +
                                 places_.out + '/' + job_folder(of.number, stage) +
                                 "/log.txt); the same command goes on from here");
      }
    }
  }
  retried_.erase(trial.number);
  const JobEnd end = ended_.at(trial.number);
  ended_.erase(trial.number);
  return end;
}

/// Takes trials from `next` through a stage until `wanted` of them count (`counted` already do). Never starts
/// one that might turn out not to be needed, and commits in the order of `next`: so the set of trials
/// evaluated and every stored value are those of a run with one job.
void Search::run_stage(Stage stage, std::int64_t wanted, std::int64_t counted, const std::string& what,
                       const Next& next, const Commit& commit) {
  std::deque<std::size_t> in_flight;
  std::optional<Progress> progress;
  while (true) {
    while (counted + static_cast<std::int64_t>(in_flight.size()) < wanted) {
      const std::optional<std::size_t> index = next();
      if (!index) break;
      if (!progress) progress.emplace(what, wanted - counted, "candidates", places_.quiet);
      Trial& trial = trials_[*index];
      in_flight.push_back(*index);
      trial.state = TrialState::kRunning;
      trial.stage = stage;
      study_.update(trial);
      const EvaluationJob job = job_of(trial, stage);
      if (outcome(trial, stage, {})) {  // left by a run that was killed before it could commit
        ended_[trial.number] = {};
        continue;
      }
      submit(trial, job);
    }
    if (in_flight.empty()) break;
    Trial& trial = trials_[in_flight.front()];
    const JobEnd end = wait_for(trial, stage);
    const std::optional<EvaluationResult> result = outcome(trial, stage, end);
    const std::string failure =
        result ? result->failure : describe(end) + ", see " + job_folder(trial.number, stage) + "/log.txt";
    bool counts = false;
    if (failure.empty()) {
      counts = commit(trial, *result);
    } else if (stage == Stage::kFinal) {
      not_finished(trial, failure);
    } else {
      trial.state = TrialState::kFail;
      trial.reason = failure;
    }
    study_.update(trial, {trial.number, stage, end.wall_s, end.max_rss_kb});
    counted += counts ? 1 : 0;
    in_flight.pop_front();
    if (counts)
      progress->advance();
    else
      progress->advance(0, "candidate " + std::to_string(trial.number) + ' ' +
                               (stage == Stage::kFinal ? "not taken" : to_string(trial.state)));
  }
  if (progress) progress->finish();
}

/// Yields the trials of `order` that wait for `stage` or were interrupted in it.
Search::Next Search::unfinished(Stage stage, std::vector<std::size_t> order) const {
  return [this, stage, order = std::move(order),
          position = std::size_t{0}]() mutable -> std::optional<std::size_t> {
    while (position < order.size()) {
      const Trial& trial = trials_[order[position++]];
      const bool open = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
      if (open && trial.stage == stage) return order[position - 1];
    }
    return std::nullopt;
  };
}

void Search::score() {
  std::vector<std::size_t> order(trials_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const Next interrupted = unfinished(Stage::kScore, order);
  const Next next = [&]() -> std::optional<std::size_t> {
    if (const auto index = interrupted()) return index;
    while (auto trial = propose()) {
      trials_.push_back(*trial);
      if (trial->state == TrialState::kWaiting) return trials_.size() - 1;
    }
    return std::nullopt;
  };
  const auto scored =
      std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) { return !t.scores.empty(); });
  run_stage(Stage::kScore, settings_.candidates, scored, "scoring", next,
            [](Trial& trial, const EvaluationResult& result) {
              trial.score = result.score;
              trial.scores = {{"lif_modules", static_cast<double>(*result.lif_modules)},
                              {"convolutions", static_cast<double>(*result.convolutions)},
                              {"firing_rate", *result.firing_rate}};
              trial.state = TrialState::kWaiting;
              trial.stage = Stage::kProvisional;
              if (!result.score) {
                trial.state = TrialState::kPruned;
                trial.stage = Stage::kScore;
                trial.reason = "the score is not finite: images that the network cannot tell apart";
              }
              return true;
            });
}

void Search::measure_provisionally() {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < trials_.size(); ++i)
    if (trials_[i].score) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return *trials_[a].score > *trials_[b].score; });
  const auto feasible = std::count_if(trials_.begin(), trials_.end(),
                                      [](const Trial& t) { return t.stage >= Stage::kMeasured; });
  run_stage(Stage::kProvisional, settings_.train, feasible, "provisional measurement",
            unfinished(Stage::kProvisional, order), [&](Trial& trial, const EvaluationResult& result) {
              trial.provisional = keep_named(*result.costs, settings_.limits);
              if (reject_over_limits(trial, *result.costs)) return false;
              trial.state = TrialState::kWaiting;
              trial.stage = Stage::kMeasured;
              return true;
            });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    Trial& trial = trials_[order[rank]];
    if (trial.stage != Stage::kProvisional || trial.state != TrialState::kWaiting) continue;
    trial.state = TrialState::kPruned;
    trial.stage = Stage::kScore;  // what decided; it never came to a provisional measurement
    trial.reason = "score rank " + std::to_string(rank + 1) + " of " + std::to_string(order.size());
    study_.update(trial);
  }
}

void Search::train() {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < trials_.size(); ++i)
    if (trials_[i].score) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return *trials_[a].score > *trials_[b].score; });
  const auto trained = std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) {
    return t.stage == Stage::kFinal || (t.stage == Stage::kMeasured && t.state != TrialState::kWaiting &&
                                        t.state != TrialState::kRunning);
  });
  const auto chosen = std::count_if(trials_.begin(), trials_.end(),
                                    [](const Trial& t) { return t.stage >= Stage::kMeasured; });
  // All that were chosen, whatever becomes of them: a failure counts as done, it isn't replaced.
  run_stage(Stage::kMeasured, chosen, trained, "training and measuring", unfinished(Stage::kMeasured, order),
            [&](Trial& trial, const EvaluationResult& result) {
              trial.measured = keep_named(*result.costs, settings_.limits);
              trial.accuracy = result.accuracy;
              trial.artifacts = job_folder(trial.number, Stage::kMeasured);
              const std::string unknown = unknown_fields(settings_.limits, *result.costs);
              if (!unknown.empty()) {
                trial.state = TrialState::kFail;
                trial.reason = "limits on what was not measured: " + unknown;
              } else if (!reject_over_limits(trial, *result.costs))
                trial.state = TrialState::kComplete;
              return true;
            });
}

void Search::train_winner() {
  const Next next = [&]() -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < trials_.size(); ++i)  // interrupted
      if (trials_[i].stage == Stage::kFinal && trials_[i].state == TrialState::kRunning) return i;
    std::vector<Trial> open;
    for (const Trial& trial : ranked(trials_))
      if (trial.stage == Stage::kMeasured) open.push_back(trial);
    if (open.empty()) return std::nullopt;
    return static_cast<std::size_t>(open.front().number);
  };
  const auto passed = std::count_if(trials_.begin(), trials_.end(), passed_final);
  run_stage(Stage::kFinal, 1, passed, "final training of the winner", next,
            [&](Trial& trial, const EvaluationResult& result) {
              trial.final_measured = keep_named(*result.costs, settings_.limits);
              trial.final_accuracy = result.accuracy;
              if (reject_over_limits(trial, *result.costs)) {
                not_finished(trial, trial.reason);
                return false;
              }
              trial.artifacts = job_folder(trial.number, Stage::kFinal);
              trial.state = TrialState::kComplete;
              return true;
            });
}

void copy_winner(const std::string& out, const Trial& trial) {
  fs::create_directories(out + "/winner");
  for (const char* file : {"network.nir", "trace.h5", "measurement.json", "checkpoint.pt"}) {
    const std::string source = out + '/' + trial.artifacts + '/' + file;
    write_atomically(out + "/winner/" + file, [&](const std::string& temporary) {
      fs::copy_file(source, temporary, fs::copy_options::overwrite_existing);
    });
  }
}

}  // namespace

int run_search(const SearchSettings& asked, const SearchPlaces& given, std::ostream& out) {
  SearchSettings settings = asked;
  check(settings);
  SearchPlaces places = given;
  for (std::string* path : {&places.out, &places.data, &places.hw, &places.programs})
    *path = canonical_path(*path);
  for (const char* program : {"spikeloop", "spikeloop-sim", "spikeloop-job"}) {
    const std::string path = places.programs + '/' + program;
    if (!fs::exists(path)) throw InputError(path, "start", "no such program", "it beside spikeloop");
  }
  sim::ChipConfig chip = sim::read_chip_config(given.hw, places.overrides);
  // Paths of this machine must not get into stored reasons.
  chip.path = chip.name;
  SearchData data;
  {  // not for longer: the jobs have the samples too
    const models::Dataset dataset = load_images(settings, given.data);  // that it is there and whole
    fit_to(settings, dataset);
    data = {dataset.name, digest(dataset), models::input_range(dataset)};
  }
  std::error_code error;
  fs::create_directories(places.out, error);
  if (error) throw InputError(given.out, "create", error.message(), "a folder that can be made");

  const std::string stored = study_settings(settings, chip, data.sha256);
  Study study = Study::create_or_resume(given.out + "/study.db", stored);
  if (study.resumed() && !places.quiet) out << "continuing the study in " << given.out << '\n';
  Search search(settings, places, std::move(chip), std::move(data), std::move(study));
  search.run();
  const auto best = winner(search.trials(), settings.final_epochs > 0);
  if (best) copy_winner(places.out, *best);
  write_file(places.out + "/result.json", result_json(stored, settings, search.trials()));
  out << summary(settings, search.trials(), given.out);
  return best ? 0 : 1;
}

}  // namespace spikeloop::nas
