#include "traces/network.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <queue>
#include <tuple>
#include <type_traits>

#include "traces/network_shapes.h"
#include "traces/support/error.h"
#include "traces/support/sha256.h"

namespace spikeloop::traces {

std::int64_t shape_size(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::string node_place(const std::string& name) { return "node '" + name + "'"; }

std::int64_t Tensor::size() const { return shape_size(shape); }

bool Node::spiking() const {
  return as<LifParams>() || as<IfParams>() || as<CubaLifParams>() || as<ThresholdParams>();
}

const char* Node::type() const {
  struct Name {
    const char* operator()(const InputParams&) const { return "Input"; }
    const char* operator()(const OutputParams&) const { return "Output"; }
    const char* operator()(const Conv2dParams&) const { return "Conv2d"; }
    const char* operator()(const LinearParams& p) const { return p.bias.data.empty() ? "Linear" : "Affine"; }
    const char* operator()(const LifParams&) const { return "LIF"; }
    const char* operator()(const IfParams&) const { return "IF"; }
    const char* operator()(const CubaLifParams&) const { return "CubaLIF"; }
    const char* operator()(const Pool2dParams& p) const { return p.average ? "AvgPool2d" : "SumPool2d"; }
    const char* operator()(const FlattenParams&) const { return "Flatten"; }
    const char* operator()(const ScaleParams&) const { return "Scale"; }
    const char* operator()(const ThresholdParams&) const { return "Threshold"; }
  };
  return std::visit(Name{}, params);
}

int Network::find(const std::string& name) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.name == name; });
  return at == nodes.end() ? -1 : static_cast<int>(at - nodes.begin());
}

std::vector<int> Network::inputs_of(int node) const {
  std::vector<int> sources;
  for (const Edge& edge : edges) {
    if (edge.to == node) sources.push_back(edge.from);
  }
  return sources;
}

std::vector<int> Network::outputs_of(int node) const {
  std::vector<int> targets;
  for (const Edge& edge : edges) {
    if (edge.from == node) targets.push_back(edge.to);
  }
  return targets;
}

std::vector<std::pair<const char*, Tensor*>> elementwise_parameters(Node& node) {
  if (auto* p = node.as<LifParams>()) {
    return {{"tau", &p->tau},
            {"r", &p->r},
            {"v_leak", &p->v_leak},
            {"v_threshold", &p->v_threshold},
            {"v_reset", &p->v_reset}};
  }
  if (auto* p = node.as<IfParams>()) {
    return {{"r", &p->r}, {"v_threshold", &p->v_threshold}, {"v_reset", &p->v_reset}};
  }
  if (auto* p = node.as<CubaLifParams>()) {
    return {{"tau_syn", &p->tau_syn}, {"tau_mem", &p->tau_mem}, {"r", &p->r},
            {"v_leak", &p->v_leak},   {"w_in", &p->w_in},       {"v_threshold", &p->v_threshold},
            {"v_reset", &p->v_reset}};
  }
  if (auto* p = node.as<ScaleParams>()) return {{"scale", &p->scale}};
  if (auto* p = node.as<ThresholdParams>()) return {{"threshold", &p->threshold}};
  return {};
}

std::vector<std::pair<const char*, const Tensor*>> elementwise_parameters(const Node& node) {
  // Only pointers are made: nothing is changed through them.
  const auto parameters = elementwise_parameters(const_cast<Node&>(node));
  return {parameters.begin(), parameters.end()};
}

std::optional<FiringRule> firing_rule(const Node& node) {
  if (const auto* p = node.as<LifParams>()) return FiringRule{p->spike_at_threshold, p->soft_reset};
  if (const auto* p = node.as<IfParams>()) return FiringRule{p->spike_at_threshold, p->soft_reset};
  if (const auto* p = node.as<CubaLifParams>()) return FiringRule{p->spike_at_threshold, p->soft_reset};
  return std::nullopt;
}

void set_firing_rule(Node& node, const FiringRule& rule) {
  const auto set = [&](auto* params) {
    if (params == nullptr) return;
    params->spike_at_threshold = rule.spike_at_threshold;
    params->soft_reset = rule.soft_reset;
  };
  set(node.as<LifParams>());
  set(node.as<IfParams>());
  set(node.as<CubaLifParams>());
}

