#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>

#include "traces/network.h"
#include "traces/network_shapes.h"
#include "traces/support/error.h"

namespace spikeloop::traces {

namespace {

/// A feature map beyond this is a mistake in a file, not a network; keeps products away from overflow.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 32;

[[noreturn]] void fail(const std::string& file, const Node& node, const std::string& found,
                       const std::string& expected) {
  throw InputError(file, node_place(node.name) + " (" + node.type() + ")", found, expected);
}

/// Dimensions positive and the product small enough.
bool sane(const Shape& shape) {
  std::int64_t size = 1;
  for (const std::int64_t n : shape) {
    if (n < 1 || n > kMaxElements / size) return false;
    size *= n;
  }
  return true;
}

void check_tensor(const std::string& file, const Node& node, const char* name, const Tensor& t) {
  const bool fits = sane(t.shape) && static_cast<std::size_t>(t.size()) == t.data.size();
  if (!fits) {
    fail(file, node, std::to_string(t.data.size()) + " values in " + name, "shape " + shape_text(t.shape));
  }
}

std::string pair_text(const std::array<std::int64_t, 2>& pair) { return shape_text({pair[0], pair[1]}); }

void check_pair(const std::string& file, const Node& node, const char* name,
                const std::array<std::int64_t, 2>& pair, std::int64_t least) {
  constexpr std::int64_t kMost = 1 << 20;
  if (std::min(pair[0], pair[1]) < least || std::max(pair[0], pair[1]) > kMost) {
    fail(file, node, std::string(name) + " " + pair_text(pair),
         "(y, x) from " + std::to_string(least) + " to " + std::to_string(kMost));
  }
}

std::int64_t window_positions(std::int64_t size, std::int64_t window, std::int64_t stride,
                              std::int64_t padding) {
  const std::int64_t room = size + 2 * padding - window;
  return room < 0 ? 0 : room / stride + 1;
}

void need_map(const std::string& file, const Node& node, const Shape& in) {
  if (in.size() != 3) fail(file, node, "input shape " + shape_text(in), "a feature map [C, H, W]");
}

Shape conv_shape(const std::string& file, const Node& node, const Conv2dParams& p, const Shape& in) {
  need_map(file, node, in);
  if (p.input_shape[0] != 0 && (p.input_shape[0] != in[1] || p.input_shape[1] != in[2])) {
    fail(file, node, "input_shape " + pair_text(p.input_shape), "(H, W) of its input " + shape_text(in));
  }
  if (in[0] != p.weight.shape[1] * p.groups) {
    fail(file, node, "input shape " + shape_text(in),
         std::to_string(p.weight.shape[1] * p.groups) + " channels, as weight " + shape_text(p.weight.shape) +
             " with groups " + std::to_string(p.groups) + " says");
  }
  Shape out{p.weight.shape[0], 0, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t window = p.dilation[i] * (p.weight.shape[2 + i] - 1) + 1;
    out[1 + i] = window_positions(in[1 + i], window, p.stride[i], p.padding[i]);
  }
  if (!sane(out)) fail(file, node, "output shape " + shape_text(out), "an input that the kernel fits in");
  return out;
}

Shape pool_shape(const std::string& file, const Node& node, const Pool2dParams& p, const Shape& in) {
  need_map(file, node, in);
  Shape out{in[0], 0, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    out[1 + i] = window_positions(in[1 + i], p.kernel[i], p.stride[i], p.padding[i]);
  }
  if (!sane(out)) fail(file, node, "output shape " + shape_text(out), "an input that the kernel fits in");
  return out;
}

Shape linear_shape(const std::string& file, const Node& node, const LinearParams& p, const Shape& in) {
  if (in.size() != 1) {
    fail(file, node, "input shape " + shape_text(in), "a vector [N] (a feature map needs a Flatten before)");
  }
  if (in[0] != p.weight.shape[1]) {
    fail(file, node, "input shape " + shape_text(in),
         "[" + std::to_string(p.weight.shape[1]) + "], as weight " + shape_text(p.weight.shape) + " says");
  }
  return {p.weight.shape[0]};
}

Shape flatten_shape(const std::string& file, const Node& node, const FlattenParams& p, const Shape& in) {
  const auto rank = static_cast<std::int64_t>(in.size());
  const std::int64_t first = p.start_dim < 0 ? p.start_dim + rank : p.start_dim;
  const std::int64_t last = p.end_dim < 0 ? p.end_dim + rank : p.end_dim;
  // Dimensions of size 1 in front change nothing; otherwise all of them have to go.
  const bool whole = first >= 0 && first < rank && last == rank - 1 &&
                     std::all_of(in.begin(), in.begin() + first, [](std::int64_t n) { return n == 1; });
  if (!whole) {
    fail(file, node,
         "start_dim " + std::to_string(p.start_dim) + ", end_dim " + std::to_string(p.end_dim) + " of " +
             shape_text(in),
         "0 and -1: flattening to a vector (dimensions count without batch)");
  }
  return {shape_size(in)};
}

/// Output shape of a node with the given input shape. Sizes of its own tensors are checked before.
Shape output_shape(const std::string& file, const Node& node, const Shape& in) {
  if (const auto* p = node.as<Conv2dParams>()) return conv_shape(file, node, *p, in);
  if (const auto* p = node.as<LinearParams>()) return linear_shape(file, node, *p, in);
  if (const auto* p = node.as<Pool2dParams>()) return pool_shape(file, node, *p, in);
  if (const auto* p = node.as<FlattenParams>()) return flatten_shape(file, node, *p, in);
  if (const auto* p = node.as<OutputParams>()) {
    if (!p->shape.empty() && p->shape != in) {
      fail(file, node, "shape " + shape_text(p->shape), shape_text(in) + ", the shape of its input");
    }
    return in;
  }
  const std::int64_t neurons = shape_size(in);
  for (const auto& [name, parameter] : elementwise_parameters(node)) {
    const auto count = static_cast<std::int64_t>(parameter->data.size());
    if (count == 1 || count == neurons || (in.size() == 3 && count == in[0])) continue;
    std::string expected = "1 or " + std::to_string(neurons);
    if (in.size() == 3) expected = "1, " + std::to_string(in[0]) + " or " + std::to_string(neurons);
    fail(file, node, std::string(name) + " of " + std::to_string(count) + " values",
         expected + " for shape " + shape_text(in));
  }
  return in;
}

/// What can be said about a node alone.
void check_parameters(const std::string& file, const Node& node) {
  if (const auto* p = node.as<InputParams>()) {
    if ((p->shape.size() != 1 && p->shape.size() != 3) || !sane(p->shape)) {
      fail(file, node, "shape " + shape_text(p->shape), "[C, H, W] or [N], each at least 1");
    }
  }
  if (const auto* p = node.as<Conv2dParams>()) {
    check_pair(file, node, "stride", p->stride, 1);
    check_pair(file, node, "padding", p->padding, 0);
    check_pair(file, node, "dilation", p->dilation, 1);
    check_pair(file, node, "input_shape", p->input_shape, 0);
    if (p->weight.shape.size() != 4) {
      fail(file, node, "weight " + shape_text(p->weight.shape), "[Co, Ci, Ky, Kx]");
    }
    if (p->groups < 1 || p->weight.shape[0] % p->groups != 0) {
      fail(file, node, "groups " + std::to_string(p->groups),
           "a divisor of the output channels of weight " + shape_text(p->weight.shape));
    }
  }
  if (const auto* p = node.as<LinearParams>()) {
    if (p->weight.shape.size() != 2) fail(file, node, "weight " + shape_text(p->weight.shape), "[out, in]");
  }
  if (const auto* p = node.as<Pool2dParams>()) {
    check_pair(file, node, "kernel_size", p->kernel, 1);
    check_pair(file, node, "stride", p->stride, 1);
    check_pair(file, node, "padding", p->padding, 0);
    if (2 * p->padding[0] > p->kernel[0] || 2 * p->padding[1] > p->kernel[1]) {
      fail(file, node, "padding " + pair_text(p->padding),
           "at most half of kernel_size " + pair_text(p->kernel));
    }
  }
  if (const Tensor* weight = weight_of(node)) {
    check_tensor(file, node, "weight", *weight);
    const Tensor& bias = *bias_of(node);
    if (!bias.data.empty()) {
      check_tensor(file, node, "bias", bias);
      if (bias.size() != weight->shape[0]) {
        fail(file, node, "bias of " + std::to_string(bias.size()) + " values",
             std::to_string(weight->shape[0]) + ", one per output of weight " + shape_text(weight->shape));
      }
    }
  }
  for (const auto& [name, parameter] : elementwise_parameters(node))
    check_tensor(file, node, name, *parameter);
}

void check_edges(const Network& network, const std::string& file) {
  const auto count = static_cast<int>(network.nodes.size());
  for (std::size_t e = 0; e < network.edges.size(); ++e) {
    const Edge& edge = network.edges[e];
    if (edge.from < 0 || edge.from >= count || edge.to < 0 || edge.to >= count) {
      throw InputError(file, "edge " + std::to_string(e),
                       "nodes " + std::to_string(edge.from) + " -> " + std::to_string(edge.to),
                       "indices of the " + std::to_string(count) + " nodes");
    }
  }
}

void check_cycles(const Network& network, const std::string& file) {
  const std::vector<int> order = partial_topological_order(network);
  const std::set<int> sorted(order.begin(), order.end());
  if (sorted.size() == network.nodes.size()) return;
  // Going backwards inside the rest must come to a node again: the cycle.
  int node = 0;
  while (sorted.count(node) != 0) ++node;
  std::vector<int> walk;
  while (std::find(walk.begin(), walk.end(), node) == walk.end()) {
    walk.push_back(node);
    const auto in = std::find_if(network.edges.begin(), network.edges.end(), [&](const Edge& e) {
      return e.to == node && !e.backward && sorted.count(e.from) == 0;
    });
    node = in->from;
  }
  std::string names = network.nodes[static_cast<std::size_t>(node)].name;
  const auto start = std::find(walk.begin(), walk.end(), node);
  for (auto at = walk.end(); at != start;)
    names += " -> " + network.nodes[static_cast<std::size_t>(*--at)].name;
  throw InputError(file, "edges", "the cycle " + names + " of forward edges",
                   "cycles closed by a backward edge");
}

void check_names(const Network& network, const std::string& file) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    const Node& node = network.nodes[i];
    if (node.name.empty()) throw InputError(file, "node " + std::to_string(i), "no name", "a name");
    if (!names.insert(node.name).second) {
      throw InputError(file, node_place(node.name), "two nodes of this name", "names that differ");
    }
  }
}

