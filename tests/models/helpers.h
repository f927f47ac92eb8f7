#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "models/snasnet_spec.h"
#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"

namespace spikeloop::models {

/// Folder of reference and image data, or of nothing.
inline std::string shared_folder() {
  const char* folder = std::getenv("SPIKELOOP_SHARED");
  return folder != nullptr ? folder : SPIKELOOP_SOURCE_DIR "/../shared";
}
inline std::string cifar10_folder() { return shared_folder() + "/data/cifar-10-batches-bin"; }

using testing::TemporaryFolder;

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

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << text << "\" lacks \"" << part << "\"";
}

}  // namespace spikeloop::models