float broadcast_value(const Tensor& parameter, const Shape& shape, std::int64_t i) {
  const auto count = static_cast<std::int64_t>(parameter.data.size());
  const std::int64_t per_value = shape_size(shape) / count;  // 1, H*W or all neurons
  return parameter.data[static_cast<std::size_t>(i / per_value)];
}

const QuantisedWeight* quantised_of(const Node& node) {
  if (const auto* p = node.as<Conv2dParams>()) return p->quantised ? &*p->quantised : nullptr;
  if (const auto* p = node.as<LinearParams>()) return p->quantised ? &*p->quantised : nullptr;
  return nullptr;
}

const Tensor* weight_of(const Node& node) {
  if (const auto* p = node.as<Conv2dParams>()) return &p->weight;
  if (const auto* p = node.as<LinearParams>()) return &p->weight;
  return nullptr;
}

const Tensor* bias_of(const Node& node) {
  if (const auto* p = node.as<Conv2dParams>()) return &p->bias;
  if (const auto* p = node.as<LinearParams>()) return &p->bias;
  return nullptr;
}

std::vector<int> partial_topological_order(const Network& network) {
  const std::size_t count = network.nodes.size();
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<int>> targets(count);
  for (const Edge& edge : network.edges) {
    if (edge.backward) continue;
    ++waiting[static_cast<std::size_t>(edge.to)];
    targets[static_cast<std::size_t>(edge.from)].push_back(edge.to);
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    order.push_back(node);
    for (const int target : targets[static_cast<std::size_t>(node)]) {
      if (--waiting[static_cast<std::size_t>(target)] == 0) ready.push(target);
    }
  }
  return order;
}

std::vector<int> topological_order(const Network& network) {
  std::vector<int> order = partial_topological_order(network);
  if (order.size() != network.nodes.size()) {
    throw InputError("network", "edges", "a cycle of forward edges", "cycles closed by backward edges");
  }
  return order;
}

void mark_backward_edges(Network& network) {
  const std::size_t count = network.nodes.size();
  // Targets in index order; the edges themselves keep their order.
  std::vector<std::vector<std::size_t>> out(count);
  for (std::size_t e = 0; e < network.edges.size(); ++e) {
    network.edges[e].backward = false;
    out[static_cast<std::size_t>(network.edges[e].from)].push_back(e);
  }
  for (auto& list : out) {
    std::stable_sort(list.begin(), list.end(),
                     [&](std::size_t a, std::size_t b) { return network.edges[a].to < network.edges[b].to; });
  }

  enum class Mark { unseen, on_path, done };
  std::vector<Mark> mark(count, Mark::unseen);
  std::vector<std::pair<std::size_t, std::size_t>> path;  // node, position in its list
  const auto visit = [&](std::size_t start) {
    if (mark[start] != Mark::unseen) return;
    mark[start] = Mark::on_path;
    path.assign(1, {start, 0});
    while (!path.empty()) {
      const std::size_t node = path.back().first;
      if (path.back().second == out[node].size()) {
        mark[node] = Mark::done;
        path.pop_back();
        continue;
      }
      Edge& edge = network.edges[out[node][path.back().second++]];
      const auto target = static_cast<std::size_t>(edge.to);
      if (mark[target] == Mark::on_path) {
        edge.backward = true;
      } else if (mark[target] == Mark::unseen) {
        mark[target] = Mark::on_path;
        path.emplace_back(target, 0);
      }
    }
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (network.nodes[i].as<InputParams>()) visit(i);
  }
  for (std::size_t i = 0; i < count; ++i) visit(i);
}