void check_ends(const Network& network, const std::string& file) {
  std::string inputs;
  int num_inputs = 0;
  int num_outputs = 0;
  for (const Node& node : network.nodes) {
    if (node.as<InputParams>()) inputs += (num_inputs++ == 0 ? "" : ", ") + node.name;
    if (node.as<OutputParams>()) ++num_outputs;
  }
  if (num_inputs != 1) {
    throw InputError(file, "nodes",
                     num_inputs == 0 ? "no Input" : std::to_string(num_inputs) + " Inputs: " + inputs,
                     "one Input");
  }
  if (num_outputs == 0) throw InputError(file, "nodes", "no Output", "at least one Output");
  for (const Edge& edge : network.edges) {
    const Node& from = network.nodes[static_cast<std::size_t>(edge.from)];
    const Node& to = network.nodes[static_cast<std::size_t>(edge.to)];
    if (to.as<InputParams>())
      fail(file, to, "an edge into it from '" + from.name + "'", "edges out of it only");
    if (from.as<OutputParams>())
      fail(file, from, "an edge out of it to '" + to.name + "'", "edges into it only");
  }
}

void check_reached(const Network& network, const std::string& file) {
  std::vector<bool> reached(network.nodes.size(), false);
  std::vector<int> waiting;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    if (network.nodes[i].as<InputParams>()) waiting.push_back(static_cast<int>(i));
  }
  while (!waiting.empty()) {
    const int node = waiting.back();
    waiting.pop_back();
    if (reached[static_cast<std::size_t>(node)]) continue;
    reached[static_cast<std::size_t>(node)] = true;
    for (const int target : network.outputs_of(node)) waiting.push_back(target);
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    if (!reached[i]) fail(file, network.nodes[i], "no path from the Input to it", "a connected network");
  }
}

