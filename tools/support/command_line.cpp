#include "tools/support/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr unsigned kMostWords = 8;  ///< positional words of any command
constexpr std::size_t kMaxRecords = 1'000'000;

std::string with_dashes(const std::string& option) {
  return option.rfind('-', 0) == 0 ? option : "--" + option;
}

std::string nearest_option(const po::options_description& options, const std::string& wrong) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->canonical_display_name(0));
  const std::string nearest = nearest_word(wrong, names);
  return nearest.empty() ? "an option of --help" : "--" + nearest + " (or see --help)";
}

std::string without_dashes(const std::string& text) {
  const std::size_t begin = text.find_first_not_of('-');
  return begin == std::string::npos ? text : text.substr(begin, text.find('=') - begin);
}

}  // namespace

bool CommandLine::parse(const Arguments& arguments) {
  options.add_options()("help,h", "print this text");
  // Guessing would let a misspelt option become another one.
  const auto style =
      po::command_line_style::unix_style & ~static_cast<unsigned>(po::command_line_style::allow_guessing);
  try {
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(positional)
                  .style(static_cast<int>(style))
                  .run(),
              values);
    if (values.count("help") > 0) {
      std::cout << usage << "\n\n" << options;
      return false;
    }
    po::notify(values);
  } catch (const po::unknown_option& error) {
    const std::string wrong = error.get_option_name();
    throw InputError("command line", with_dashes(wrong), "an unknown option",
                     nearest_option(options, without_dashes(wrong)));
  } catch (const po::too_many_positional_options_error&) {
    throw InputError("command line", "arguments", "more words than there are places for",
                     usage.substr(0, usage.find('\n')));
  } catch (const po::validation_error& error) {
    const auto original = error.get_option_name();
    throw InputError("command line", with_dashes(original), error.what(), "a value as --help says");
  } catch (const po::error_with_option_name& error) {
    throw InputError("command line", with_dashes(error.get_option_name()), error.what(), "see --help");
  } catch (const po::error& error) {
    throw InputError("command line", "options", error.what(), "see --help");
  }
  return true;
}

bool CommandLine::given(const std::string& option) const {
  return values.count(option) > 0 && !values[option].defaulted();
}

/// How the user would write it: a word of the command line is no option.
std::string CommandLine::place_of(const std::string& option) const {
  for (unsigned i = 0; i < std::min(positional.max_total_count(), kMostWords); ++i) {
    if (positional.name_for_position(i) != option) continue;
    std::string upper = option;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return upper;
  }
  return "--" + option;
}

std::string CommandLine::required(const std::string& option) const {
  if (values.count(option) == 0)
    throw InputError("command line", place_of(option), "nothing", "a value (see --help)");
  return values[option].as<std::string>();
}

std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts,
                                                                 const std::string& schedule) {
  std::vector<std::pair<std::string, std::string>> overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw InputError("command line", "--set", '"' + text + '"', "path=value, such as crossbar.rows=64");
    overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    if (!schedule.empty() && overrides.back().first == "schedule")
      throw InputError("command line", "--schedule", "--set schedule as well", "one of them");
  }
  if (!schedule.empty()) overrides.emplace_back("schedule", schedule);
  return overrides;
}

std::vector<std::int64_t> parse_records(const std::string& text, const std::string& place) {
  const auto fail = [&] {
    return InputError("command line", place, '"' + text + '"', "records such as 0,3-5, each once, growing");
  };
  std::vector<std::int64_t> records;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&] {
    std::int64_t value = -1;
    const auto [rest, error] = std::from_chars(at, end, value);
    if (error != std::errc() || value < 0) throw fail();
    at = rest;
    return value;
  };
  while (true) {
    const std::int64_t first = number();
    std::int64_t last = first;
    if (at != end && *at == '-') {
      ++at;
      last = number();
    }
    if (last < first || (!records.empty() && first <= records.back())) throw fail();
    if (static_cast<std::size_t>(last - first) >= kMaxRecords - records.size()) throw fail();
    for (std::int64_t record = first; record <= last; ++record) records.push_back(record);
    if (at == end) return records;
    if (*at++ != ',') throw fail();
  }
}

void require_writable(const std::string& file, const std::string& place) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder, error))
    throw InputError("command line", place, '"' + file + '"', "a file in a folder that exists");
  if (fs::is_directory(file, error))
    throw InputError("command line", place, '"' + file + "\", a folder", "the name of a file");
  if (fs::exists(file, error) && !fs::is_regular_file(file, error))  // a file would take its place
    throw InputError("command line", place, '"' + file + "\", a device or pipe", "the name of a file");
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    throw InputError("command line", place, '"' + file + "\" (" + std::strerror(errno) + ')',
                     "a file in a folder that can be written");
}

void require_different(const std::vector<std::pair<std::string, std::string>>& files) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto& [place, file] = files[i];
      const auto& [other_place, other] = files[j];
      if (file.empty() || other.empty()) continue;
      if (fs::weakly_canonical(fs::absolute(file), error) == fs::weakly_canonical(fs::absolute(other), error))
        throw InputError("command line", place, '"' + file + "\", the file of " + other_place, "another one");
    }
  }
}

std::uint64_t parse_seed(const std::string& text, const std::string& place) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seed);
  if (error != std::errc() || rest != end)
    throw InputError("command line", place, '"' + text + '"', "an integer from 0 to 2^64-1");
  return seed;
}

}  // namespace spikeloop::tools
