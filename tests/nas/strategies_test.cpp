#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nas/strategies/pareto.h"
#include "nas/strategy.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::Op;

constexpr double kMemoryLimit = 40;

/// Calls visit(cell 0 or 1, from, to, operation) for every operation but zero of every edge.
template <class Visit>
void for_each_op(const Candidate& candidate, const Visit& visit) {
  for (std::size_t place = 0; place < 2; ++place) {
    const CellMatrix& cell = place == 0 ? candidate.cell1 : candidate.cell2;
    for (std::size_t from = 0; from < cell.size(); ++from)
      for (std::size_t to = 0; to < cell.size(); ++to)
        for (const CellOp& op : models::operations(cell[from][to]))
          if (op != Op::kZero) visit(place, from, to, op);
  }
}

/// What the operation is worth there, 0.1 to 1.1: a fixed draw for each place.
double worth(std::size_t place, std::size_t from, std::size_t to, const CellOp& op) {
  return 0.1 + unit(7, ((place * 4 + from) * 4 + to) * 8 + static_cast<std::uint64_t>(op.op));
}

double additive_fitness(const Candidate& candidate) {
  double sum = 0;
  for_each_op(candidate, [&](std::size_t place, std::size_t from, std::size_t to, const CellOp& op) {
    sum += worth(place, from, to, op);
  });
  for (const auto& [name, value] : candidate.choices) sum += std::stod(value) / 100;
  return sum;
}

/// Memory 10 for each conv3x3, 1 for each conv1x1; energy likewise, and 1 for every edge besides.
Costs costs_of(const Candidate& candidate) {
  Costs costs;
  for_each_op(candidate, [&](std::size_t, std::size_t, std::size_t, const CellOp& op) {
    costs.memory_bytes += op.op == Op::kConv3x3 ? 10 : op.op == Op::kConv1x1 ? 1 : 0;
    costs.energy_pj += 1;
  });
  costs.energy_pj += costs.memory_bytes;
  return costs;
}

using Fitness = double (*)(const Candidate&);

Task make_task(Space space, std::int64_t budget, std::uint64_t seed = 1) {
  Task task;
  task.cells = cells_of(space);
  task.space = std::move(space);
  task.budget = budget;
  task.seed = seed;
  return task;
}

void limit_memory(Task& task) {
  task.bound = [](const Candidate& candidate) { return std::optional<Costs>(costs_of(candidate)); };
  task.breaks_limits = [](const Costs& costs) { return costs.memory_bytes > kMemoryLimit; };
}

/// Plays a strategy as the search does; the rounds' proposals.
struct Game {
  History history;
  std::vector<std::vector<Candidate>> rounds;
};

