#pragma once
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "tests/models/helpers.h"
#include "traces/support/files.h"

namespace spikeloop::models {

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::string& path) { return read_file(path); }

inline std::vector<std::uint8_t> sample_of(const Dataset& dataset, const SampleSet& set, std::int64_t index) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(dataset.sample_bytes()));
  set.read(index, bytes.data());
  return bytes;
}

}  // namespace spikeloop::models
