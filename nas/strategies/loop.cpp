/// Our own: Bayesian optimisation over the structure of cells. A fifth of the budget (20 at most) goes to
/// random candidates, then each round to those with the largest expected improvement (Jones et al. 1998) by
/// the surrogate of all that was seen. Within a round a chosen one is believed to do as predicted, so that a
/// round does not spend itself on one idea. What cannot meet the limits is passed over before it costs
/// anything: no network is built for it, and the bounds are asked for in the order of promise only.
#include <algorithm>
#include <cstdint>
#include <queue>
#include <string>
#include <unordered_set>
#include <utility>

#include "nas/genotype.h"
#include "nas/strategy.h"
#include "nas/surrogate.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;

constexpr std::int64_t kMostRandom = 20, kLeastRandom = 2;
/// Candidates of a round: few, so that each is chosen by what the last ones said, but what starting
/// processes costs is shared.
constexpr std::int64_t kLeastRound = 4, kMostRound = 32, kRounds = 24;
constexpr std::int64_t kPool = 20'000;             ///< candidates that a round looks at
constexpr std::size_t kParents = 8;                ///< of neighbours, where the pool is not the whole space
constexpr std::uint64_t kPoolStream = 1ULL << 40;  ///< no round has this number

/// All of the space, or a random part of it that is the same in every round.
std::vector<Candidate> pool_of(const Task& task) {
  const std::int64_t size = size_of(task.space, static_cast<std::int64_t>(task.cells.size()));
  std::vector<Candidate> pool;
  if (size <= kPool) {
    for (std::int64_t i = 0; i < size; ++i) pool.push_back(candidate_at(task.space, task.cells, i));
    return pool;
  }
  RandomStream random(derive_seed(task.seed, kPoolStream));
  std::unordered_set<std::int64_t> drawn;
  while (static_cast<std::int64_t>(pool.size()) < kPool) {
    const auto index = static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(size));
    if (drawn.insert(index).second) pool.push_back(candidate_at(task.space, task.cells, index));
  }
  return pool;
}

/// The cells that differ from `cell` by one pair of nodes.
std::vector<CellMatrix> neighbours(const CellMatrix& cell, const Space& space) {
  std::vector<CellMatrix> found;
  const auto take = [&](const CellMatrix& changed) {
    const CleanedCell cleaned = clean(changed);
    if (space.direct_edge ? cleaned.accepted : cleaned.connected) found.push_back(canonical(cleaned.cell));
  };
  for (std::size_t from = 0; from < cell.size(); ++from) {
    for (std::size_t to = from + 1; to < cell.size(); ++to) {
      CellMatrix changed = cell;
      changed[from][to] = changed[to][from] = CellOp();
      take(changed);
      for (const CellOp& op : space.ops) {
        changed[from][to] = op;
        take(changed);
        changed[from][to] = CellOp();
        if (space.cell_type == CellType::kForward) continue;
        changed[to][from] = op;
        take(changed);
        changed[to][from] = CellOp();
      }
    }
  }
  return found;
}

void add_neighbours(const Candidate& parent, const Space& space, std::vector<Candidate>& pool) {
  for (const CellMatrix& cell : neighbours(parent.cell1, space)) {
    pool.push_back(parent);
    pool.back().cell1 = cell;
    if (space.shared_cell) pool.back().cell2 = cell;
  }
  if (!space.shared_cell) {
    for (const CellMatrix& cell : neighbours(parent.cell2, space)) {
      pool.push_back(parent);
      pool.back().cell2 = cell;
    }
  }
  for (std::size_t i = 0; i < space.axes.size(); ++i) {
    for (const std::string& value : space.axes[i].values) {
      pool.push_back(parent);
      pool.back().choices[i].second = value;
    }
  }
}

/// Nothing says that it cannot meet the limits, and it is unknown. (In this order: most that is asked about
/// breaks a limit where limits are tight, and a look into the history takes the candidate's text.)
bool is_worth_it(const Task& task, const History& history, const Candidate& candidate) {
  if (task.bound) {
    const std::optional<Costs> costs = task.bound(candidate);
    if (!costs || (task.breaks_limits && task.breaks_limits(*costs))) return false;
  }
  return history.find(candidate) == nullptr;
}

