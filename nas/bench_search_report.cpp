#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "nas/bench_search.h"

namespace spikeloop::nas {
namespace {

std::string number(std::int64_t value) { return std::to_string(value); }

std::string fixed(const std::optional<double>& value) {
  if (!value) return "none";
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", *value);
  return text;
}

std::string limits_text(const Limits& limits) {
  std::string text;
  for (const Limit& limit : limits)
    text += (text.empty() ? "" : ", ") + name(limit) + " <= " + format_field(limit.field, limit.value);
  return text.empty() ? "none" : text;
}

std::string rows_text(TableRows rows) {
  if (rows == TableRows::kPublished)
    return "published: every row is a network of its own and costs what was trained, convolutions that "
           "lead\n         nowhere too; a proposed cell is played by the cheapest row of its canonical form, "
           "the\n         lowest id first; the best is that of all rows";
  return "canonical: the rows of one canonical form are repeated trainings of one network; their mean\n"
         "         counts, and the cost of the form without convolutions that lead nowhere";
}

std::int64_t median_of(const std::vector<TableRun>& runs, std::int64_t TableRun::*field) {
  std::vector<std::int64_t> values;
  for (const TableRun& run : runs) values.push_back(run.*field);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string line_of(const TableBench& bench, const StrategyRuns& played) {
  const Quartiles found = accuracies_of(played.runs), regret = regrets_of(bench, played.runs);
  const auto quartiles = [](const Quartiles& q) {
    char text[96];
    std::snprintf(text, sizeof text, "%7s %7s %7s %7s", fixed(q.median).c_str(), fixed(q.better).c_str(),
                  fixed(q.worse).c_str(), fixed(q.worst).c_str());
    return std::string(text);
  };
  char text[320];
  std::snprintf(text, sizeof text, "%-11s %s  %s  %6s %6s %8s %6s\n", played.strategy.c_str(),
                quartiles(found).c_str(), quartiles(regret).c_str(),
                number(median_of(played.runs, &TableRun::evaluations)).c_str(),
                number(median_of(played.runs, &TableRun::over_limits)).c_str(),
                number(median_of(played.runs, &TableRun::rejected)).c_str(),
                number(median_of(played.runs, &TableRun::absent)).c_str());
  return text;
}

nlohmann::json json_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json json_of(const Quartiles& q) {
  return {{"median", json_of(q.median)},
          {"better_quartile", json_of(q.better)},
          {"worse_quartile", json_of(q.worse)},
          {"worst", json_of(q.worst)}};
}

nlohmann::json json_of(const TableBench& bench, const TableRun& run) {
  nlohmann::json json{// as text: 64 bits are more than a JSON number keeps
                      {"seed", std::to_string(run.seed)},
                      {"evaluations", run.evaluations},
                      {"evaluations_over_limits", run.over_limits},
                      {"rejected_by_limits", run.rejected},
                      {"not_in_table", run.absent}};
  if (!run.found) return json;
  json["cell"] = models::to_text(run.cell, run.cell);
  json["id"] = run.found->id;
  json["val_acc_percent"] = run.found->val_acc;
  json["test_acc_percent"] = run.found->test_acc;
  json["regret_points"] = bench.best_test_acc - run.found->test_acc;
  for (const Cost cost : kAllCosts) json[unit_key(cost)] = run.found->costs.get(cost);
  return json;
}

}  // namespace

std::string bench_text(const TableBench& bench, std::int64_t evaluations,
                       const std::vector<StrategyRuns>& played) {
  const models::SnasnetSpec& spec = bench.spec;
  const std::int64_t seeds = played.empty() ? 0 : static_cast<std::int64_t>(played.front().runs.size());
  std::string text = "table    " + bench.file + ": " + number(bench.num_rows) + " rows";
  text += bench.dataset.empty() ? ", parameters of no data set that we know: taken as 32 x 32 pixels"
                                : ", " + bench.dataset + " by their parameters";
  text += "\n         left out: " + number(bench.unconnected) + " without a path from input to output, " +
          number(bench.without_validation) + " without validation accuracy\n";
  if (bench.validation_of_epoch50 > 0)
    text += "         validation accuracy of epoch 50 instead of the last: " +
            number(bench.validation_of_epoch50) + '\n';
  text += "rows     " + rows_text(bench.rows) + '\n';
  text += "costs    SpikeSim's formulas: " + number(spec.channels) +
          " channels, T = " + number(spec.timesteps) + ", " + number(spec.input_size) + " x " +
          number(spec.input_size) + " pixels, stem stride " + number(spec.stem_stride) +
          ",\n         64 x 64 crossbars, 8 PEs a tile; " + "convolutions only, 8-bit weights\n";
  text += "limits   " + limits_text(bench.limits) + ": met by " + number(bench.feasible_entries) + " of " +
          number(static_cast<std::int64_t>(bench.entries.size())) + " cells in the table\n";
  text += "best     " + fixed(bench.best_test_acc) + " % test accuracy, id " + number(bench.best_id) + ", " +
          models::to_text(bench.best_cell, bench.best_cell) + '\n';
  text += "search   by validation accuracy; " + number(evaluations) + " evaluations at most, " +
          number(seeds) + " seeds\n\n";
  text +=
      "            found: test accuracy, %          regret, points                   medians of\n"
      "strategy     median better worse q.  worst   median better worse q.  worst"
      "  evaluated  over rejected not in table\n";
  for (const StrategyRuns& strategy : played) text += line_of(bench, strategy);
  return text;
}

std::string bench_json(const TableBench& bench, std::int64_t evaluations, std::uint64_t seed,
                       const std::vector<StrategyRuns>& played) {
  nlohmann::json json{{"table", bench.file},
                      {"dataset", bench.dataset},
                      {"rows", to_string(bench.rows)},
                      {"evaluations", evaluations},
                      {"seed", std::to_string(seed)},
                      {"table_rows", bench.num_rows},
                      {"table_rows_unconnected", bench.unconnected},
                      {"table_rows_without_validation", bench.without_validation},
                      {"table_rows_with_validation_of_epoch_50", bench.validation_of_epoch50},
                      {"cells", bench.entries.size()},
                      {"cells_within_limits", bench.feasible_entries},
                      {"limits", nlohmann::json::object()},
                      {"best",
                       {{"id", bench.best_id},
                        {"cell", models::to_text(bench.best_cell, bench.best_cell)},
                        {"test_acc_percent", bench.best_test_acc}}},
                      {"strategies", nlohmann::json::array()}};
  for (const Cost cost : kAllCosts)
    if (const auto limit = limit_of(bench.limits, cost)) json["limits"][unit_key(cost)] = *limit;
  for (const StrategyRuns& strategy : played) {
    nlohmann::json runs = nlohmann::json::array();
    for (const TableRun& run : strategy.runs) runs.push_back(json_of(bench, run));
    json["strategies"].push_back({{"strategy", strategy.strategy},
                                  {"test_acc_percent", json_of(accuracies_of(strategy.runs))},
                                  {"regret_points", json_of(regrets_of(bench, strategy.runs))},
                                  {"runs", runs}});
  }
  return json.dump(2) + '\n';
}

}  // namespace spikeloop::nas
