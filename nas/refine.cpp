#include <algorithm>

#include "nas/search_report.h"
#include "nas/search_run.h"
#include "nas/surrogate.h"

namespace spikeloop::nas {
namespace {

/// What a short training made of an untrained network's latency and energy in our searches (README.md), and
/// a longer one of that, as if it had been seen once.
constexpr double kUsualGrowth = 1.1, kLongerGrowth = 1.06;
constexpr double kAlmostSure = 2;             ///< deviations
constexpr std::int64_t kTrainedTogether = 4;  ///< before the next ones are chosen by what came out

}  // namespace

/// Scored, within all limits so far, and waiting: the most promising first. That is the best score, until
/// our own strategy has trained enough to expect accuracies from structure and score.
std::vector<std::size_t> Search::open_candidates() const {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    const Trial& trial = trials_[i];
    const bool waits = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
    if (waits && trial.stage == Stage::kProvisional) open.push_back(i);
  }
  std::map<std::size_t, double> promise = expected_gains(open);
  if (promise.empty())
    for (const std::size_t index : open) promise[index] = *trials_[index].score;
  std::stable_sort(open.begin(), open.end(),
                   [&](std::size_t a, std::size_t b) { return promise.at(a) > promise.at(b); });
  return open;
}

/// Expected improvement over the best accuracy so far of each of `open`, from their structure and score.
/// Empty: too little was trained.
std::map<std::size_t, double> Search::expected_gains(const std::vector<std::size_t>& open) const {
  std::vector<Features> features;
  std::vector<double> accuracies;
  const auto add = [&](const Trial& trial) {
    features.push_back(features_of(parse_candidate(trial.genotype, "study"), settings_.space));
    features.back().graph.push_back(trial.score.value_or(0));
  };
  for (const Trial& trial : trials_) {
    if (!trial.accuracy || trial.stage < Stage::kMeasured) continue;
    add(trial);
    accuracies.push_back(*trial.accuracy);
  }
  const auto trained = static_cast<std::int64_t>(accuracies.size());
  if (!corrects_bounds() || trained < kTrainedTogether) return {};
  for (const std::size_t index : open) add(trials_[index]);
  standardise(features);
  const std::vector<Features> asked(features.begin() + trained, features.end());
  features.resize(accuracies.size());
  const double best = *std::max_element(accuracies.begin(), accuracies.end());
  const std::vector<Prediction> expected =
      Surrogate(settings_.space, std::move(features), accuracies).predict(asked);
  std::map<std::size_t, double> gains;
  for (std::size_t i = 0; i < open.size(); ++i) gains[open[i]] = expected_improvement(expected[i], best);
  return gains;
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
      const Costs expected = feedback_.corrected(candidate, *trial.bound, kAlmostSure);
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

/// Mean of trained / untrained over the trained, for each cost; where the best are trained again for longer,
/// up to that.
Costs Search::growth_in_training() const {
  const double longer = settings_.final_epochs > 0 ? kLongerGrowth : 1;
  Costs growth{1, 1, kUsualGrowth * longer, kUsualGrowth * longer};
  double count = 1;
  for (const Trial& trial : trials_) {
    if (!trial.measured || !trial.provisional) continue;
    ++count;
    for (const Cost cost : kAllCosts) {
      const double before = trial.provisional->get(cost);
      const bool exact = cost == Cost::kMemory || cost == Cost::kArea;
      const double after = trial.final_measured ? trial.final_measured->get(cost)
                                                : trial.measured->get(cost) * (exact ? 1 : longer);
      const double ratio = before > 0 ? after / before : 1;
      growth.set(cost, growth.get(cost) + (ratio - growth.get(cost)) / count);
    }
  }
  return growth;
}

/// Within all limits untrained, but not if training adds to it what it added to others.
bool Search::is_risky(const Costs& provisional) const {
  const Costs growth = growth_in_training();
  Costs expected = provisional;
  for (const Cost cost : kAllCosts) expected.set(cost, provisional.get(cost) * growth.get(cost));
  return !exceeded(settings_.limits, expected, CostKind::kMeasured).empty();
}

/// Gets `wanted` candidates past the provisional measurement, in their order, as far as there are any.
void Search::pass_provisionally(std::int64_t wanted, StageProgress& progress) {
  while (wanted > 0) {
    learn_from_measurements();
    const std::vector<std::size_t> open = open_candidates();
    std::vector<std::size_t> order, risky;
    for (const std::size_t index : open)  // interrupted: chosen by what was known then
      if (trials_[index].state == TrialState::kRunning) order.push_back(index);
    const bool interrupted = !order.empty();
    const auto choose = [&](std::size_t index) {
      trials_[index].stage = Stage::kMeasured;
      study_.update(trials_[index]);
      --wanted;
    };
    for (const std::size_t index : open) {
      if (interrupted || static_cast<std::int64_t>(order.size()) == wanted) break;
      const Trial& trial = trials_[index];
      if (drop_before_measuring(trials_[index])) continue;
      if (!trial.provisional)
        order.push_back(index);
      else if (is_risky(*trial.provisional))
        risky.push_back(index);
      else
        choose(index);
    }
    if (order.empty()) {  // nothing better is left
      for (std::size_t i = 0; i < risky.size() && wanted > 0; ++i) choose(risky[i]);
      return;
    }
    wanted -= runner_.run(Stage::kProvisional, static_cast<std::int64_t>(order.size()), progress,
                          one_after_the_other(order), [&](Trial& trial, const EvaluationResult& result) {
                            trial.provisional = keep_named(*result.costs, settings_.limits);
                            if (reject_over_limits(trial, *result.costs, CostKind::kMeasured)) return false;
                            trial.state = TrialState::kWaiting;
                            if (is_risky(*trial.provisional)) return false;
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

}  // namespace spikeloop::nas
