#include "nas/study.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using testing::TemporaryFolder;

const char* const kSettings = R"({"candidates": 4, "network": {"channels": 8}})";

Trial full_trial() {
  Trial trial;
  trial.number = 3;
  trial.round = 5;
  trial.genotype = "0303/0030/2002/0200|0303/0030/2002/0200";
  trial.hash = "abc";
  trial.state = TrialState::kInfeasible;
  trial.stage = Stage::kMeasured;
  trial.reason = "latency 3 ms over 2 ms (+50 %)";
  trial.limits_exceeded = "latency";
  trial.score = -131.0 / 3;
  trial.scores = {{"lif_modules", 9}, {"convolutions", 4}, {"firing_rate", 0.1}};
  trial.bound = Costs{1, 2, 0.1, 4};
  trial.provisional = Costs{5, 6, 7, 8};
  trial.measured = Costs{9, 10, 11, 1.0 / 3, {{"tiles", 7}, {"energy.adc.dynamic_pj", 0.1 + 1e-16}}};
  trial.accuracy = 0.625;
  trial.artifacts = "candidates/3";
  return trial;
}

void expect_equal(const std::optional<Costs>& a, const std::optional<Costs>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  for (const Cost cost : kAllCosts) EXPECT_EQ(a->get(cost), b->get(cost)) << name(cost);
  EXPECT_EQ(a->fields, b->fields);
}

void expect_equal(const Trial& a, const Trial& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.genotype, b.genotype);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.limits_exceeded, b.limits_exceeded);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.scores, b.scores);
  expect_equal(a.bound, b.bound);
  expect_equal(a.provisional, b.provisional);
  expect_equal(a.measured, b.measured);
  expect_equal(a.final_measured, b.final_measured);
  EXPECT_EQ(a.accuracy, b.accuracy);
  EXPECT_EQ(a.final_accuracy, b.final_accuracy);
  EXPECT_EQ(a.artifacts, b.artifacts);
}

TEST(Study, KeepsEverythingAboutATrial) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  Trial bare;
  bare.hash = "first";
  {
    Study study = Study::create_or_resume(path, kSettings);
    EXPECT_FALSE(study.resumed());
    study.insert({bare, full_trial()});
  }
  Study study = Study::create_or_resume(path, kSettings);
  EXPECT_TRUE(study.resumed());
  auto trials = study.trials();
  ASSERT_EQ(trials.size(), 2U);
  expect_equal(trials[0], bare);
  expect_equal(trials[1], full_trial());

  Trial changed = full_trial();
  changed.state = TrialState::kComplete;
  changed.final_measured = Costs{1, 2, 3, 4};
  changed.final_accuracy = 0.7;
  study.update(changed, {3, Stage::kFinal, 1.5, 1000});
  expect_equal(study.trials()[1], changed);
  ASSERT_EQ(study.timings().size(), 1U);
  EXPECT_EQ(study.timings()[0].wall_s, 1.5);
  EXPECT_EQ(study.timings()[0].stage, Stage::kFinal);

  const Study reader = Study::open_read_only(path);  // while the writer has it open
  EXPECT_EQ(reader.settings_json(), kSettings);
  EXPECT_EQ(reader.trials().size(), 2U);
}

TEST(Study, RefusesWrongChanges) {
  const TemporaryFolder folder;
  Study study = Study::create_or_resume(folder.file("study.db"), kSettings);
  study.insert({full_trial()});
  EXPECT_ANY_THROW(study.insert({full_trial()})) << "the same number and hash twice";
  Trial other = full_trial();
  other.number = 4;
  EXPECT_ANY_THROW(study.update(other)) << "a trial that isn't there";
  EXPECT_ANY_THROW(study.insert({other})) << "the same candidate again";
  Trial fresh = other;
  fresh.hash = "fresh";
  EXPECT_ANY_THROW(study.insert({fresh, full_trial()}, {0, 2, 0}));
  EXPECT_EQ(study.trials().size(), 1U) << "all or none";
  EXPECT_TRUE(study.rounds().empty());
}

TEST(Study, RoundsAreStoredWithTheirTrials) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  {
    Study study = Study::create_or_resume(path, kSettings);
    study.insert({full_trial()}, {0, 3, 2});
    study.insert({}, {1, 4, 4});
    EXPECT_ANY_THROW(study.insert({}, {1, 4, 4})) << "a round happens once";
  }
  const std::vector<Round> rounds = Study::open_read_only(path).rounds();
  ASSERT_EQ(rounds.size(), 2U);
  EXPECT_EQ(rounds[0].proposed, 3);
  EXPECT_EQ(rounds[1].repeated, 4);
}

TEST(Study, LeasesLastWhileATrialRuns) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  Trial trial = full_trial();
  trial.state = TrialState::kRunning;
  {
    Study study = Study::create_or_resume(path, kSettings);
    study.insert({trial});
    study.lease(trial.number, 100);
    study.lease(trial.number, 2e12);
    EXPECT_TRUE(Study::is_locked(path));
  }
  EXPECT_FALSE(Study::is_locked(path));
  Study study = Study::create_or_resume(path, kSettings);  // the coordinator died
  const std::vector<Lease> leases = study.leases();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases[0].trial, trial.number);
  EXPECT_EQ(leases[0].until_s, 2e12);
  EXPECT_GT(leases[0].taken_s, 1e9);
  EXPECT_NE(leases[0].holder.find(':' + std::to_string(getpid())), std::string::npos) << leases[0].holder;
  study.update(trial);
  EXPECT_EQ(study.leases().size(), 1U);
  trial.state = TrialState::kComplete;
  study.update(trial);
  EXPECT_TRUE(study.leases().empty());
}

