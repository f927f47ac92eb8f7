#include "nas/search.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zero.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/networks.h"
#include "nas/candidate.h"
#include "nas/cost_feedback.h"
#include "nas/search_report.h"
#include "nas/spikesim_cost.h"
#include "nas/stage_runner.h"
#include "nas/strategy.h"
#include "nas/study.h"
#include "sim/bounds.h"
#include "sim/config/chip_config.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFruitlessRounds =
    50;  ///< without a new candidate: then the space counts as exhausted
/// So many in a row that break a limit end the proposals.
constexpr std::int64_t kRejectedPerCandidate = 20, kFewestRejected = 200;
constexpr std::int64_t kTrainedTogether = 4;  ///< before the next ones are chosen by what came out
constexpr std::int64_t kProbes = 8;           ///< measurements that correct the bounds while scoring

std::string study_settings(const SearchSettings& settings, const sim::ChipConfig& chip,
                           const std::string& data_sha256) {
  nlohmann::json json = nlohmann::json::parse(to_json(settings));
  json["chip"] = {{"name", chip.name}, {"sha256", chip.sha256}};
  json["data"] = {{"sha256", data_sha256}};
  json["version"] = SPIKELOOP_VERSION;
  return json.dump(2);
}

/// Those that a strategy looks at before it spends a score.
Limits limits_of(const Limits& limits, LimitsSeen seen) {
  Limits result;
  for (const Limit& limit : limits)
    if (seen == LimitsSeen::kAll || (seen == LimitsSeen::kMemory && limit.field == unit_key(Cost::kMemory)))
      result.push_back(limit);
  return result;
}

