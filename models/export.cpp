#include "models/export.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include "models/data/dataset.h"
#include "models/fold.h"
#include "models/graph_plan.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr double kDt_s = 1e-4;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

traces::Tensor one(double value) { return {{1}, {static_cast<float>(value)}}; }

traces::Tensor to_plain(const at::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  const at::Tensor flat = tensor.detach().to(at::kFloat).cpu().contiguous();
  const auto* data = flat.data_ptr<float>();
  return {shape, std::vector<float>(data, data + flat.numel())};
}

traces::Tensor to_plain(const at::Tensor& tensor) { return to_plain(tensor, tensor.sizes().vec()); }

template <class T>
void append(std::string& text, const T& value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append(std::string& text, const traces::Tensor& tensor) {
  append(text, tensor.data.size());
  for (const float value : tensor.data) append(text, value);
}

/// What two neuron nodes must have in common to spike alike given the same input; "" for other nodes.
std::string behaviour(const traces::Node& node) {
  std::string text;
  if (const auto* lif = node.as<traces::LifParams>()) {
    text = "LIF";
    for (const auto* tensor : {&lif->tau, &lif->r, &lif->v_leak, &lif->v_threshold, &lif->v_reset}) {
      append(text, *tensor);
    }
    append(text, lif->soft_reset);
  } else if (const auto* plain = node.as<traces::IfParams>()) {
    text = "IF";
    for (const auto* tensor : {&plain->r, &plain->v_threshold, &plain->v_reset}) append(text, *tensor);
    append(text, plain->soft_reset);
  }
  return text;
}

class Exporter {
 public:
  /// net: nullptr for check(), which needs no weights.
  Exporter(const Architecture& architecture, const GraphNetImpl* net)
      : net_(net),
        architecture_(architecture),
        layers_(architecture.layers),
        shapes_(layer_shapes(architecture)),
        into_(layers_.size()),
        out_of_(layers_.size()),
        places_(layers_.size()),
        affine_(layers_.size(), -1),
        folds_(folds_of(architecture)),
        folded_(layers_.size(), false) {}

  traces::Network run(const std::string& dataset) {
    network_.dt_s = kDt_s;
    network_.timesteps = architecture_.timesteps;
    network_.dataset = dataset;
    network_.genotype = architecture_.genotype;
    check();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (used_[i] && !folded_[i]) add(i);
    }
    connect();
    merge_equal_neurons();
    return std::move(network_);
  }

  /// Decides what becomes part of what.
  void check() {
    prune();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (used_[i]) fold(i);
    }
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto* pool = layers_[i].as<layer::Pool>();
      if (used_[i] && pool != nullptr && pool->kind == layer::Pool::Kind::kMax) check_max_pool(i);
    }
  }

 private:
  /// Where a layer's input goes to and its value comes from.
  struct Place {
    int first = -1, last = -1;
  };

  [[noreturn]] static void fail(const Layer& layer, const std::string& found, const std::string& expected) {
    throw InputError("network", "layer " + layer.name, found, expected);
  }

  // Which layers take part: those from which a path leads to the Output.
  void prune() {
    const auto& edges = architecture_.edges;
    std::vector<bool> reached(layers_.size(), false);
    used_ = reaching_output(architecture_);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      reached[i] = layers_[i].as<layer::Input>() != nullptr;
    }
    for (std::size_t round = 0; round < layers_.size(); ++round) {
      for (const LayerEdge& edge : edges) {
        if (reached[at(edge.from)]) reached[at(edge.to)] = true;
      }
    }
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (used_[i] && !reached[i]) {
        fail(layers_[i], "no path from the network's input",
             "a cleaned cell, in which everything is reached");
      }
    }
    for (const LayerEdge& edge : edges) {
      if (!used_[at(edge.from)] || !used_[at(edge.to)]) continue;
      into_[at(edge.to)].push_back(edge);
      out_of_[at(edge.from)].push_back(edge);
    }
  }

  /// The layer before this one, if that is the only one, at the same timestep; else -1.
  int only_source(std::size_t layer) const {
    return into_[layer].size() == 1 && !into_[layer][0].backward ? into_[layer][0].from : -1;
  }

  /// Layers that become part of another node, or nothing.
  void fold(std::size_t i) {
    const Layer& layer = layers_[i];
    const int source = only_source(i);
    if (layer.as<layer::BatchNorm>() != nullptr || layer.as<layer::Affine>() != nullptr) {
      fold_affine(i, source);
    } else if (layer.as<layer::Vote>() != nullptr) {
      if (source < 0 || folds_[at(source)].vote != static_cast<int>(i)) {
        fail(layer, "a vote that is not alone behind a linear layer", "one");
      }
      folded_[i] = true;
    } else if (layer.as<layer::Dropout>() != nullptr) {
      folded_[i] = source >= 0;
    }
  }

  bool has_offset(std::size_t i) const {
    if (net_ != nullptr) return scale_offset_of(net_->parameters_of(i)).offset.ne(0).any().item<bool>();
    const auto* affine = layers_[i].as<layer::Affine>();
    return affine == nullptr || affine->bias;
  }

  void fold_affine(std::size_t i, int source) {
    if (source >= 0 && folds_[at(source)].affine == static_cast<int>(i)) {
      folded_[i] = true;
      return;
    }
    const bool offset = has_offset(i);
    const bool into_neurons = std::all_of(out_of_[i].begin(), out_of_[i].end(), [&](const LayerEdge& edge) {
      const auto* neuron = layers_[at(edge.to)].as<layer::Neuron>();
      return neuron != nullptr && !edge.backward && into_[at(edge.to)].size() == 1 &&
             !(offset && neuron->spec.kind == NeuronKind::kIf);
    });
    if (into_neurons) {
      for (const LayerEdge& edge : out_of_[i]) affine_[at(edge.to)] = static_cast<int>(i);
      folded_[i] = source >= 0;  // else a node that adds up, without the factor
    } else if (offset) {
      fail(layers_[i],
           "a normalisation that neither stands alone behind a convolution or linear layer nor before "
           "leaky neurons only (IF neurons have no leak potential to hold its offset)",
           "one that can become part of them: the chip has no layer of its own for it");
    }
  }

  void add(std::size_t i) {
    const Layer& layer = layers_[i];
    const auto node = [&](traces::NodeParams params) { return add_node(layer.name, std::move(params)); };
    if (const auto* input = layer.as<layer::Input>()) {
      if (input->code == layer::InputCode::kRate) network_.input_code = kRateCode;
      node(traces::InputParams{{input->shape.begin(), input->shape.end()}});
    } else if (const auto* conv = layer.as<layer::Conv>()) {
      node(convolution(i, *conv));
    } else if (layer.as<layer::Linear>() != nullptr) {
      node(linear(i));
    } else if (const auto* neuron = layer.as<layer::Neuron>()) {
      node(neurons(i, neuron->spec));
    } else if (const auto* pool = layer.as<layer::Pool>()) {
      if (pool->kind == layer::Pool::Kind::kMax) return add_max_pool(i, *pool);
      node(pooling(*pool, pool->kind == layer::Pool::Kind::kAverage));
    } else if (layer.as<layer::Flatten>() != nullptr) {
      node(traces::FlattenParams{});
    } else if (layer.as<layer::Output>() != nullptr) {
      node(traces::OutputParams{shapes_[i]});
    } else {
      node(traces::ScaleParams{factor(i)});
    }
    places_[i] = {newest(), newest()};
  }

  void add_node(const std::string& name, traces::NodeParams params) {
    network_.nodes.push_back({name, std::move(params)});
  }
  int newest() const { return static_cast<int>(network_.nodes.size()) - 1; }

  /// Factor of a node that adds up; 1 unless it is a normalisation of its own.
  traces::Tensor factor(std::size_t i) const {
    const bool own =
        layers_[i].as<layer::BatchNorm>() != nullptr || layers_[i].as<layer::Affine>() != nullptr;
    const bool taken_over = own && affine_[at(out_of_[i].front().to)] == static_cast<int>(i);
    std::vector<std::int64_t> shape(shapes_[i].size(), 1);
    if (!own || taken_over) return {shape, {1.0F}};
    shape[0] = shapes_[i][0];
    return to_plain(scale_offset_of(net_->parameters_of(i)).scale, shape);
  }

  traces::Conv2dParams convolution(std::size_t i, const layer::Conv& conv) const {
    traces::Conv2dParams params;
    set_weight(params, i);
    params.stride = {conv.stride, conv.stride};
    params.padding = {conv.padding, conv.padding};
    params.groups = conv.groups;
    return params;
  }

  traces::LinearParams linear(std::size_t i) const {
    traces::LinearParams params;
    set_weight(params, i);
    return params;
  }

  template <class Params>
  void set_weight(Params& params, std::size_t i) const {
    params.weight = to_plain(exported_weight(*net_, i, folds_[i]));
    const at::Tensor bias = exported_bias(*net_, i, folds_[i]);
    if (bias.defined()) params.bias = to_plain(bias);
  }

  /// Neurons; a normalisation before them becomes their input factor r and their leak potential. NIR's
  /// v += dt / tau ((v_leak - v) + r x) is our v += (x - (v - v_reset)) / tau with v_leak = v_reset and r =
  /// 1; an input that does not decay is not divided by tau: r = tau.
  traces::NodeParams neurons(std::size_t i, const NeuronSpec& spec) const {
    const at::Tensor& plif = net_->parameters_of(i).plif;
    const double tau = plif.defined() ? 1 + std::exp(-plif.item<double>()) : spec.tau;
    const bool leaky = spec.kind != NeuronKind::kIf;
    const double gain = leaky && !spec.decay_input ? tau : 1;
    traces::Tensor r = one(gain), leak = one(spec.v_reset);
    if (affine_[i] >= 0) {
      const ScaleOffset affine = scale_offset_of(net_->parameters_of(at(affine_[i])));
      std::vector<std::int64_t> shape(shapes_[i].size(), 1);
      shape[0] = affine.scale.numel();
      r = to_plain(affine.scale * gain, shape);
      leak = to_plain(affine.offset * gain + spec.v_reset, shape);
    }
    if (!leaky) {
      traces::IfParams params;
      params.r = r;
      params.v_threshold = one(spec.threshold);
      params.v_reset = one(spec.v_reset);
      params.soft_reset = spec.reset == ResetKind::kSoft;
      return params;
    }
    traces::LifParams params;
    params.tau = one(tau * kDt_s);
    params.r = r;
    params.v_leak = leak;
    params.v_threshold = one(spec.threshold);
    params.v_reset = one(spec.v_reset);
    params.soft_reset = spec.reset == ResetKind::kSoft;
    return params;
  }

  static traces::Pool2dParams pooling(const layer::Pool& pool, bool average) {
    traces::Pool2dParams params;
    params.average = average;
    params.kernel = {pool.kernel, pool.kernel};
    params.stride = {pool.stride, pool.stride};
    params.padding = {pool.padding, pool.padding};
    return params;
  }

  /// Whether a layer's value holds 0 and 1 only.
  bool binary(std::size_t i) const {
    const Layer& layer = layers_[i];
    if (layer.as<layer::Neuron>() != nullptr) return true;
    if (const auto* input = layer.as<layer::Input>()) return input->code == layer::InputCode::kRate;
    const auto* pool = layer.as<layer::Pool>();
    const bool passes = layer.as<layer::Flatten>() != nullptr || layer.as<layer::Dropout>() != nullptr ||
                        (pool != nullptr && pool->kind == layer::Pool::Kind::kMax);
    return passes && only_source(i) >= 0 && binary(at(only_source(i)));
  }

  void check_max_pool(std::size_t i) const {
    if (only_source(i) >= 0 && binary(at(only_source(i)))) return;
    fail(layers_[i], "MaxPool of real values",
         "MaxPool of spikes, which is their sum and a threshold, or AvgPool");
  }

  /// The largest of spikes is whether their sum is above one half.
  void add_max_pool(std::size_t i, const layer::Pool& pool) {
    add_node(layers_[i].name + ".sum", pooling(pool, false));
    add_node(layers_[i].name, traces::ThresholdParams{one(0.5)});
    network_.edges.push_back({newest() - 1, newest(), false});
    places_[i] = {newest() - 1, newest()};
  }

  /// The node whose value a layer's is.
  int node_of(int layer) const {
    return folded_[at(layer)] ? node_of(only_source(at(layer))) : places_[at(layer)].last;
  }

  void connect() {
    for (const LayerEdge& edge : architecture_.edges) {
      if (!used_[at(edge.from)] || !used_[at(edge.to)] || folded_[at(edge.to)]) continue;
      network_.edges.push_back({node_of(edge.from), places_[at(edge.to)].first, edge.backward});
    }
  }

  void merge_equal_neurons() {
    while (merge_one()) {
    }
  }
  bool merge_one() {
    std::map<std::string, int> known;
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) {
      std::string key = behaviour(network_.nodes[i]);
      if (key.empty()) continue;
      for (const auto& edge : network_.edges) {
        if (edge.to != static_cast<int>(i)) continue;
        append(key, edge.from);
        append(key, edge.backward);
      }
      const auto [place, fresh] = known.emplace(key, static_cast<int>(i));
      if (fresh) continue;
      remove(static_cast<int>(i), place->second);
      return true;
    }
    return false;
  }
  void remove(int node, int stand_in) {
    std::vector<traces::Edge> edges;
    const auto moved = [&](int index) { return index > node ? index - 1 : index; };
    for (const auto& edge : network_.edges) {
      if (edge.to == node) continue;
      edges.push_back({moved(edge.from == node ? stand_in : edge.from), moved(edge.to), edge.backward});
    }
    network_.edges = edges;
    network_.nodes.erase(network_.nodes.begin() + node);
  }

  const GraphNetImpl* net_;
  const Architecture& architecture_;
  const std::vector<Layer>& layers_;
  const std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<bool> used_;
  std::vector<std::vector<LayerEdge>> into_, out_of_;  ///< among the used
  std::vector<Place> places_;
  std::vector<int> affine_;   ///< the normalisation that a neuron layer takes over
  std::vector<Folds> folds_;  ///< what a convolution or linear layer takes over
  std::vector<bool> folded_;  ///< has no node; its value is that of the node of its only source
  traces::Network network_;
};

}  // namespace

traces::Network export_network(GraphNet& net, const std::string& dataset) {
  const at::NoGradGuard no_grad;
  return Exporter(net->architecture(), net.get()).run(dataset);
}

void check_exportable(const Architecture& architecture) {
  check(architecture);
  Exporter(architecture, nullptr).check();
}

}  // namespace spikeloop::models
