/// NSGA-II (Deb et al. 2002) on fitness (to be large) and energy (to be small): non-dominated sorting,
/// crowding distance, binary tournaments, the best of parents and offspring as the next parents; what breaks
/// a limit is dominated by all that does not. Ours: uniform crossover of the edges and axes, an edge or axis
/// mutates with one over their number, and offspring that is known already is drawn again.
#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "nas/strategies/fits.h"
#include "nas/strategies/pareto.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::Op;

constexpr std::size_t kPopulation = 24;
constexpr int kTries = 50;  ///< to bear a child, and again to draw a stranger
constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPairs{
    {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}};

struct Individual {
  const Observation* seen = nullptr;
  std::size_t rank = 0;
  double crowding = 0;
};

bool is_better(const Individual& a, const Individual& b) {
  return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
}

/// The best of these, best first; an energy that is not known counts as the largest.
std::vector<Individual> selected(const std::vector<const Observation*>& all) {
  std::vector<const Observation*> feasible;
  std::vector<Objectives> points;
  std::vector<Individual> infeasible, result;
  double largest = 0;
  for (const Observation* seen : all)
    if (seen->costs) largest = std::max(largest, seen->costs->energy_pj);
  for (const Observation* seen : all) {
    if (!seen->feasible || !seen->fitness) {
      infeasible.push_back({seen, std::numeric_limits<std::size_t>::max(), 0});
      continue;
    }
    feasible.push_back(seen);
    points.push_back({-*seen->fitness, seen->costs ? seen->costs->energy_pj : largest});
  }
  const std::vector<std::vector<std::size_t>> fronts = nondominated_fronts(points);
  for (std::size_t rank = 0; rank < fronts.size(); ++rank) {
    std::vector<Objectives> front;
    for (const std::size_t i : fronts[rank]) front.push_back(points[i]);
    const std::vector<double> crowding = crowding_distances(front);
    for (std::size_t i = 0; i < front.size(); ++i)
      result.push_back({feasible[fronts[rank][i]], rank, crowding[i]});
  }
  result.insert(result.end(), infeasible.begin(), infeasible.end());
  std::stable_sort(result.begin(), result.end(), is_better);
  result.resize(std::min(result.size(), kPopulation));
  return result;
}

/// Everything proposed is new, so the offspring of a generation are what the history has of its round.
std::vector<Individual> parents_of(const History& history, std::int64_t round) {
  std::vector<Individual> parents;
  for (std::int64_t generation = 0; generation < round; ++generation) {
    std::vector<const Observation*> all;
    for (const Individual& parent : parents) all.push_back(parent.seen);
    for (const Observation& seen : history.seen())
      if (seen.round == generation) all.push_back(&seen);
    parents = selected(all);
  }
  return parents;
}

const Candidate& tournament(const std::vector<Individual>& parents, RandomStream& random) {
  const Individual& a = parents[random.below(parents.size())];
  const Individual& b = parents[random.below(parents.size())];
  return (is_better(b, a) ? b : a).seen->candidate;
}

void cross(CellMatrix& cell, const CellMatrix& other, RandomStream& random) {
  for (const auto& [i, j] : kPairs) {
    if (random.below(2) == 0) continue;
    cell[i][j] = other[i][j];
    cell[j][i] = other[j][i];
  }
}

/// Each edge with this chance to another operation or none; in a backward space with a new direction.
void mutate(CellMatrix& cell, const Space& space, double rate, RandomStream& random) {
  for (const auto& [i, j] : kPairs) {
    if (random.unit() >= rate) continue;
    const CellOp now = cell[i][j] != Op::kZero ? cell[i][j] : cell[j][i];
    std::vector<CellOp> others{Op::kZero};
    others.insert(others.end(), space.ops.begin(), space.ops.end());
    others.erase(std::remove(others.begin(), others.end(), now), others.end());
    const bool reverse = space.cell_type == CellType::kBackward && random.below(2) == 1;
    cell[i][j] = cell[j][i] = Op::kZero;
    (reverse ? cell[j][i] : cell[i][j]) = others[random.below(others.size())];
  }
}

bool is_in_space(const CellMatrix& cell, const Space& space) {
  const CleanedCell cleaned = clean(cell);
  return space.direct_edge ? cleaned.accepted : cleaned.connected;
}

Candidate child_of(const Task& task, const std::vector<Individual>& parents, RandomStream& random) {
  const Space& space = task.space;
  Candidate child = tournament(parents, random);
  const Candidate& other = tournament(parents, random);
  const std::size_t genes = kPairs.size() * (space.shared_cell ? 1 : 2) + space.axes.size();
  const double rate = 1.0 / static_cast<double>(genes);
  cross(child.cell1, other.cell1, random);
  mutate(child.cell1, space, rate, random);
  if (space.shared_cell) {
    child.cell2 = child.cell1;
  } else {
    cross(child.cell2, other.cell2, random);
    mutate(child.cell2, space, rate, random);
  }
  for (std::size_t i = 0; i < space.axes.size(); ++i) {
    const std::vector<std::string>& values = space.axes[i].values;
    if (random.below(2) == 1) child.choices[i] = other.choices[i];
    if (random.unit() >= rate || values.size() < 2) continue;
    const auto now = std::find(values.begin(), values.end(), child.choices[i].second) - values.begin();
    const std::size_t step = 1 + random.below(values.size() - 1);
    child.choices[i].second = values[(static_cast<std::size_t>(now) + step) % values.size()];
  }
  return child;
}

}  // namespace

std::vector<Candidate> propose_nsga2(const Task& task, const History& history, std::int64_t round) {
  std::vector<Candidate> proposed;
  if (history.finished() >= task.budget) return proposed;
  const std::vector<Individual> parents = parents_of(history, round);
  RandomStream random = stream_of(task, round);
  std::set<std::string> texts;
  const auto offer = [&](const Candidate& drawn) {
    const Candidate candidate = canonical(drawn);
    if (history.find(candidate) != nullptr || texts.count(to_text(candidate)) > 0 ||
        !may_fit(task, candidate))
      return false;
    texts.insert(to_text(candidate));
    proposed.push_back(candidate);
    return true;
  };
  for (std::size_t i = 0; i < kPopulation; ++i) {
    bool born = false;
    for (int attempt = 0; attempt < kTries && !born && !parents.empty(); ++attempt) {
      const Candidate child = child_of(task, parents, random);
      born = is_in_space(child.cell1, task.space) && is_in_space(child.cell2, task.space) && offer(child);
    }
    for (int attempt = 0; attempt < kTries && !born; ++attempt)
      born = offer(random_candidate(task.space, random));
  }
  return proposed;
}

}  // namespace spikeloop::nas