Game play(const char* name, const Task& task, Fitness fitness, std::int64_t rounds = 10'000) {
  const Strategy& strategy = strategy_named(name, "--strategy");
  Game game;
  for (std::int64_t round = 0; game.history.finished() < task.budget && round < rounds; ++round) {
    EXPECT_LT(round, 9'999) << name << " does not end";
    const std::vector<Candidate> proposed = strategy.propose(task, game.history, round);
    if (proposed.empty()) break;
    game.rounds.push_back(proposed);
    for (const Candidate& candidate : proposed) {
      if (game.history.find(candidate) != nullptr || game.history.finished() == task.budget) continue;
      Observation observation{candidate, round, true, std::nullopt, costs_of(candidate)};
      observation.feasible = !task.breaks_limits || !task.breaks_limits(*observation.costs);
      if (observation.feasible) observation.fitness = fitness(candidate);
      game.history.add(observation);
    }
  }
  return game;
}

const Observation& best_of(const Game& game) {
  const Observation* best = nullptr;
  for (const Observation& seen : game.history.seen())
    if (seen.fitness && (best == nullptr || *seen.fitness > *best->fitness)) best = &seen;
  if (best == nullptr) throw std::runtime_error("nothing has a fitness");
  return *best;
}

Space space_of(const std::string& ops, CellType type, bool shared, bool direct) {
  Space space;
  space.ops = parse_ops(ops, "--ops");
  space.cell_type = type;
  space.shared_cell = shared;
  space.direct_edge = direct;
  return space;
}

std::vector<Space> spaces() {
  const CellType fw = CellType::kForward, bw = CellType::kBackward;
  std::vector<Space> all{space_of("skip,conv1x1,conv3x3,avgpool3x3", fw, false, true),
                         space_of("skip,conv1x1,conv3x3,avgpool3x3", fw, true, false),
                         space_of("skip,conv3x3(0.5),conv3x3,conv3x3(1.5)", fw, false, false),
                         space_of("skip,conv3x3", bw, true, true),
                         space_of("conv1x1,avgpool3x3", bw, false, false),
                         space_of("conv3x3", fw, true, true)};
  all.push_back(all[0]);
  all.back().axes = {{"channels", {"8", "16"}}, {"adc.bits", {"5", "6", "7"}}};
  all.push_back(all[3]);
  all.back().axes = {{"timesteps", {"2"}}};
  return all;
}

std::string describe(const Space& space) {
  return to_text(space.ops) + ' ' + to_string(space.cell_type) + (space.shared_cell ? " shared" : "") +
         (space.direct_edge ? " direct" : "") + (space.axes.empty() ? "" : " axes");
}

void expect_in(const Space& space, const Candidate& candidate) {
  SCOPED_TRACE(to_text(candidate));
  EXPECT_EQ(to_text(canonical(candidate)), to_text(candidate));
  EXPECT_TRUE(!space.shared_cell || candidate.cell1 == candidate.cell2);
  for (const CellMatrix& cell : {candidate.cell1, candidate.cell2}) {
    EXPECT_TRUE(!space.direct_edge || clean(cell).accepted);
    EXPECT_TRUE(clean(cell).connected);
    for (std::size_t i = 0; i < cell.size(); ++i)
      for (std::size_t j = 0; j < cell.size(); ++j)
        EXPECT_TRUE(cell[i][j] == Op::kZero ||
                    (i < j ? cell[j][i] == Op::kZero : i > j && space.cell_type == CellType::kBackward));
  }
  for_each_op(candidate, [&](std::size_t, std::size_t, std::size_t, CellOp op) {
    op.also = 0;
    EXPECT_NE(std::find(space.ops.begin(), space.ops.end(), op), space.ops.end());
  });
  ASSERT_EQ(candidate.choices.size(), space.axes.size());
  for (std::size_t i = 0; i < space.axes.size(); ++i) {
    const std::vector<std::string>& values = space.axes[i].values;
    EXPECT_EQ(candidate.choices[i].first, space.axes[i].name);
    EXPECT_NE(std::find(values.begin(), values.end(), candidate.choices[i].second), values.end());
  }
}

constexpr std::array<const char*, 4> kPublished{"spikenas", "neuronas", "lightsnn", "nsga2"};

TEST(Strategies, StayInTheSpaceAndUseTheBudget) {
  for (const Space& space : spaces()) {
    const Task task = make_task(space, 120);
    const std::int64_t size = size_of(space, static_cast<std::int64_t>(task.cells.size()));
    for (const char* name : kPublished) {
      SCOPED_TRACE(std::string(name) + " in " + describe(space));
      const Game game = play(name, task, additive_fitness);
      for (const Observation& seen : game.history.seen()) expect_in(space, seen.candidate);
      if (name == std::string("lightsnn")) continue;  // ends by itself
      EXPECT_GE(game.history.finished(), std::min(task.budget, size * 9 / 10));
    }
  }
}

TEST(Strategies, ExhaustSmallSpaces) {
  const Task task = make_task(space_of("skip,conv3x3", CellType::kForward, true, true), 1'000'000);
  for (const char* name : {"spikenas", "neuronas"}) {
    const Game game = play(name, task, additive_fitness);
    EXPECT_EQ(game.history.finished(), static_cast<std::int64_t>(task.cells.size())) << name;
  }
  const Game evolved = play("nsga2", task, additive_fitness);  // draws, so that it may miss some
  EXPECT_GT(evolved.history.finished(), static_cast<std::int64_t>(task.cells.size()) * 9 / 10);
}

TEST(Strategies, EndWhereNothingFits) {
  Task task = make_task(space_of("conv1x1,conv3x3", CellType::kForward, false, false), 50);
  task.bound = [](const Candidate&) { return std::optional<Costs>(); };
  task.breaks_limits = [](const Costs&) { return true; };
  for (const char* name : {"spikenas", "neuronas", "nsga2"})
    EXPECT_EQ(play(name, task, additive_fitness).rounds.size(), 0U) << name;
  task = make_task(space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, false, false), 50);
  task.bound = [](const Candidate&) { return std::optional<Costs>(Costs{}); };
  task.breaks_limits = [](const Costs&) { return true; };
  for (const char* name : {"spikenas", "neuronas", "nsga2"})
    EXPECT_EQ(play(name, task, additive_fitness).history.finished(), 0) << name;
}

