#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nas/limits.h"
#include "nas/strategy.h"
#include "nas/table.h"

/// Strategies against a table of trained cells: what a search would have found had it trained what it
/// proposed. Nothing is trained, so many seeds take seconds. No LibTorch.
namespace spikeloop::nas {

/// What a proposed cell is played by. Rows of one canonical form are the same network, but for seeds and for
/// convolutions that lead nowhere.
enum class TableRows {
  kPublished,  ///< the row of its form that costs least energy, of equal ones that of the lowest id
  kCanonical   ///< the mean of all rows of its form; it costs what the form does, without such convolutions
};
/// "published" or "canonical"; throws InputError naming `place`.
TableRows parse_table_rows(const std::string& text, const std::string& place);
const char* to_string(TableRows rows);

/// What a proposal gets.
struct TableEntry {
  std::int64_t id = 0;               ///< the row; the lowest of several
  std::int64_t rows = 1;             ///< that the accuracies are the mean of
  Costs costs;                       ///< spikesim_costs
  double val_acc = 0, test_acc = 0;  ///< percent
};

struct TableBench {
  std::string file;
  TableRows rows = TableRows::kPublished;
  Limits limits;
  Space space;
  std::vector<models::CellMatrix> cells;
  models::SnasnetSpec spec;  ///< of the table's networks, without cells
  std::string dataset;       ///< that its parameter counts belong to; "" for none that we know
  std::map<models::CellMatrix, TableEntry> entries;  ///< by the canonical form
  std::int64_t num_rows = 0, unconnected = 0, without_validation = 0, validation_of_epoch50 = 0;
  std::int64_t feasible_entries = 0;
  double best_test_acc = 0;        ///< of all rows (canonical: entries) within the limits
  models::CellMatrix best_cell{};  ///< where that is
  std::int64_t best_id = 0;
};
/// Throws InputError when the table has no cell within the limits.
TableBench table_bench(const Table& table, const Limits& limits, TableRows rows);

/// One seed. `found`: of all that got an accuracy and meet all limits that of the best validation accuracy,
/// the earliest of equal ones; absent: there was none.
struct TableRun {
  std::uint64_t seed = 0;
  models::CellMatrix cell{};  ///< that was found
  std::optional<TableEntry> found;
  std::int64_t evaluations = 0;
  std::int64_t over_limits = 0;  ///< of these: the strategy does not look at the limit that they break
  std::int64_t rejected = 0;     ///< by a limit, before they cost anything
  std::int64_t absent = 0;       ///< proposals that the table lacks; they cost nothing
};
/// Throws InputError naming `place` for a strategy that scores more than single cells.
void require_playable(const Strategy& strategy, const std::string& place);
/// `evaluations`: rows that may be looked up. Seed number i is derive_seed(seed, i).
TableRun play(const TableBench& bench, const Strategy& strategy, std::int64_t evaluations,
              std::uint64_t seed);
std::vector<TableRun> play(const TableBench& bench, const Strategy& strategy, std::int64_t evaluations,
                           std::uint64_t seed, std::int64_t seeds);

/// Of numbers of which some may be absent, which count as worse than all others; interpolated between
/// neighbours. Absent: the quartile lies among absent ones.
struct Quartiles {
  std::optional<double> median, better, worse, worst;
};
Quartiles accuracies_of(const std::vector<TableRun>& runs);
/// Best of the table minus found, in points of percent.
Quartiles regrets_of(const TableBench& bench, const std::vector<TableRun>& runs);

struct StrategyRuns {
  std::string strategy;
  std::vector<TableRun> runs;
};
/// For people: what was played, then a line for each strategy.
std::string bench_text(const TableBench& bench, std::int64_t evaluations,
                       const std::vector<StrategyRuns>& played);
/// The same as one JSON object, with every run.
std::string bench_json(const TableBench& bench, std::int64_t evaluations, std::uint64_t seed,
                       const std::vector<StrategyRuns>& played);

}  // namespace spikeloop::nas
