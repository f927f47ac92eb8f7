#include "nas/bench_search.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "nas/genotype.h"
#include "nas/spikesim_cost.h"
#include "tests/nas/table_helpers.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;

TableRow row_of(std::int64_t id, const std::string& cell, double val, double test) {
  TableRow row;
  row.id = id;
  models::CellMatrix same{};
  models::parse_cells(cell, "test", row.cell, same);
  row.connected = clean(row.cell).connected;
  row.val_acc_last = val;
  row.test_acc = test;
  return row;
}

/// Three trainings of a skip, of which one has a convolution that leads nowhere; one of a convolution.
Table small_table() {
  Table table;
  table.file = "small.csv";
  table.space.ops = {Op::kSkip, CellOp(Op::kConv3x3, 0.5)};
  table.space.cell_type = CellType::kForward;
  table.space.direct_edge = false;
  table.rows = {row_of(9, "03(0.5)01/0000/0000/0000", 70, 72), row_of(5, "0001/0000/0000/0000", 60, 61),
                row_of(3, "0101/0000/0000/0000", 62, 65), row_of(2, "0003(0.5)/0000/0000/0000", 80, 79),
                row_of(1, "0000/0000/0000/0000", 10, 10)};
  table.rows.push_back(row_of(4, "0101/0001/0000/0000", 0, 50));
  table.rows.back().val_acc_last.reset();
  return table;
}

Limits energy_below(double uj) { return {at_most(Cost::kEnergy, uj * 1e6)}; }

const TableEntry& entry_of(const TableBench& bench, const std::string& cell) {
  models::CellMatrix form{}, same{};
  models::parse_cells(cell, "test", form, same);
  return bench.entries.at(canonical(form));
}

std::vector<Candidate> propose_everything(const Task& task, const History& /*history*/, std::int64_t round) {
  std::vector<Candidate> all;
  if (round > 0) return all;
  for (const models::CellMatrix& cell : task.cells) all.push_back({cell, cell, {}});
  return all;
}

Strategy everything(LimitsSeen limits) { return {"everything", "", limits, false, propose_everything}; }

TEST(BenchSearch, PublishedRowsStandForThemselves) {
  const TableBench bench = table_bench(small_table(), {}, TableRows::kPublished);
  EXPECT_EQ(bench.num_rows, 6);
  EXPECT_EQ(bench.unconnected, 1);
  EXPECT_EQ(bench.without_validation, 1);
  ASSERT_EQ(bench.entries.size(), 2U);
  const TableEntry& skip = entry_of(bench, "0001/0000/0000/0000");
  EXPECT_EQ(skip.id, 3);  // as cheap as 5, and lower
  EXPECT_EQ(skip.test_acc, 65);
  EXPECT_EQ(skip.rows, 1);
  EXPECT_NEAR(skip.costs.energy_pj * 1e-6, 42.4, 0.05);
  EXPECT_NEAR(entry_of(bench, "0003(0.5)/0000/0000/0000").costs.energy_pj * 1e-6, 76.4, 0.05);
  // Within 80 uJ also the row with a convolution that leads nowhere; within 50 only cells without one.
  EXPECT_EQ(bench.best_id, 2);
  EXPECT_EQ(table_bench(small_table(), energy_below(50), TableRows::kPublished).best_test_acc, 65);
}

TEST(BenchSearch, CanonicalRowsAreTrainingsOfOneNetwork) {
  const TableBench bench = table_bench(small_table(), energy_below(50), TableRows::kCanonical);
  const TableEntry& skip = entry_of(bench, "0001/0000/0000/0000");
  EXPECT_EQ(skip.rows, 3);
  EXPECT_EQ(skip.id, 3);
  EXPECT_DOUBLE_EQ(skip.val_acc, 64);
  EXPECT_DOUBLE_EQ(skip.test_acc, 66);
  EXPECT_NEAR(skip.costs.energy_pj * 1e-6, 42.4, 0.05);
  EXPECT_EQ(bench.feasible_entries, 1);
  EXPECT_DOUBLE_EQ(bench.best_test_acc, 66);
}

