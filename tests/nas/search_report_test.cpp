#include "nas/search_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nas/settings.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

Trial measured_trial(std::int64_t number, double accuracy, double energy_pj) {
  Trial trial;
  trial.number = number;
  trial.state = TrialState::kComplete;
  trial.genotype = "0003/0000/0000/0000|0003/0000/0000/0000";
  trial.stage = Stage::kMeasured;
  trial.accuracy = accuracy;
  trial.measured = Costs{1, 1, 1, energy_pj};
  return trial;
}

TEST(SearchReport, WinnerIsTheMostAccurateThenTheMostFrugal) {
  std::vector<Trial> trials{measured_trial(0, 0.5, 1), measured_trial(1, 0.6, 9), measured_trial(2, 0.6, 8),
                            measured_trial(3, 0.6, 8), measured_trial(4, 0.9, 1)};
  trials[4].state = TrialState::kInfeasible;
  EXPECT_EQ(winner(trials, false)->number, 2);
  EXPECT_EQ(winner(trials, true)->number, 2) << "none was trained for longer";
  trials[0].stage = Stage::kFinal;
  trials[0].final_accuracy = 0.55;
  trials[0].final_measured = Costs{1, 1, 1, 1};
  EXPECT_EQ(winner(trials, true)->number, 0);
  EXPECT_FALSE(winner({}, false));
}

TEST(SearchReport, RankCorrelationByHand) {
  EXPECT_FALSE(rank_correlation({1, 2}, {1, 2}));
  EXPECT_FALSE(rank_correlation({1, 1, 1}, {1, 2, 3}));
  EXPECT_DOUBLE_EQ(*rank_correlation({1, 5, 9}, {-1, 0, 70}), 1);
  EXPECT_DOUBLE_EQ(*rank_correlation({1, 5, 9}, {3, 2, 1}), -1);
  // Ranks 0 1 2 3 against 0.5 0.5 2 3: covariance 4.5, variances 5 and 4.5.
  EXPECT_NEAR(*rank_correlation({1, 2, 3, 4}, {7, 7, 8, 9}), 4.5 / std::sqrt(5 * 4.5), 1e-12);
}

std::vector<std::int64_t> numbers_of(const std::vector<Trial>& trials) {
  std::vector<std::int64_t> numbers;
  for (const Trial& trial : trials) numbers.push_back(trial.number);
  return numbers;
}

TEST(SearchReport, ParetoFrontByHand) {
  std::vector<Trial> trials{measured_trial(0, 0.9, 9), measured_trial(1, 0.8, 9), measured_trial(2, 0.8, 3),
                            measured_trial(3, 0.5, 1), measured_trial(4, 0.8, 3), measured_trial(5, 0.4, 2),
                            measured_trial(6, 0.99, 0)};
  trials[6].state = TrialState::kInfeasible;
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(numbers_of(pareto_front(trials, {"energy_pj"}, "--by")), (Numbers{0, 2, 4, 3}))
      << "equal ones don't beat each other";
  trials[1].measured->fields["tiles"] = 1;
  for (const std::size_t i : {0U, 2U, 3U, 4U, 5U}) trials[i].measured->fields["tiles"] = 2;
  EXPECT_EQ(numbers_of(pareto_front(trials, {"energy_pj", "tiles"}, "--by")), (Numbers{0, 2, 4, 1, 3}));
  EXPECT_EQ(numbers_of(pareto_front(trials, {"tiles"}, "--by")), (Numbers{0, 1}));
  EXPECT_THROW(pareto_front(trials, {"crossbars"}, "--by"), InputError);
  EXPECT_TRUE(pareto_front({}, {"crossbars"}, "--by").empty());
}

Trial rejected(std::int64_t number, Stage stage, const std::string& limits) {
  Trial trial;
  trial.number = number;
  trial.genotype = "0003/0000/0000/0000|0003/0000/0000/0000";
  trial.state = TrialState::kInfeasible;
  trial.stage = stage;
  trial.limits_exceeded = limits;
  trial.reason = limits.empty() ? "candidate 1: too large" : limits;
  return trial;
}

