#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nas/optuna_export.h"
#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

using nlohmann::json;
using testing::TemporaryFolder;

OptunaStudy small_study() {
  OptunaStudy study;
  study.name = "small";
  study.settings_json = R"({"seed": 1})";
  study.space.axes = {{"channels", {"8", "16"}}, {"adc.bits", {"5"}}};
  for (const char* limit : {"energy_pj<=10", "tiles<=4", "latency_ns>=5"})
    add(study.limits, parse_limit(limit, "--limit"), "--limit");
  return study;
}

Trial trial_in(std::int64_t number, TrialState state, Stage stage) {
  Trial trial;
  trial.number = number;
  trial.genotype = "0003/0000/0000/0000|0003/0000/0000/0000 channels=16 adc.bits=5";
  trial.hash = std::to_string(number);
  trial.state = state;
  trial.stage = stage;
  return trial;
}

/// One in each state; 5 is an infeasible one that was measured, 6 one that does not fit.
std::vector<Trial> all_states() {
  std::vector<Trial> trials{trial_in(0, TrialState::kComplete, Stage::kMeasured),
                            trial_in(1, TrialState::kPruned, Stage::kScore),
                            trial_in(2, TrialState::kFail, Stage::kScore),
                            trial_in(3, TrialState::kRunning, Stage::kScore),
                            trial_in(4, TrialState::kInfeasible, Stage::kBound),
                            trial_in(5, TrialState::kInfeasible, Stage::kMeasured),
                            trial_in(6, TrialState::kInfeasible, Stage::kBound),
                            trial_in(7, TrialState::kWaiting, Stage::kScore)};
  trials[0].genotype = "000[13]/0000/1000/0030|000[13]/0000/1000/0030 channels=12 adc.bits=5";
  trials[0].measured = Costs{1, 2, 5, 8, {{"tiles", 2}}};
  trials[0].accuracy = 0.75;
  trials[0].score = -1.5;
  trials[0].scores = {{"convolutions", 2}};
  trials[4].bound = Costs{1, 2, 3, 15};
  trials[4].limits_exceeded = "energy";
  trials[4].reason = "energy 15 pJ over 10 pJ (+50 %)";
  trials[5].bound = Costs{1, 2, 3, 4};
  trials[5].measured = Costs{1, 2, 4, 5, {{"tiles", 6}}};
  trials[5].accuracy = 0.5;
  trials[5].limits_exceeded = "min latency,tiles";
  return trials;
}

std::vector<std::string> column(const std::string& path, const std::string& query) {
  SQLite::Database database(path, SQLite::OPEN_READONLY);
  SQLite::Statement statement(database, query);
  std::vector<std::string> values;
  while (statement.executeStep()) values.push_back(statement.getColumn(0).getString());
  return values;
}

using Strings = std::vector<std::string>;

TEST(Optuna, StatesValuesAndConstraints) {
  const TemporaryFolder folder;
  const std::string path = folder.file("optuna.db");
  export_optuna(path, small_study(), all_states(),
                {{0, Stage::kScore, 1.5, 1}, {5, Stage::kMeasured, 60, 1}});
  EXPECT_EQ(column(path, "SELECT version_num FROM alembic_version"), Strings{"v3.2.0.a"});
  EXPECT_EQ(column(path, "SELECT schema_version FROM version_info"), Strings{"12"});
  EXPECT_EQ(column(path, "SELECT direction FROM study_directions ORDER BY objective"),
            (Strings{"MAXIMIZE", "MINIMIZE", "MINIMIZE", "MINIMIZE", "MINIMIZE"}));
  EXPECT_EQ(column(path, "SELECT state FROM trials ORDER BY number"),
            (Strings{"COMPLETE", "PRUNED", "FAIL", "RUNNING", "PRUNED", "COMPLETE", "PRUNED", "WAITING"}));
  EXPECT_EQ(column(path, "SELECT value FROM trial_values WHERE trial_id = 1 ORDER BY objective"),
            (Strings{"0.75", "1.0", "2.0", "5.0", "8.0"}));
  EXPECT_EQ(column(path, "SELECT count(*) FROM trial_values"), Strings{"10"}) << "of measured ones only";
  EXPECT_EQ(column(path, "SELECT number FROM trials WHERE datetime_start IS NULL"), Strings{"7"});
  EXPECT_EQ(column(path, "SELECT number FROM trials WHERE datetime_complete IS NULL ORDER BY 1"),
            (Strings{"3", "7"}));
  EXPECT_EQ(column(path, "SELECT datetime_complete FROM trials WHERE number = 5"),
            Strings{"1970-01-01 00:01:01.500000"});

  const auto constraints = [&](int number) {
    const Strings found = column(path,
                                 "SELECT value_json FROM trial_system_attributes WHERE key = 'constraints' "
                                 "AND trial_id = " +
                                     std::to_string(number + 1));
    return found.empty() ? json() : json::parse(found.front());
  };
  // fit, latency >= 5, energy <= 10, tiles <= 4
  EXPECT_EQ(constraints(0), json::array({0, 0.0, -0.2, -0.5}));
  EXPECT_TRUE(constraints(1).is_null()) << "nothing is known of it";
  EXPECT_EQ(constraints(4), json::array({0, 0, 0.5, 0})) << "a bound says nothing of a least, nor of tiles";
  EXPECT_EQ(constraints(5), json::array({0, 0.2, -0.5, 0.5}));
  EXPECT_EQ(constraints(6), json::array({1, 0, 0, 0}));
  EXPECT_EQ(
      json::parse(column(path, "SELECT value_json FROM study_user_attributes WHERE key = 'constraints'")[0]),
      json::array({"fit", "latency_ns>=5", "energy_pj<=10", "tiles<=4"}));
}

