#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "traces/network.h"
#include "traces/support/error.h"

/// Shared by the tests of traces.
namespace spikeloop::test {

using testing::TemporaryFolder;

/// The text of the InputError that `action` throws; a failure and "" when it throws none.
inline std::string input_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

/// `action` throws an InputError whose text has all the pieces.
inline void expect_input_error(const std::function<void()>& action, const std::vector<std::string>& pieces) {
  const std::string text = input_error(action);
  for (const std::string& piece : pieces) {
    EXPECT_NE(text.find(piece), std::string::npos) << "\"" << piece << "\" is not in: " << text;
  }
}

/// Folder of the shared reference files: environment SPIKELOOP_SHARED, or ../shared beside the source.
inline std::string shared_folder() {
  const char* folder = std::getenv("SPIKELOOP_SHARED");
  return folder != nullptr ? folder : std::string(SPIKELOOP_SOURCE_DIR) + "/../shared";
}

/// Input [2,6,6] -> conv 3x3 (quantised, no bias) -> lif -> sum -> pool -> flat -> fc -> if -> output, and a
/// 1x1 convolution that takes lif's spikes back to sum's input in the next timestep.
traces::Network small_network();

/// A connected random network of every node type, with backward edges, repeated edges and parameters in all
/// forms.
traces::Network random_network(std::uint64_t seed);

/// What differs between two networks, in words; "" when nothing does.
std::string difference(const traces::Network& a, const traces::Network& b);

}  // namespace spikeloop::test
