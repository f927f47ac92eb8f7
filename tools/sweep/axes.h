#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// What a sweep varies.
namespace spikeloop::tools {

/// One key of the chip and the values that it takes, as --set would take them one at a time.
struct Axis {
  std::string path;  ///< "crossbar.rows"
  std::string text;  ///< "64,128", as it was given
  std::vector<std::string> values;
};

/// "crossbar.rows=64,128,256" and the like. Values are separated by commas; lo..hi stands for all integers
/// between, lo..hi:step for lo, lo + step, ... up to hi (decimals too, computed exactly). Throws InputError
/// for anything else, a path that comes twice, a value that comes twice, or one that its key cannot hold.
std::vector<Axis> parse_axes(const std::vector<std::string>& texts);

/// The values of one axis; `place` is for messages.
std::vector<std::string> parse_values(const std::string& text, const std::string& place);

/// Number of combinations, at most `most`; InputError when there are more.
std::int64_t count_combinations(const std::vector<Axis>& axes, std::int64_t most);

/// The values of combination `number`, from 0: the last axis varies fastest.
std::vector<std::string> combination(const std::vector<Axis>& axes, std::int64_t number);

}  // namespace spikeloop::tools