TEST(Optuna, ParametersAreCategories) {
  const TemporaryFolder folder;
  const std::string path = folder.file("optuna.db");
  export_optuna(path, small_study(), all_states(), {});
  const auto parameter = [&](int number, const std::string& name) {
    const std::string where = " FROM trial_params WHERE trial_id = " + std::to_string(number + 1) +
                              " AND param_name = '" + name + "'";
    const json distribution = json::parse(column(path, "SELECT distribution_json" + where).at(0));
    EXPECT_EQ(distribution["name"], "CategoricalDistribution");
    const std::size_t index = std::stoul(column(path, "SELECT param_value" + where).at(0));
    return distribution["attributes"]["choices"].at(index);
  };
  EXPECT_EQ(parameter(0, "cell1.0>3"), "skip+conv3x3");
  EXPECT_EQ(parameter(0, "cell1.2>0"), "skip");
  EXPECT_EQ(parameter(0, "cell1.3>2"), "conv3x3");
  EXPECT_EQ(parameter(0, "cell1.0>1"), "zero");
  EXPECT_EQ(parameter(0, "channels"), 12);
  EXPECT_EQ(parameter(1, "cell1.0>3"), "conv3x3");
  EXPECT_EQ(parameter(1, "channels"), 16);
  EXPECT_EQ(parameter(1, "adc.bits"), 5);
  EXPECT_EQ(column(path, "SELECT DISTINCT distribution_json FROM trial_params WHERE param_name = 'channels'"),
            Strings{R"({"attributes":{"choices":[8,16,12]},"name":"CategoricalDistribution"})"});
  EXPECT_EQ(column(path, "SELECT count(*) FROM trial_params WHERE trial_id = 1"), Strings{"14"})
      << "12 edges of one cell, two axes";
  EXPECT_EQ(column(path, "SELECT value_json FROM trial_user_attributes WHERE trial_id = 1 AND key = 'score'"),
            Strings{"-1.5"});

  std::vector<Trial> trials = all_states();
  trials[1].genotype = "0003/0000/0000/0000|0002/0000/0000/0000";
  const std::string two = folder.file("two.db");
  export_optuna(two, small_study(), trials, {});
  EXPECT_EQ(column(two, "SELECT count(*) FROM trial_params WHERE trial_id = 2"), Strings{"24"});
}

TEST(Optuna, SameStudySameBytesAndNoFileIsOverwritten) {
  const TemporaryFolder folder;
  const std::string one = folder.file("one.db"), two = folder.file("two.db");
  export_optuna(one, small_study(), all_states(), {});
  export_optuna(two, small_study(), all_states(), {});
  const std::string bytes = read_file(one);
  EXPECT_EQ(bytes, read_file(two));
  EXPECT_THROW(export_optuna(one, small_study(), {}, {}), InputError);
  EXPECT_EQ(read_file(one), bytes);
  EXPECT_THROW(export_optuna(folder.file("absent/optuna.db"), small_study(), {}, {}), InputError);
  std::vector<Trial> damaged = all_states();
  damaged[2].genotype = "no cells";
  EXPECT_THROW(export_optuna(folder.file("three.db"), small_study(), damaged, {}), InputError);
  EXPECT_FALSE(std::filesystem::exists(folder.file("three.db")));
}

}  // namespace
}  // namespace spikeloop::nas