namespace {

/// Feeds values into SHA-256 with tags and lengths, so that no two networks give the same bytes.
class Hasher {
 public:
  void text(const std::string& s) {
    number(static_cast<std::int64_t>(s.size()));
    sha_.update(s);
  }
  void number(std::int64_t n) { sha_.update(&n, sizeof n); }
  void real(double x) { sha_.update(&x, sizeof x); }
  template <std::size_t N>
  void numbers(const std::array<std::int64_t, N>& list) {
    for (const std::int64_t n : list) number(n);
  }
  template <class T>
  void values(const std::vector<T>& list) {
    static_assert(std::is_arithmetic_v<T>);
    number(static_cast<std::int64_t>(list.size()));
    sha_.update(list.data(), list.size() * sizeof(T));
  }
  void tensor(const Tensor& t) {
    values(t.shape);
    values(t.data);
  }
  void broadcast(const Tensor& t, const Shape& shape) {
    values(shape);
    std::vector<float> full(static_cast<std::size_t>(shape_size(shape)));
    for (std::size_t i = 0; i < full.size(); ++i) {
      full[i] = broadcast_value(t, shape, static_cast<std::int64_t>(i));
    }
    values(full);
  }
  std::string digest() { return sha_.hex_digest(); }

 private:
  Sha256 sha_;
};

/// One value, one per channel and one per neuron are the same network: parameters count in full.
void hash_node(Hasher& hash, const Node& node, const Shape& shape) {
  hash.text(node.name);
  hash.text(node.type());
  if (node.as<InputParams>() || node.as<OutputParams>()) hash.values(shape);
  if (const auto* p = node.as<Conv2dParams>()) {
    hash.numbers(p->stride);
    hash.numbers(p->padding);
    hash.numbers(p->dilation);
    hash.number(p->groups);
  }
  if (const auto* p = node.as<Pool2dParams>()) {
    hash.numbers(p->kernel);
    hash.numbers(p->stride);
    hash.numbers(p->padding);
  }
  if (const auto* p = node.as<FlattenParams>()) {
    hash.number(p->start_dim);
    hash.number(p->end_dim);
  }
  if (const auto rule = firing_rule(node)) {
    hash.number(rule->spike_at_threshold ? 1 : 0);
    if (rule->soft_reset) hash.text("soft_reset");  // hard resets keep the hash that they always had
  }
  for (const auto& [name, parameter] : elementwise_parameters(node)) {
    hash.text(name);
    hash.broadcast(*parameter, shape);
  }
  if (const Tensor* weight = weight_of(node)) {
    hash.tensor(*weight);
    hash.values(bias_of(node)->data);
  }
  if (const QuantisedWeight* q = quantised_of(node)) {
    hash.number(q->bits);
    hash.values(q->scale);
    hash.values(q->value);
  }
}

}  // namespace

std::string network_hash(const Network& network) {
  const std::vector<Shape> shapes = infer_shapes(network, "network");
  Hasher hash;
  hash.text("spikeloop.network.1");
  hash.real(network.dt_s);
  hash.real(static_cast<double>(network.input_scale));
  hash.number(network.input_bits);

  // By name: the order in which a file lists nodes and edges is not part of the network.
  std::vector<std::size_t> order(network.nodes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto& nodes = network.nodes;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return nodes[a].name < nodes[b].name; });
  hash.number(static_cast<std::int64_t>(order.size()));
  for (const std::size_t i : order) hash_node(hash, nodes[i], shapes[i]);

  std::vector<std::tuple<std::string, std::string, bool>> edges;
  for (const Edge& edge : network.edges) {
    edges.emplace_back(nodes[static_cast<std::size_t>(edge.from)].name,
                       nodes[static_cast<std::size_t>(edge.to)].name, edge.backward);
  }
  std::sort(edges.begin(), edges.end());
  hash.number(static_cast<std::int64_t>(edges.size()));
  for (const auto& [from, to, backward] : edges) {
    hash.text(from);
    hash.text(to);
    hash.number(backward ? 1 : 0);
  }
  return hash.digest();
}

WeightMemory weight_memory(const Network& network) {
  WeightMemory memory;
  for (const Node& node : network.nodes) {
    const Tensor* weight = weight_of(node);
    if (weight == nullptr) continue;
    const QuantisedWeight* q = quantised_of(node);
    memory.weights += weight->size();
    memory.bits += weight->size() * (q != nullptr ? q->bits : 32);
  }
  return memory;
}

}  // namespace spikeloop::traces
