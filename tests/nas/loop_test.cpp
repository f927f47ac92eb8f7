#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nas/strategy.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::Op;

Space small_space() {
  Space space;
  space.ops = {Op::kSkip, CellOp(Op::kConv3x3, 0.5), CellOp(Op::kConv3x3, 1.5)};
  space.cell_type = CellType::kForward;
  space.direct_edge = false;
  return space;
}

Task task_of(const Space& space, std::int64_t budget, std::uint64_t seed) {
  Task task;
  task.space = space;
  task.cells = cells_of(space);
  task.budget = budget;
  task.seed = seed;
  return task;
}

double convolutions_of(const Candidate& candidate) {
  double count = 0;
  for (const auto& row : candidate.cell1)
    for (const CellOp& op : row) count += models::is_convolution(op) ? 1 : 0;
  return count;
}

/// More for sensitive neurons at the input, insensitive ones at the output and skips; channels help.
double fitness_of(const Candidate& candidate) {
  double fitness = 0;
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      const CellOp& op = candidate.cell1[from][to];
      if (op == Op::kSkip) fitness += 0.3;
      if (models::is_convolution(op)) fitness += (from == 0) == (op.threshold < 1) ? 1.0 : 0.4;
      if (from == 0 && to == 3 && models::is_convolution(op)) fitness -= 1.5;
    }
  }
  for (const auto& [name, value] : candidate.choices)
    if (name == "channels") fitness += 0.05 * std::stod(value);
  return fitness;
}

struct Played {
  History history;
  double best = -1;
  std::vector<std::string> order;
  std::int64_t to_best = 0;  ///< evaluations until it was found
};

template <class Propose>
Played play(const Task& task, Propose propose) {
  Played played;
  for (std::int64_t round = 0; round < 1000; ++round) {
    const std::vector<Candidate> proposed = propose(task, played.history, round);
    if (proposed.empty()) break;
    for (const Candidate& candidate : proposed) {
      if (played.history.find(candidate) != nullptr || played.history.finished() == task.budget) continue;
      Observation o;
      o.candidate = candidate;
      o.round = round;
      o.feasible = true;
      o.fitness = fitness_of(candidate);
      played.history.add(o);
      played.order.push_back(to_text(candidate));
      if (*o.fitness <= played.best) continue;
      played.best = *o.fitness;
      played.to_best = played.history.finished();
    }
  }
  return played;
}

TEST(Loop, FindsTheBestOfASmallSpaceSoonerThanChance) {
  const Space space = small_space();
  double best = 0;
  for (const CellMatrix& cell : cells_of(space)) best = std::max(best, fitness_of({cell, cell, {}}));
  int chance = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Task task = task_of(space, 60, seed);
    const Played played = play(task, propose_loop);
    EXPECT_EQ(played.best, best) << "seed " << seed;
    EXPECT_EQ(played.history.finished(), 60);
    chance += play(task, propose_snasnet).best == best ? 1 : 0;
  }
  EXPECT_LT(chance, 5);
}

TEST(Loop, IsAFunctionOfWhatWasSeen) {
  const Task task = task_of(small_space(), 40, 3);
  const Played first = play(task, propose_loop), second = play(task, propose_loop);
  EXPECT_EQ(first.order, second.order);
  EXPECT_NE(first.order, play(task_of(small_space(), 40, 4), propose_loop).order);
  EXPECT_EQ(std::set<std::string>(first.order.begin(), first.order.end()).size(), 40U);  // none twice
}

TEST(Loop, ProposesNothingThatCannotMeetTheLimits) {
  Task task = task_of(small_space(), 1000, 1);
  task.bound = [](const Candidate& candidate) -> std::optional<Costs> {
    if (convolutions_of(candidate) == 0) return std::nullopt;  // "does not fit the chip"
    Costs costs;
    costs.energy_pj = convolutions_of(candidate);
    return costs;
  };
  task.breaks_limits = [](const Costs& costs) { return costs.energy_pj > 1; };
  std::int64_t feasible = 0;
  for (const CellMatrix& cell : task.cells) feasible += convolutions_of({cell, cell, {}}) == 1 ? 1 : 0;
  // A budget larger than what is feasible: all of it, once, and then the end.
  const Played played = play(task, propose_loop);
  EXPECT_EQ(played.history.finished(), feasible);
  for (const Observation& o : played.history.seen()) EXPECT_EQ(convolutions_of(o.candidate), 1);
}

TEST(Loop, StartsAtRandomAndThenGoesByRoundsOfFour) {
  const Task task = task_of(small_space(), 15, 2);
  History history;
  const auto first = propose_loop(task, history, 0);
  EXPECT_EQ(first.size(), 3U);  // a fifth
  EXPECT_EQ(propose_loop(task_of(small_space(), 1000, 2), history, 0).size(), 20U);
  EXPECT_EQ(propose_loop(task_of(small_space(), 1, 2), history, 0).size(), 1U);
  for (const Candidate& candidate : first) history.add({candidate, 0, true, fitness_of(candidate), {}});
  EXPECT_EQ(propose_loop(task, history, 1).size(), 4U);
  // When all of them failed there is nothing to model yet.
  History failed;
  for (const Candidate& candidate : first) failed.add({candidate, 0, false, {}, {}});
  const auto again = propose_loop(task, failed, 1);
  EXPECT_EQ(again.size(), 3U);
  for (const Candidate& candidate : again) EXPECT_EQ(failed.find(candidate), nullptr);
}

TEST(Loop, SearchesSpacesThatAreTooLargeToLookAtWhole) {
  Space space = small_space();
  space.shared_cell = false;
  space.axes = {{"channels", {"8", "16", "24"}}};
  const Task task = task_of(space, 32, 1);
  ASSERT_GT(size_of(space, static_cast<std::int64_t>(task.cells.size())), 20'000);
  const Played played = play(task, propose_loop), chance = play(task, propose_snasnet);
  EXPECT_EQ(played.history.finished(), 32);
  EXPECT_GT(played.best, chance.best);
  EXPECT_EQ(played.history.seen().back().candidate.choices.size(), 1U);
}

}  // namespace
}  // namespace spikeloop::nas
