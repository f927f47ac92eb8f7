#include "traces/support/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "traces/support/error.h"

namespace spikeloop {

namespace {

/// A POSIX file descriptor, closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason(int error) { return std::generic_category().message(error); }

/// Names differ between processes (pid) and between threads of one (counter).
std::string temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  const std::string name = "." + path.filename().string() + "." + std::to_string(::getpid()) + "." +
                           std::to_string(counter.fetch_add(1)) + ".tmp";
  return (path.parent_path() / name).string();
}

void sync_path(const std::string& path, const std::string& file) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Some file systems cannot sync a folder (EINVAL): nothing more can be done there.
  if (fd.get() < 0 || (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)) {
    throw InputError(file, "write", reason(errno), "a file system that takes the file");
  }
}

/// `file` is the name for messages.
void write_all(const std::string& path, const std::string& text, const std::string& file) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (fd.get() < 0) throw InputError(file, "write", reason(errno), "a writable folder");
  std::size_t done = 0;
  while (done < text.size()) {
    const ::ssize_t n = ::write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw InputError(file, "write", reason(errno), "room for " + std::to_string(text.size()) + " bytes");
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string read_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) throw InputError(path, "open", reason(errno), "a readable file");
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    throw InputError(path, "open", "a folder", "a readable file");
  }
  std::string bytes;
  if (S_ISREG(status.st_mode)) bytes.reserve(static_cast<std::size_t>(status.st_size));
  std::string buffer(1U << 16U, '\0');
  while (true) {
    const ::ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw InputError(path, "read", reason(errno), "a readable file");
    if (n == 0) return bytes;
    bytes.append(buffer, 0, static_cast<std::size_t>(n));
  }
}

void write_atomically(const std::string& path,
                      const std::function<void(const std::string& temporary)>& write) {
  namespace fs = std::filesystem;
  const fs::path target(path);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  std::error_code error;
  if (!target.has_filename()) throw InputError(path, "write", "no file name", "the name of a file");
  if (!fs::is_directory(folder, error)) {
    throw InputError(path, "write", "no folder " + folder.string(), "an existing folder");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw InputError(path, "write", reason(errno), "a writable folder " + folder.string());
  }
  if (fs::is_directory(target, error)) throw InputError(path, "write", "a folder", "the name of a file");

  const std::string temporary = temporary_beside(target);
  try {
    write(temporary);
    if (!fs::exists(temporary, error)) throw InputError(path, "write", "nothing written", "a file");
    sync_path(temporary, path);
    fs::rename(temporary, target, error);
    if (error) throw InputError(path, "write", error.message(), "a writable file");
  } catch (...) {
    fs::remove(temporary, error);
    throw;
  }
  sync_path(folder.string(), path);
}

void write_file(const std::string& path, const std::string& text) {
  write_atomically(path, [&](const std::string& temporary) { write_all(temporary, text, path); });
}

}  // namespace spikeloop