std::string canonical_path(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

/// What the search itself needs of the dataset.
struct SearchData {
  std::string name, sha256;
  models::InputRange input;
};

class Search {
 public:
  Search(const SearchSettings& settings, const SearchPlaces& places, const sim::ChipConfig& chip,
         SearchData data, Study study);
  void run();
  const std::vector<Trial>& trials() const { return trials_; }
  std::vector<Round> rounds() const { return study_.rounds(); }

 private:
  void explore();
  std::int64_t new_trials(const std::vector<Candidate>& proposals, std::int64_t round, std::int64_t wanted,
                          std::vector<Trial>& fresh);
  std::int64_t finished() const;
  bool fruitless(std::int64_t round) const;
  void score_waiting(StageProgress& progress);
  void measure_while_exploring(std::int64_t rounds);
  void add_observations();
  void learn_from_measurements();
  std::optional<Costs> bound_of(const Candidate& candidate, std::string* why_not = nullptr);
  void set_bound(Trial& trial, const Candidate& candidate);
  std::vector<std::size_t> open_candidates() const;
  bool drop_before_measuring(Trial& trial);
  void pass_provisionally(std::int64_t wanted, StageProgress& progress);
  void refine();
  void take_best_score(StageProgress& progress);
  void prune_open();
  void train_finalists();
  bool reject_over_limits(Trial& trial, const Costs& costs, CostKind kind) const;
  StageRunner::Next unfinished(Stage stage) const;
  StageRunner::Next one_after_the_other(const std::vector<std::size_t>& order) const;
  Features features_with_score(const Trial& trial) const;
  StageProgress progress_of(const char* what, std::int64_t total) const {
    return {what, total, places_.quiet, std::nullopt};
  }

  SearchSettings settings_;
  SearchPlaces places_;
  Study study_;
  SearchData data_;
  std::vector<Trial> trials_;
  StageRunner runner_;
  const Strategy& strategy_;
  Task task_;
  History history_;
  std::size_t observed_ = 0;  ///< trials in the history
  std::set<std::string> hashes_;
  std::map<std::string, sim::ChipConfig> chips_;                                ///< by the choices' text
  std::map<std::string, std::pair<std::optional<Costs>, std::string>> bounds_;  ///< by the candidate's text
  CostFeedback feedback_;
  std::set<std::size_t> resumed_;  ///< interrupted final trainings that were taken up
};

Search::Search(const SearchSettings& settings, const SearchPlaces& places, const sim::ChipConfig& chip,
               SearchData data, Study study)
    : settings_(settings),
      places_(places),
      study_(std::move(study)),
      data_(std::move(data)),
      trials_(study_.trials()),
      runner_(settings_, places_, chip.sha256, data_.sha256, study_, trials_),
      strategy_(strategy_named(settings.strategy, "--strategy")),
      feedback_(settings_.space) {
  for (const Trial& trial : trials_) hashes_.insert(trial.hash);
  chips_.emplace("", chip);
  task_.space = settings_.space;
  task_.cells = cells_of(settings_.space);
  task_.seed = seed_of(settings_, SeedOf::kDraws);
  task_.budget = settings_.candidates;
  task_.bound = [this](const Candidate& candidate) -> std::optional<Costs> {
    const std::optional<Costs> bound = bound_of(candidate);
    return bound ? std::optional<Costs>(feedback_.corrected(candidate, *bound)) : std::nullopt;
  };
  task_.breaks_limits = [this](const Costs& costs) {
    return !exceeded(limits_of(settings_.limits, strategy_.limits), costs, CostKind::kLowerBound).empty();
  };
}

void Search::run() {
  explore();
  refine();
  if (settings_.final_epochs > 0 && settings_.train > 0) train_finalists();
}

/// What a network costs at least on its chip, from the mapping alone; empty: it does not fit, `why_not` says
/// why.
std::optional<Costs> Search::bound_of(const Candidate& candidate, std::string* why_not) {
  const auto [it, fresh] = bounds_.try_emplace(to_text(candidate));
  auto& [bound, reason] = it->second;
  if (fresh) {
    try {
      const Design design = design_of(settings_, candidate);
      std::string choices;
      for (const auto& [path, value] : design.chip) choices += path + '=' + value + ' ';
      if (chips_.count(choices) == 0) {
        sim::ChipConfig chip = chip_of(places_, design);
        chip.path = chip.name;  // paths of this machine must not get into stored reasons
        chips_.emplace(choices, std::move(chip));
      }
      // No bound depends on a weight, and drawing them takes longer than all the rest.
      models::GraphNet net(models::snasnet(design.spec), 0, false);
      const at::NoGradGuard no_grad;
      for (at::Tensor& weights : net->parameters()) weights.zero_();
      const sim::Bounds least = sim::lower_bounds(
          chip_network(net, data_.name, data_.input, design.weight_bits), chips_.at(choices), "the network");
      bound = Costs{least.memory_bytes, least.area_um2, least.latency_ns, least.energy_pj};
      const Costs published = spikesim_costs(design.spec);
      bound->fields = {{"parameters", static_cast<double>(network_size(design.spec).parameters)},
                       {"spikesim.area_um2", published.area_um2},
                       {"spikesim.energy_pj", published.energy_pj},
                       {"spikesim.latency_ns", published.latency_ns}};
    } catch (const InputError& error) {
      reason = error.what();
    }
  }
  if (why_not != nullptr) *why_not = reason;
  return bound;
}

/// Puts a trial's bound in and the state that follows from it. A strategy that looks at no limit scores
/// whatever it proposed.
void Search::set_bound(Trial& trial, const Candidate& candidate) {
  trial.state = TrialState::kWaiting;
  trial.stage = Stage::kScore;
  if (strategy_.limits == LimitsSeen::kNone) return;
  trial.stage = Stage::kBound;
  trial.state = TrialState::kInfeasible;
  trial.bound = bound_of(candidate, &trial.reason);
  if (!trial.bound) return;
  const auto excess =
      exceeded(limits_of(settings_.limits, strategy_.limits), *trial.bound, CostKind::kLowerBound);
  trial.reason = describe(excess);
  trial.limits_exceeded = names(excess);
  trial.bound = keep_named(*trial.bound, settings_.limits);
  if (!excess.empty()) return;
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

/// Puts proposals that are not known yet into `fresh`, with their bounds, until `wanted` of them may be
/// scored; how many proposals that took.
std::int64_t Search::new_trials(const std::vector<Candidate>& proposals, std::int64_t round,
                                std::int64_t wanted, std::vector<Trial>& fresh) {
  std::int64_t looked_at = 0;
  for (const Candidate& proposal : proposals) {
    if (wanted == 0) break;
    ++looked_at;
    const Candidate candidate = canonical(proposal);
    Trial trial;
    trial.hash = candidate_hash(design_of(settings_, candidate), data_.name, settings_.seed);
    if (!hashes_.insert(trial.hash).second) continue;
    trial.number = static_cast<std::int64_t>(trials_.size() + fresh.size());
    trial.round = round;
    trial.genotype = to_text(candidate);
    set_bound(trial, candidate);
    wanted -= trial.state == TrialState::kWaiting ? 1 : 0;
    fresh.push_back(std::move(trial));
  }
  return looked_at;
}

/// Tells the strategy what it may know: what was decided while exploring, not what training said later.
void Search::add_observations() {
  for (; observed_ < trials_.size(); ++observed_) {
    const Trial& trial = trials_[observed_];
    Observation seen;
    seen.candidate = parse_candidate(trial.genotype, "study");
    seen.round = trial.round;
    const bool failed = trial.state == TrialState::kFail && trial.stage == Stage::kScore;
    seen.feasible = trial.stage > Stage::kBound && !failed;
    seen.costs = trial.bound;
    if (strategy_.wants_costs && trial.provisional) {
      seen.costs = trial.provisional;
      seen.feasible = exceeded(settings_.limits, *trial.provisional, CostKind::kMeasured).empty();
    }
    if (seen.feasible) seen.fitness = trial.score;
    history_.add(std::move(seen));
  }
}

/// What was measured so far corrects the bounds. Anew and in the order of numbers, so that the same trials
/// teach the same, bit for bit.
void Search::learn_from_measurements() {
  feedback_ = CostFeedback(settings_.space);
  for (const Trial& trial : trials_)
    if (trial.bound && trial.provisional)
      feedback_.add(parse_candidate(trial.genotype, "study"), *trial.bound, *trial.provisional);
}

/// Yields the trials that wait for `stage` or were interrupted in it, by number.
StageRunner::Next Search::unfinished(Stage stage) const {
  return [this, stage, position = std::size_t{0}]() mutable -> std::optional<std::size_t> {
    while (position < trials_.size()) {
      const Trial& trial = trials_[position++];
      const bool open = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
      if (open && trial.stage == stage) return position - 1;
    }
    return std::nullopt;
  };
}

StageRunner::Next Search::one_after_the_other(const std::vector<std::size_t>& order) const {
  return [order, position = std::size_t{0}]() mutable -> std::optional<std::size_t> {
    return position < order.size() ? std::optional<std::size_t>(order[position++]) : std::nullopt;
  };
}

void Search::score_waiting(StageProgress& progress) {
  runner_.run(Stage::kScore, settings_.candidates, progress, unfinished(Stage::kScore),
              [](Trial& trial, const EvaluationResult& result) {
                trial.score = result.score;
                trial.scores = result.scores;
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

/// Rounds of proposals, until the budget is scored or nothing new comes.
void Search::explore() {
  StageProgress progress = progress_of("scoring", settings_.candidates - finished());
  score_waiting(progress);  // of a round that was interrupted
  std::vector<Round> rounds = study_.rounds();
  while (rounds.empty() || rounds.back().proposed > 0) {
    measure_while_exploring(static_cast<std::int64_t>(rounds.size()));
    add_observations();
    learn_from_measurements();
    const std::int64_t round = static_cast<std::int64_t>(rounds.size());
    const std::int64_t wanted = settings_.candidates - history_.finished();
    std::vector<Candidate> proposals;
    if (wanted > 0 && !fruitless(round)) proposals = strategy_.propose(task_, history_, round);
    std::vector<Trial> fresh;
    const std::int64_t looked_at = new_trials(proposals, round, wanted, fresh);
    rounds.push_back({round, looked_at, looked_at - static_cast<std::int64_t>(fresh.size())});
    study_.insert(fresh, rounds.back());
    trials_.insert(trials_.end(), fresh.begin(), fresh.end());
    score_waiting(progress);
  }
}

std::int64_t Search::finished() const {
  return std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) { return t.score.has_value(); });
}

/// Many rounds without anything new, or many candidates in a row that break a limit.
bool Search::fruitless(std::int64_t round) const {
  const std::int64_t last = trials_.empty() ? -1 : trials_.back().round;
  std::int64_t rejected = 0;
  for (auto trial = trials_.rbegin(); trial != trials_.rend() && trial->stage == Stage::kBound; ++trial)
    ++rejected;
  return round - last > kFruitlessRounds ||
         rejected >= std::max(kFewestRejected, kRejectedPerCandidate * settings_.candidates);
}

/// Measurements of untrained networks that a strategy wants of all candidates, or that correct the bounds of
/// our own: the best score after each of the first rounds.
void Search::measure_while_exploring(std::int64_t rounds) {
  StageProgress progress = progress_of("measuring", 0);
  const auto commit = [this](Trial& trial, const EvaluationResult& result) {
    trial.provisional = keep_named(*result.costs, settings_.limits);
    if (reject_over_limits(trial, *result.costs, CostKind::kMeasured)) return true;
    trial.state = TrialState::kWaiting;
    return true;
  };
  const auto run = [&](const std::vector<std::size_t>& order) {
    progress.total += static_cast<std::int64_t>(order.size());
    runner_.run(Stage::kProvisional, static_cast<std::int64_t>(order.size()), progress,
                one_after_the_other(order), commit);
  };
  const auto unmeasured = [this](bool only_running) {
    std::vector<std::size_t> order;
    for (const std::size_t index : open_candidates())
      if (!trials_[index].provisional && (!only_running || trials_[index].state == TrialState::kRunning))
        order.push_back(index);
    return order;
  };
  run(unmeasured(true));  // interrupted
  if (strategy_.wants_costs) return run(unmeasured(false));
  if (strategy_.limits != LimitsSeen::kAll || settings_.limits.empty()) return;
  const auto tried = [this] {
    return std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) {
      return t.provisional || (t.stage == Stage::kProvisional && t.state == TrialState::kFail);
    });
  };
  while (tried() < std::min(kProbes, rounds)) {
    std::vector<std::size_t> order = unmeasured(false);
    if (order.empty()) return;
    run({order.front()});
  }
}

/// Scored, within all limits so far, and waiting: the most promising first. That is the best score, until
/// our own strategy has trained enough to expect accuracies from structure and score.
std::vector<std::size_t> Search::open_candidates() const {
  std::vector<std::size_t> open;
  std::vector<Features> seen;
  std::vector<double> accuracies;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    const Trial& trial = trials_[i];
    if (trial.accuracy && trial.stage >= Stage::kMeasured) {
      seen.push_back(features_with_score(trial));
      accuracies.push_back(*trial.accuracy);
    }
    const bool waits = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
    if (waits && trial.stage == Stage::kProvisional) open.push_back(i);
  }
  std::map<std::size_t, double> promise;
  if (settings_.strategy == strategies().front().name && accuracies.size() >= kTrainedTogether) {
    const Surrogate model(seen, accuracies);
    const double best = *std::max_element(accuracies.begin(), accuracies.end());
    for (const std::size_t index : open)
      promise[index] = expected_improvement(model.predict(features_with_score(trials_[index])), best);
  } else {
    for (const std::size_t index : open) promise[index] = *trials_[index].score;
  }
  std::stable_sort(open.begin(), open.end(),
                   [&](std::size_t a, std::size_t b) { return promise.at(a) > promise.at(b); });
  return open;
}