SearchSettings limited_settings() {
  SearchSettings settings;
  settings.candidates = 1;
  settings.limits = {};
  for (const char* limit :
       {"energy_pj<=9", "energy_pj>=1", "tiles<=64", "totals.energy_pj<=8", "accuracy>=0.5"})
    add(settings.limits, parse_limit(limit, "--limit"), "--limit");
  return settings;
}

TEST(SearchReport, CountsWhichLimitRejectedAtWhichStage) {
  std::vector<Trial> trials{rejected(0, Stage::kBound, "tiles"), rejected(1, Stage::kBound, ""),
                            rejected(2, Stage::kMeasured, "energy,min accuracy"),
                            rejected(3, Stage::kMeasured, "min accuracy"), measured_trial(4, 0.75, 4)};
  trials[4].score = 1;
  trials[4].scores = {{"lif_modules", 3}};
  trials[4].bound = Costs{1, 1, 1, 1, {{"tiles", 30}}};
  trials[4].measured->fields = {{"tiles", 60}, {"accuracy", 0.75}};
  const SearchSettings settings = limited_settings();
  const auto json =
      nlohmann::json::parse(result_json(to_json(settings), settings, trials,
                                        {"loop", {{0, 6, 1, {{"energy", 4}}}, {1, 2, 2, {{"energy", 1}}}}}));
  const auto& rejections = json["counts"]["rejected"];
  EXPECT_EQ(rejections["bound"], (nlohmann::json{{"tiles", 1}, {"fit", 1}}));
  EXPECT_EQ(rejections["measured"], (nlohmann::json{{"energy", 1}, {"min accuracy", 2}}));
  EXPECT_EQ(json["strategy"], (nlohmann::json{{"name", "loop"},
                                              {"rounds", 2},
                                              {"proposed", 8},
                                              {"repeated", 3},
                                              {"passed_over", {{"energy", 5}}}}));
  EXPECT_EQ(json["candidates"][4]["errors"]["bound"]["tiles"], -0.5);
  EXPECT_EQ(json["candidates"][4]["measured"]["tiles"], 60);
  EXPECT_EQ(json["candidates"][4]["scores"]["lif_modules"], 3);
  EXPECT_EQ(json["winner"]["number"], 4);

  const std::string text =
      summary(settings, trials, "", {"loop", {{0, 6, 1, {{"energy", 4}}}, {1, 2, 2, {{"energy", 1}}}}});
  for (const char* line :
       {"strategy loop: 2 rounds, 8 proposals, 3 of them repeats\n",
        "passed over by their bounds, in all rounds: energy 5\n",
        "  energy                     9 pJ                  0            0         1      0\n",
        "  latency                    none                  0            0         0      0\n",
        "  min energy                 1 pJ                  0            0         0      0\n",
        "  min accuracy                0.5                  0            0         2      0\n",
        "  tiles                        64                  1            0         0      0\n",
        "  fit                    the chip                  1            0         0      0\n",
        "  accuracy         0.75  of at least 0.5\n", "  tiles              60  of at most 64\n",
        "tiles   -50.0 %"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "not in\n" << text;
  EXPECT_EQ(summary(settings, trials, "").find("strategy"), std::string::npos);
}

TEST(SearchReport, ClosestIsTheOneThatMissesLeast) {
  std::vector<Trial> trials{rejected(0, Stage::kMeasured, "energy"), rejected(1, Stage::kMeasured, "tiles"),
                            rejected(2, Stage::kMeasured, "min accuracy")};
  trials[0].measured = Costs{1, 1, 1, 18, {{"tiles", 1}, {"accuracy", 0.6}}};  // + 100 %
  trials[1].measured = Costs{1, 1, 1, 8, {{"tiles", 80}, {"accuracy", 0.6}}};  // + 25 %
  trials[2].measured = Costs{1, 1, 1, 8, {{"tiles", 1}, {"accuracy", 0.2}}};   // - 60 %
  const std::string text = summary(limited_settings(), trials, "");
  const std::size_t closest = text.find("Closest:");
  ASSERT_NE(closest, std::string::npos) << text;
  EXPECT_LT(text.find("tiles\n", closest), text.find("min accuracy\n", closest)) << text;
  EXPECT_LT(text.find("min accuracy\n", closest), text.find("energy\n", closest)) << text;
}

}  // namespace
}  // namespace spikeloop::nas