void check_finite(const std::string& file, const Node& node, const char* name, const Tensor& t) {
  for (std::size_t i = 0; i < t.data.size(); ++i) {
    if (std::isfinite(t.data[i])) continue;
    const char* what = "inf";
    if (std::isnan(t.data[i])) what = "NaN";
    fail(file, node, std::string(what) + " in " + name + " at element " + std::to_string(i),
         "finite numbers");
  }
}

void check_quantised(const std::string& file, const Node& node, const QuantisedWeight& q,
                     const Tensor& weight) {
  if (q.bits < 2 || q.bits > 8) fail(file, node, std::to_string(q.bits) + " weight bits", "2 to 8");
  if (q.value.size() != weight.data.size()) {
    fail(file, node, std::to_string(q.value.size()) + " quantised weights",
         std::to_string(weight.data.size()) + ", as many as weights");
  }
  if (q.scale.size() != 1 && q.scale.size() != static_cast<std::size_t>(weight.shape[0])) {
    fail(file, node, std::to_string(q.scale.size()) + " quantisation scales",
         "1 or " + std::to_string(weight.shape[0]) + " (one per output channel)");
  }
  if (!std::all_of(q.scale.begin(), q.scale.end(), [](float s) { return std::isfinite(s) && s > 0; })) {
    fail(file, node, "a quantisation scale that is not positive", "finite scales above 0");
  }
  const int most = (1 << (q.bits - 1)) - 1;
  for (std::size_t i = 0; i < q.value.size(); ++i) {
    const int v = q.value[i];
    if (v < -most || v > most) {
      fail(file, node, "quantised weight " + std::to_string(v) + " at element " + std::to_string(i),
           "-" + std::to_string(most) + " to " + std::to_string(most) + " with " + std::to_string(q.bits) +
               " bits");
    }
  }
}

