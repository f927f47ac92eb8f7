#include "nas/strategies/cell_by_cell.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "nas/strategies/fits.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;

constexpr std::int64_t kRound = 32;
constexpr std::size_t kKept = 3;     ///< operations that stay
constexpr std::int64_t kTries = 50;  ///< draws for each candidate that has to fit
enum Stream : std::uint64_t { kAnalysis = 1, kOrder, kStart, kChoices };

RandomStream stream(const Task& task, Stream purpose, std::int64_t item) {
  return RandomStream(derive_seed(derive_seed(task.seed, purpose), static_cast<std::uint64_t>(item)));
}

bool is_analysed(const Task& task) {
  const auto ops = static_cast<std::int64_t>(task.space.ops.size());
  return task.space.ops.size() > kKept && task.budget >= 4 * (ops + 1);
}

/// The candidates of round 0: the first group of all operations, the others each without one of them. Once
/// round 0 is decided the history says which of the draws fitted, so that no bound is computed again.
std::vector<std::vector<Candidate>> analysis(const Task& task, const History& history, bool decided) {
  const std::size_t groups = task.space.ops.size() + 1;
  const std::int64_t size = std::max<std::int64_t>(1, task.budget / 5 / static_cast<std::int64_t>(groups));
  std::vector<std::vector<Candidate>> result(groups);
  for (std::size_t group = 0; group < groups; ++group) {
    Space space = task.space;
    if (group > 0) space.ops.erase(space.ops.begin() + static_cast<std::ptrdiff_t>(group - 1));
    RandomStream random = stream(task, kAnalysis, static_cast<std::int64_t>(group));
    std::set<std::string> drawn;
    for (std::int64_t i = 0; i < kTries * size && static_cast<std::int64_t>(result[group].size()) < size;
         ++i) {
      Candidate candidate = random_candidate(space, random);
      if (!drawn.insert(to_text(candidate)).second) continue;
      if (decided ? history.find(candidate) != nullptr : may_fit(task, candidate))
        result[group].push_back(std::move(candidate));
    }
  }
  return result;
}

struct Summary {
  std::int64_t count = 0;
  double mean = 0, best = 0;
};

Summary summary_of(const std::vector<Candidate>& candidates, const History& history) {
  Summary summary;
  for (const Candidate& candidate : candidates) {
    const Observation* seen = history.find(candidate);
    if (seen == nullptr || !seen->fitness) continue;
    summary.best = summary.count == 0 ? *seen->fitness : std::max(summary.best, *seen->fitness);
    ++summary.count;
    summary.mean += (*seen->fitness - summary.mean) / static_cast<double>(summary.count);
  }
  return summary;
}

std::vector<CellOp> operations_that_matter(const Task& task, const History& history, WorthOfOps worth_of) {
  const std::vector<CellOp>& ops = task.space.ops;
  const std::vector<std::vector<Candidate>> groups = analysis(task, history, true);
  const Summary all = summary_of(groups.front(), history);
  if (all.count == 0) return ops;  // nothing to compare with
  std::vector<double> impacts;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const Summary without = summary_of(groups[i + 1], history);
    impacts.push_back(without.count == 0 ? std::numeric_limits<double>::infinity()  // nothing works without
                                         : (all.mean - without.mean + all.best - without.best) / 2);
  }
  const std::vector<double> worth = worth_of(task, impacts);
  std::vector<std::size_t> order(ops.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return worth[a] > worth[b]; });
  const auto last_kept = order.begin() + kKept - 1;
  const auto is_conv = [&](std::size_t i) { return models::is_convolution(ops[i]); };
  const auto best_conv = std::find_if(order.begin(), order.end(), is_conv);
  if (best_conv != order.end() && best_conv > last_kept) std::iter_swap(last_kept, best_conv);
  std::vector<CellOp> kept;
  for (auto it = order.begin(); it <= last_kept; ++it) kept.push_back(ops[*it]);
  std::sort(kept.begin(), kept.end());
  return kept;
}

/// Which pass a round belongs to. A pass is over when it has its share of the budget, or when a round of it
/// brought fewer candidates than it asked for: then its cells are used up.
struct Pass {
  std::int64_t number = 0, first_round = 0;
  std::int64_t wanted = 0;  ///< candidates of this round
  bool over = false;        ///< two passes in a row found nothing new
};