/// What a round proposes depends on nothing but the rounds before: so a search that died goes on as it would
/// have.
TEST(Strategies, ArePureFunctionsOfTheRoundsBefore) {
  for (const Space& space : spaces()) {
    Task task = make_task(space, 100, 5);
    limit_memory(task);
    for (const char* name : kPublished) {
      SCOPED_TRACE(std::string(name) + " in " + describe(space));
      const Game game = play(name, task, additive_fitness);
      const Strategy& strategy = strategy_named(name, "--strategy");
      History before;
      std::size_t added = 0;
      for (std::size_t round = 0; round < game.rounds.size(); ++round) {
        const std::vector<Candidate> again = strategy.propose(task, before, static_cast<std::int64_t>(round));
        ASSERT_EQ(again.size(), game.rounds[round].size()) << "round " << round;
        for (std::size_t i = 0; i < again.size(); ++i)
          EXPECT_EQ(to_text(again[i]), to_text(game.rounds[round][i])) << "round " << round;
        const std::vector<Observation>& seen = game.history.seen();
        for (; added < seen.size() && seen[added].round == static_cast<std::int64_t>(round); ++added)
          before.add(seen[added]);
      }
    }
    task.seed = 6;
    const Game one = play("spikenas", task, additive_fitness);
    task.seed = 7;
    if (task.cells.size() > 100) {
      const Game two = play("spikenas", task, additive_fitness);
      EXPECT_NE(to_text(one.rounds[0][0]), to_text(two.rounds[0][0])) << describe(space);
    }
  }
}

TEST(Strategies, ProposeNothingThatItsBoundRulesOut) {
  for (const CellType type : {CellType::kForward, CellType::kBackward}) {
    Task task = make_task(space_of("skip,conv1x1,conv3x3", type, false, true), 150);
    limit_memory(task);
    for (const char* name : {"spikenas", "neuronas", "nsga2"}) {
      const Game game = play(name, task, additive_fitness);
      EXPECT_EQ(game.history.finished(), task.budget) << name;
      for (const Observation& seen : game.history.seen())
        EXPECT_LE(costs_of(seen.candidate).memory_bytes, kMemoryLimit)
            << name << ' ' << to_text(seen.candidate);
    }
  }
}

std::set<Op> ops_after(const Game& game, std::size_t first_round, bool in_cell2) {
  std::set<Op> ops;
  for (std::size_t round = first_round; round < game.rounds.size(); ++round)
    for (const Candidate& candidate : game.rounds[round])
      for_each_op(candidate, [&](std::size_t place, std::size_t, std::size_t, const CellOp& op) {
        if ((place == 1) == in_cell2) ops.insert(op.op);
      });
  return ops;
}

double per_op(const Candidate& candidate, double skip, double conv1x1, double conv3x3, double pool) {
  double sum = 0;
  for_each_op(candidate, [&](std::size_t, std::size_t, std::size_t, const CellOp& op) {
    sum += op.op == Op::kSkip      ? skip
           : op.op == Op::kConv1x1 ? conv1x1
           : op.op == Op::kConv3x3 ? conv3x3
                                   : pool;
  });
  return sum;
}

