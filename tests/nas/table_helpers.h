#pragma once
#include <cstdlib>
#include <string>

namespace spikeloop::nas {

/// Path of a table of SpikeNAS-Bench in the reference data, which may be absent.
inline std::string shared_table(const std::string& name) {
  const char* given = std::getenv("SPIKELOOP_SHARED");
  const std::string folder = given != nullptr ? given : std::string(SPIKELOOP_SOURCE_DIR) + "/../shared";
  return folder + "/refs/spikenas-bench/" + name;
}

}  // namespace spikeloop::nas