std::vector<Candidate> random_ones(const Task& task, const History& history, std::int64_t round,
                                   std::vector<Candidate> pool, std::size_t count) {
  std::vector<Candidate> chosen;
  RandomStream random = stream_of(task, round);
  while (chosen.size() < count && !pool.empty()) {
    std::swap(pool[random.below(pool.size())], pool.back());
    if (is_worth_it(task, history, pool.back())) chosen.push_back(std::move(pool.back()));
    pool.pop_back();
  }
  return chosen;
}

/// The observations with a fitness, best first.
std::vector<const Observation*> best_first(const History& history) {
  std::vector<const Observation*> best;
  for (const Observation& seen : history.seen())
    if (seen.fitness) best.push_back(&seen);
  std::stable_sort(best.begin(), best.end(),
                   [](const auto* a, const auto* b) { return *a->fitness > *b->fitness; });
  return best;
}

std::vector<Candidate> most_promising(const Task& task, const History& history,
                                      const std::vector<const Observation*>& seen,
                                      const std::vector<Candidate>& pool, std::size_t count) {
  // Seen ones and the pool are brought to the same scale.
  std::vector<Features> features, seen_features;
  features.reserve(pool.size() + seen.size());
  for (const Candidate& candidate : pool) features.push_back(features_of(candidate, task.space));
  for (const Observation* o : seen) features.push_back(features_of(o->candidate, task.space));
  standardise(features);
  std::vector<double> values;
  for (const Observation* o : seen) {
    values.push_back(*o->fitness);
    seen_features.push_back(features[pool.size() + values.size() - 1]);
  }
  features.resize(pool.size());
  Surrogate surrogate(task.space, seen_features, values);
  double best = values.front();  // they are sorted

  struct Promise {
    double improvement;
    std::size_t index, believed;  ///< what was believed already when it was computed
    bool operator<(const Promise& other) const {
      return improvement != other.improvement ? improvement < other.improvement : index > other.index;
    }
  };
  std::priority_queue<Promise> promises;
  const std::vector<Prediction> predictions = surrogate.predict(features);
  for (std::size_t i = 0; i < pool.size(); ++i)
    promises.push({expected_improvement(predictions[i], best), i, 0});
  std::vector<Candidate> chosen;
  std::unordered_set<std::string> chosen_texts;
  std::vector<bool> worth_it(pool.size());  // asked for once
  while (chosen.size() < count && !promises.empty()) {
    const Promise top = promises.top();
    promises.pop();
    const Candidate& candidate = pool[top.index];
    if (!worth_it[top.index] && !is_worth_it(task, history, candidate)) continue;
    worth_it[top.index] = true;
    if (top.believed < chosen.size()) {
      // Belief only lowers an expected improvement, so what is on top when computed anew is the best.
      const Prediction now = surrogate.predict({features[top.index]}).front();
      promises.push({expected_improvement(now, best), top.index, chosen.size()});
      continue;
    }
    if (!chosen_texts.insert(to_text(candidate)).second) continue;  // a neighbour may be in the pool twice
    chosen.push_back(candidate);
    best = std::max(best, predictions[top.index].mean);
    surrogate.believe(features[top.index]);
  }
  return chosen;
}

}  // namespace

std::vector<Candidate> propose_loop(const Task& task, const History& history, std::int64_t round) {
  const std::int64_t left = task.budget - history.finished();
  if (left <= 0) return {};
  std::vector<Candidate> pool = pool_of(task);
  const std::vector<const Observation*> seen = best_first(history);
  if (round == 0 || seen.size() < static_cast<std::size_t>(kLeastRandom)) {
    const std::int64_t count = std::clamp(task.budget / 5, kLeastRandom, kMostRandom);
    return random_ones(task, history, round, std::move(pool),
                       static_cast<std::size_t>(std::min(count, left)));
  }
  if (static_cast<std::int64_t>(pool.size()) <
      size_of(task.space, static_cast<std::int64_t>(task.cells.size()))) {
    for (std::size_t i = 0; i < std::min(kParents, seen.size()); ++i)
      add_neighbours(seen[i]->candidate, task.space, pool);
  }
  const std::int64_t round_size = std::clamp(task.budget / kRounds, kLeastRound, kMostRound);
  return most_promising(task, history, seen, pool, static_cast<std::size_t>(std::min(round_size, left)));
}

}  // namespace spikeloop::nas
