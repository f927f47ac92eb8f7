#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sim/analytic/spikesim.h"
#include "traces/support/error.h"

namespace spikeloop::sim::spikesim {
namespace {

using Json = nlohmann::json;

constexpr double kTolerance = 1e-12;  // relative
// Products of these stay far below 2^53, where the script's integers and our doubles are exact.
constexpr std::int64_t kMostChannels = 1 << 16;
constexpr std::int64_t kLargestSide = 1 << 12;
constexpr std::int64_t kMostSteps = 1 << 12;
constexpr std::size_t kMostLayersInFile = 4096;

std::string short_text(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  // Quotes a file's own bytes, which may not be UTF-8.
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

class CaseReader {
 public:
  CaseReader(const std::string& text, const std::string& file) : file_(file) {
    json_ = Json::parse(text, nullptr, false);
    if (json_.is_discarded() || !json_.is_object()) fail("/", "no JSON object", "a SpikeSim reference case");
  }

  [[noreturn]] void fail(const std::string& place, const std::string& found,
                         const std::string& expected) const {
    throw InputError(file_, place, found, expected);
  }
  const Json& object(const char* key) const {
    const auto it = json_.find(key);
    if (it == json_.end() || !it->is_object())
      fail(std::string("/") + key, it == json_.end() ? "nothing" : short_text(*it), "an object");
    return *it;
  }
  const Json& input(const char* key) const {
    const Json& inputs = object("inputs");
    const auto it = inputs.find(key);
    if (it == inputs.end()) fail(std::string("/inputs/") + key, "nothing", "a value");
    return *it;
  }
  std::int64_t integer(const Json& value, const std::string& place, std::int64_t most) const {
    if (!value.is_number_integer() || value.get<double>() < 1 ||
        value.get<double>() > static_cast<double>(most)) {
      fail(place, short_text(value), "an integer from 1 to " + std::to_string(most));
    }
    return value.get<std::int64_t>();
  }
  std::int64_t integer(const char* key, std::int64_t most) const {
    return integer(input(key), std::string("/inputs/") + key, most);
  }
  std::vector<std::int64_t> integers(const char* key, std::int64_t most) const {
    const Json& list = input(key);
    const std::string place = std::string("/inputs/") + key;
    if (!list.is_array() || list.empty() || list.size() > kMostLayersInFile) {
      fail(place, list.is_array() ? std::to_string(list.size()) + " layers" : short_text(list),
           "a list of 1 to " + std::to_string(kMostLayersInFile) + " integers");
    }
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < list.size(); ++i)
      values.push_back(integer(list[i], place + "/" + std::to_string(i), most));
    return values;
  }

  Parameters setup() const {
    Parameters s;
    s.crossbar = integer("xbar_size", kMostChannels);
    s.kernel = integer("kernel_size", kLargestSide);
    s.pes_per_tile = integer("pe_per_tile", kMostChannels);
    s.timesteps = integer("time_steps", kMostSteps);
    const Json& clock = input("clk_freq_MHz");
    if (!clock.is_number() || !std::isfinite(clock.get<double>()) || clock.get<double>() <= 0) {
      fail("/inputs/clk_freq_MHz", short_text(clock), "a number above 0");
    }
    s.clock_mhz = clock.get<double>();
    const Json& device = input("device");
    if (device != "rram" && device != "sram")
      fail("/inputs/device", short_text(device), "\"rram\" or \"sram\"");
    s.device = device == "rram" ? Device::kRram : Device::kSram;
    return s;
  }

  std::vector<Layer> layers() const {
    const auto in = integers("in_ch_list", kMostChannels);
    const auto out = integers("out_ch_list", kMostChannels);
    const auto in_side = integers("in_dim_list", kLargestSide);
    const auto out_side = integers("out_dim_list", kLargestSide);
    if (in.size() != out.size() || in.size() != in_side.size() || in.size() != out_side.size()) {
      fail("/inputs",
           "lists of " + std::to_string(in.size()) + ", " + std::to_string(out.size()) + ", " +
               std::to_string(in_side.size()) + " and " + std::to_string(out_side.size()) + " layers",
           "as many in each");
    }
    std::vector<Layer> layers;
    for (std::size_t i = 0; i < in.size(); ++i)
      layers.push_back({in[i], out[i], in_side[i] * in_side[i], out_side[i] * out_side[i], 0});
    return layers;
  }

  /// A number of "outputs" by its path, or null where the script gave none.
  const Json* output(const std::string& pointer) const {
    const Json& outputs = object("outputs");
    const Json::json_pointer at(pointer);
    if (!outputs.contains(at) || outputs.at(at).is_null()) return nullptr;
    return &outputs.at(at);
  }
  /// What "errors" or the printed lines say of a function, "" when nothing.
  std::string said_of(const std::string& function) const {
    std::string text;
    const auto errors = json_.find("errors");
    if (errors != json_.end() && errors->is_object() && errors->contains(function))
      text = short_text((*errors)[function]);
    if (const Json* lines = output("/stdout/" + function)) {
      for (const Json& line : *lines)
        if (line.is_string() && line.get<std::string>() == "Check layer order") text = "Check layer order";
    }
    return text;
  }
  std::string name() const {
    const auto it = json_.find("name");
    return it != json_.end() && it->is_string() ? it->get<std::string>() : file_;
  }

 private:
  Json json_;
  const std::string& file_;
};

class Comparison {
 public:
  Comparison(const CaseReader& reader, CaseResult& result) : reader_(reader), result_(result) {}

