#pragma once
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace spikeloop::testing {

/// A new folder that goes away, with its content, with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = parent() + "/spikeloop-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + '/' + name; }
  const std::string& path() const { return path_; }

 private:
  /// Files are synced to disk when written; where memory is a file system, tests needn't wait for a disk.
  /// Some run programs that they put there.
  static std::string parent() {
    const char* memory = "/dev/shm";
    struct statvfs system {};
    const bool runs_programs = statvfs(memory, &system) == 0 && (system.f_flag & ST_NOEXEC) == 0;
    if (runs_programs && std::getenv("TMPDIR") == nullptr) return memory;
    return std::filesystem::temp_directory_path().string();
  }

  std::string path_;
};

}  // namespace spikeloop::testing