Features Search::features_with_score(const Trial& trial) const {
  Features features = features_of(parse_candidate(trial.genotype, "study"), settings_.space);
  features.numbers.push_back(trial.score.value_or(0));
  return features;
}

/// Is a candidate over a limit by its own measurement, or by what measurements of others say of its bound?
bool Search::drop_before_measuring(Trial& trial) {
  if (trial.provisional) {  // probed while scoring, or by a strategy that measures everything
    if (!reject_over_limits(trial, *trial.provisional, CostKind::kMeasured)) return false;
  } else {
    const Candidate candidate = parse_candidate(trial.genotype, "study");
    if (!trial.bound) {  // of a strategy that looks at no limit
      trial.bound = bound_of(candidate, &trial.reason);
      if (trial.bound) trial.bound = keep_named(*trial.bound, settings_.limits);
    }
    if (!trial.bound || reject_over_limits(trial, *trial.bound, CostKind::kLowerBound)) {
      trial.state = TrialState::kInfeasible;
      trial.stage = Stage::kBound;
    } else {
      const Costs expected = feedback_.corrected(candidate, *trial.bound);
      const auto excess = exceeded(settings_.limits, expected, CostKind::kLowerBound);
      if (excess.empty()) return false;
      trial.state = TrialState::kPruned;
      trial.reason = "expected from " + std::to_string(feedback_.measurements()) +
                     " measurements: at least " + describe(excess);
      trial.limits_exceeded = names(excess);
    }
  }
  study_.update(trial);
  return true;
}

