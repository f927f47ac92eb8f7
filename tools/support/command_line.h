#pragma once
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Command lines of all programs: one way of reading and refusing them.
namespace spikeloop::tools {

namespace po = boost::program_options;
using Arguments = std::vector<std::string>;

/// One subcommand's command line. parse() returns false when --help was asked for and printed; a wrong
/// command line throws InputError naming the option and the nearest known one.
struct CommandLine {
  std::string usage;  ///< "spikeloop train --cell CELL [options]" and what it does
  po::options_description options;
  po::positional_options_description positional;
  po::variables_map values;

  bool parse(const Arguments& arguments);
  bool given(const std::string& option) const;
  /// Text of an option that must be there.
  std::string required(const std::string& option) const;
  std::string place_of(const std::string& option) const;
};

/// "crossbar.rows=64" -> ("crossbar.rows", "64"), and `schedule`, unless it is empty, as --schedule's value
/// of that key. Throws InputError, also when both give the schedule. Of a key that comes twice the last
/// counts.
std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts,
                                                                 const std::string& schedule = "");
/// "0,3-5" -> 0, 3, 4, 5. Throws InputError naming `place`.
std::vector<std::int64_t> parse_records(const std::string& text, const std::string& place);
/// That `file` can be written, so that long work does not end in vain. Throws InputError naming `place`.
void require_writable(const std::string& file, const std::string& place);
/// That no output overwrites an input or another output. (option, file) pairs; "" for none. Throws
/// InputError.
void require_different(const std::vector<std::pair<std::string, std::string>>& files);
/// A number from 0 on (boost would wrap -1 around). Throws InputError naming `place`.
std::uint64_t parse_seed(const std::string& text, const std::string& place);

}  // namespace spikeloop::tools