  void number(const std::string& quantity, const Json& reference, double ours) {
    if (!reference.is_number()) reader_.fail("/outputs" + quantity, short_text(reference), "a number");
    const auto theirs = reference.get<double>();
    ++result_.quantities;
    const double scale = std::max(std::abs(theirs), std::abs(ours));
    double relative = scale > 0 ? std::abs(theirs - ours) / scale : 0;
    if (!std::isfinite(relative)) relative = 1;
    if (relative > result_.worst_relative || result_.worst_quantity.empty()) {
      result_.worst_relative = relative;
      result_.worst_quantity = quantity.substr(1);
    }
    if (relative > kTolerance) {
      std::array<char, 160> text{};
      std::snprintf(text.data(), text.size(), ": the file has %.17g, the formula gives %.17g", theirs, ours);
      result_.pass = false;
      result_.reasons.push_back(quantity.substr(1) + text.data());
    }
  }

  /// A figure that the script gives unless `trouble`: there and equal, or absent for that reason.
  void figure(const std::string& quantity, double ours, const std::string& function, Trouble trouble) {
    const Json* reference = reader_.output(quantity);
    if (reference == nullptr && trouble == Trouble::kNone) {
      differs(quantity.substr(1) + " is absent, but we know no reason why " + function + " should give none");
      return;
    }
    if (reference != nullptr && trouble != Trouble::kNone) {
      differs(quantity.substr(1) + " is there, but " + trouble_text(function, trouble));
      return;
    }
    if (reference != nullptr) number(quantity, *reference, ours);
  }

  void list(const std::string& quantity, const std::vector<double>& ours) {
    const Json* reference = reader_.output(quantity);
    if (reference == nullptr || !reference->is_array() || reference->size() != ours.size()) {
      differs(quantity.substr(1) + ": the file has " +
              (reference == nullptr ? "nothing" : std::to_string(reference->size()) + " entries") + " for " +
              std::to_string(ours.size()) + " layers");
      return;
    }
    for (std::size_t i = 0; i < ours.size(); ++i)
      number(quantity + "/" + std::to_string(i), (*reference)[i], ours[i]);
  }

  /// What the file says a function did must be what we expect of it.
  void recognise(const std::string& function, Trouble ours) {
    const std::string said = reader_.said_of(function);
    if (ours != Trouble::kNone) result_.reasons.push_back(trouble_text(function, ours));
    if (said.empty()) return;
    Trouble theirs = Trouble::kHang;  // the driver stops what does not return
    if (said.find("Check layer order") != std::string::npos) theirs = Trouble::kLayerOrder;
    if (said.find("IndexError") != std::string::npos) theirs = Trouble::kIndexError;
    if (theirs != ours) {
      differs(function + ": the file says " + said + ", we expect " +
              (ours == Trouble::kNone ? "a result" : trouble_text(function, ours)));
    }
  }

 private:
  void differs(const std::string& what) {
    result_.pass = false;
    result_.reasons.push_back(what);
  }

  const CaseReader& reader_;
  CaseResult& result_;
};

}  // namespace

CaseResult check_case(const std::string& text, const std::string& file) {
  const CaseReader reader(text, file);
  const Cost ours = cost(reader.layers(), reader.setup());
  CaseResult result;
  result.name = reader.name();
  result.pass = true;
  Comparison compare(reader, result);
  compare.list("/pe_per_layer", ours.pes);
  compare.figure("/n_pe", ours.num_pes, "pe_tile_count", Trouble::kNone);
  compare.figure("/n_tiles", ours.tiles, "pe_tile_count", ours.tile_trouble);
  compare.list("/energy_layerwise_pJ", ours.energy_pj);
  compare.figure("/energy_total_pJ", ours.total_energy_pj, "compute_energy", Trouble::kNone);
  compare.figure("/latency_ns", ours.total_latency_ns, "latency_gen", ours.latency_trouble);
  compare.figure("/area_um2/neuron_mem", ours.area.neuron_memory, "pe_tile_count", ours.tile_trouble);
  compare.figure("/area_um2/pe_array_plus_sub", ours.area.pe_array_and_subtract, "pe_tile_count",
                 ours.tile_trouble);
  compare.figure("/area_um2/digital", ours.area.digital, "pe_tile_count", ours.tile_trouble);
  compare.figure("/area_um2/total", ours.area.total, "pe_tile_count", ours.tile_trouble);
  compare.recognise("pe_tile_count", ours.tile_trouble);
  compare.recognise("latency_gen", ours.latency_trouble);
  return result;
}

}  // namespace spikeloop::sim::spikesim
