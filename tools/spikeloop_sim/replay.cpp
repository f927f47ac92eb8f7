#include <algorithm>
#include <boost/program_options/value_semantic.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "sim/analytic/comparison.h"
#include "sim/config/chip_config.h"
#include "sim/config/chip_texts.h"
#include "sim/functional/functional.h"
#include "sim/mapping/plan.h"
#include "sim/measurement.h"
#include "sim/network_description.h"
#include "sim/report.h"
#include "sim/simulate.h"
#include "sim/waves/waves.h"
#include "tools/spikeloop_sim/commands.h"
#include "tools/spikeloop_sim/wave_options.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Replays a spike trace on a chip, or explains a chip's configuration.
namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop-sim --network N.nir --trace T.h5 --hw CHIP.json [options]\n"
    "       spikeloop-sim --network N.nir --trace T.h5 --hw CHIP.json --functional [--seed S] [options]\n"
    "       spikeloop-sim --check CHIP.json [--network N.nir] [--set PATH=VALUE ...]\n"
    "       spikeloop-sim --help-config\n"
    "       spikeloop-sim sweep | traffic | verify | wave ...   each has a --help:\n"
    "         combinations of chip values; the mesh alone; published formulas; a trace as waves\n\n"
    "Replays the recorded spikes of a network on a compute-in-memory chip, cycle by cycle, and measures "
    "latency,\n"
    "energy and area. Prints a table; --out also writes everything as JSON.\n"
    "Exit codes: 0 done, 1 internal failure, 2 wrong input";

struct Options {
  std::string network, trace, hw, samples, schedule, engine = "fast", out, check;
  std::string seed = "0";
  std::vector<std::string> set;
  WaveOptions waves;
  bool compare_analytic = false, quiet = false, functional = false, functional_only = false,
       ideal_adc_bits = false;
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
  add("functional", po::bool_switch(&o.functional),
      "crossbars compute, with their cells and ADCs as the chip has them: the spikes that come out are "
      "replayed "
      "and compared with the trace, which gives the input");
  add("functional-only", po::bool_switch(&o.functional_only), "accuracy alone: compute, without a replay");
  add("ideal-adc-bits", po::bool_switch(&o.ideal_adc_bits),
      "functional-only, with as many ADC bits in each layer as it needs to lose nothing; prints them. Not "
      "replayed: the chip's own ADCs would take other times and energies");
  add("seed", po::value(&o.seed)->value_name("N")->default_value(o.seed),
      "of the devices and noise of a functional run");
  add("out", po::value(&o.out)->value_name("FILE"), "write the measurement as JSON");
  add("compare-analytic", po::bool_switch(&o.compare_analytic),
      "also print each layer beside SpikeSim's formulas and the closed form, with what the differences are "
      "due to (\"analytic\" in the JSON)");
  o.waves.describe(options);
  add("quiet", po::bool_switch(&o.quiet), "neither table nor progress; needs --out");
  add("check", po::value(&o.check)->value_name("FILE"),
      "read a chip and explain it in words; with --network also where that would lie on it");
  add("help-config", "print every key of a chip's file");
  add("config-page", "print the reference page of a chip's keys (Markdown)");
  add("config-schema", "print the JSON Schema of a chip's file");
  add("version", "print the version");
}

sim::Overrides overrides_of(const Options& options) {
  if (!options.schedule.empty()) {
    const std::set<std::string> words{"pipelined", "timestep_sequential", "layer_sequential"};
    if (words.count(options.schedule) == 0) {
      throw InputError("command line", "--schedule", '"' + options.schedule + '"',
                       "pipelined, timestep_sequential or layer_sequential");
    }
  }
  return parse_overrides(options.set, options.schedule);
}

sim::Engine engine_of(const Options& options) {
  if (options.engine == "fast") return sim::Engine::kFast;
  if (options.engine == "reference") return sim::Engine::kReference;
  throw InputError("command line", "--engine", '"' + options.engine + '"', "fast or reference");
}

/// Options that would be ignored beside another one, or say something wrong there, are refused.
struct Pairs {
  const char* option;
  std::vector<const char*> not_beside;
  const char* expected;
};
const std::vector<Pairs>& pairs_without_sense() {
  static const std::vector<Pairs> pairs{
      {"check",
       {"trace", "hw", "samples", "engine", "functional", "functional-only", "ideal-adc-bits", "seed", "out",
        "compare-analytic", "waves", "wave-signals", "wave-window", "wave-sample", "quiet"},
       "either --check or a simulation"},
      {"functional-only",
       {"functional", "engine", "compare-analytic", "waves", "wave-signals", "wave-window", "wave-sample"},
       "accuracy alone, or --functional, which replays too"},
      {"ideal-adc-bits",
       {"functional", "engine", "compare-analytic", "waves", "wave-signals", "wave-window", "wave-sample"},
       "accuracy alone, or a run that is replayed"},
      {"compare-analytic",
       {"functional"},
       "one of them: the analytic models take the trace's spikes, a functional run replays its own"}};
  return pairs;
}