Pass pass_of(const Task& task, const History& history, std::int64_t round, std::int64_t first_round) {
  std::vector<std::int64_t> seen(static_cast<std::size_t>(round)), finished(seen);
  for (const Observation& observation : history.seen()) {
    if (observation.round >= round) continue;
    ++seen[static_cast<std::size_t>(observation.round)];
    if (observation.fitness) ++finished[static_cast<std::size_t>(observation.round)];
  }
  Pass pass;
  pass.first_round = first_round;
  std::int64_t spent = first_round > 0 ? finished.front() : 0;
  const std::int64_t half = spent + (task.budget - spent + 1) / 2;
  bool was_empty = false;
  for (std::int64_t r = first_round;; ++r) {
    const std::int64_t share = pass.number == 0 ? half : task.budget;
    pass.wanted = std::min(kRound, share - spent);
    if (r == round) return pass;
    const auto at = static_cast<std::size_t>(r);
    spent += finished[at];
    if (seen[at] == 0 && was_empty) pass.over = true;
    was_empty = seen[at] == 0;
    if (seen[at] >= pass.wanted && spent < share) continue;
    ++pass.number;
    pass.first_round = r + 1;
  }
}

const Candidate* best_before(const History& history, std::int64_t round) {
  const Observation* best = nullptr;
  for (const Observation& seen : history.seen())
    if (seen.round < round && seen.feasible && seen.fitness &&
        (best == nullptr || *seen.fitness > *best->fitness))
      best = &seen;
  return best == nullptr ? nullptr : &best->candidate;
}

/// Where there is no best yet: a random candidate, at worst the first of all cells, which is a light one.
Candidate start(const Task& task, const CellMatrix& first, std::int64_t pass) {
  RandomStream random = stream(task, kStart, pass);
  Candidate candidate;
  for (std::int64_t i = 0; i < kTries; ++i) {
    candidate = random_candidate(task.space, random);
    if (may_fit(task, candidate)) return candidate;
  }
  candidate.cell1 = candidate.cell2 = first;
  return candidate;
}

/// The cells of these operations in the order of a pass.
std::vector<const CellMatrix*> cells_in_order(const Task& task, const std::vector<CellOp>& ops,
                                              std::int64_t pass) {
  const auto may_be = [&](const CellOp& op) {
    return op == models::Op::kZero || std::find(ops.begin(), ops.end(), op) != ops.end();
  };
  std::vector<const CellMatrix*> cells;
  for (const CellMatrix& cell : task.cells)
    if (std::all_of(cell.begin(), cell.end(),
                    [&](const auto& row) { return std::all_of(row.begin(), row.end(), may_be); }))
      cells.push_back(&cell);
  RandomStream random = stream(task, kOrder, pass);
  for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[random.below(i)]);
  return cells;
}

}  // namespace

std::vector<Candidate> propose_cell_by_cell(const Task& task, const History& history, std::int64_t round,
                                            WorthOfOps worth) {
  std::vector<Candidate> proposed;
  if (history.finished() >= task.budget) return proposed;
  const bool analysed = is_analysed(task);
  if (analysed && round == 0) {
    std::set<std::string> known;
    for (const std::vector<Candidate>& group : analysis(task, history, false))
      for (const Candidate& candidate : group)
        if (known.insert(to_text(candidate)).second) proposed.push_back(candidate);
    if (proposed.empty()) proposed.push_back(start(task, task.cells.front(), 0));
    return proposed;
  }
  const Pass pass = pass_of(task, history, round, analysed ? 1 : 0);
  if (pass.over) return proposed;

  const std::vector<CellOp> ops = analysed ? operations_that_matter(task, history, worth) : task.space.ops;
  const std::vector<const CellMatrix*> cells = cells_in_order(task, ops, pass.number);
  const Candidate* best = best_before(history, pass.first_round);
  const Candidate base = best != nullptr ? *best : start(task, *cells.front(), pass.number);
  const bool varies_cell1 = task.space.shared_cell || pass.number % 2 == 0;
  const bool varies_cell2 = task.space.shared_cell || !varies_cell1;

  std::set<CellMatrix> tried;
  for (const Observation& seen : history.seen())
    if (seen.round >= pass.first_round)
      tried.insert(varies_cell1 ? seen.candidate.cell1 : seen.candidate.cell2);
  std::size_t next = 0;
  for (std::size_t i = 0; i < cells.size() && !tried.empty(); ++i)
    if (tried.erase(*cells[i]) > 0) next = i + 1;
  for (std::size_t i = next; i < cells.size() && static_cast<std::int64_t>(proposed.size()) < pass.wanted;
       ++i) {
    Candidate candidate = base;
    if (varies_cell1) candidate.cell1 = *cells[i];
    if (varies_cell2) candidate.cell2 = *cells[i];
    if (pass.number == 0) {
      RandomStream random = stream(task, kChoices, static_cast<std::int64_t>(i));
      for (std::size_t axis = 0; axis < task.space.axes.size(); ++axis)
        candidate.choices[axis].second =
            task.space.axes[axis].values[random.below(task.space.axes[axis].values.size())];
    }
    if (history.find(candidate) == nullptr && may_fit(task, candidate))
      proposed.push_back(std::move(candidate));
  }
  // Nothing new: a known candidate costs nothing and leaves this round without a trial, which ends the pass.
  if (proposed.empty() && !history.seen().empty()) proposed.push_back(history.seen().front().candidate);
  return proposed;
}

}  // namespace spikeloop::nas
