#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tools/support/command_line.h"
#include "tools/sweep/sweep.h"
#include "traces/support/error.h"
#include "traces/support/executor.h"

namespace spikeloop::tools {
namespace {

constexpr std::int64_t kMaxCombinations = 1'000'000;

std::string usage_of(const std::string& program) {
  return "usage: " + program +
         " sweep --network N.nir --trace T.h5 --hw CHIP.json --set PATH=VALUES [--set ...] --out FOLDER\n\n"
         "Measures the network on every combination of the values, in parallel processes, the last --set\n"
         "varying fastest. VALUES: 64,128,256 or 4..8 or 0.1..0.5:0.1 (from..to:step), words, true and "
         "false.\n"
         "Writes FOLDER/table.csv and table.json, with the Pareto front marked: of latency, energy and "
         "area,\n"
         "with --functional of accuracy too (samples need labels), with --functional-only of accuracy "
         "alone.\n"
         "A combination that does not fit is a row that says so. The same command again goes on where an\n"
         "earlier one stopped.\n"
         "Exit codes: 0 done, 1 nothing measured or a simulation failed, 2 wrong input";
}

struct Options {
  SweepSettings settings;
  SweepPlaces places;
  std::vector<std::string> set;
  std::string schedules, seed;
  bool functional = false, functional_only = false;
};

void describe(Options& o, po::options_description& options) {
  auto add = options.add_options();
  add("network", po::value(&o.settings.network)->value_name("FILE"), "the network (NIR)");
  add("trace", po::value(&o.settings.trace)->value_name("FILE"), "its recorded spikes (HDF5)");
  add("hw", po::value(&o.settings.hw)->value_name("FILE"), "the chip (JSON)");
  add("set", po::value(&o.set)->value_name("PATH=VALUES"), "values of one key of the chip; may be repeated");
  add("schedule", po::value(&o.schedules)->value_name("WORDS"),
      "the same as --set schedule=WORDS before the others");
  add("samples", po::value(&o.settings.samples)->value_name("LIST"),
      "samples of the trace by position from 0, like 0,3-5; default: all");
  add("engine", po::value(&o.settings.engine)->value_name("WORD")->default_value(o.settings.engine),
      "fast or reference");
  add("functional", po::bool_switch(&o.functional), "the crossbars compute too: accuracy on the chip");
  add("functional-only", po::bool_switch(&o.functional_only), "accuracy alone, without latency and energy");
  add("seed", po::value(&o.seed)->value_name("N"),
      "of the devices and noise of a functional run; default: 0");
  add("out", po::value(&o.places.out)->value_name("FOLDER"), "where everything goes");
  add("jobs", po::value(&o.places.jobs)->value_name("N"), "processes at a time; default: one per core");
  add("limit", po::value(&o.places.limit)->value_name("N")->default_value(o.places.limit),
      "most combinations that are run");
  add("quiet", po::bool_switch(&o.places.quiet), "neither table nor progress");
}

void check(Options& o, const CommandLine& line) {
  for (const char* option : {"network", "trace", "hw", "out"}) {
    if (line.required(option).empty())
      throw InputError("command line", line.place_of(option), "nothing", "a name (see --help)");
  }
  while (o.places.out.size() > 1 && o.places.out.back() == '/') o.places.out.pop_back();
  if (o.settings.engine != "fast" && o.settings.engine != "reference")
    throw InputError("command line", "--engine", '"' + o.settings.engine + '"', "fast or reference");
  if (!line.given("jobs"))
    o.places.jobs = std::max(1, std::min(kMaxSlots, static_cast<int>(std::thread::hardware_concurrency())));
  if (o.places.jobs < 1 || o.places.jobs > kMaxSlots)
    throw InputError("command line", "--jobs", std::to_string(o.places.jobs),
                     "1 to " + std::to_string(kMaxSlots));
  if (o.places.limit < 1 || o.places.limit > kMaxCombinations)
    throw InputError("command line", "--limit", std::to_string(o.places.limit),
                     "1 to " + std::to_string(kMaxCombinations));
  if (line.given("schedule")) o.set.insert(o.set.begin(), "schedule=" + o.schedules);
  o.settings.axes = parse_axes(o.set);
  if (o.settings.axes.empty())
    throw InputError("command line", "--set", "nothing", "at least one key with values");
  if (!o.settings.samples.empty()) parse_records(o.settings.samples, "--samples");
  if (o.functional && o.functional_only)
    throw InputError("command line", "--functional-only", "--functional as well", "one of them");
  if (o.functional_only && line.given("engine"))
    throw InputError("command line", "--engine", "it beside --functional-only", "--functional in its place");
  o.settings.replays = !o.functional_only;
  if (o.functional) o.settings.options.emplace_back("--functional");
  if (o.functional_only) o.settings.options.emplace_back("--functional-only");
  if (line.given("seed")) {
    if (!o.functional && !o.functional_only)
      throw InputError("command line", "--seed", "it without --functional",
                       "--functional or --functional-only too");
    o.settings.options.push_back("--seed=" + std::to_string(parse_seed(o.seed, "--seed")));
  }
}

}  // namespace

int sweep_command(const std::string& program, const std::vector<std::string>& arguments) {
  Options options;
  CommandLine line;
  line.usage = usage_of(program);
  describe(options, line.options);
  if (!line.parse(arguments)) return 0;
  check(options, line);
  options.places.programs = own_folder();
  return run_sweep(options.settings, options.places, std::cout);
}

}  // namespace spikeloop::tools
