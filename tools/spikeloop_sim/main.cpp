#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "tools/spikeloop_sim/commands.h"
#include "tools/sweep/sweep.h"
#include "traces/support/error.h"

/// spikeloop-sim: the chip, without LibTorch.
namespace spikeloop::tools {
namespace {

int sweep(const Arguments& arguments) { return sweep_command("spikeloop-sim", arguments); }

struct Command {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr std::array<Command, 4> kCommands{{
    {"sweep", sweep},
    {"traffic", traffic_command},
    {"verify", verify_command},
    {"wave", wave_command},
}};

int run(const Arguments& words) {
  if (words.empty()) return replay_command({"--help"});
  const std::string& name = words.front();
  if (name.rfind('-', 0) == 0) return replay_command(words);
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (name == command.name) return command.run({words.begin() + 1, words.end()});
    names.emplace_back(command.name);
  }
  const std::string nearest = nearest_word(name, names);
  throw InputError(
      "command line", '"' + name + '"', "a word without an option before it",
      nearest.empty() ? "--network, --trace and --hw, --check, or sweep, traffic, verify or wave" : nearest);
}

}  // namespace
}  // namespace spikeloop::tools

/// Never called: the SystemC library refers to it, as its own main() would start it.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 1; }

int main(int argc, char** argv) {
  try {
    const int status = spikeloop::tools::run({argv + 1, argv + argc});
    if (!std::cout.flush()) {
      std::cerr << "spikeloop-sim: cannot write to the standard output\n";
      return 1;
    }
    return status;
  } catch (const spikeloop::InputError& error) {
    std::cerr << "spikeloop-sim: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "spikeloop-sim: internal failure: " << error.what() << '\n';
    return 1;
  }
}
