#include "traces/support/executor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/traces/helpers.h"
#include "traces/support/error.h"

namespace spikeloop {
namespace {

using test::TemporaryFolder;

const char* const kLauncher = SPIKELOOP_JOB;

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Job shell_job(std::int64_t id, const std::string& directory, const std::string& script) {
  Job job;
  job.id = id;
  job.directory = directory;
  job.argv = {"/bin/sh", "-c", script};
  return job;
}

std::map<std::int64_t, JobEnd> wait_for(Executor& executor, std::size_t count) {
  std::map<std::int64_t, JobEnd> ends;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ends.size() < count && std::chrono::steady_clock::now() < deadline)
    for (const JobEnd& end : executor.poll(100)) ends[end.id] = end;
  return ends;
}

/// Gone, or a zombie that nobody has waited for yet.
bool is_gone(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  if (!(status >> number >> name >> state)) return true;
  return state == "Z" || state == "X";
}

bool becomes_gone(pid_t pid) {
  for (int i = 0; i < 400; ++i) {
    if (is_gone(pid)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

pid_t read_pid(const std::string& path) {
  for (int i = 0; i < 400; ++i) {
    std::ifstream file(path);
    pid_t pid = 0;
    if (file >> pid) return pid;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return 0;
}

TEST(Executor, RunsAJobInItsDirectory) {
  const TemporaryFolder folder;
  LocalExecutor executor(1, kLauncher);
  executor.submit(shell_job(7, folder.path(),
                            "pwd > where; echo $OMP_NUM_THREADS > threads; echo out; echo err >&2; exit 3"));
  const auto ends = wait_for(executor, 1);
  ASSERT_EQ(ends.count(7), 1U);
  EXPECT_EQ(ends.at(7).exit_code, 3);
  EXPECT_EQ(ends.at(7).signal, 0);
  EXPECT_GT(ends.at(7).max_rss_kb, 0);
  EXPECT_EQ(describe(ends.at(7)), "exit code 3");
  EXPECT_EQ(content(folder.file("where")), std::filesystem::canonical(folder.path()).string() + "\n");
  EXPECT_EQ(content(folder.file("threads")), "1\n");
  EXPECT_EQ(content(folder.file("log.txt")), "out\nerr\n");
}

TEST(Executor, NeverMoreThanItsSlots) {
  const TemporaryFolder folder;
  LocalExecutor executor(2, kLauncher);
  // Each job notes how many run beside it.
  const std::string script = "mkdir run-$0; ls -d run-* | wc -l > count-$0; sleep 0.1; rmdir run-$0";
  for (int i = 0; i < 6; ++i) {
    Job job = shell_job(i, folder.path(), script);
    job.argv.push_back(std::to_string(i));
    executor.submit(job);
  }
  ASSERT_EQ(wait_for(executor, 6).size(), 6U);
  int most = 0;
  for (int i = 0; i < 6; ++i)
    most = std::max(most, std::stoi(content(folder.file("count-" + std::to_string(i)))));
  EXPECT_EQ(most, 2);
}

TEST(Executor, ReportsACrash) {
  const TemporaryFolder folder;
  LocalExecutor executor(2, kLauncher);
  executor.submit(shell_job(1, folder.path(), "kill -SEGV $$"));
  executor.submit(shell_job(2, folder.path(), "exit 0"));
  const auto ends = wait_for(executor, 2);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends.at(1).signal, SIGSEGV);
  EXPECT_EQ(describe(ends.at(1)), "signal 11 (Segmentation fault)");
  EXPECT_TRUE(ends.at(2).ok());
}

TEST(Executor, ReportsAProgramThatCannotStart) {
  const TemporaryFolder folder;
  LocalExecutor executor(1, kLauncher);
  Job job;
  job.directory = folder.path();
  job.argv = {folder.file("absent")};
  executor.submit(job);
  const auto ends = wait_for(executor, 1);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends.at(0).exit_code, 127);
  EXPECT_NE(content(folder.file("log.txt")).find("absent"), std::string::npos);
}

TEST(Executor, CancelKillsTheWholeGroup) {
  const TemporaryFolder folder;
  LocalExecutor executor(1, kLauncher);
  executor.submit(shell_job(1, folder.path(), "sleep 100 & echo $! > child.part; mv child.part child; wait"));
  executor.submit(shell_job(2, folder.path(), "touch started"));
  const pid_t grandchild = read_pid(folder.file("child"));
  ASSERT_GT(grandchild, 0);
  executor.cancel(2);  // still queued
  executor.cancel(1);
  EXPECT_TRUE(becomes_gone(grandchild));
  EXPECT_TRUE(executor.poll(0).empty());
  EXPECT_FALSE(std::filesystem::exists(folder.file("started")));
  executor.submit(shell_job(1, folder.path(), "exit 0"));  // the number is free again
  EXPECT_EQ(wait_for(executor, 1).size(), 1U);
}

TEST(Executor, KillsWhatRunsForTooLong) {
  const TemporaryFolder folder;
  LocalExecutor executor(2, kLauncher);
  Job hangs = shell_job(1, folder.path(), "sleep 100");
  hangs.limit_s = 0.2;
  Job ends = shell_job(2, folder.path(), "exit 3");
  ends.limit_s = 100;
  executor.submit(hangs);
  executor.submit(ends);
  const auto done = wait_for(executor, 2);
  ASSERT_EQ(done.size(), 2U);
  EXPECT_TRUE(done.at(1).timed_out);
  EXPECT_TRUE(crashed(done.at(1)));
  EXPECT_EQ(describe(done.at(1)), "no end within its time limit");
  EXPECT_FALSE(done.at(2).timed_out);
  EXPECT_EQ(describe(done.at(2)), "exit code 3");
}

TEST(Executor, JobsDieWithTheirParent) {
  const TemporaryFolder folder;
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    LocalExecutor executor(1, kLauncher);
    executor.submit(shell_job(1, folder.path(), "echo $$ > pid.part; mv pid.part pid; sleep 100"));
    while (true) executor.poll(1000);
  }
  const pid_t job = read_pid(folder.file("pid"));
  ASSERT_GT(job, 0);
  EXPECT_FALSE(is_gone(job));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(becomes_gone(job));
}

TEST(Executor, ParsesItsName) {
  EXPECT_EQ(parse_executor("local:1", "--executor"), 1);
  EXPECT_EQ(parse_executor("local:16", "--executor"), 16);
  for (const char* text :
       {"", "local", "local:", "local:0", "local:-1", "local:2x", "slurm:2", "local:99999"})
    EXPECT_THROW(parse_executor(text, "--executor"), InputError) << text;
}

}  // namespace
}  // namespace spikeloop