void check_values(const std::string& file, const Node& node) {
  for (const auto& [name, parameter] : elementwise_parameters(node))
    check_finite(file, node, name, *parameter);
  const auto check_tau = [&](const char* name, const Tensor& tau) {
    if (!std::all_of(tau.data.begin(), tau.data.end(), [](float t) { return t > 0; }))
      fail(file, node, std::string("a ") + name + " that is not positive",
           "time constants in seconds above 0");
  };
  if (const auto* p = node.as<LifParams>()) check_tau("tau", p->tau);
  if (const auto* p = node.as<CubaLifParams>()) {
    check_tau("tau_syn", p->tau_syn);
    check_tau("tau_mem", p->tau_mem);
  }
  if (const Tensor* weight = weight_of(node)) {
    check_finite(file, node, "weight", *weight);
    check_finite(file, node, "bias", *bias_of(node));
    if (const QuantisedWeight* q = quantised_of(node)) check_quantised(file, node, *q, *weight);
  }
}

void check_numbers(const Network& network, const std::string& file) {
  if (!std::isfinite(network.dt_s) || network.dt_s <= 0) {
    throw InputError(file, "dt", std::to_string(network.dt_s), "a timestep in seconds above 0");
  }
  if (network.timesteps < 0) {
    throw InputError(file, "timesteps", std::to_string(network.timesteps), "0 (unknown) or more");
  }
  if (!std::isfinite(network.input_scale) || network.input_scale < 0) {
    throw InputError(file, "input_scale", std::to_string(network.input_scale), "0 (not quantised) or more");
  }
  if (network.input_bits < 0 || network.input_bits > 8) {
    throw InputError(file, "input_bits", std::to_string(network.input_bits), "0 (not quantised) to 8");
  }
  if ((network.input_bits > 0) != (network.input_scale > 0)) {
    throw InputError(
        file, "input_scale",
        std::to_string(network.input_scale) + " beside input_bits " + std::to_string(network.input_bits),
        "both above 0, or both 0 (input not quantised)");
  }
}

}  // namespace

std::vector<std::vector<std::int64_t>> infer_shapes(const Network& network, const std::string& file) {
  check_edges(network, file);
  check_cycles(network, file);
  for (const Node& node : network.nodes) check_parameters(file, node);

  const std::size_t count = network.nodes.size();
  std::vector<Shape> shapes(count);  // empty: not known yet
  std::vector<Shape> inputs(count);
  std::vector<std::vector<Edge>> into(count);
  for (const Edge& edge : network.edges) into[static_cast<std::size_t>(edge.to)].push_back(edge);
  const std::vector<int> order = partial_topological_order(network);

  // Forward edges first; what only a backward edge reaches is filled in from there, then forward again.
  const auto spread = [&](bool backward) {
    bool changed = false;
    for (const int index : order) {
      const auto node = static_cast<std::size_t>(index);
      if (!shapes[node].empty()) continue;
      if (const auto* p = network.nodes[node].as<InputParams>()) {
        shapes[node] = p->shape;
        changed = true;
        continue;
      }
      const auto known = std::find_if(into[node].begin(), into[node].end(), [&](const Edge& e) {
        return e.backward == backward && !shapes[static_cast<std::size_t>(e.from)].empty();
      });
      if (known == into[node].end()) continue;
      inputs[node] = shapes[static_cast<std::size_t>(known->from)];
      shapes[node] = output_shape(file, network.nodes[node], inputs[node]);
      changed = true;
      if (backward) break;
    }
    return changed;
  };
  while (spread(false) || spread(true)) {
  }

  for (std::size_t node = 0; node < count; ++node) {
    if (shapes[node].empty())
      fail(file, network.nodes[node], "no path from the Input to it", "a connected network");
    for (const Edge& edge : into[node]) {
      const auto from = static_cast<std::size_t>(edge.from);
      if (network.nodes[node].as<InputParams>() || shapes[from] == inputs[node]) continue;
      fail(file, network.nodes[node],
           "shape " + shape_text(shapes[from]) + " from '" + network.nodes[from].name + "'",
           shape_text(inputs[node]) + " as from its other inputs");
    }
  }
  return shapes;
}

void require_timesteps(const Network& network, const std::string& file) {
  if (network.timesteps >= 1) return;
  throw InputError(file, "timesteps", "none, as in files that others wrote",
                   "at least 1: spikeloop import --timesteps T --out FILE adds them");
}

void validate(const Network& network, const std::string& file) {
  check_names(network, file);
  check_edges(network, file);
  check_ends(network, file);
  check_reached(network, file);
  infer_shapes(network, file);
  for (const Node& node : network.nodes) check_values(file, node);
  check_numbers(network, file);
}

}  // namespace spikeloop::traces
