#include "nas/bench_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "nas/spikesim_cost.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

/// Rounds in a row that bring nothing new: the strategy has seen its space.
constexpr int kIdleRounds = 100;

struct KnownNetwork {
  const char* dataset;
  std::int64_t input_size, stem_stride, hidden, classes, votes;
};
/// The macro-architecture that SpikeNAS-Bench trained for each of its data sets, all with C = 128 and T = 5.
/// Its parameter counts follow from these to the last one.
constexpr std::array<KnownNetwork, 3> kNetworks{{{"CIFAR-10", 32, 1, 1024, 10, 10},
                                                 {"CIFAR-100", 32, 1, 1024, 100, 5},
                                                 {"Tiny-ImageNet", 64, 2, 4096, 200, 5}}};

models::SnasnetSpec spec_of(const KnownNetwork& network) {
  models::SnasnetSpec spec;
  spec.channels = 128;
  spec.timesteps = 5;
  spec.second_pool = 2;
  spec.input_size = network.input_size;
  spec.stem_stride = network.stem_stride;
  spec.hidden = network.hidden;
  spec.classes = network.classes;
  spec.votes = network.votes;
  return spec;
}

models::SnasnetSpec with_cell(models::SnasnetSpec spec, const models::CellMatrix& cell) {
  spec.cell1 = spec.cell2 = cell;
  return spec;
}

void set_network(const Table& table, TableBench& bench) {
  bench.spec = spec_of(kNetworks.front());
  for (const TableRow& row : table.rows) {  // a published count may be wrong; the first that fits decides
    for (const KnownNetwork& network : kNetworks) {
      const models::SnasnetSpec spec = spec_of(network);
      if (network_size(with_cell(spec, row.cell)).parameters != row.params) continue;
      bench.spec = spec;
      bench.dataset = network.dataset;
      return;
    }
  }
}

bool meets(const Limits& limits, const Costs& costs) { return exceeded(limits, costs).empty(); }

void note_best(TableBench& bench, const models::CellMatrix& cell, const TableEntry& entry) {
  if (!(entry.test_acc > bench.best_test_acc)) return;
  bench.best_test_acc = entry.test_acc;
  bench.best_id = entry.id;
  bench.best_cell = cell;
}

void add_published(TableBench& bench, const models::CellMatrix& cell, const TableEntry& row) {
  if (meets(bench.limits, row.costs)) note_best(bench, cell, row);
  const auto [known, is_new] = bench.entries.emplace(cell, row);
  TableEntry& entry = known->second;
  if (is_new) return;
  const bool cheaper = row.costs.energy_pj < entry.costs.energy_pj;
  const bool as_cheap = row.costs.energy_pj == entry.costs.energy_pj;
  if (cheaper || (as_cheap && row.id < entry.id)) entry = row;
}

/// Sums until all rows are in.
void add_canonical(TableBench& bench, const models::CellMatrix& cell, const TableEntry& row) {
  const auto [known, is_new] = bench.entries.emplace(cell, row);
  if (is_new) return;
  TableEntry& entry = known->second;
  entry.id = std::min(entry.id, row.id);
  entry.rows += 1;
  entry.val_acc += row.val_acc;
  entry.test_acc += row.test_acc;
}

constexpr double kAbsent = -std::numeric_limits<double>::infinity();

std::optional<double> present(double value) {
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

/// Between neighbours; absent values are -inf and make everything between them and a number absent.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double part = at - static_cast<double>(below);
  if (part == 0) return sorted[below];
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

}  // namespace

TableRows parse_table_rows(const std::string& text, const std::string& place) {
  if (text == "published") return TableRows::kPublished;
  if (text == "canonical") return TableRows::kCanonical;
  throw InputError("command line", place, '"' + text + '"', "published or canonical");
}

const char* to_string(TableRows rows) { return rows == TableRows::kPublished ? "published" : "canonical"; }