/// Gets `wanted` candidates past the provisional measurement, in their order, as far as there are any.
void Search::pass_provisionally(std::int64_t wanted, StageProgress& progress) {
  while (wanted > 0) {
    learn_from_measurements();
    const std::vector<std::size_t> open = open_candidates();
    std::vector<std::size_t> order;
    for (const std::size_t index : open)  // interrupted: chosen by what was known then
      if (trials_[index].state == TrialState::kRunning) order.push_back(index);
    const bool interrupted = !order.empty();
    for (const std::size_t index : open) {
      if (interrupted || static_cast<std::int64_t>(order.size()) == wanted) break;
      Trial& trial = trials_[index];
      if (drop_before_measuring(trial)) continue;
      if (!trial.provisional) {
        order.push_back(index);
        continue;
      }
      trial.stage = Stage::kMeasured;
      study_.update(trial);
      --wanted;
    }
    if (order.empty()) return;
    wanted -= runner_.run(Stage::kProvisional, static_cast<std::int64_t>(order.size()), progress,
                          one_after_the_other(order), [&](Trial& trial, const EvaluationResult& result) {
                            trial.provisional = keep_named(*result.costs, settings_.limits);
                            if (reject_over_limits(trial, *result.costs, CostKind::kMeasured)) return false;
                            trial.state = TrialState::kWaiting;
                            trial.stage = Stage::kMeasured;
                            return true;
                          });
  }
}

