/// LightSNN (Abdennadher et al., 2503.21846; their code searchcells/search_cell_snn.py). A super-cell holds
/// zero, skip and conv3x3 on every edge at once. A step looks at one edge: without each of the operations
/// left on it in turn; the one whose absence leaves the highest fitness goes. Sweeps over all edges follow
/// one another until every edge has one operation: 12 edges of 3 take 12 * 3 + 12 * 2 = 60 evaluations.
///
/// Only forward edges: the released code collects the backward edges' values and never reads them. Of a space
/// with neither skip nor conv3x3 all operations take part. One of several thresholds: the first; only the
/// operation with the largest number has it in a super-cell, the others once they are alone. Ours as well: an
/// edge never loses its last operation where the cell would then have no path from input to output (or, with
/// SNASNet's rule, no direct edge). Axes stay at their first values until the cells are found, then these are
/// looked at with every combination.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "nas/strategy.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::Op;
using models::operations;

constexpr std::int64_t kRound = 32;
constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kEdges{
    {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}};

/// What a super-edge starts with, by number, zero first.
std::vector<CellOp> ops_of_method(const Space& space) {
  std::vector<CellOp> all{Op::kZero}, method = all;
  for (const CellOp& op : space.ops) {
    if (op.op == all.back().op) continue;  // another threshold: ops are sorted
    all.push_back(op);
    if (op.op == Op::kSkip || op.op == Op::kConv3x3) method.push_back(op);
  }
  return method.size() > 1 ? method : all;
}

/// The edge with these operations, at least one, by number.
CellOp super_edge(const std::vector<CellOp>& ops) {
  CellOp edge = ops.back();
  for (std::size_t i = 0; i + 1 < ops.size(); ++i)
    edge.also = static_cast<std::uint8_t>(edge.also | 1U << static_cast<int>(ops[i].op));
  return edge;
}

/// A step's super-cells, each with the edge's state that led to it.
struct Option {
  CellOp edge;
  Candidate candidate;
};

class Pruning {
 public:
  explicit Pruning(const Space& space) : space_(space), ops_(ops_of_method(space)) {
    const CellOp full = super_edge(ops_);
    for (const auto& [from, to] : kEdges) state_.cell1[from][to] = state_.cell2[from][to] = full;
    if (space.direct_edge) {
      const std::vector<CellOp> ops(ops_.begin() + 1, ops_.end());
      state_.cell1[0][3] = state_.cell2[0][3] = super_edge(ops);
    }
    for (const Axis& axis : space.axes) state_.choices.emplace_back(axis.name, axis.values.front());
  }

  const Candidate& state() const { return state_; }

  /// Goes on to the next edge with a choice; false: every edge has one operation.
  bool next_step() {
    const std::size_t edges = space_.shared_cell ? kEdges.size() : 2 * kEdges.size();
    for (std::size_t i = 0; i < edges; ++i) {
      at_ = (at_ + 1) % edges;
      if (operations(edge()).size() > 1) return true;
    }
    return false;
  }

  /// The cells without each of the edge's operations.
  std::vector<Option> options() const {
    const std::vector<CellOp> ops = ops_of(edge());
    std::vector<Option> options;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      std::vector<CellOp> left = ops;
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
      const CellOp without = super_edge(left);
      const Candidate candidate = with(without);
      if (clean(candidate.cell1).connected && clean(candidate.cell2).connected)
        options.push_back({without, canonical(candidate)});
    }
    return options;
  }

  /// Takes the option with the highest fitness; where none has one, the last: without the heaviest.
  void take(const std::vector<Option>& options, const History& history) {
    const Option* best = &options.back();
    std::optional<double> highest;
    for (const Option& option : options) {
      const Observation* seen = history.find(option.candidate);
      if (seen == nullptr || !seen->feasible || !seen->fitness || (highest && *seen->fitness <= *highest))
        continue;
      highest = seen->fitness;
      best = &option;
    }
    state_ = with(best->edge);
  }

 private:
  const CellOp& edge() const {
    const auto& [from, to] = kEdges[at_ % kEdges.size()];
    return (at_ < kEdges.size() ? state_.cell1 : state_.cell2)[from][to];
  }
  /// With the thresholds that a super-edge has no room for.
  std::vector<CellOp> ops_of(const CellOp& edge) const {
    std::vector<CellOp> ops = operations(edge);
    for (CellOp& op : ops)
      op = *std::find_if(ops_.begin(), ops_.end(), [&](const CellOp& known) { return known.op == op.op; });
    return ops;
  }
  Candidate with(const CellOp& edge) const {
    Candidate candidate = state_;
    const auto& [from, to] = kEdges[at_ % kEdges.size()];
    if (at_ < kEdges.size() || space_.shared_cell) candidate.cell1[from][to] = edge;
    if (at_ >= kEdges.size() || space_.shared_cell) candidate.cell2[from][to] = edge;
    return candidate;
  }

  const Space& space_;
  const std::vector<CellOp> ops_;  ///< of an edge at the start
  Candidate state_;
  std::size_t at_ = 2 * kEdges.size() - 1;  ///< edge of cell 1, then of cell 2; before the first
};

}  // namespace

std::vector<Candidate> propose_lightsnn(const Task& task, const History& history, std::int64_t round) {
  std::vector<Candidate> proposed;
  if (history.finished() >= task.budget) return proposed;
  Pruning pruning(task.space);
  for (std::int64_t r = 0; r <= round; ++r) {
    if (!pruning.next_step()) {
      // Done in round r; the cells with all combinations of axes from then on.
      const Candidate found = canonical(pruning.state());
      const std::int64_t first = (round - r) * kRound;
      const std::int64_t last = std::min(size_of(task.space, 1), first + kRound);
      // size_of and candidate_at count cells too: with one of them in both places the axes are left.
      for (std::int64_t i = first; i < last; ++i) {
        proposed.push_back(candidate_at(task.space, {found.cell1}, i));
        proposed.back().cell2 = found.cell2;
      }
      return proposed;
    }
    const std::vector<Option> options = pruning.options();
    if (r < round) {
      pruning.take(options, history);
    } else {
      for (const Option& option : options) proposed.push_back(option.candidate);
    }
  }
  return proposed;
}

}  // namespace spikeloop::nas