TableBench table_bench(const Table& table, const Limits& limits, TableRows rows) {
  TableBench bench;
  bench.file = table.file;
  bench.rows = rows;
  bench.limits = limits;
  bench.space = table.space;
  bench.cells = cells_of(table.space);
  set_network(table, bench);
  for (const TableRow& row : table.rows) {
    ++bench.num_rows;
    if (!row.connected) {
      ++bench.unconnected;
      continue;
    }
    const std::optional<double> validation = row.val_acc_last ? row.val_acc_last : row.val_acc_epoch50;
    if (!validation) {
      ++bench.without_validation;
      continue;
    }
    if (!row.val_acc_last) ++bench.validation_of_epoch50;
    const models::CellMatrix form = canonical(row.cell);
    TableEntry entry;
    entry.id = row.id;
    entry.val_acc = *validation;
    entry.test_acc = row.test_acc;
    const bool published = rows == TableRows::kPublished;
    entry.costs = spikesim_costs(with_cell(bench.spec, published ? row.cell : form));
    if (published)
      add_published(bench, form, entry);
    else
      add_canonical(bench, form, entry);
  }
  double least_pj = std::numeric_limits<double>::infinity();
  for (auto& [cell, entry] : bench.entries) {
    if (rows == TableRows::kCanonical) {
      entry.val_acc /= static_cast<double>(entry.rows);
      entry.test_acc /= static_cast<double>(entry.rows);
    }
    least_pj = std::min(least_pj, entry.costs.energy_pj);
    if (!meets(limits, entry.costs)) continue;
    ++bench.feasible_entries;
    if (rows == TableRows::kCanonical) note_best(bench, cell, entry);
  }
  if (bench.entries.empty())
    throw InputError(table.file, "rows", "no connected cell with a validation accuracy", "at least one");
  if (bench.feasible_entries == 0)
    throw InputError("command line", "limits", "no cell of " + table.file + " within them",
                     "limits that one meets; the least energy is " + format_cost(Cost::kEnergy, least_pj));
  return bench;
}

void require_playable(const Strategy& strategy, const std::string& place) {
  if (std::string(strategy.name) == "lightsnn")
    throw InputError("command line", place, strategy.name,
                     "a strategy that looks at single cells: lightsnn scores super-cells, which have no "
                     "row in a table");
}

TableRun play(const TableBench& bench, const Strategy& strategy, std::int64_t evaluations,
              std::uint64_t seed) {
  const Limits seen = limits_of(bench.limits, strategy.limits);
  const auto entry_of = [&](const Candidate& candidate) -> const TableEntry* {
    const auto it = bench.entries.find(candidate.cell1);
    return it == bench.entries.end() ? nullptr : &it->second;
  };
  Task task;
  task.space = bench.space;
  task.cells = bench.cells;
  task.seed = seed;
  task.budget = evaluations;
  task.bound = [&](const Candidate& candidate) -> std::optional<Costs> {
    const TableEntry* entry = entry_of(candidate);
    return entry == nullptr ? std::nullopt : std::optional<Costs>(entry->costs);
  };
  task.breaks_limits = [&](const Costs& costs) { return !meets(seen, costs); };

  TableRun run;
  run.seed = seed;
  History history;
  int idle = 0;
  for (std::int64_t round = 0; history.finished() < evaluations && idle < kIdleRounds; ++round) {
    const std::vector<Candidate> proposed = strategy.propose(task, history, round);
    if (proposed.empty()) break;
    ++idle;
    for (const Candidate& proposal : proposed) {
      Observation observation;
      observation.candidate = canonical(proposal);
      observation.round = round;
      if (history.finished() == evaluations || history.find(observation.candidate) != nullptr) continue;
      idle = 0;
      const TableEntry* entry = entry_of(observation.candidate);
      if (entry == nullptr) {
        ++run.absent;
      } else if (!meets(seen, entry->costs)) {
        observation.costs = entry->costs;
        ++run.rejected;
      } else {
        observation.costs = entry->costs;
        observation.feasible = true;
        observation.fitness = entry->val_acc;
        ++run.evaluations;
        if (!meets(bench.limits, entry->costs)) {
          ++run.over_limits;
        } else if (!run.found || entry->val_acc > run.found->val_acc) {
          run.found = *entry;
          run.cell = observation.candidate.cell1;
        }
      }
      history.add(std::move(observation));
    }
  }
  return run;
}

std::vector<TableRun> play(const TableBench& bench, const Strategy& strategy, std::int64_t evaluations,
                           std::uint64_t seed, std::int64_t seeds) {
  std::vector<TableRun> runs;
  for (std::int64_t i = 0; i < seeds; ++i)
    runs.push_back(play(bench, strategy, evaluations, derive_seed(seed, static_cast<std::uint64_t>(i))));
  return runs;
}

Quartiles accuracies_of(const std::vector<TableRun>& runs) {
  std::vector<double> sorted;
  for (const TableRun& run : runs) sorted.push_back(run.found ? run.found->test_acc : kAbsent);
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty()) return {};
  return {present(quantile(sorted, 0.5)), present(quantile(sorted, 0.75)), present(quantile(sorted, 0.25)),
          present(sorted.front())};
}

Quartiles regrets_of(const TableBench& bench, const std::vector<TableRun>& runs) {
  Quartiles quartiles = accuracies_of(runs);
  for (auto* value : {&quartiles.median, &quartiles.better, &quartiles.worse, &quartiles.worst})
    if (*value) *value = bench.best_test_acc - **value;
  return quartiles;
}

}  // namespace spikeloop::nas
