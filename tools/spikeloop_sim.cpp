#include <unistd.h>

#include <algorithm>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/config/chip_texts.h"
#include "sim/measurement.h"
#include "sim/report.h"
#include "sim/simulate.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// spikeloop-sim: replays a spike trace on a chip, or explains a chip's configuration.
namespace spikeloop {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kCommandLine = "command line";
constexpr const char* kUsage =
    "usage: spikeloop-sim --network N.nir --trace T.h5 --hw CHIP.json [options]\n"
    "       spikeloop-sim --check CHIP.json [--set PATH=VALUE ...]\n"
    "       spikeloop-sim --help-config\n\n"
    "Replays the recorded spikes of a network on a compute-in-memory chip, cycle by cycle, and measures "
    "latency,\n"
    "energy and area. Prints a table; --out also writes everything as JSON.\n\n";
constexpr const char* kEpilogue = "\nExit codes: 0 done, 1 internal failure, 2 wrong input\n";

struct Options {
  std::string network, trace, hw, samples, schedule, out, check;
  std::vector<std::string> set;
  bool quiet = false;
};

/// An option and the text it got.
struct Given {
  const char* option;
  const std::string& value;
};

po::options_description describe(Options& o) {
  po::options_description all("options", 100);
  auto add = all.add_options();
  add("network", po::value(&o.network)->value_name("FILE"), "the network (NIR)");
  add("trace", po::value(&o.trace)->value_name("FILE"), "its recorded spikes (HDF5)");
  add("hw", po::value(&o.hw)->value_name("FILE"), "the chip (JSON, see --help-config)");
  add("samples", po::value(&o.samples)->value_name("LIST"),
      "samples of the trace by position from 0, like 0,3-5; default: all");
  add("schedule", po::value(&o.schedule)->value_name("WORD"),
      "pipelined or timestep_sequential, instead of the chip's own");
  add("set", po::value(&o.set)->value_name("PATH=VALUE"),
      "another value for one key of the chip, like crossbar.rows=64; may be repeated");
  add("out", po::value(&o.out)->value_name("FILE"), "write the measurement as JSON");
  add("quiet", po::bool_switch(&o.quiet), "neither table nor progress; needs --out");
  add("check", po::value(&o.check)->value_name("FILE"), "read a chip and explain it in words");
  add("help-config", "print every key of a chip's file");
  add("config-page", "print the reference page of a chip's keys (Markdown)");
  add("config-schema", "print the JSON Schema of a chip's file");
  add("version", "print the version");
  add("help,h", "print this text");
  return all;
}

std::string nearest_option(const po::options_description& options, std::string wrong) {
  wrong.erase(0, wrong.find_first_not_of('-'));
  wrong = wrong.substr(0, wrong.find('='));
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  const std::string nearest = nearest_word(wrong, names);
  return nearest.empty() ? "an option of --help" : "--" + nearest + " (the nearest known)";
}

po::variables_map parse(int argc, const char* const* argv, const po::options_description& options) {
  // Guessing would let a misspelt option become another one.
  const int style = static_cast<int>(po::command_line_style::unix_style) &
                    ~static_cast<int>(po::command_line_style::allow_guessing);
  po::variables_map values;
  try {
    const auto parsed = po::command_line_parser(argc, argv).options(options).style(style).run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0) {
        throw InputError(kCommandLine, "\"" + option.value.front() + "\"",
                         "a word without an option before it", "--network, --trace and --hw, or --check");
      }
    }
    po::store(parsed, values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    const std::string wrong = error.get_option_name();
    throw InputError(kCommandLine, wrong, "an unknown option", nearest_option(options, wrong));
  } catch (const po::error_with_option_name& error) {
    throw InputError(kCommandLine, error.get_option_name(), error.what(), "a use as --help says");
  } catch (const po::error& error) {
    throw InputError(kCommandLine, "options", error.what(), "a use as --help says");
  }
  return values;
}

sim::Overrides overrides_of(const Options& options) {
  sim::Overrides overrides;
  for (const std::string& text : options.set) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw InputError(kCommandLine, "--set", "\"" + text + "\"", "PATH=VALUE, like crossbar.rows=64");
    }
    overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (!options.schedule.empty()) {
    if (options.schedule != "pipelined" && options.schedule != "timestep_sequential") {
      throw InputError(kCommandLine, "--schedule", "\"" + options.schedule + "\"",
                       "pipelined or timestep_sequential");
    }
    overrides.emplace_back("schedule", options.schedule);
  }
  return overrides;
}