TEST(BenchSearch, ValidationOfEpoch50StandsInAndIsCounted) {
  Table table = small_table();
  table.rows.back().val_acc_epoch50 = 90;
  const TableBench bench = table_bench(table, {}, TableRows::kPublished);
  EXPECT_EQ(bench.validation_of_epoch50, 1);
  EXPECT_EQ(bench.without_validation, 0);
}

TEST(BenchSearch, LimitsThatNoCellMeetsAreRefused) {
  try {
    table_bench(small_table(), energy_below(20), TableRows::kPublished);
    FAIL() << "no refusal";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("least energy is 42.4"), std::string::npos) << error.what();
  }
}

TEST(BenchSearch, CountsWhatAProposalCosts) {
  const TableBench bench = table_bench(small_table(), energy_below(50), TableRows::kPublished);
  const auto cells = static_cast<std::int64_t>(bench.cells.size());
  // Sees the limits: one is rejected, one looked up, and what the table lacks costs nothing.
  const TableRun sees = play(bench, everything(LimitsSeen::kAll), 10, 1);
  EXPECT_EQ(sees.rejected, 1);
  EXPECT_EQ(sees.evaluations, 1);
  EXPECT_EQ(sees.over_limits, 0);
  EXPECT_EQ(sees.absent, cells - 2);
  ASSERT_TRUE(sees.found.has_value());
  EXPECT_EQ(sees.found->id, 3);
  // Does not: the one over the limit is looked up, and is no answer although it validates better.
  const TableRun blind = play(bench, everything(LimitsSeen::kNone), 10, 1);
  EXPECT_EQ(blind.rejected, 0);
  EXPECT_EQ(blind.evaluations, 2);
  EXPECT_EQ(blind.over_limits, 1);
  EXPECT_EQ(blind.found->id, 3);
  EXPECT_EQ(play(bench, everything(LimitsSeen::kNone), 1, 1).evaluations, 1);
}

TEST(BenchSearch, QuartilesTakeARunWithoutAnAnswerAsTheWorst) {
  TableBench bench;
  bench.best_test_acc = 90;
  std::vector<TableRun> runs(5);
  for (std::size_t i = 1; i < 5; ++i) {
    runs[i].found.emplace();
    runs[i].found->test_acc = 80 + static_cast<double>(i);
  }
  const Quartiles regrets = regrets_of(bench, runs);
  EXPECT_EQ(regrets.median, 8);
  EXPECT_EQ(regrets.better, 7);
  EXPECT_EQ(regrets.worse, 9);
  EXPECT_FALSE(regrets.worst.has_value());
  runs.pop_back();
  EXPECT_FALSE(regrets_of(bench, runs).worse.has_value());  // between none and 81
  EXPECT_EQ(accuracies_of(runs).median, 81.5);
}

TEST(BenchSearch, SuperCellsHaveNoRow) {
  EXPECT_THROW(require_playable(strategy_named("lightsnn", "--strategy"), "--strategy"), InputError);
  EXPECT_NO_THROW(require_playable(strategy_named("loop", "--strategy"), "--strategy"));
}

TEST(BenchSearch, LoopComesNearTheBestUnder120MicrojouleInEitherReading) {
  const std::string path = shared_table("cifar10_dev.csv");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "absent: " << path;
  const Table table = read_table(path);
  for (const TableRows rows : {TableRows::kPublished, TableRows::kCanonical}) {
    const TableBench bench = table_bench(table, energy_below(120), rows);
    EXPECT_EQ(bench.dataset, "CIFAR-10");
    const std::vector<TableRun> runs = play(bench, strategy_named("loop", "test"), 100, 1, 3);
    const auto median = regrets_of(bench, runs).median;
    ASSERT_TRUE(median.has_value());
    EXPECT_LE(*median, 0.3) << to_string(rows);
    for (const TableRun& run : runs) {
      EXPECT_LE(run.evaluations, 100);
      EXPECT_LE(run.found->costs.energy_pj, 120e6);
      EXPECT_LE(run.found->test_acc, bench.best_test_acc);
    }
    const std::string json = bench_json(bench, 100, 1, {{"loop", runs}});
    EXPECT_EQ(nlohmann::json::parse(json).at("strategies").at(0).at("runs").size(), 3U);
  }
}

}  // namespace
}  // namespace spikeloop::nas
