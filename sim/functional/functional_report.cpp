#include "sim/functional/functional_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sim/config/text_format.h"

namespace spikeloop::sim {
namespace {

using Json = nlohmann::ordered_json;
using Sample = FunctionalReport::Sample;

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

template <class Predicate>
std::int64_t count(const std::vector<Sample>& samples, const Predicate& predicate) {
  return std::count_if(samples.begin(), samples.end(), predicate);
}

std::string percent(std::int64_t part, std::int64_t whole, int decimals) {
  return fixed_point(100 * share(part, whole), decimals) + " %";
}

}  // namespace

std::int64_t FunctionalReport::labelled() const {
  return count(samples, [](const Sample& s) { return s.label >= 0; });
}
std::int64_t FunctionalReport::correct() const {
  return count(samples, [](const Sample& s) { return s.label >= 0 && s.prediction == s.label; });
}
std::int64_t FunctionalReport::trace_correct() const {
  return count(samples, [](const Sample& s) { return s.label >= 0 && s.trace_prediction == s.label; });
}
std::int64_t FunctionalReport::agreeing() const {
  return count(samples, [](const Sample& s) { return s.prediction == s.trace_prediction; });
}

Json functional_json(const FunctionalReport& r) {
  const auto samples = static_cast<std::int64_t>(r.samples.size());
  // Without a label nothing is right or wrong.
  const auto accuracy = [&](std::int64_t correct) {
    return r.labelled() > 0 ? Json(share(correct, r.labelled())) : Json();
  };
  Json json = {{"seed", r.seed},
               {"ideal_adc_bits", r.ideal_adc},
               {"samples", samples},
               {"labelled", r.labelled()},
               {"correct", r.correct()},
               {"accuracy", accuracy(r.correct())},
               {"trace_accuracy", accuracy(r.trace_correct())},
               {"agreement", share(r.agreeing(), samples)}};
  json["predictions"] = Json::array();
  for (const auto& s : r.samples) json["predictions"].push_back(s.prediction);
  json["layers"] = Json::array();
  for (const auto& l : r.layers) {
    Json layer = {{"name", l.name},
                  {"ideal_adc_bits", l.ideal_adc_bits},
                  {"adc_bits", l.adc_bits},
                  {"adc_lsb_levels", l.adc_lsb_levels},
                  {"conversions", l.conversions},
                  {"clipped", l.clipped},
                  {"rms_error_lsb", l.rms_error_lsb}};
    if (l.seen_adc_bits > 0) layer["seen_adc_bits"] = l.seen_adc_bits;
    json["layers"].push_back(std::move(layer));
  }
  json["neurons"] = Json::array();
  for (const auto& n : r.neurons) {
    json["neurons"].push_back({{"name", n.name},
                               {"neurons", n.neurons},
                               {"spikes", n.spikes},
                               {"trace_spikes", n.trace_spikes},
                               {"flips", n.flips},
                               {"mismatch_rate", share(n.flips, n.neurons)}});
  }
  return json;
}

std::string functional_file(const FunctionalReport& r) {
  Json json;
  json["format"] = "spikeloop.measurement";
  json["version"] = 1;
  json["network_sha256"] = r.network_sha256;
  json["chip"] = {{"name", r.chip_name}, {"sha256", r.chip_sha256}};
  json["timesteps"] = r.timesteps;
  json["functional"] = functional_json(r);
  return json.dump(1) + "\n";
}

std::string functional_table(const FunctionalReport& r) {
  const auto samples = static_cast<std::int64_t>(r.samples.size());
  std::string out = "computed on the crossbars of chip " + r.chip_name + ", network " +
                    r.network_sha256.substr(0, 12) + ", " + count_of(samples, "sample") + " of " +
                    count_of(r.timesteps, "timestep") + ", seed " + std::to_string(r.seed) + "\n";
  const auto line = [&](const std::string& label, const std::string& text) {
    out += "  " + left(label, 18) + text + "\n";
  };
  if (r.labelled() > 0) {
    line("correct", grouped(r.correct()) + " of " + grouped(r.labelled()) + " (" +
                        percent(r.correct(), r.labelled(), 2) + "), in the trace " +
                        grouped(r.trace_correct()) + " (" + percent(r.trace_correct(), r.labelled(), 2) +
                        ")");
  }
  line("as in the trace", grouped(r.agreeing()) + " of " + grouped(samples) + " predictions");

  std::size_t width = 9;
  for (const auto& l : r.layers) width = std::max(width, l.name.size() + 2);
  for (const auto& n : r.neurons) width = std::max(width, n.name.size() + 2);
  out += "\n  " + left("layer", width) + right("ADC bits", 9) + right("ideal", 7) + right("seen", 6) +
         right("levels/LSB", 12) + right("conversions", 16) + right("clipped", 12) + right("rms LSB", 10) +
         "\n";
  for (const auto& l : r.layers) {
    char error[32];
    std::snprintf(error, sizeof error, "%.3g", l.rms_error_lsb);
    out += "  " + left(l.name, width) + right(std::to_string(l.adc_bits), 9) +
           right(std::to_string(l.ideal_adc_bits), 7) +
           right(l.seen_adc_bits > 0 ? std::to_string(l.seen_adc_bits) : "-", 6) +
           right(fixed_point(l.adc_lsb_levels, 3), 12) + right(grouped(l.conversions), 16) +
           right(percent(l.clipped, l.conversions, 3), 12) + right(error, 10) + "\n";
  }
  out += wrapped(
      "ideal: bits with which no input could lose anything; seen: bits that the largest column sum of "
      "these samples needs; levels/LSB: cell levels per code step; clipped: conversions beyond the ADC's "
      "range; rms LSB: error of a conversion against the ideal column sum",
      2);
  out += "\n  " + left("neurons", width) + right("spikes", 14) + right("in the trace", 14) +
         right("flips", 12) + right("mismatch", 12) + "\n";
  for (const auto& n : r.neurons) {
    out += "  " + left(n.name, width) + right(grouped(n.spikes), 14) + right(grouped(n.trace_spikes), 14) +
           right(grouped(n.flips), 12) + right(percent(n.flips, n.neurons, 4), 12) + "\n";
  }
  out += wrapped(
      "flips: spikes here and none in the trace, or the other way round; mismatch: their share of all "
      "neurons, timesteps and samples",
      2);
  return out;
}

}  // namespace spikeloop::sim
