#include "nas/bench_search.h"

#include <boost/program_options/value_semantic.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "tools/spikeloop/commands.h"
#include "tools/support/command_line.h"
#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/progress.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop bench-search --table FILE [--strategy NAME|all] [limits] [options]\n\n"
    "What search strategies would find if they trained what they propose, looked up in a table of\n"
    "trained cells (SpikeNAS-Bench as CSV). A search sees validation accuracies; the answer is the test\n"
    "accuracy of the best validated cell within the limits; regret is what the best one of the table\n"
    "within the limits has more. Costs are SpikeSim's formulas of the network in the table (128\n"
    "channels, 5 timesteps). A cell that the table lacks costs no evaluation.\n\n"
    "--rows published: every row is a network of its own, as it was trained, also with convolutions that\n"
    "lead nowhere, which cost energy; a proposed cell is played by the cheapest row of its canonical\n"
    "form, the lowest id first; regret is to the best of all rows. --rows canonical: rows of one\n"
    "canonical form are repeated trainings of one network, and their mean counts.";

struct LimitOption {
  const char* option;
  nas::Cost cost;
  const char* text;
};
constexpr LimitOption kLimitOptions[] = {
    {"max-memory", nas::Cost::kMemory, "8-bit weights of convolutions: B, KB, MB, KiB, MiB"},
    {"max-area", nas::Cost::kArea, "um2, mm2"},
    {"max-latency", nas::Cost::kLatency, "per image: ns, us, ms, s"},
    {"max-energy", nas::Cost::kEnergy, "per image: pJ, nJ, uJ, mJ"},
};

/// All that can be played, for "all".
std::vector<nas::Strategy> strategies_of(const std::string& name) {
  if (name != "all") {
    const nas::Strategy& strategy = nas::strategy_named(name, "--strategy");
    nas::require_playable(strategy, "--strategy");
    return {strategy};
  }
  std::vector<nas::Strategy> playable;
  for (const nas::Strategy& strategy : nas::strategies()) {
    try {
      nas::require_playable(strategy, "--strategy all");
      playable.push_back(strategy);
    } catch (const InputError& error) {
      std::cout << "left out: " << error.what() << '\n';
    }
  }
  return playable;
}

}  // namespace

int bench_search_command(const std::vector<std::string>& arguments) {
  std::string table_file, strategy = "all", rows = "published", json, seed_text = "1";
  std::int64_t evaluations = 100, seeds = 20;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("table", po::value(&table_file)->value_name("FILE"), "of trained cells (CSV)")(
      "strategy", po::value(&strategy)->value_name("NAME")->default_value(strategy),
      "of spikeloop search, or all")("evaluations",
                                     po::value(&evaluations)->value_name("N")->default_value(evaluations),
                                     "accuracies that a strategy may look up")(
      "seeds", po::value(&seeds)->value_name("N")->default_value(seeds), "how often it is played")(
      "seed", po::value(&seed_text)->value_name("N")->default_value(seed_text), "of all of them")(
      "rows", po::value(&rows)->value_name("READING")->default_value(rows), "published or canonical")(
      "json", po::value(&json)->value_name("FILE"), "write every run");
  po::options_description limits_group("Limits (none unless given), with a unit, as in 120uJ");
  for (const LimitOption& limit : kLimitOptions)
    limits_group.add_options()(limit.option, po::value<std::string>()->value_name("X"), limit.text);
  line.options.add(limits_group);
  if (!line.parse(arguments)) return 0;

  line.required("table");
  const std::uint64_t seed = parse_seed(seed_text, "--seed");
  const auto require_range = [](const char* option, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most)
      throw InputError("command line", option, std::to_string(value), "1 to " + std::to_string(most));
  };
  require_range("--evaluations", evaluations, 100'000);
  require_range("--seeds", seeds, 10'000);
  nas::Limits limits;
  for (const LimitOption& limit : kLimitOptions) {
    if (!line.given(limit.option)) continue;
    limits.set(limit.cost,
               nas::parse_cost(limit.cost, line.required(limit.option), std::string("--") + limit.option));
  }
  require_different({{"--table", table_file}, {"--json", json}});
  if (!json.empty()) require_writable(json, "--json");
  const nas::TableRows reading = nas::parse_table_rows(rows, "--rows");
  const nas::TableBench bench = nas::table_bench(nas::read_table(table_file), limits, reading);

  std::vector<nas::StrategyRuns> played;
  for (const nas::Strategy& one : strategies_of(strategy)) {
    const auto start = std::chrono::steady_clock::now();
    played.push_back({one.name, nas::play(bench, one, evaluations, seed, seeds)});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    // Not on standard output, which is the same whenever the command is run.
    std::cerr << one.name << ": " << format_duration(took.count()) << '\n';
  }
  std::cout << nas::bench_text(bench, evaluations, played);
  if (!json.empty()) write_file(json, nas::bench_json(bench, evaluations, seed, played));
  return 0;
}

}  // namespace spikeloop::tools