TEST(Strategies, SpikenasDropsTheUselessOperation) {
  const Task task =
      make_task(space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, true, true), 300);
  const Game pool_hurts =
      play("spikenas", task, [](const Candidate& candidate) { return per_op(candidate, 1, 2, 3, -3); });
  EXPECT_EQ(ops_after(pool_hurts, 0, false).count(Op::kAvgPool3x3), 1U) << "looked at in the analysis";
  EXPECT_EQ(ops_after(pool_hurts, 1, false), (std::set<Op>{Op::kSkip, Op::kConv1x1, Op::kConv3x3}));
  const Game skip_hurts =
      play("spikenas", task, [](const Candidate& candidate) { return per_op(candidate, -3, 1, 3, 2); });
  EXPECT_EQ(ops_after(skip_hurts, 1, false), (std::set<Op>{Op::kConv1x1, Op::kConv3x3, Op::kAvgPool3x3}));
}

/// Both convolutions do harm; the one that does less stays.
TEST(Strategies, SpikenasKeepsAConvolution) {
  const Task task =
      make_task(space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, true, true), 2000);
  const Game game = play(
      "spikenas", task, [](const Candidate& candidate) { return per_op(candidate, 3, -3, -9, 3); }, 2);
  EXPECT_EQ(ops_after(game, 1, false), (std::set<Op>{Op::kSkip, Op::kConv1x1, Op::kAvgPool3x3}));
}

/// Every kind of operation helps, conv3x3 most; but it takes ten times the memory of conv1x1.
TEST(Strategies, NeuronasWeighsTheEffectWithTheMemory) {
  const Fitness fitness = [](const Candidate& candidate) {
    std::set<Op> kinds;
    for_each_op(candidate,
                [&](std::size_t, std::size_t, std::size_t, const CellOp& op) { kinds.insert(op.op); });
    return 10 * static_cast<double>(kinds.size()) + (kinds.count(Op::kConv3x3) > 0 ? 5 : 0);
  };
  Task task = make_task(space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, true, true), 10'000);
  EXPECT_EQ(ops_after(play("spikenas", task, fitness, 2), 1, false).count(Op::kConv3x3), 1U);
  const std::set<Op> light{Op::kSkip, Op::kConv1x1, Op::kAvgPool3x3};
  EXPECT_EQ(ops_after(play("neuronas", task, fitness, 2), 1, false), light);
  task.bound = [](const Candidate& candidate) { return std::optional<Costs>(costs_of(candidate)); };
  EXPECT_EQ(ops_after(play("neuronas", task, fitness, 2), 1, false), light);
  task.bound = [](const Candidate&) { return std::optional<Costs>(Costs{}); };  // all the same
  EXPECT_EQ(ops_after(play("neuronas", task, fitness, 2), 1, false).count(Op::kConv3x3), 1U);
}

TEST(Strategies, CellByCellFindsTheBestOfBothCells) {
  const Task task = make_task(space_of("skip,conv3x3", CellType::kForward, false, true), 2000);
  double highest = 0;
  for (std::size_t place = 0; place < 2; ++place) {
    double best = 0;
    for (const CellMatrix& cell : task.cells) {
      Candidate candidate;
      (place == 0 ? candidate.cell1 : candidate.cell2) = cell;
      best = std::max(best, additive_fitness(candidate));
    }
    highest += best;
  }
  for (const char* name : {"spikenas", "neuronas"}) {
    const Game game = play(name, task, additive_fitness);
    EXPECT_NEAR(*best_of(game).fitness, highest, 1e-9) << name;
    // Cell 1 first, with one cell 2; the second pass with the best cell 1 of the first.
    EXPECT_TRUE(game.rounds[0].front().cell2 == game.rounds[0].back().cell2) << name;
    EXPECT_FALSE(game.rounds[0].front().cell1 == game.rounds[0].back().cell1) << name;
    const std::vector<Candidate>& second = game.rounds.at(task.cells.size() / 32 + 1);
    for (const Candidate& candidate : second)
      EXPECT_TRUE(candidate.cell1 == best_of(game).candidate.cell1) << name;
    EXPECT_FALSE(second.front().cell2 == second.back().cell2) << name;
  }
}

