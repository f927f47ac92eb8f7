#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "models/snasnet_spec.h"
#include "traces/support/error.h"

namespace spikeloop::models {

/// Folder of reference and image data, or of nothing.
inline std::string shared_folder() {
  const char* folder = std::getenv("SPIKELOOP_SHARED");
  return folder != nullptr ? folder : SPIKELOOP_SOURCE_DIR "/../shared";
}
inline std::string cifar10_folder() { return shared_folder() + "/data/cifar-10-batches-bin"; }

/// A folder of its own, gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / ("spikeloop_models_" + std::string(6, 'X'))).string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline SnasnetSpec small_spec(const std::string& cells, std::int64_t hidden = 0) {
  SnasnetSpec spec;
  parse_cells(cells, "test", spec.cell1, spec.cell2);
  spec.channels = 4;
  spec.timesteps = 3;
  spec.stem_stride = 2;
  spec.second_pool = 2;
  spec.hidden = hidden;
  return spec;
}

/// The InputError's text, "" when nothing is thrown.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

inline testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << text << "\" lacks \"" << part << "\"";
}

}  // namespace spikeloop::models
