#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "nas/evaluate.h"
#include "tools/spikeloop/commands.h"
#include "tools/sweep/sweep.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

int sweep(const std::vector<std::string>& arguments) { return sweep_command("spikeloop", arguments); }

struct Command {
  const char* name;
  int (*run)(const std::vector<std::string>&);
  const char* text;  ///< nullptr: not listed
};

constexpr std::array<Command, 14> kCommands{{
    {"search", search_command, "search a network for a chip: propose, score, train, measure, pick"},
    {"train", train_command, "train one network"},
    {"test", test_command, "how well a network does: accuracy, confusions, firing rates"},
    {"import", import_command, "read a NIR file of another framework, and tell what was decided"},
    {"quantise", quantise_command, "round a network's weights to 2 to 8 bits, layer by layer"},
    {"trace", trace_command, "record the spikes of a network on test images"},
    {"datasets", datasets_command, "list the data sets, or check one and say what is in it"},
    {"study", study_command, "look into a search's study: status, best, pareto, show, export, retry"},
    {"score", score_command, "score untrained networks, as a search does"},
    {"score-study", score_study_command, "how well scores rank cells whose accuracy is published"},
    {"sweep", sweep, "measure a network on many variants of a chip"},
    {"bench-search", bench_search_command, "play search strategies against a table of trained cells"},
    {"verify", verify_command, "check this build against reference values of the released SNASNet"},
    {"evaluate", evaluate_command, nullptr},
}};

void print_help(std::ostream& out) {
  out << "usage: spikeloop COMMAND [options]\n\n";
  for (const Command& command : kCommands) {
    if (command.text == nullptr) continue;
    const std::string name = command.name;
    out << "  " << name << std::string(14 - name.size(), ' ') << command.text << '\n';
  }
  out << "  help          this text; spikeloop COMMAND --help says more\n"
         "  version       print the version\n\n"
         "The chip alone, without LibTorch: spikeloop-sim --help\n"
         "Exit codes: 0 done, 1 without the wished result or failed, 2 wrong input\n";
}

int run(const std::vector<std::string>& words) {
  if (words.empty()) {
    print_help(std::cerr);
    return 2;
  }
  const std::string& name = words.front();
  if (name == "help" && words.size() == 2) return run({words[1], "--help"});
  const bool alone =
      name == "help" || name == "--help" || name == "-h" || name == "version" || name == "--version";
  if (alone && words.size() > 1)
    throw InputError("command line", name, '"' + words[1] + "\" behind it", "nothing more");
  if (name == "help" || name == "--help" || name == "-h") {
    print_help(std::cout);
    return 0;
  }
  if (name == "version" || name == "--version") {
    std::cout << "spikeloop " << SPIKELOOP_VERSION << '\n';
    return 0;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) {
    if (name == command.name) return command.run({words.begin() + 1, words.end()});
    if (command.text != nullptr) names.emplace_back(command.name);
  }
  names.insert(names.end(), {"help", "version"});
  const std::string nearest = nearest_word(name, names);
  std::string all = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) all += (i + 1 < names.size() ? ", " : " or ") + names[i];
  throw InputError("command line", "command", '"' + name + '"', nearest.empty() ? all : nearest);
}

}  // namespace

int evaluate_command(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw InputError("command line", "evaluate", "no folder", "the folders of jobs");
  nas::evaluate_jobs(arguments);
  return 0;
}

}  // namespace spikeloop::tools

int main(int argc, char** argv) {
  try {
    const int code = spikeloop::tools::run({argv + 1, argv + argc});
    if (!std::cout.flush() || std::fflush(stdout) != 0)
      throw std::runtime_error("standard output could not be written");
    return code;
  } catch (const spikeloop::InputError& error) {
    std::cerr << "spikeloop: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    // LibTorch's texts go on with a backtrace.
    const std::string text = error.what();
    std::cerr << "spikeloop: failed: " << text.substr(0, text.find('\n')) << '\n';
    return 1;
  }
}
