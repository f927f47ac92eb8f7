#include "sim/waves/vcd2fst.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::sim {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void failed(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::generic_category().message(error));
}

int wait_for(::pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

}  // namespace

bool Vcd2fst::installed() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((fs::path(folder) / "vcd2fst").c_str(), X_OK) == 0) return true;
  }
  return false;
}

Vcd2fst::Vcd2fst(std::string fst) : fst_(std::move(fst)) {
  std::string pattern = (fs::temp_directory_path() / "spikeloop-waves-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) failed("cannot make a temporary folder " + pattern, errno);
  folder_ = pattern;
  name_ = folder_ + "/waves";
  const std::string pipe = name_ + ".vcd";
  const std::string log = folder_ + "/log";
  int error = 0;
  if (::mkfifo(pipe.c_str(), 0600) != 0) error = errno;
  // Both ends are open before the child starts: then nobody waits for the other in open(), and a child that
  // reads first does not take a pipe without a writer for an empty file.
  if (error == 0) {
    read_end_ = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (read_end_ < 0 || ::fcntl(read_end_, F_SETFL, 0) < 0) error = errno;
    if (error == 0) write_end_ = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
    if (error == 0 && write_end_ < 0) error = errno;
  }
  if (error == 0) {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &old_pipe_action_);

    ::posix_spawn_file_actions_t files;
    ::posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, read_end_, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    ::sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    std::array<std::string, 6> words{"vcd2fst", "-Z", "-v", "-", "-f", fst_};
    std::array<char*, 7> argv{};
    for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
    error = ::posix_spawnp(&child_, "vcd2fst", &files, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
      child_ = -1;
      ::sigaction(SIGPIPE, &old_pipe_action_, nullptr);
    }
  }
  if (error != 0) {
    close_ends();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    if (error == ENOENT) {
      throw InputError(fst_, "write", "no program vcd2fst", "Debian's package gtkwave, or a name in .vcd");
    }
    failed("cannot start vcd2fst", error);
  }
}

void Vcd2fst::close_ends() {
  for (int* end : {&read_end_, &write_end_}) {
    if (*end >= 0) ::close(*end);
    *end = -1;
  }
}

void Vcd2fst::finish() {
  const int status = wait_for(child_);
  child_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error("vcd2fst failed (status " + std::to_string(status) +
                             "): " + read_file(folder_ + "/log"));
  }
}

Vcd2fst::~Vcd2fst() {
  close_ends();
  if (child_ > 0) {
    ::kill(child_, SIGTERM);
    wait_for(child_);
  }
  ::sigaction(SIGPIPE, &old_pipe_action_, nullptr);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  fs::remove(fst_ + ".hier", ignored);  // its scratch file
}

}  // namespace spikeloop::sim
