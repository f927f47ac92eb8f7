#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// A reader of wave files (VCD) that shares nothing with their writer.
namespace spikeloop::testing {

struct Vcd {
  std::string timescale;
  /// By path ("SystemC.chip.recorded"): (time, value) of every change, a value before the first time at 0.
  std::map<std::string, std::vector<std::pair<std::int64_t, std::uint64_t>>> signals;
  std::int64_t end = 0;  ///< the last time

  std::uint64_t at(const std::string& path, std::int64_t time) const;
  std::uint64_t last(const std::string& path) const { return at(path, end); }
};

/// Throws std::runtime_error when the text is no VCD.
Vcd parse_vcd(const std::string& text);

}  // namespace spikeloop::testing
