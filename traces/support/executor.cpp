#include "traces/support/executor.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "traces/support/error.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace spikeloop {
namespace {

constexpr int kPollIntervalMs = 5;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

pid_t spawn(const std::string& launcher, const Job& job) {
  std::vector<std::string> words{launcher, std::to_string(getpid()), job.directory, job.log};
  words.insert(words.end(), job.argv.begin(), job.argv.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, launcher.c_str(), nullptr, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start " + launcher);
  return pid;
}

}  // namespace

bool crashed(const JobEnd& end) {
  static constexpr std::array<int, 5> kCrashes{SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
  return end.timed_out || std::find(kCrashes.begin(), kCrashes.end(), end.signal) != kCrashes.end();
}

std::string describe(const JobEnd& end) {
  if (end.timed_out) return "no end within its time limit";
  if (end.signal == 0) return "exit code " + std::to_string(end.exit_code);
  return "signal " + std::to_string(end.signal) + " (" + strsignal(end.signal) + ")";
}

LocalExecutor::LocalExecutor(int slots, std::string launcher)
    : slots_(std::max(1, slots)), launcher_(std::move(launcher)) {}

LocalExecutor::~LocalExecutor() {
  queue_.clear();
  while (!running_.empty()) cancel(running_.begin()->first);
}

void LocalExecutor::submit(const Job& job) {
  const bool queued =
      std::any_of(queue_.begin(), queue_.end(), [&](const Job& other) { return other.id == job.id; });
  if (queued || running_.count(job.id) != 0)
    throw std::logic_error("job " + std::to_string(job.id) + " was submitted twice");
  queue_.push_back(job);
  start_queued();
}

void LocalExecutor::start_queued() {
  while (!queue_.empty() && running_.size() < static_cast<std::size_t>(slots_)) {
    const std::int64_t start_ns = now_ns();
    const pid_t pid = spawn(launcher_, queue_.front());
    running_[queue_.front().id] = {pid, start_ns, queue_.front().limit_s, false};
    queue_.pop_front();
  }
}

std::vector<JobEnd> LocalExecutor::poll(int wait_ms) {
  std::vector<JobEnd> ends;
  const std::int64_t deadline_ns = now_ns() + std::int64_t{wait_ms} * 1'000'000;
  while (true) {
    for (auto it = running_.begin(); it != running_.end();) {
      int status = 0;
      struct rusage usage {};
      const pid_t pid = wait4(it->second.pid, &status, WNOHANG, &usage);
      if (pid == 0 || (pid < 0 && errno == EINTR)) {
        Running& job = it->second;
        const double ran_s = static_cast<double>(now_ns() - job.start_ns) * 1e-9;
        if (job.limit_s > 0 && ran_s > job.limit_s && !job.timed_out) {
          job.timed_out = true;
          kill(-job.pid, SIGKILL);
        }
        ++it;
        continue;
      }
      if (pid < 0) throw std::system_error(errno, std::generic_category(), "wait4");
      JobEnd end;
      end.id = it->first;
      if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
      if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
      end.wall_s = static_cast<double>(now_ns() - it->second.start_ns) * 1e-9;
      end.max_rss_kb = usage.ru_maxrss;
      end.timed_out = it->second.timed_out;
      kill(-it->second.pid, SIGKILL);  // what it may have left behind in its group
      ends.push_back(end);
      it = running_.erase(it);
    }
    start_queued();
    if (!ends.empty() || running_.empty() || now_ns() >= deadline_ns) return ends;
    std::this_thread::sleep_for(std::chrono::milliseconds(kPollIntervalMs));
  }
}

void LocalExecutor::cancel(std::int64_t id) {
  const auto queued =
      std::find_if(queue_.begin(), queue_.end(), [&](const Job& job) { return job.id == id; });
  if (queued != queue_.end()) {
    queue_.erase(queued);
    return;
  }
  const auto it = running_.find(id);
  if (it == running_.end()) return;
  kill(-it->second.pid, SIGKILL);
  while (waitpid(it->second.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  running_.erase(it);
}

std::string own_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

int parse_executor(const std::string& text, const std::string& place) {
  const std::string prefix = "local:";
  int slots = 0;
  if (text.rfind(prefix, 0) == 0) {
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data() + prefix.size(), end, slots);
    if (error == std::errc() && rest == end && slots >= 1 && slots <= kMaxSlots) return slots;
  }
  throw InputError("command line", place, '"' + text + '"',
                   "local:N with N from 1 to " + std::to_string(kMaxSlots));
}

}  // namespace spikeloop
