#include "traces/support/trial_read.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>

#include "traces/support/error.h"

namespace spikeloop {

namespace {

// First byte of the child's answer; none at all when it crashed.
constexpr char kReadable = 'k';
constexpr char kRefused = 'e';  // the message follows
constexpr char kTooLarge = 'm';

// Of processor time. Reading and unpacking runs at 100 MB/s and more.
constexpr std::uint64_t kMostCpuMs = 1000;
constexpr std::uint64_t kFileBytesPerCpuMs = 5000;
// On top of what the process has. A damaged length in a file asks for any size.
constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 30U;
constexpr std::uint64_t kMemoryPerFileByte = 64;

std::uint64_t memory_in_use() {
  unsigned long long pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int found = std::fscanf(file, "%llu", &pages);
  std::fclose(file);
  return found == 1 ? pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

void limit_time_and_memory(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t cpu_ms = kMostCpuMs + size / kFileBytesPerCpuMs;
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(cpu_ms / 1000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(cpu_ms % 1000 * 1000);
  std::signal(SIGPROF, SIG_DFL);
  setitimer(ITIMER_PROF, &timer, nullptr);

  const std::uint64_t used = memory_in_use();
  if (used == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, used + kMostMemory + kMemoryPerFileByte * size);
  setrlimit(RLIMIT_AS, &limit);
}

void answer(int pipe, char verdict, const std::string& text = "") {
  const std::string bytes = verdict + text;
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ::ssize_t n = ::write(pipe, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void run_child(pid_t parent, int pipe, const std::string& file,
                            const std::function<void()>& read) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  // Its last words would only confuse; nor is a core file wanted.
  const int null = ::open("/dev/null", O_RDWR);
  if (null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  limit_time_and_memory(file);
  for (const int fault : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) std::signal(fault, SIG_DFL);
  try {
    read();
    answer(pipe, kReadable);
  } catch (const InputError& error) {
    answer(pipe, kRefused, error.what());
  } catch (const std::exception&) {
    answer(pipe, kTooLarge);
  }
  _exit(0);
}

std::string read_answer(int pipe) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ::ssize_t n = ::read(pipe, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::string fate(int status) {
  if (!WIFSIGNALED(status)) return "damage that crashes the HDF5 library";
  const int signal = WTERMSIG(status);
  if (signal == SIGKILL || signal == SIGTERM) return "a reader that was killed";
  if (signal == SIGPROF) return "damage that keeps the HDF5 library busy without an end";
  return "damage that crashes the HDF5 library (" + std::string(strsignal(signal)) + ")";
}

}  // namespace

void try_in_child(const std::string& file, const std::string& kind, const std::function<void()>& read) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) run_child(parent, pipe[1], file, read);
  ::close(pipe[1]);
  const std::string answer = child < 0 ? std::string(1, kReadable) : read_answer(pipe[0]);
  ::close(pipe[0]);
  if (child < 0) return;  // no process to spare: the caller reads without a net
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (answer.empty()) throw InputError(file, "read", fate(status), kind + ", whole");
  if (answer[0] == kRefused) throw InputError(answer.substr(1), "", "", "");  // the whole message
  if (answer[0] == kTooLarge)
    throw InputError(file, "read", "sizes that do not fit the memory for reading it", kind + ", whole");
  if (status != 0) throw InputError(file, "read", fate(status), kind + ", whole");
}

}  // namespace spikeloop
