#include "models/networks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <map>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

// Node pairs in the order of the released ModuleLists; the two lists differ.
constexpr std::array<std::array<std::size_t, 2>, 6> kForwardPairs{
    {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
constexpr std::array<std::array<std::size_t, 2>, 6> kBackwardPairs{
    {{1, 0}, {2, 0}, {3, 0}, {2, 1}, {3, 1}, {3, 2}}};

/// The neurons that fire for a convolution out of node `from`.
std::string lif_name(const std::string& cell, std::size_t from, double threshold) {
  std::string name = cell + ".lif" + std::to_string(from);
  if (threshold == 0) return name;
  char text[32];
  std::snprintf(text, sizeof text, "_%g", threshold);
  return name + text;
}

std::string pair_text(std::size_t from, std::size_t to) { return std::to_string(from) + std::to_string(to); }

/// Side of cell 1's map.
std::int64_t first_map(const SnasnetSpec& spec) {
  return (spec.input_size + spec.stem_stride - 1) / spec.stem_stride / spec.stem_pool;
}

void check(const SnasnetSpec& spec) {
  const auto require = [](bool good, const std::string& place, auto found, const std::string& expected) {
    if (!good) throw InputError("network", place, std::to_string(found), expected);
  };
  constexpr std::int64_t kMost = 1 << 16;
  require(spec.input_channels >= 1 && spec.input_channels <= kMost, "input channels", spec.input_channels,
          "1 to 65536");
  require(spec.input_size >= 1 && spec.input_size <= kMost, "input size", spec.input_size, "1 to 65536");
  require(spec.channels >= 1 && spec.channels <= kMost, "channels", spec.channels, "1 to 65536");
  require(spec.stem_stride >= 1, "stem stride", spec.stem_stride, "at least 1");
  require(spec.stem_pool >= 1, "stem pooling", spec.stem_pool, "at least 1");
  require(spec.second_pool >= 1, "second pooling", spec.second_pool, "at least 1");
  require(spec.hidden >= 0, "hidden neurons", spec.hidden, "at least 0");
  require(spec.classes >= 1 && spec.classes <= kMost, "classes", spec.classes, "1 to 65536");
  require(spec.votes >= 1 && spec.votes <= kMost, "votes", spec.votes, "1 to 65536");
  require(spec.timesteps >= 1, "timesteps", spec.timesteps, "at least 1");
  require(spec.neuron.kind == NeuronKind::kIf || spec.neuron.tau >= 1.0, "tau", spec.neuron.tau,
          "at least 1 (in timesteps)");
  require(spec.neuron.threshold > spec.neuron.v_reset, "threshold", spec.neuron.threshold,
          "above the reset potential " + std::to_string(spec.neuron.v_reset));
  require(spec.dropout >= 0 && spec.dropout < 1, "dropout", spec.dropout, "0 to below 1");
  const std::int64_t map = first_map(spec) / 2;
  require(map >= 1, "map of cell 1", first_map(spec),
          "at least 2 pixels wide after stem stride " + std::to_string(spec.stem_stride) +
              " and stem pooling " + std::to_string(spec.stem_pool));
  require(map >= spec.second_pool, "second pooling", spec.second_pool,
          "at most the map of cell 2 (" + std::to_string(map) + ")");
}

/// Puts layers one behind the other.
class Builder {
 public:
  explicit Builder(const NeuronSpec& neuron) : neuron_(neuron) {}
  /// A layer that nothing enters yet; the newest of the path from then on.
  int add(const std::string& name, layer::Params params, const std::string& module = "") {
    architecture.layers.push_back({name, std::move(params), module});
    newest_ = static_cast<int>(architecture.layers.size()) - 1;
    return newest_;
  }
  void connect(int from, int to, bool backward = false) {
    architecture.edges.push_back({from, to, backward});
  }
  int then(const std::string& name, layer::Params params, const std::string& module = "") {
    const int before = newest_;
    connect(before, add(name, std::move(params), module));
    return newest_;
  }
  int then_neuron(const std::string& name, double threshold = 0) {
    layer::Neuron neuron{neuron_};
    if (threshold != 0) neuron.spec.threshold = threshold;
    return then(name, neuron);
  }
  int newest() const { return newest_; }
  void go_on_from(int layer) { newest_ = layer; }

  Architecture architecture;

 private:
  NeuronSpec neuron_;
  int newest_ = -1;
};

class SnasnetBuilder {
 public:
  explicit SnasnetBuilder(const SnasnetSpec& spec) : spec_(spec), b_(spec.neuron) {}

  Architecture build() {
    b_.architecture.kind = spec_.max_pool ? "lightsnn" : "snasnet";
    b_.architecture.genotype = to_text(spec_.cell1, spec_.cell2);
    b_.architecture.timesteps = spec_.timesteps;
    const std::int64_t wide = 2 * spec_.channels, map = first_map(spec_);
    b_.add("input", layer::Input{{spec_.input_channels, spec_.input_size, spec_.input_size},
                                 static_cast<layer::InputCode>(spec_.input)});
    b_.then("stem", conv(spec_.channels, 3, spec_.stem_stride), "stem.0");
    b_.then("stem.bn", layer::BatchNorm{}, "stem.1");
    if (spec_.stem_pool > 1) b_.then("stem.pool", pool(spec_.stem_pool, spec_.stem_pool, 0));
    cell("cell1", spec_.cell1, {spec_.channels, map, map});
    b_.then("reduce.bn", layer::BatchNorm{}, "downconv1.0");
    b_.then_neuron("reduce.lif");
    b_.then("reduce", conv(wide, 3, 1), "downconv1.2");
    b_.then("reduce.bn2", layer::BatchNorm{}, "downconv1.3");
    b_.then("reduce.pool", pool(2, 2, 0));
    cell("cell2", spec_.cell2, {wide, map / 2, map / 2});
    b_.then("last.bn", layer::BatchNorm{}, "last_act.0");
    b_.then_neuron("last.lif");
    if (spec_.second_pool > 1) b_.then("last.pool", pool(spec_.second_pool, spec_.second_pool, 0));
    classifier();
    return std::move(b_.architecture);
  }

 private:
  static layer::Conv conv(std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    layer::Conv conv;
    conv.out_channels = out;
    conv.kernel = kernel;
    conv.stride = stride;
    conv.padding = kernel / 2;
    return conv;
  }
  layer::Pool pool(std::int64_t kernel, std::int64_t stride, std::int64_t padding) const {
    return {spec_.max_pool ? layer::Pool::Kind::kMax : layer::Pool::Kind::kAverage, kernel, stride, padding};
  }

  void classifier() {
    b_.then("flatten", layer::Flatten{});
    if (spec_.dropout > 0) b_.then("dropout", layer::Dropout{spec_.dropout});
    layer::Linear last;
    last.out = spec_.classes * spec_.votes;
    if (spec_.hidden > 0) {
      layer::Linear hidden;
      hidden.out = spec_.hidden;
      hidden.bias = false;
      b_.then("fc1", hidden, "classifier.1");
      b_.then_neuron("fc1.lif");
    }
    b_.then("fc2", last, spec_.hidden > 0 ? "classifier.3" : "classifier.1");
    if (spec_.votes > 1) b_.then("vote", layer::Vote{spec_.votes});
    b_.then("output", layer::Output{});
  }

  /// A cell behind the newest layer; its node 3 is then the newest.
  void cell(const std::string& name, const CellMatrix& matrix, const std::vector<std::int64_t>& shape) {
    const int input = b_.newest();
    std::array<int, 4> nodes{};
    for (std::size_t k = 0; k < 4; ++k) {
      nodes[k] = b_.add(name + ".node" + std::to_string(k), layer::Sum{shape});
    }
    b_.connect(input, nodes[0]);
    std::map<std::string, int> neurons;
    for (const bool backward : {false, true}) {
      const auto& pairs = backward ? kBackwardPairs : kForwardPairs;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto [from, to] = pairs[i];
        const CellOp& edge = matrix[from][to];
        for (const CellOp& op : operations(edge)) {
          if (op == Op::kZero) continue;
          b_.go_on_from(nodes[from]);
          if (op == Op::kAvgPool3x3) b_.then(name + ".pool" + pair_text(from, to), pool(3, 1, 1));
          if (is_convolution(op)) {
            const std::string lif = lif_name(name, from, op.threshold);
            const auto known = neurons.find(lif);
            if (known == neurons.end())
              neurons[lif] = b_.then_neuron(lif, op.threshold);
            else
              b_.go_on_from(known->second);
            // A super-cell's second convolution on an edge is told apart by its kernel.
            const bool both =
                edge.op == Op::kConv3x3 || (edge.also >> static_cast<int>(Op::kConv3x3) & 1) != 0;
            const bool second = op.op == Op::kConv1x1 && both;
            const std::string layer =
                name + (backward ? ".back" : ".conv") + pair_text(from, to) + (second ? ".1x1" : "");
            const std::string module = name +
                                       (backward ? ".cell_architecture_back." : ".cell_architecture.") +
                                       std::to_string(i) + (second ? ".1x1" : "");
            b_.then(layer, conv(shape[0], op == Op::kConv3x3 ? 3 : 1, 1), module + ".1");
            b_.then(layer + ".bn", layer::BatchNorm{}, module + ".2");
          }
          b_.connect(b_.newest(), nodes[to], backward);
        }
      }
    }
    b_.go_on_from(nodes[3]);
  }

  const SnasnetSpec& spec_;
  Builder b_;
};

}  // namespace

