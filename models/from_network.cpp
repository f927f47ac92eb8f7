#include "models/from_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>

#include "models/data/dataset.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Values of an Affine layer before a neuron, or in place of a Scale.
struct AffineValues {
  std::vector<float> weight, bias;  ///< bias empty: none
};

class Importer {
 public:
  Importer(const traces::Network& network, const std::string& file)
      : network_(network), file_(file), shapes_(traces::infer_shapes(network, file)) {}

  Architecture run() {
    traces::require_timesteps(network_, file_);
    architecture_.kind = "imported";
    architecture_.genotype = network_.genotype;
    architecture_.timesteps = network_.timesteps;
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) {
      const int affine = before(i);
      layer_of_.push_back(add(network_.nodes[i].name, params_of(i)));
      entry_of_.push_back(affine < 0 ? layer_of_.back() : affine);
      if (affine >= 0) architecture_.edges.push_back({affine, layer_of_.back(), false});
    }
    for (const auto& edge : network_.edges) {
      architecture_.edges.push_back({layer_of_[at(edge.from)], entry_of_[at(edge.to)], edge.backward});
    }
    try {
      check(architecture_);
    } catch (const InputError& error) {
      throw InputError(file_, "network", error.what(), "a network that can be trained");
    }
    return architecture_;
  }

  /// Copies weights, biases and factors into the net of run()'s architecture.
  void load(GraphNet& net) const {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) {
      const traces::Node& node = network_.nodes[i];
      const auto& own = net->parameters_of(at(layer_of_[i]));
      if (const auto* conv = node.as<traces::Conv2dParams>()) {
        copy(conv->weight.data, own.weight);
        copy(conv->bias.data, own.bias);
      } else if (const auto* linear = node.as<traces::LinearParams>()) {
        copy(linear->weight.data, own.weight);
        copy(linear->bias.data, own.bias);
      }
    }
    for (const auto& [layer, values] : affine_) {
      const auto& own = net->parameters_of(at(layer));
      copy(values.weight, own.weight);
      copy(values.bias, own.bias);
    }
  }

 private:
  [[noreturn]] void fail(std::size_t node, const std::string& found, const std::string& expected) const {
    throw InputError(file_, "node " + network_.nodes[node].name, found, expected);
  }

  static void copy(const std::vector<float>& values, at::Tensor target) {
    if (!values.empty()) std::copy(values.begin(), values.end(), target.data_ptr<float>());
  }

  /// Names may hold what a module's must not.
  int add(const std::string& name, layer::Params params) {
    const bool good = name.front() != '.' && name.back() != '.' && name.find("..") == std::string::npos;
    const std::string module = good ? "" : "layer" + std::to_string(architecture_.layers.size());
    architecture_.layers.push_back({name, std::move(params), module});
    return static_cast<int>(architecture_.layers.size()) - 1;
  }

  std::int64_t square(std::size_t node, const std::array<std::int64_t, 2>& pair, const char* what) const {
    if (pair[0] != pair[1]) {
      fail(node, std::string(what) + " " + std::to_string(pair[0]) + " x " + std::to_string(pair[1]),
           "a square");
    }
    return pair[0];
  }

  /// The one value of a neuron parameter.
  double single(std::size_t node, const traces::Tensor& tensor, const char* what) const {
    const auto& data = tensor.data;
    if (data.empty() || std::any_of(data.begin(), data.end(), [&](float v) { return v != data[0]; })) {
      fail(node, std::string(what) + " that differs from neuron to neuron", "one value for all");
    }
    return static_cast<double>(data[0]);
  }

  /// One value per channel of a parameter that has one, as many as channels, or one per neuron alike in a
  /// channel.
  std::vector<double> per_channel(std::size_t node, const traces::Tensor& tensor, const char* what) const {
    const auto channels = static_cast<std::size_t>(shapes_[node].at(0));
    const std::size_t each = tensor.data.size() / channels;
    std::vector<double> values(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t first = tensor.data.size() == 1 ? 0 : c * each;
      values[c] = static_cast<double>(tensor.data.at(first));
      for (std::size_t i = 1; i < each; ++i) {
        if (tensor.data[first + i] != tensor.data[first]) {
          fail(node, std::string(what) + " that differs within a channel", "one value per channel");
        }
      }
    }
    return values;
  }

  /// The Affine layer before a neuron node: what its r and v_leak do beyond our neuron; -1 when nothing.
  int before(std::size_t i) {
    const traces::Node& node = network_.nodes[i];
    AffineValues values;
    bool needed = false;
    if (const auto* lif = node.as<traces::LifParams>()) {
      // v += dt / tau ((v_leak - v) + r x) = (x' - (v - v_reset)) / tau with x' = r x + v_leak - v_reset
      const auto r = per_channel(i, lif->r, "r"), leak = per_channel(i, lif->v_leak, "v_leak");
      const double reset = single(i, lif->v_reset, "v_reset");
      for (std::size_t c = 0; c < r.size(); ++c) {
        values.weight.push_back(static_cast<float>(r[c]));
        values.bias.push_back(static_cast<float>(leak[c] - reset));
        needed = needed || r[c] != 1 || leak[c] != reset;
      }
    } else if (const auto* plain = node.as<traces::IfParams>()) {
      for (const double r : per_channel(i, plain->r, "r")) {
        values.weight.push_back(static_cast<float>(r));
        needed = needed || r != 1;
      }
    }
    if (!needed) return -1;
    const int layer = add(node.name + ".affine", layer::Affine{!values.bias.empty()});
    affine_[layer] = values;
    return layer;
  }

  double threshold(std::size_t node, const traces::Tensor& tensor, bool at_threshold) const {
    const auto value = static_cast<float>(single(node, tensor, "v_threshold"));
    return static_cast<double>(at_threshold ? value
                                            : std::nextafter(value, std::numeric_limits<float>::infinity()));
  }

  layer::Params params_of(std::size_t i) {
    const traces::Node& node = network_.nodes[i];
    if (const auto* conv = node.as<traces::Conv2dParams>()) return convolution(i, *conv);
    if (const auto* linear = node.as<traces::LinearParams>()) {
      return layer::Linear{linear->weight.shape.at(0), !linear->bias.data.empty(), {}};
    }
    if (const auto* lif = node.as<traces::LifParams>()) {
      NeuronSpec spec;
      spec.tau = single(i, lif->tau, "tau") / network_.dt_s;
      if (std::abs(spec.tau - 1) < 1e-6) spec.tau = 1;  // float noise of a tau of one timestep
      spec.threshold = threshold(i, lif->v_threshold, lif->spike_at_threshold);
      spec.v_reset = single(i, lif->v_reset, "v_reset");
      spec.reset = lif->soft_reset ? ResetKind::kSoft : ResetKind::kHard;
      return layer::Neuron{spec};
    }
    if (const auto* plain = node.as<traces::IfParams>()) {
      NeuronSpec spec;
      spec.kind = NeuronKind::kIf;
      spec.threshold = threshold(i, plain->v_threshold, plain->spike_at_threshold);
      spec.v_reset = single(i, plain->v_reset, "v_reset");
      spec.reset = plain->soft_reset ? ResetKind::kSoft : ResetKind::kHard;
      return layer::Neuron{spec};
    }
    return other(i);
  }

  layer::Params convolution(std::size_t i, const traces::Conv2dParams& conv) const {
    if (conv.dilation != std::array<std::int64_t, 2>{1, 1}) fail(i, "a dilated convolution", "dilation 1");
    layer::Conv params;
    params.out_channels = conv.weight.shape.at(0);
    params.kernel = square(i, {conv.weight.shape.at(2), conv.weight.shape.at(3)}, "kernel");
    params.stride = square(i, conv.stride, "stride");
    params.padding = square(i, conv.padding, "padding");
    params.groups = conv.groups;
    params.bias = !conv.bias.data.empty();
    return params;
  }

  layer::Params other(std::size_t i) {
    const traces::Node& node = network_.nodes[i];
    if (const auto* input = node.as<traces::InputParams>()) {
      if (input->shape.size() != 3) fail(i, "an input that is no map", "[C, H, W]");
      const bool rate = network_.input_code == kRateCode;
      return layer::Input{{input->shape[0], input->shape[1], input->shape[2]},
                          rate ? layer::InputCode::kRate : layer::InputCode::kDirect};
    }
    if (node.as<traces::OutputParams>() != nullptr) return layer::Output{};
    if (const auto* pool = node.as<traces::Pool2dParams>()) {
      return layer::Pool{pool->average ? layer::Pool::Kind::kAverage : layer::Pool::Kind::kSum,
                         square(i, pool->kernel, "kernel"), square(i, pool->stride, "stride"),
                         square(i, pool->padding, "padding")};
    }
    if (const auto* flatten = node.as<traces::FlattenParams>()) {
      if (flatten->start_dim != 0 || shapes_[i].size() != 1)
        fail(i, "a partial Flatten", "one of everything");
      return layer::Flatten{};
    }
    if (const auto* scale = node.as<traces::ScaleParams>()) {
      AffineValues values;
      for (const double factor : per_channel(i, scale->scale, "scale")) {
        values.weight.push_back(static_cast<float>(factor));
      }
      if (std::all_of(values.weight.begin(), values.weight.end(), [](float v) { return v == 1; })) {
        return layer::Sum{};
      }
      affine_[static_cast<int>(architecture_.layers.size())] = values;
      return layer::Affine{false};
    }
    fail(i, node.type(), "a node that can be trained: a convolution, linear layer, LIF, IF, pooling, sum");
  }

  const traces::Network& network_;
  const std::string file_;
  const std::vector<std::vector<std::int64_t>> shapes_;
  Architecture architecture_;
  std::vector<int> layer_of_, entry_of_;  ///< of every node: its layer; the layer that takes its input
  std::map<int, AffineValues> affine_;    ///< by layer
};

}  // namespace

Architecture architecture_of(const traces::Network& network, const std::string& file) {
  return Importer(network, file).run();
}

GraphNet trainable(const traces::Network& network, const std::string& file) {
  traces::validate(network, file);
  Importer importer(network, file);
  GraphNet net(importer.run(), 0, false);
  importer.load(net);
  net->eval();
  return net;
}

}  // namespace spikeloop::models
