#pragma once
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

/// Other programs as child processes, several at a time.
namespace spikeloop {

/// A process to run in a directory of its own. What it gives back are files there.
struct Job {
  std::int64_t id = 0;
  std::string directory;          ///< must exist; becomes the working directory
  std::string log = "log.txt";    ///< in `directory`; stdout and stderr are appended
  std::vector<std::string> argv;  ///< argv[0] is the program's path
  double limit_s = 0;             ///< is killed when it runs for longer; 0: never
};

constexpr int kMaxSlots = 1024;
constexpr int kCannotStart = 127;  ///< exit code of spikeloop-job when the program can't be started

struct JobEnd {
  std::int64_t id = 0;
  int exit_code = 0;
  int signal = 0;  ///< 0: exited by itself
  double wall_s = 0;
  std::int64_t max_rss_kb = 0;
  bool timed_out = false;  ///< killed for running longer than it might
  bool ok() const { return exit_code == 0 && signal == 0; }
};

/// The program itself went wrong (a segmentation fault, an abort, no end within its limit), not somebody or
/// something that stopped it.
bool crashed(const JobEnd& end);

/// "exit code 3", "signal 11 (Segmentation fault)" or "no end within its time limit".
std::string describe(const JobEnd& end);

/// Where jobs run, in three verbs. One thread calls them.
class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;
  /// Queues a job; it starts as soon as there is room.
  virtual void submit(const Job& job) = 0;
  /// Jobs that ended since the last call; waits up to `wait_ms` for the first.
  virtual std::vector<JobEnd> poll(int wait_ms) = 0;
  /// Kills a job and everything it started, or takes it from the queue. It isn't reported by poll any more.
  virtual void cancel(std::int64_t id) = 0;
};

/// At most `slots` processes at a time on this machine, started with posix_spawn (a process that holds
/// LibTorch threads must not be forked) through `launcher`, the path of spikeloop-job, which sets up the
/// child and ties its life to this thread's. Cancels what is left when destroyed.
class LocalExecutor : public Executor {
 public:
  LocalExecutor(int slots, std::string launcher);
  ~LocalExecutor() override;
  void submit(const Job& job) override;
  std::vector<JobEnd> poll(int wait_ms) override;
  void cancel(std::int64_t id) override;

 private:
  struct Running {
    pid_t pid = 0;
    std::int64_t start_ns = 0;
    double limit_s = 0;
    bool timed_out = false;
  };
  void start_queued();
  int slots_;
  std::string launcher_;
  std::deque<Job> queue_;
  std::map<std::int64_t, Running> running_;
};

/// Folder of the running program; the programs that it starts lie beside it.
std::string own_folder();

/// "local:N" -> N. Throws InputError naming `place` for anything else.
int parse_executor(const std::string& text, const std::string& place);

}  // namespace spikeloop