/// Trains and measures the best, a few at a time, so that what came out may choose the next.
void Search::refine() {
  StageProgress provisional =
      progress_of("provisional measurement", std::max<std::int64_t>(1, settings_.train));
  const auto count = [this](bool only_trained) {
    return std::count_if(trials_.begin(), trials_.end(), [&](const Trial& t) {
      const bool open = t.state == TrialState::kWaiting || t.state == TrialState::kRunning;
      return t.stage == Stage::kFinal || (t.stage == Stage::kMeasured && !(only_trained && open));
    });
  };
  if (settings_.train == 0) return take_best_score(provisional);
  StageProgress training = progress_of("training and measuring", settings_.train - count(true));
  while (count(true) < settings_.train) {
    const std::int64_t trained = count(true);
    const std::int64_t target =
        std::min(settings_.train, (trained / kTrainedTogether + 1) * kTrainedTogether);
    // Not once a round is being trained: its accuracies must not choose what it consists of.
    if (trained % kTrainedTogether == 0) pass_provisionally(target - count(false), provisional);
    const std::int64_t waiting = count(false) - trained;
    if (waiting == 0) break;
    // All that were chosen, whatever becomes of them: a failure counts as done, it isn't replaced.
    runner_.run(Stage::kMeasured, waiting, training, unfinished(Stage::kMeasured),
                [&](Trial& trial, const EvaluationResult& result) {
                  trial.measured = keep_named(*result.costs, settings_.limits);
                  trial.accuracy = result.accuracy;
                  trial.artifacts = job_folder(trial.number, Stage::kMeasured);
                  if (!reject_over_limits(trial, *result.costs, CostKind::kMeasured))
                    trial.state = TrialState::kComplete;
                  return true;
                });
  }
  prune_open();
}

/// Without training: the best score that passes the provisional measurement wins.
void Search::take_best_score(StageProgress& progress) {
  const auto passed = [](const Trial& t) { return t.stage == Stage::kMeasured; };
  const auto done = [](const Trial& t) {
    return t.stage == Stage::kProvisional && t.state == TrialState::kComplete;
  };
  if (std::none_of(trials_.begin(), trials_.end(), done)) {
    if (std::none_of(trials_.begin(), trials_.end(), passed)) pass_provisionally(1, progress);
    const auto best = std::find_if(trials_.begin(), trials_.end(), passed);
    if (best != trials_.end()) {
      best->stage = Stage::kProvisional;
      best->state = TrialState::kComplete;
      best->artifacts = job_folder(best->number, Stage::kProvisional);
      study_.update(*best);
    }
  }
  prune_open();
}

