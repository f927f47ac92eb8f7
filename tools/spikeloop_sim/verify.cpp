#include <array>
#include <boost/program_options/value_semantic.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "sim/analytic/spikesim.h"
#include "tools/spikeloop_sim/commands.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Checks our versions of published formulas against outputs of the originals.
namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop-sim verify spikesim FILE...\n\n"
    "Computes SpikeSim's released energy, latency and area formulas for the cases in the files and compares\n"
    "with what its own script gave, to 1e-12 relative. What the script itself could not do is named.\n"
    "Exit codes: 0 all agree, 1 one differs, 2 a file is no case (the others are compared all the same)";

}  // namespace

int verify_command(const Arguments& arguments) {
  std::vector<std::string> words;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("files", po::value(&words)->value_name("FILE"), "\"spikesim\", then the cases");
  line.positional.add("files", -1);
  if (!line.parse(arguments)) return 0;
  if (words.empty() || words.front() != "spikesim") {
    throw InputError("command line", "verify", words.empty() ? "nothing" : '"' + words.front() + '"',
                     "spikesim and files of its cases");
  }
  if (words.size() == 1) throw InputError("command line", "verify spikesim", "nothing", "files of its cases");
  std::size_t agree = 0;
  std::size_t malformed = 0;
  for (std::size_t i = 1; i < words.size(); ++i) {
    sim::spikesim::CaseResult result;
    try {
      result = sim::spikesim::check_case(read_file(words[i]), words[i]);
    } catch (const InputError& error) {
      std::cout.flush();
      std::cerr << "spikeloop-sim: " << error.what() << '\n';
      ++malformed;
      continue;
    }
    std::array<char, 64> worst{};
    std::snprintf(worst.data(), worst.size(), "%.1e", result.worst_relative);
    std::cout << (result.pass ? "pass  " : "FAIL  ") << result.name << ": " << result.quantities
              << " figures, largest relative difference " << worst.data();
    if (result.worst_relative > 0) std::cout << " (" << result.worst_quantity << ")";
    for (const auto& reason : result.reasons) std::cout << "; " << reason;
    std::cout << '\n';
    if (result.pass) ++agree;
  }
  const std::size_t files = words.size() - 1;
  if (files > 1) {
    std::cout << agree << " of " << files << " files agree";
    if (malformed > 0) std::cout << ", " << malformed << " could not be compared";
    std::cout << '\n';
  }
  if (malformed > 0) return 2;
  return agree == files ? 0 : 1;
}

}  // namespace spikeloop::tools