TEST(Study, AttemptsAreCountedPerStage) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  {
    Study study = Study::create_or_resume(path, kSettings);
    study.insert({full_trial()});
    EXPECT_EQ(study.count_attempt(3, Stage::kScore), 1);
    EXPECT_EQ(study.count_attempt(3, Stage::kMeasured), 1);
    EXPECT_EQ(study.count_attempt(3, Stage::kMeasured), 2);
  }
  const Study study = Study::open_read_only(path);
  EXPECT_EQ(study.attempts(3, Stage::kMeasured), 2);
  EXPECT_EQ(study.attempts(3, Stage::kScore), 1);
  EXPECT_EQ(study.attempts(3, Stage::kFinal), 0);
}

TEST(Study, AFailedTrialCanWaitAgain) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  EXPECT_THROW(Study::open(path), InputError);
  EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
  Trial trial = full_trial();
  trial.state = TrialState::kFail;
  Study::create_or_resume(path, kSettings).insert({trial});
  Study study = Study::open(path);
  study.count_attempt(trial.number, trial.stage);
  study.retry(trial);
  const Trial waiting = study.trials().at(0);
  EXPECT_EQ(waiting.state, TrialState::kWaiting);
  EXPECT_EQ(waiting.stage, Stage::kMeasured);
  EXPECT_EQ(waiting.reason, "");
  EXPECT_EQ(waiting.score, trial.score) << "what the stages before said stays";
  EXPECT_EQ(study.attempts(trial.number, trial.stage), 0);
  EXPECT_THROW(study.retry(waiting), std::logic_error);
}

TEST(Study, DamageIsRefused) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  const auto damaged_by = [&](const char* command) {
    std::filesystem::remove(path);
    Study::create_or_resume(path, kSettings).insert({full_trial()});
    SQLite::Database(path, SQLite::OPEN_READWRITE).exec(command);
    return [&] { Study::open_read_only(path).trials(); };
  };
  for (const char* command :
       {"UPDATE trials SET measured = '{'", "UPDATE trials SET measured = '{}'",
        "UPDATE trials SET bound = '[1]'",
        "UPDATE trials SET measured = json_set(measured, '$.tiles', 'many')",
        "UPDATE trials SET state = 'LOST'", "DROP TABLE trials", "UPDATE study SET settings = '{'",
        "DELETE FROM study", "PRAGMA user_version = 1"})
    EXPECT_THROW(damaged_by(command)(), InputError) << command;
  try {
    Study::open_read_only(path);
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("schema version 1"), std::string::npos) << text;
    EXPECT_NE(text.find("schema version 2"), std::string::npos) << text;
  }
}

TEST(Study, NumbersThatJsonDoesNotKnowStayBroken) {
  const TemporaryFolder folder;
  Study study = Study::create_or_resume(folder.file("study.db"), kSettings);
  Trial trial = full_trial();
  trial.measured->energy_pj = std::nan("");
  study.insert({trial});
  EXPECT_TRUE(std::isnan(study.trials().at(0).measured->energy_pj));
}

TEST(Study, RefusesOtherSettingsAndNamesThem) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  Study::create_or_resume(path, kSettings);
  Study::create_or_resume(path, R"({"network":{"channels":8},"candidates":4})");  // another spelling
  try {
    Study::create_or_resume(path, R"({"candidates": 6, "network": {"channels": 8, "hidden": 0}})");
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("candidates: 4 in the study, 6 now"), std::string::npos) << text;
    EXPECT_NE(text.find("network/hidden: absent in the study, 0 now"), std::string::npos) << text;
    EXPECT_EQ(text.find("channels"), std::string::npos) << text;
  }
}

TEST(Study, OneWriterAtATime) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  const Study first = Study::create_or_resume(path, kSettings);
  EXPECT_THROW(Study::create_or_resume(path, kSettings), InputError);
  EXPECT_NO_THROW(Study::open_read_only(path));
}

TEST(Study, RefusesFilesThatAreNotStudies) {
  const TemporaryFolder folder;
  const std::string text = folder.file("text.db"), other = folder.file("other.db"),
                    newer = folder.file("newer.db");
  std::ofstream(text) << "this is no database, but it is longer than the header of one would have to be: "
                      << std::string(200, '.');
  { SQLite::Database(other, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE t (x)"); }
  Study::create_or_resume(newer, kSettings);
  { SQLite::Database(newer, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99"); }
  for (const std::string& path : {text, other, newer}) {
    EXPECT_THROW(Study::open_read_only(path), InputError) << path;
    EXPECT_THROW(Study::create_or_resume(path, kSettings), InputError) << path;
  }
  EXPECT_THROW(Study::open_read_only(folder.file("absent.db")), InputError);
  EXPECT_FALSE(std::filesystem::exists(folder.file("absent.db")));
  std::ofstream(folder.file("empty.db")).close();  // what a process killed while creating leaves
  EXPECT_THROW(Study::open_read_only(folder.file("empty.db")), InputError);
  EXPECT_NO_THROW(Study::create_or_resume(folder.file("empty.db"), kSettings));
  EXPECT_EQ(Study::open_read_only(folder.file("empty.db")).settings_json(), kSettings);
}

TEST(Study, CommittedTrialsSurviveAKill) {
  const TemporaryFolder folder;
  const std::string path = folder.file("study.db");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Study study = Study::create_or_resume(path, kSettings);
    study.insert({full_trial()});
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  const Study study = Study::create_or_resume(path, kSettings);
  ASSERT_EQ(study.trials().size(), 1U);
  expect_equal(study.trials()[0], full_trial());
}

}  // namespace
}  // namespace spikeloop::nas
