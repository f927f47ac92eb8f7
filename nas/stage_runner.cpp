#include "nas/stage_runner.h"

#include <algorithm>
#include <ctime>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 500;
constexpr double kLeaseS = 120;
/// Scores that share a process: starting one and reading the data set costs as much as tens of small scores.
constexpr std::size_t kMostTogether = 64;

/// What a killed run left half written, and results of other jobs.
void remove_leftovers(const std::string& folder) {
  std::vector<fs::path> leftovers{folder + "/result.json"};
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.front() == '.' && entry.path().extension() == ".tmp") leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove(path);
}

}  // namespace

void not_finished(Trial& trial, const std::string& why) {
  trial.state = TrialState::kComplete;
  trial.reason = "final training: " + why;
}

StageRunner::StageRunner(const SearchSettings& settings, const SearchPlaces& places, std::string chip_sha256,
                         std::string data_sha256, Study& study, std::vector<Trial>& trials)
    : settings_(settings),
      places_(places),
      chip_sha256_(std::move(chip_sha256)),
      data_sha256_(std::move(data_sha256)),
      study_(study),
      trials_(trials),
      executor_(places.jobs, places.programs + "/spikeloop-job") {}

EvaluationJob StageRunner::job_of(const Trial& trial, Stage stage) const {
  EvaluationJob job;
  job.stage = stage;
  job.genotype = trial.genotype;
  job.settings = settings_;
  job.chip_sha256 = chip_sha256_;
  job.data_sha256 = data_sha256_;
  job.places = places_;
  job.threads = stage == Stage::kFinal && settings_.finalists == 1 ? places_.jobs : 1;
  return job;
}

/// A complete result counts whatever became of its process afterwards.
std::optional<EvaluationResult> StageRunner::outcome(const Trial& trial, Stage stage) const {
  return read_result(places_.out + '/' + job_folder(trial.number, stage) + "/result.json",
                     job_of(trial, stage).sha256());
}

/// One process for all of them.
void StageRunner::submit(const std::vector<std::size_t>& trials, Stage stage) {
  Job process;
  process.id = next_job_++;
  process.argv = places_.launcher;
  process.argv.insert(process.argv.end(), {places_.programs + "/spikeloop", "evaluate"});
  for (const std::size_t index : trials) {
    const Trial& trial = trials_[index];
    const std::string folder = places_.out + '/' + job_folder(trial.number, stage);
    fs::create_directories(folder);
    remove_leftovers(folder);
    write_job(folder + "/job.json", job_of(trial, stage));
    if (stage != Stage::kScore) study_.count_attempt(trial.number, stage);
    if (process.directory.empty()) process.directory = folder;
    process.argv.push_back(folder);
  }
  process.limit_s = places_.job_limit_s * static_cast<double>(trials.size());
  groups_[process.id] = trials;
  executor_.submit(process);
}

void StageRunner::submit_in_groups(const std::vector<std::size_t>& trials, Stage stage) {
  const auto jobs = static_cast<std::size_t>(places_.jobs);
  const std::size_t together =
      stage == Stage::kScore ? std::clamp((trials.size() + jobs - 1) / jobs, std::size_t{1}, kMostTogether)
                             : 1;
  for (std::size_t first = 0; first < trials.size(); first += together) {
    const auto begin = trials.begin() + static_cast<std::ptrdiff_t>(first);
    submit({begin, begin + static_cast<std::ptrdiff_t>(std::min(together, trials.size() - first))}, stage);
  }
}

/// Says in the study that this search still works on what is running.
void StageRunner::renew_leases() {
  const auto now_s = static_cast<double>(std::time(nullptr));
  if (now_s < renew_at_s_) return;
  renew_at_s_ = now_s + kLeaseS / 2;
  for (const auto& [job, group] : groups_)
    for (const std::size_t index : group) study_.lease(trials_[index].number, now_s + kLeaseS);
}

/// What the end of its process means for a trial. A job without a result gets a second try; then a crash
/// counts as the candidate's, anything else (the kernel out of memory, a full disk) ends the search, with the
/// trial still RUNNING so that the same command goes on with it.
void StageRunner::decide(std::size_t index, Stage stage, const JobEnd& end, bool alone) {
  const Trial& trial = trials_[index];
  if (outcome(trial, stage)) {
    ended_[trial.number] = end;
  } else if (!alone || retried_.insert(trial.number).second) {
    submit({index}, stage);
  } else if (crashed(end)) {
    ended_[trial.number] = end;
  } else {
    throw std::runtime_error("candidate " + std::to_string(trial.number) + ", stage " + to_string(stage) +
                             ": stopped twice, last by " +
                             (end.ok() ? "an end without a result" : describe(end)) + " (see " + places_.out +
                             '/' + job_folder(trial.number, stage) +
                             "/log.txt); the same command goes on from here");
  }
}

JobEnd StageRunner::wait_for(const Trial& trial, Stage stage) {
  while (ended_.count(trial.number) == 0) {
    renew_leases();
    for (const JobEnd& end : executor_.poll(kPollMs)) {
      const std::vector<std::size_t> group = groups_.at(end.id);
      groups_.erase(end.id);
      JobEnd share = end;
      share.wall_s /= static_cast<double>(group.size());
      for (const std::size_t index : group) decide(index, stage, share, group.size() == 1);
    }
  }
  retried_.erase(trial.number);
  const JobEnd end = ended_.at(trial.number);
  ended_.erase(trial.number);
  return end;
}

std::int64_t StageRunner::run(Stage stage, std::int64_t wanted, StageProgress& progress, const Next& next,
                              const Commit& commit) {
  std::int64_t counted = 0;
  std::deque<std::size_t> in_flight;
  while (true) {
    std::vector<std::size_t> fresh;
    std::vector<Trial> started;  // stored at once: which belong together must be seen after a kill
    while (counted + static_cast<std::int64_t>(in_flight.size()) < wanted) {
      const std::optional<std::size_t> index = next();
      if (!index) break;
      if (!progress.shown)
        progress.shown.emplace(progress.what, progress.total, "candidates", progress.quiet);
      Trial& trial = trials_[*index];
      in_flight.push_back(*index);
      trial.state = TrialState::kRunning;
      trial.stage = stage;
      started.push_back(trial);
      if (outcome(trial, stage))  // left by a run that was killed before it could commit
        ended_[trial.number] = {};
      else
        fresh.push_back(*index);
    }
    study_.update(started);
    submit_in_groups(fresh, stage);
    if (in_flight.empty()) break;
    Trial& trial = trials_[in_flight.front()];
    const JobEnd end = wait_for(trial, stage);
    const std::optional<EvaluationResult> result = outcome(trial, stage);
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
      progress.shown->advance();
    else
      progress.shown->advance(0, "candidate " + std::to_string(trial.number) + ' ' +
                                     (stage == Stage::kFinal ? "not taken" : to_string(trial.state)));
  }
  return counted;
}

}  // namespace spikeloop::nas
