#include <boost/program_options/value_semantic.hpp>
#include <cstdint>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/config/chip_texts.h"
#include "sim/measurement.h"
#include "sim/report.h"
#include "sim/simulate.h"
#include "tools/spikeloop_sim/commands.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Replays a spike trace on a chip, or explains a chip's configuration.
namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop-sim --network N.nir --trace T.h5 --hw CHIP.json [options]\n"
    "       spikeloop-sim --check CHIP.json [--set PATH=VALUE ...]\n"
    "       spikeloop-sim --help-config\n"
    "       spikeloop-sim sweep --help\n\n"
    "Replays the recorded spikes of a network on a compute-in-memory chip, cycle by cycle, and measures "
    "latency,\n"
    "energy and area. Prints a table; --out also writes everything as JSON.\n"
    "Exit codes: 0 done, 1 internal failure, 2 wrong input";

struct Options {
  std::string network, trace, hw, samples, schedule, engine = "fast", out, check;
  std::vector<std::string> set;
  bool quiet = false;
};

/// An option and the text it got.
struct Given {
  const char* option;
  const std::string& value;
};

void describe(Options& o, po::options_description& options) {
  auto add = options.add_options();
  add("network", po::value(&o.network)->value_name("FILE"), "the network (NIR)");
  add("trace", po::value(&o.trace)->value_name("FILE"), "its recorded spikes (HDF5)");
  add("hw", po::value(&o.hw)->value_name("FILE"), "the chip (JSON, see --help-config)");
  add("samples", po::value(&o.samples)->value_name("LIST"),
      "samples of the trace by position from 0, like 0,3-5; default: all");
  add("schedule", po::value(&o.schedule)->value_name("WORD"),
      "pipelined, timestep_sequential or layer_sequential, instead of the chip's own");
  add("set", po::value(&o.set)->value_name("PATH=VALUE"),
      "another value for one key of the chip, like crossbar.rows=64; may be repeated");
  add("engine", po::value(&o.engine)->value_name("WORD")->default_value(o.engine),
      "fast, or reference: every component in every cycle, slow, with the same result");
  add("out", po::value(&o.out)->value_name("FILE"), "write the measurement as JSON");
  add("quiet", po::bool_switch(&o.quiet), "neither table nor progress; needs --out");
  add("check", po::value(&o.check)->value_name("FILE"), "read a chip and explain it in words");
  add("help-config", "print every key of a chip's file");
  add("config-page", "print the reference page of a chip's keys (Markdown)");
  add("config-schema", "print the JSON Schema of a chip's file");
  add("version", "print the version");
}

sim::Overrides overrides_of(const Options& options) {
  auto overrides = parse_overrides(options.set);
  if (!options.schedule.empty()) {
    const std::set<std::string> words{"pipelined", "timestep_sequential", "layer_sequential"};
    if (words.count(options.schedule) == 0) {
      throw InputError("command line", "--schedule", '"' + options.schedule + '"',
                       "pipelined, timestep_sequential or layer_sequential");
    }
    overrides.emplace_back("schedule", options.schedule);
  }
  return overrides;
}

sim::Engine engine_of(const Options& options) {
  if (options.engine == "fast") return sim::Engine::kFast;
  if (options.engine == "reference") return sim::Engine::kReference;
  throw InputError("command line", "--engine", '"' + options.engine + '"', "fast or reference");
}

void simulate(const Options& options) {
  for (const Given& given :
       {Given{"--network", options.network}, Given{"--trace", options.trace}, Given{"--hw", options.hw}}) {
    if (given.value.empty()) throw InputError("command line", given.option, "nothing", "a file (see --help)");
  }
  if (options.quiet && options.out.empty()) {
    throw InputError("command line", "--quiet", "no --out", "--out FILE too, or nothing would come out");
  }
  sim::SimulateOptions how;
  how.engine = engine_of(options);
  const sim::ChipConfig chip = sim::read_chip_config(options.hw, overrides_of(options));
  if (!options.out.empty()) require_writable(options.out, "--out");
  const traces::Network network = traces::read_nir(options.network);
  const traces::TraceReader trace(options.trace);
  how.network_path = options.network;
  how.quiet = options.quiet;
  if (!options.samples.empty()) how.positions = parse_records(options.samples, "--samples");
  const sim::Measurement measurement = sim::simulate(network, trace, chip, how);
  if (!options.out.empty()) write_file(options.out, sim::to_json(measurement));
  if (!options.quiet) std::cout << sim::table(measurement, chip);
}

void check(const Options& options) {
  for (const Given& given :
       {Given{"--network", options.network}, Given{"--trace", options.trace}, Given{"--hw", options.hw},
        Given{"--samples", options.samples}, Given{"--out", options.out}}) {
    if (given.value.empty()) continue;
    throw InputError("command line", given.option, "it beside --check", "either --check or a simulation");
  }
  std::cout << sim::describe_chip(sim::read_chip_config(options.check, overrides_of(options)));
}

}  // namespace

int replay_command(const Arguments& arguments) {
  Options options;
  CommandLine line;
  line.usage = kUsage;
  describe(options, line.options);
  if (!line.parse(arguments)) return 0;
  if (line.given("version")) {
    std::cout << "spikeloop-sim " << SPIKELOOP_VERSION << '\n';
  } else if (line.given("help-config")) {
    std::cout << sim::help_config();
  } else if (line.given("config-page")) {
    std::cout << sim::reference_page();
  } else if (line.given("config-schema")) {
    std::cout << sim::json_schema();
  } else if (line.given("check")) {
    check(options);
  } else {
    simulate(options);
  }
  return 0;
}

}  // namespace spikeloop::tools
