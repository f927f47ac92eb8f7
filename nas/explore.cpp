#include <ATen/core/grad_mode.h>
#include <ATen/ops/zero.h>

#include <algorithm>
#include <sstream>

#include "models/networks.h"
#include "nas/candidate.h"
#include "nas/search_run.h"
#include "nas/spikesim_cost.h"
#include "sim/bounds.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

constexpr std::int64_t kFruitlessRounds =
    50;  ///< without a new candidate: then the space counts as exhausted
/// So many in a row that break a limit end the proposals.
constexpr std::int64_t kRejectedPerCandidate = 20, kFewestRejected = 200;
/// Measurements that correct the bounds while scoring: after the first round and after each other one.
constexpr std::int64_t kFirstProbes = 4, kProbes = 12;

}  // namespace

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

void Search::score_waiting(StageProgress& progress) {
  runner_.run(Stage::kScore, settings_.candidates, progress, unfinished(Stage::kScore),
              [](Trial& trial, const EvaluationResult& result) {
                trial.score = result.score;
                trial.scores = result.scores;
                trial.state = TrialState::kWaiting;
                trial.stage = Stage::kProvisional;
                const Candidate candidate = parse_candidate(trial.genotype, "study");
                if (models::is_super_cell(candidate.cell1) || models::is_super_cell(candidate.cell2)) {
                  trial.state = TrialState::kPruned;
                  trial.stage = Stage::kScore;
                  trial.reason = "a super-cell, which is only scored";
                }
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
    passed_over_.clear();
    if (wanted > 0 && !fruitless(round)) proposals = strategy_.propose(task_, history_, round);
    // Nothing may meet the limits: some are written down all the same, with the reason.
    if (proposals.empty() && trials_.empty()) proposals = propose_snasnet(task_, history_, round);
    std::vector<Trial> fresh;
    const std::int64_t looked_at = new_trials(proposals, round, wanted, fresh);
    rounds.push_back({round, looked_at, looked_at - static_cast<std::int64_t>(fresh.size())});
    for (const auto& [candidate, limits] : passed_over_) {
      std::istringstream names(limits);
      for (std::string name; std::getline(names, name, ',');) ++rounds.back().passed_over[name];
    }
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
  // Few and short, but for a strategy that measures everything.
  StageProgress progress = progress_of("measuring", 0);
  progress.quiet = progress.quiet || !strategy_.wants_costs;
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
  if (!corrects_bounds() || settings_.limits.empty()) return;
  const auto tried = [this] {
    return std::count_if(trials_.begin(), trials_.end(), [](const Trial& t) {
      return t.provisional || (t.stage == Stage::kProvisional && t.state == TrialState::kFail);
    });
  };
  const std::int64_t wanted = rounds == 0 ? 0 : std::min(kProbes, kFirstProbes + rounds - 1);
  while (tried() < wanted) {
    std::vector<std::size_t> order = unmeasured(false);
    if (order.empty()) return;
    run({order.front()});
  }
}

}  // namespace spikeloop::nas
