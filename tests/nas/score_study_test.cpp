#include "nas/score_study.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "models/data/shapes.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(RankCorrelation, WorkedByHand) {
  EXPECT_DOUBLE_EQ(kendall_tau_b({1, 2, 3, 4}, {10, 20, 30, 40}), 1);
  EXPECT_DOUBLE_EQ(kendall_tau_b({1, 2, 3, 4}, {4, 3, 2, 1}), -1);
  // Of six pairs one is discordant.
  EXPECT_DOUBLE_EQ(kendall_tau_b({1, 2, 3, 4}, {1, 2, 4, 3}), 4.0 / 6);
  // x ties one pair of six, y another: three concordant, one discordant, two tied.
  // Pairs: 12 tied in x; 13 +, 14 +, 23 -, 24 +; 34 tied in y.
  EXPECT_DOUBLE_EQ(kendall_tau_b({1, 1, 2, 3}, {1, 3, 2, 2.0}), (2.0 - 2) / 5);
  EXPECT_DOUBLE_EQ(kendall_tau_b({1, 1, 2, 3}, {1, 2, 3, 3}), 4.0 / 5);
  EXPECT_DOUBLE_EQ(kendall_tau_b({-kInfinity, -kInfinity, 0}, {1, 2, 3}), 2 / std::sqrt(6.0));
  EXPECT_TRUE(std::isnan(kendall_tau_b({1, 1}, {1, 2})));
  EXPECT_DOUBLE_EQ(spearman_rho({1, 2, 3, 4}, {1, 2, 4, 3}), 0.8);
  // Ranks 0.5 0.5 2 and 0 1 2: 1.5 / sqrt(1.5 * 2).
  EXPECT_DOUBLE_EQ(spearman_rho({5, 5, 9}, {1, 2, 3}), 1.5 / std::sqrt(3.0));
  EXPECT_TRUE(std::isnan(spearman_rho({1, 2}, {3, 3})));
}

TEST(RankCorrelation, Interval) {
  const Interval interval = tau_interval(0.5, 304);
  const double half = 1.959964 * std::sqrt(0.437 / 300);
  EXPECT_NEAR(std::atanh(interval.high) - std::atanh(0.5), half, 1e-6);
  EXPECT_NEAR(std::atanh(0.5) - std::atanh(interval.low), half, 1e-6);
  EXPECT_TRUE(std::isnan(tau_interval(0.5, 4).low));
  EXPECT_EQ(tau_interval(1, 10).low, 1);
}

TEST(Fidelity, Text) {
  ScoreOptions other;
  other.seed = 9;
  const ScoreOptions options =
      parse_fidelity("channels=16,timesteps=2,batch=32,shrink=2,precision=single", other, "--fidelity");
  EXPECT_EQ(options.channels, 16);
  EXPECT_EQ(options.timesteps, 2);
  EXPECT_EQ(options.batch, 32);
  EXPECT_EQ(options.image_shrink, 2);
  EXPECT_FALSE(options.double_precision);
  EXPECT_EQ(options.seed, 9U);
  EXPECT_EQ(to_text(options), "channels 16, timesteps 2, batch 32, images / 2, single precision");
  for (const char* text :
       {"", "channels", "channels=", "channels=0", "channels=8x", "width=3", "precision=half", "channels=8,"})
    EXPECT_THROW(parse_fidelity(text, other, "--fidelity"), InputError) << text;
}

/// A table of cells whose accuracy grows with their convolutions; every cell twice, and one that is not
/// connected.
Table small_table() {
  Table table;
  table.file = "small.csv";
  table.space.ops = parse_ops("skip,conv3x3", "test");
  table.space.cell_type = CellType::kForward;
  table.space.direct_edge = false;
  std::int64_t id = 0;
  const auto cells = cells_of(table.space);
  for (std::size_t i = 0; i < cells.size(); i += 4) {
    TableRow row;
    row.cell = cells[i];
    row.connected = true;
    for (const auto& from : row.cell)
      for (const auto& op : from) row.test_acc += op == models::Op::kConv3x3 ? 1 : 0;
    for (int k = 0; k < 2; ++k) {
      row.id = id++;
      row.val_acc_epoch10 = row.test_acc;
      table.rows.push_back(row);
    }
  }
  table.rows.push_back(TableRow());
  return table;
}

ScoreStudyOptions small_options() {
  ScoreStudyOptions options;
  options.cells = 12;
  options.train_cells = 20;
  options.spec.channels = 4;
  options.spec.timesteps = 2;
  options.spec.stem_stride = 2;
  options.spec.hidden = 0;
  options.quiet = true;
  ScoreOptions half;
  half.batch = 8;
  half.channels = 2;
  options.fidelities = {half, half};
  options.fidelities[1].channels = 4;
  options.formulas = {parse_formula("2*convolutions", "test")};
  return options;
}

const ScoreResult& result_of(const ScoreStudy& study, const std::string& score) {
  for (const ScoreResult& result : study.results)
    if (result.score == score) return result;
  throw std::runtime_error("no " + score);
}

TEST(ScoreStudy, RanksAndTellsWhatItWasFittedOn) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Table table = small_table();
  const ScoreStudyOptions options = small_options();
  const ScoreStudy study = study_scores(table, &table, dataset, options);
  EXPECT_EQ(study.cells, 12);
  EXPECT_DOUBLE_EQ(result_of(study, "convolutions").tau, 1);
  EXPECT_DOUBLE_EQ(result_of(study, "val_acc_epoch10").tau, 1);
  EXPECT_GT(result_of(study, "learned").tau, 0.5);
  EXPECT_EQ(result_of(study, "learned").fitted_on, 20);
  // Every form of the other table but those of the measured cells, of which some may be the same.
  const auto distinct = static_cast<std::int64_t>((table.rows.size() - 1) / 2);
  EXPECT_GE(result_of(study, "learned elsewhere").fitted_on, distinct - 12);
  EXPECT_LT(result_of(study, "learned elsewhere").fitted_on, distinct);
  EXPECT_DOUBLE_EQ(result_of(study, "2*convolutions").tau, 1);
  EXPECT_TRUE(result_of(study, "sahd").tau_to_fullest.has_value());
  EXPECT_EQ(result_of(study, "sahd").fidelity, std::optional<std::size_t>(0));
  for (const ScoreResult& result : study.results) EXPECT_NE(result.score, "val_acc_last");
  EXPECT_NE(report(study, options, table.file).find("of 20 other forms of cells of small.csv"),
            std::string::npos);
}

TEST(ScoreStudy, ThreadsChangeNothingButTheTimes) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Table table = small_table();
  ScoreStudyOptions options = small_options();
  const auto without_times = [&] {
    const std::string json = to_json(study_scores(table, nullptr, dataset, options), options, table.file);
    return json.substr(0, json.find("\"times\""));
  };
  const std::string one = without_times();
  options.jobs = 3;
  EXPECT_EQ(without_times(), one);
  options.seed = 2;
  EXPECT_NE(without_times(), one);
}

TEST(ScoreStudy, RefusesMoreCellsThanThereAre) {
  const models::Dataset dataset = models::make_shapes(64, 0, 1);
  const Table table = small_table();
  ScoreStudyOptions options = small_options();
  options.train_cells = 100000;
  EXPECT_THROW(study_scores(table, nullptr, dataset, options), InputError);
  options.train_cells = 0;
  options.cells = 100000;
  EXPECT_THROW(study_scores(table, nullptr, dataset, options), InputError);
}

}  // namespace
}  // namespace spikeloop::nas