TEST(Strategies, LightsnnPrunesToTheBestInSixtyEvaluations) {
  const auto evaluations = [](bool shared, bool direct) {
    const Space space = space_of("skip,conv1x1,conv3x3", CellType::kForward, shared, direct);
    const Game game = play("lightsnn", make_task(space, 1000), additive_fitness);
    const Candidate& found = game.rounds.back().back();
    for (std::size_t place = 0; place < 2; ++place) {
      const CellMatrix& cell = place == 0 ? found.cell1 : found.cell2;
      for (std::size_t from = 0; from < cell.size(); ++from) {
        for (std::size_t to = from + 1; to < cell.size(); ++to) {
          double skip = worth(place, from, to, Op::kSkip), conv = worth(place, from, to, Op::kConv3x3);
          if (shared) {
            skip += worth(1 - place, from, to, Op::kSkip);
            conv += worth(1 - place, from, to, Op::kConv3x3);
          }
          EXPECT_TRUE(cell[from][to] == (skip > conv ? Op::kSkip : Op::kConv3x3)) << from << to;
        }
      }
    }
    EXPECT_TRUE(game.history.find(found) != nullptr);
    return game.history.finished();
  };
  EXPECT_EQ(evaluations(false, false), 12 * (3 + 2));
  EXPECT_EQ(evaluations(false, true), 10 * (3 + 2) + 2 * 2);  // never nothing on the direct edge
  EXPECT_EQ(evaluations(true, false), 6 * (3 + 2));
}

TEST(Strategies, LightsnnKeepsAPathAndLooksAtTheAxes) {
  const Fitness emptier = [](const Candidate& candidate) {
    return -per_op(candidate, 1, 1, 1, 1.5) +
           (candidate.choices.empty() ? 0 : std::stod(candidate.choices[0].second));
  };
  for (const char* ops : {"skip,conv3x3", "conv1x1(0.5),avgpool3x3", "conv3x3(0.5),conv3x3(1.5)"}) {
    Space space = space_of(ops, CellType::kBackward, false, false);
    space.axes = {{"channels", {"8", "24", "16"}}};
    const Game game = play("lightsnn", make_task(space, 1000), emptier);
    const Observation& best = best_of(game);
    EXPECT_EQ(best.candidate.choices[0].second, "24") << ops;
    expect_in(space, best.candidate);
    EXPECT_EQ(per_op(best.candidate, 1, 1, 1, 1.5), 2) << ops << ": one edge in each cell";
    EXPECT_EQ(game.rounds.back().size(), 3U) << ops;
  }
}

/// The area that the candidates dominate, out of fitness above 0 and energy below 150.
double hypervolume(const Game& game) {
  std::vector<Objectives> points;
  for (const Observation& seen : game.history.seen())
    points.push_back({costs_of(seen.candidate).energy_pj, *seen.fitness});
  std::sort(points.begin(), points.end());
  double area = 0, highest = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    highest = std::max(highest, points[i][1]);
    area += highest * ((i + 1 < points.size() ? points[i + 1][0] : 150) - points[i][0]);
  }
  return area;
}

TEST(Strategies, Nsga2BeatsRandomSearch) {
  const Space space = space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, false, false);
  int wins = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Task task = make_task(space, 480, seed);
    const double evolved = hypervolume(play("nsga2", task, additive_fitness));
    const double drawn = hypervolume(play("snasnet", task, additive_fitness));
    RecordProperty("seed_" + std::to_string(seed), std::to_string(evolved / drawn));
    if (evolved > 1.02 * drawn) ++wins;
  }
  EXPECT_GE(wins, 4);
}

/// Against all candidates, with an eighth of them evaluated.
TEST(Strategies, Nsga2ReachesTheTrueFront) {
  const Space space = space_of("skip,conv1x1,conv3x3,avgpool3x3", CellType::kForward, true, true);
  const auto size = static_cast<std::int64_t>(cells_of(space).size());
  const double best = hypervolume(play("exhaustive", make_task(space, size), additive_fitness));
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Game game = play("nsga2", make_task(space, size / 8, seed), additive_fitness);
    EXPECT_GT(hypervolume(game), 0.99 * best) << "seed " << seed << ", " << size << " candidates";
  }
}

}  // namespace
}  // namespace spikeloop::nas
