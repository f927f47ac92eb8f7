#include "nas/study.h"

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using testing::TemporaryFolder;

const char* const kSettings = R"({"candidates": 4, "network": {"channels": 8}})";

Trial full_trial() {
  Trial trial;
  trial.number = 3;
  trial.draw = 5;
  trial.genotype = "0303/0030/2002/0200|0303/0030/2002/0200";
  trial.hash = "abc";
  trial.state = TrialState::kInfeasible;
  trial.stage = Stage::kMeasured;
  trial.reason = "latency 3 ms over 2 ms (+50 %)";
  trial.limits_exceeded = "latency";
  trial.score = -131.0 / 3;
  trial.lif_modules = 9;
  trial.convolutions = 4;
  trial.firing_rate = 0.1;
  trial.bound = Costs{1, 2, 0.1, 4};
  trial.provisional = Costs{5, 6, 7, 8};
  trial.measured = Costs{9, 10, 11, 1.0 / 3};
  trial.accuracy = 0.625;
  trial.artifacts = "candidates/3";
  return trial;
}

void expect_equal(const std::optional<Costs>& a, const std::optional<Costs>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  for (const Cost cost : kAllCosts) EXPECT_EQ(a->get(cost), b->get(cost)) << name(cost);
}

void expect_equal(const Trial& a, const Trial& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.draw, b.draw);
  EXPECT_EQ(a.genotype, b.genotype);
  EXPECT_EQ(a.hash, b.hash);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.limits_exceeded, b.limits_exceeded);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.lif_modules, b.lif_modules);
  EXPECT_EQ(a.convolutions, b.convolutions);
  EXPECT_EQ(a.firing_rate, b.firing_rate);
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
    study.insert(bare);
    study.insert(full_trial());
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
  study.insert(full_trial());
  EXPECT_ANY_THROW(study.insert(full_trial())) << "the same number and hash twice";
  Trial other = full_trial();
  other.number = 4;
  EXPECT_ANY_THROW(study.update(other)) << "a trial that isn't there";
  EXPECT_ANY_THROW(study.insert(other)) << "the same candidate again";
  EXPECT_EQ(study.trials().size(), 1U);
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
    study.insert(full_trial());
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