void require_sense(const CommandLine& line) {
  for (const char* text : {"version", "help-config", "config-page", "config-schema"}) {
    if (!line.given(text)) continue;
    for (const auto& option : line.options.options()) {
      const std::string& other = option->long_name();
      if (other != text && line.given(other))
        throw InputError("command line", "--" + other, std::string("it beside --") + text, "one of them");
    }
  }
  for (const auto& pairs : pairs_without_sense()) {
    if (!line.given(pairs.option)) continue;
    for (const char* other : pairs.not_beside) {
      if (!line.given(other)) continue;
      throw InputError("command line", std::string("--") + other, std::string("it beside --") + pairs.option,
                       pairs.expected);
    }
  }
}

/// Two outputs of one run under one name would leave only the last.
void require_different_files(const Options& options) {
  if (options.out.empty() || options.waves.file.empty()) return;
  const auto place = [](const std::string& name) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(name));
  };
  for (const auto& waves : {options.waves.file, sim::save_file_name(options.waves.file)}) {
    if (place(waves) == place(options.out))
      throw InputError("command line", "--out", options.out + ", which --waves writes too", "two names");
  }
}

void simulate(const CommandLine& line, const Options& options) {
  for (const Given& given :
       {Given{"--network", options.network}, Given{"--trace", options.trace}, Given{"--hw", options.hw}}) {
    if (given.value.empty()) throw InputError("command line", given.option, "nothing", "a file (see --help)");
  }
  if (options.quiet && options.out.empty()) {
    throw InputError("command line", "--quiet", "no --out", "--out FILE too, or nothing would come out");
  }
  sim::SimulateOptions how;
  how.engine = engine_of(options);
  const bool accuracy_alone = options.functional_only || options.ideal_adc_bits;
  if (options.functional || accuracy_alone) {
    how.functional.emplace();
    how.functional->seed = parse_seed(options.seed, "--seed");
    how.functional->ideal_adc_bits = options.ideal_adc_bits;
  } else if (line.given("seed")) {
    throw InputError("command line", "--seed", "it without --functional",
                     "--functional or --functional-only too");
  }
  const sim::ChipConfig chip = sim::read_chip_config(options.hw, overrides_of(options));
  if (!options.out.empty()) require_writable(options.out, "--out");
  require_different_files(options);
  const traces::Network network = traces::read_nir(options.network);
  const traces::TraceReader trace(options.trace);
  how.network_path = options.network;
  how.quiet = options.quiet;
  if (!options.samples.empty()) how.positions = parse_records(options.samples, "--samples");
  if (accuracy_alone) {
    const sim::FunctionalReport report = sim::run_functional(network, trace, chip, *how.functional,
                                                             how.positions, options.network, options.quiet);
    if (!options.out.empty()) write_file(options.out, sim::functional_file(report));
    if (!options.quiet) std::cout << sim::functional_table(report);
    return;
  }
  WaveTaker waves(options.waves, network, trace, chip, how);
  const sim::Measurement measurement = sim::simulate(network, trace, chip, how);
  std::string json = sim::to_json(measurement);
  std::string text = sim::table(measurement, chip);
  if (options.compare_analytic) {
    const auto comparison =
        sim::compare_analytic(network, trace, chip, measurement, how.positions, options.network);
    json = sim::add_to_json(json, comparison);
    text += "\n" + sim::table(comparison);
  }
  waves.write();  // first: what it refuses must not leave half of the results
  if (!options.out.empty()) write_file(options.out, json);
  if (!options.quiet) std::cout << text;
}

void check(const Options& options) {
  const sim::ChipConfig chip = sim::read_chip_config(options.check, overrides_of(options));
  if (options.network.empty()) {
    std::cout << sim::describe_chip(chip);
    return;
  }
  const traces::Network network = traces::read_nir(options.network);
  const sim::Plan plan = sim::make_plan(network, chip, std::max(1, network.timesteps), 1, options.network);
  std::cout << sim::describe_chip(chip) << sim::describe_plan(plan, chip);
}

}  // namespace

int replay_command(const Arguments& arguments) {
  Options options;
  CommandLine line;
  line.usage = kUsage;
  describe(options, line.options);
  if (!line.parse(arguments)) return 0;
  require_sense(line);
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
    simulate(line, options);
  }
  return 0;
}

}  // namespace spikeloop::tools