/// What nobody came to any more.
void Search::prune_open() {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < trials_.size(); ++i)
    if (trials_[i].score) order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return *trials_[a].score > *trials_[b].score; });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    Trial& trial = trials_[order[rank]];
    if (trial.stage != Stage::kProvisional || trial.state != TrialState::kWaiting) continue;
    trial.state = TrialState::kPruned;
    trial.stage = Stage::kScore;  // what decided; it never came to training
    trial.reason = "score rank " + std::to_string(rank + 1) + " of " + std::to_string(order.size());
    study_.update(trial);
  }
}

/// Successive halving: of the best of the short training, a few are trained for longer.
void Search::train_finalists() {
  const StageRunner::Next next = [&]() -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < trials_.size(); ++i)  // interrupted
      if (trials_[i].stage == Stage::kFinal && trials_[i].state == TrialState::kRunning &&
          resumed_.insert(i).second)
        return i;
    for (const Trial& trial : ranked(trials_))
      if (trial.stage == Stage::kMeasured) return static_cast<std::size_t>(trial.number);
    return std::nullopt;
  };
  const auto passed = std::count_if(trials_.begin(), trials_.end(), passed_final);
  StageProgress progress = progress_of("final training", settings_.finalists - passed);
  runner_.run(Stage::kFinal, settings_.finalists - passed, progress, next,
              [&](Trial& trial, const EvaluationResult& result) {
                trial.final_measured = keep_named(*result.costs, settings_.limits);
                trial.final_accuracy = result.accuracy;
                if (reject_over_limits(trial, *result.costs, CostKind::kMeasured)) {
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
  for (const char* file : {"network.nir", "trace.h5", "measurement.json", "checkpoint.pt", "answer.json"}) {
    const std::string source = out + '/' + trial.artifacts + '/' + file;
    if (!fs::exists(source)) {  // of another kind of winner
      fs::remove(out + "/winner/" + file);
      continue;
    }
    write_atomically(out + "/winner/" + file, [&](const std::string& temporary) {
      fs::copy_file(source, temporary, fs::copy_options::overwrite_existing);
    });
  }
}

/// Every value of an axis must suit the network or the chip by itself.
void check_axes(const SearchSettings& settings, const SearchPlaces& places, const std::string& hw,
                const models::Dataset& dataset) {
  std::set<std::string> names;
  for (const Axis& axis : settings.space.axes) {
    if (!names.insert(axis.name).second)
      throw InputError("command line", "--vary", axis.name + " twice", "every name once");
    if (axis.name == "timesteps" && dataset.events)
      throw InputError("command line", "--vary", "timesteps with recordings of events",
                       "a data set of images: the timesteps decide how recordings are cut into frames");
    for (const auto& [path, value] : places.overrides)
      if (path == axis.name)
        throw InputError("command line", "--vary", axis.name + ", which --set fixes", "one of them");
    for (const std::string& value : axis.values) {
      if (axis.name == "weight_bits" && (std::stoll(value) < 2 || std::stoll(value) > 8))
        throw InputError("command line", "--vary", "weight_bits=" + value, "2 to 8");
      if (is_network_axis(axis.name)) continue;
      std::vector<std::pair<std::string, std::string>> overrides = places.overrides;
      overrides.emplace_back(axis.name, value);
      sim::read_chip_config(hw, overrides);
    }
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
    check_axes(settings, places, given.hw, dataset);
    data = {dataset.name, digest(dataset), models::input_range(dataset)};
  }
  std::error_code error;
  fs::create_directories(places.out, error);
  if (error) throw InputError(given.out, "create", error.message(), "a folder that can be made");

  const std::string stored = study_settings(settings, chip, data.sha256);
  Study study = Study::create_or_resume(given.out + "/study.db", stored);
  if (study.resumed() && !places.quiet) out << "continuing the study in " << given.out << '\n';
  Search search(settings, places, chip, std::move(data), std::move(study));
  search.run();
  const auto best = winner(search.trials(), settings.final_epochs > 0);
  if (best) copy_winner(places.out, *best);
  const Proposals proposals{settings.strategy, search.rounds()};
  write_file(places.out + "/result.json", result_json(stored, settings, search.trials(), proposals));
  out << summary(settings, search.trials(), given.out, proposals);
  return best ? 0 : 1;
}

}  // namespace spikeloop::nas