Architecture snasnet(const SnasnetSpec& spec) {
  check(spec);
  return SnasnetBuilder(spec).build();
}

std::vector<ReleasedLif> released_lifs(const SnasnetSpec& spec) {
  std::vector<ReleasedLif> lifs;
  const auto add_cell = [&](const std::string& name, const CellMatrix& matrix) {
    for (const bool backward : {false, true}) {
      const auto& pairs = backward ? kBackwardPairs : kForwardPairs;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto [from, to] = pairs[i];
        for (const CellOp& op : operations(matrix[from][to])) {
          if (!is_convolution(op)) continue;
          lifs.push_back({name + (backward ? ".cell_architecture_back." : ".cell_architecture.") +
                              std::to_string(i) + ".0",
                          lif_name(name, from, op.threshold)});
        }
      }
    }
  };
  add_cell("cell1", spec.cell1);
  lifs.push_back({"downconv1.1", "reduce.lif"});
  add_cell("cell2", spec.cell2);
  lifs.push_back({"last_act.1", "last.lif"});
  if (spec.hidden > 0) lifs.push_back({"classifier.2", "fc1.lif"});
  return lifs;
}

Architecture vgg9(const Vgg9Spec& spec) {
  if (!(spec.width > 0 && spec.width <= 64)) {
    throw InputError("network", "width", std::to_string(spec.width), "above 0, at most 64");
  }
  if (spec.hidden < 1)
    throw InputError("network", "hidden neurons", std::to_string(spec.hidden), "at least 1");
  if (spec.input_size < 8)
    throw InputError("network", "input size", std::to_string(spec.input_size), "at least 8");
  if (!(spec.dropout >= 0 && spec.dropout < 1))
    throw InputError("network", "dropout", std::to_string(spec.dropout), "0 to below 1");
  constexpr layer::Init kInit{layer::Init::Kind::kXavier, 5};
  Builder b(spec.neuron);
  b.architecture.kind = "vgg9";
  b.architecture.timesteps = spec.timesteps;
  b.add("input", layer::Input{{spec.input_channels, spec.input_size, spec.input_size}, spec.code});
  constexpr std::array<int, 7> kChannels{64, 64, 128, 128, 256, 256, 256};
  constexpr std::array<bool, 7> kPooled{false, true, false, true, false, false, true};
  int pools = 0;
  for (std::size_t i = 0; i < kChannels.size(); ++i) {
    const std::string name = "conv" + std::to_string(i + 1);
    layer::Conv conv;
    conv.out_channels = std::max<std::int64_t>(1, std::lround(spec.width * kChannels[i]));
    conv.init = kInit;
    b.then(name, conv);
    if (spec.batch_norm) b.then(name + ".bn", layer::BatchNorm{});
    b.then_neuron(name + ".lif");
    if (kPooled[i]) b.then("pool" + std::to_string(++pools), layer::Pool{});
  }
  b.then("flatten", layer::Flatten{});
  if (spec.dropout > 0) b.then("dropout", layer::Dropout{spec.dropout});
  b.then("fc1", layer::Linear{spec.hidden, false, kInit});
  b.then_neuron("fc1.lif");
  for (const auto& [what, number] : {std::pair("classes", spec.classes), std::pair("votes", spec.votes)}) {
    if (number < 1 || number > 1 << 16)
      throw InputError("network", what, std::to_string(number), "1 to 65536");
  }
  b.then("fc2", layer::Linear{spec.classes * spec.votes, false, kInit});
  if (spec.votes > 1) b.then("vote", layer::Vote{spec.votes});
  b.then("output", layer::Output{});
  check(b.architecture);
  return std::move(b.architecture);
}

}  // namespace spikeloop::models