/// "0,3-5" -> 0, 3, 4, 5; each below `available`.
std::vector<std::int64_t> positions_of(const std::string& list, std::int64_t available) {
  const auto refuse = [&](const std::string& found) {
    throw InputError(
        kCommandLine, "--samples", found,
        "positions from 0 to " + std::to_string(available - 1) + " and ranges of them, like 0,3-5");
  };
  const auto number = [&](const std::string& text) {
    std::int64_t value = -1;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end) refuse("\"" + list + "\"");
    if (value < 0 || value >= available) refuse(text);
    return value;
  };
  std::set<std::int64_t> positions;
  std::size_t at = 0;
  while (at <= list.size()) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string part = list.substr(at, comma - at);
    const std::size_t dash = part.find('-', 1);
    const std::int64_t first = number(part.substr(0, dash));
    const std::int64_t last = dash == std::string::npos ? first : number(part.substr(dash + 1));
    if (last < first) refuse("\"" + part + "\"");
    for (std::int64_t position = first; position <= last; ++position) positions.insert(position);
    at = comma + 1;
  }
  return {positions.begin(), positions.end()};
}

/// A long simulation should not end with a folder that is not there or not writable.
void check_writable(const std::string& out) {
  if (out.empty()) return;
  const fs::path folder = fs::absolute(out).parent_path();
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw InputError(out, "--out", "no folder " + fs::path(out).parent_path().string(),
                     "a folder that exists");
  }
  if (fs::is_directory(out, error)) throw InputError(out, "--out", "a folder", "a file's name");
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw InputError(out, "--out", std::strerror(errno), "a folder that can be written");
  }
}

void simulate(const Options& options) {
  for (const Given& given :
       {Given{"--network", options.network}, Given{"--trace", options.trace}, Given{"--hw", options.hw}}) {
    if (given.value.empty()) throw InputError(kCommandLine, given.option, "nothing", "a file (see --help)");
  }
  if (options.quiet && options.out.empty()) {
    throw InputError(kCommandLine, "--quiet", "no --out", "--out FILE too, or nothing would come out");
  }
  const sim::ChipConfig chip = sim::read_chip_config(options.hw, overrides_of(options));
  check_writable(options.out);
  const traces::Network network = traces::read_nir(options.network);
  const traces::TraceReader trace(options.trace);
  sim::SimulateOptions how;
  how.network_path = options.network;
  how.quiet = options.quiet;
  if (!options.samples.empty()) {
    how.positions = positions_of(options.samples, static_cast<std::int64_t>(trace.samples().size()));
  }
  const sim::Measurement measurement = sim::simulate(network, trace, chip, how);
  if (!options.out.empty()) write_file(options.out, sim::to_json(measurement));
  if (!options.quiet) std::cout << sim::table(measurement, chip);
}

void check(const Options& options) {
  for (const Given& given :
       {Given{"--network", options.network}, Given{"--trace", options.trace}, Given{"--hw", options.hw},
        Given{"--samples", options.samples}, Given{"--out", options.out}}) {
    if (given.value.empty()) continue;
    throw InputError(kCommandLine, given.option, "it beside --check", "either --check or a simulation");
  }
  std::cout << sim::describe_chip(sim::read_chip_config(options.check, overrides_of(options)));
}

void run(int argc, const char* const* argv) {
  Options options;
  const po::options_description described = describe(options);
  const po::variables_map values = parse(argc, argv, described);
  if (values.count("help") > 0 || argc == 1) {
    std::cout << kUsage << described << kEpilogue;
  } else if (values.count("version") > 0) {
    std::cout << "spikeloop-sim " << SPIKELOOP_VERSION << '\n';
  } else if (values.count("help-config") > 0) {
    std::cout << sim::help_config();
  } else if (values.count("config-page") > 0) {
    std::cout << sim::reference_page();
  } else if (values.count("config-schema") > 0) {
    std::cout << sim::json_schema();
  } else if (values.count("check") > 0) {
    check(options);
  } else {
    simulate(options);
  }
}

}  // namespace
}  // namespace spikeloop

/// Never called: the SystemC library refers to it, as its own main() would start it.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 1; }

int main(int argc, char** argv) {
  try {
    spikeloop::run(argc, argv);
    if (!std::cout.flush()) {
      std::cerr << "spikeloop-sim: cannot write to the standard output\n";
      return 1;
    }
    return 0;
  } catch (const spikeloop::InputError& error) {
    std::cerr << "spikeloop-sim: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "spikeloop-sim: internal failure: " << error.what() << '\n';
    return 1;
  }
}
