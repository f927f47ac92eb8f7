/// spikeloop-job PARENT_PID DIRECTORY LOG PROGRAM [ARGS...]: what a child must do for itself between spawn
/// and exec. Dies with its parent (the kernel's signal survives exec), works in DIRECTORY, appends its output
/// to LOG, computes with one thread, then becomes PROGRAM. A program of its own, so that the search never
/// forks.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr int kCannotStart = 127;

int fail(const std::string& what) {
  std::fprintf(stderr, "spikeloop-job: %s: %s\n", what.c_str(), std::strerror(errno));
  return kCannotStart;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: spikeloop-job PARENT_PID DIRECTORY LOG PROGRAM [ARGS...]\n");
    return 2;
  }
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail("prctl");
  if (std::to_string(getppid()) != argv[1]) return kCannotStart;  // the parent died before the line above
  if (chdir(argv[2]) != 0) return fail(argv[2]);
  const int log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) return fail(argv[3]);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) return fail("/dev/null");
  if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) return fail("dup2");
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
    if (setenv(name, "1", 1) != 0) return fail(name);
  execv(argv[4], argv + 4);
  return fail(argv[4]);
}
