#include "sim/traffic/traffic.h"

#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "tools/spikeloop_sim/commands.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

/// Drives a chip's mesh alone with synthetic traffic.
namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop-sim traffic --hw CHIP.json --pattern WORD (--rate X | --sweep-rates X,Y,...) "
    "[options]\n\n"
    "Drives the chip's mesh alone, every tile a source and a sink, and prints latency and throughput.\n"
    "Cycles are those of the network's clock, rates are in flits per cycle and sending tile";

struct Options {
  std::string hw, pattern, rate, sweep_rates, hotspot, seed, out;
  std::vector<std::string> set;
  sim::TrafficOptions traffic;
};

void describe(Options& o, po::options_description& options) {
  auto& t = o.traffic;
  auto add = options.add_options();
  add("hw", po::value(&o.hw)->value_name("FILE"), "the chip (JSON)");
  add("pattern", po::value(&o.pattern)->value_name("WORD"), sim::kPatternWords);
  add("rate", po::value(&o.rate)->value_name("X"), "offered load, above 0 and up to 1");
  add("sweep-rates", po::value(&o.sweep_rates)->value_name("LIST"), "several, like 0.1,0.2,0.3");
  add("packet-flits", po::value(&t.packet_flits)->value_name("N")->default_value(t.packet_flits),
      "length of every packet");
  add("cycles", po::value(&t.cycles)->value_name("N")->default_value(t.cycles), "measured");
  add("warmup", po::value(&t.warmup)->value_name("N")->default_value(t.warmup), "before the measurement");
  add("seed", po::value(&o.seed)->value_name("N"), "of the random packets; default: 1");
  add("hotspot", po::value(&o.hotspot)->value_name("C,R"),
      "column and row of pattern hotspot's tile; default: the middle");
  add("hotspot-share", po::value(&t.hotspot_share)->value_name("X")->default_value(t.hotspot_share, "0.1"),
      "of each tile's packets that go there");
  add("multicast", po::value(&t.destinations)->value_name("N")->default_value(t.destinations),
      "tiles that each packet goes to (pattern uniform)");
  add("set", po::value(&o.set)->value_name("PATH=VALUE"),
      "another value for one key of the chip, like router.virtual_channels=4; may be repeated");
  add("out", po::value(&o.out)->value_name("FILE"), "write the results: FILE.json or FILE.csv");
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts{""};
  for (char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

double rate_of(const std::string& text, const std::string& place) {
  double rate = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, rate);
  if (error != std::errc() || rest != end || !(rate > 0 && rate <= 1))
    throw InputError("command line", place, '"' + text + '"', "a number above 0, up to 1");
  return rate;
}

void read_hotspot(const std::string& text, sim::TrafficOptions& traffic) {
  const auto parts = split(text);
  const auto number = [&](const std::string& part) {
    int value = -1;
    const char* end = part.data() + part.size();
    const auto [rest, error] = std::from_chars(part.data(), end, value);
    if (parts.size() != 2 || error != std::errc() || rest != end || value < 0)
      throw InputError("command line", "--hotspot", '"' + text + '"', "column and row from 0, such as 3,2");
    return value;
  };
  traffic.hotspot_column = number(parts.front());
  traffic.hotspot_row = number(parts.back());
}

}  // namespace

int traffic_command(const Arguments& arguments) {
  Options options;
  CommandLine line;
  line.usage = kUsage;
  describe(options, line.options);
  if (!line.parse(arguments)) return 0;
  const auto hw = line.required("hw");
  auto& traffic = options.traffic;
  traffic.pattern = sim::pattern_of(line.required("pattern"), "--pattern");
  if (options.rate.empty() == options.sweep_rates.empty())
    throw InputError("command line", "--rate", options.rate.empty() ? "nothing" : "it beside --sweep-rates",
                     "either --rate or --sweep-rates");
  if (!options.seed.empty()) traffic.seed = parse_seed(options.seed, "--seed");
  if (traffic.pattern != sim::Pattern::kHotspot) {
    for (const char* option : {"hotspot", "hotspot-share"}) {
      if (line.given(option))
        throw InputError("command line", line.place_of(option), "pattern " + options.pattern,
                         "pattern hotspot");
    }
  }
  if (!options.hotspot.empty()) read_hotspot(options.hotspot, traffic);
  std::vector<double> rates;
  if (options.rate.empty()) {
    for (const auto& text : split(options.sweep_rates)) rates.push_back(rate_of(text, "--sweep-rates"));
  } else {
    rates.push_back(rate_of(options.rate, "--rate"));
  }
  if (!options.out.empty()) {
    if (!ends_with(options.out, ".json") && !ends_with(options.out, ".csv"))
      throw InputError("command line", "--out", '"' + options.out + '"', "a name that ends in .json or .csv");
    require_writable(options.out, "--out");
  }
  const auto chip = sim::read_chip_config(hw, parse_overrides(options.set));
  std::vector<sim::TrafficResult> results;
  for (double rate : rates) {
    traffic.rate = rate;
    results.push_back(sim::run_traffic(chip, traffic));
  }
  if (!options.out.empty()) {
    write_file(options.out,
               ends_with(options.out, ".csv") ? sim::traffic_csv(results) : sim::traffic_json(chip, results));
  }
  std::cout << sim::traffic_table(chip, results);
  return 0;
}

}  // namespace spikeloop::tools
