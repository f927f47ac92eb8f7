#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "traces/network_shapes.h"
#include "traces/nir.h"
#include "traces/nir_metadata.h"
#include "traces/support/error.h"
#include "traces/support/hdf5_io.h"
#include "traces/support/trial_read.h"

namespace spikeloop::traces {

namespace {

using Pair = std::array<std::int64_t, 2>;

constexpr const char* kKind = "a NIR file (HDF5)";
constexpr int kMaxNesting = 32;
const char* const kSupported =
    "one of Input, Output, Conv2d, Linear, Affine, LIF, IF, CubaLIF, AvgPool2d, SumPool2d, Flatten, Scale, "
    "Threshold, NIRGraph";

// --- parameters of one node
// ------------------------------------------------------------------------------------

Tensor read_tensor(hid_t group, const char* name, const h5::Where& where) {
  Tensor t;
  t.data = h5::read_floats(group, name, where, t.shape);
  for (std::size_t i = 0; i < t.data.size(); ++i) {
    if (std::isfinite(t.data[i])) continue;
    h5::fail(where.in(name),
             std::string(std::isnan(t.data[i]) ? "NaN" : "inf") + " at element " + std::to_string(i),
             "finite numbers (in float32)");
  }
  return t;
}

std::vector<std::int64_t> read_shape(hid_t group, const h5::Where& where) {
  std::vector<std::int64_t> dimensions;
  std::vector<std::int64_t> shape = h5::read_integers(group, "shape", where, dimensions);
  if (dimensions.size() > 1)
    h5::fail(where.in("shape"), "shape " + shape_text(dimensions), "a list of sizes");
  return shape;
}

/// One number stands for both directions.
Pair read_pair(hid_t group, const char* name, const h5::Where& where) {
  std::vector<std::int64_t> shape;
  const std::vector<std::int64_t> values = h5::read_integers(group, name, where, shape);
  if (values.size() == 1) return {values[0], values[0]};
  if (values.size() == 2) return {values[0], values[1]};
  h5::fail(where.in(name), std::to_string(values.size()) + " integers", "1, or 2 (y, x)");
}

/// "same" keeps the size at stride 1; it is symmetric only when dilation * (kernel - 1) is even.
Pair resolve_padding(const std::string& word, const Conv2dParams& p, const h5::Where& where) {
  if (word == "valid") return {0, 0};
  if (word != "same") h5::fail(where, "\"" + word + "\"", "\"same\", \"valid\" or numbers");
  Pair padding{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t total = p.dilation[i] * (p.weight.shape[2 + i] - 1);
    if (p.stride[i] != 1 || total % 2 != 0) {
      h5::fail(where,
               "\"same\" with stride " + std::to_string(p.stride[i]) + " and kernel " +
                   std::to_string(p.weight.shape[2 + i]),
               "stride 1 and a kernel that pads both sides alike, or padding as numbers");
    }
    padding[i] = total / 2;
  }
  return padding;
}

Conv2dParams read_conv2d(hid_t group, const h5::Where& where) {
  Conv2dParams p;
  p.weight = read_tensor(group, "weight", where);
  if (p.weight.shape.size() != 4) {
    h5::fail(where.in("weight"), "shape " + shape_text(p.weight.shape), "[Co, Ci, Ky, Kx]");
  }
  p.bias = read_tensor(group, "bias", where);
  p.stride = read_pair(group, "stride", where);
  p.dilation = read_pair(group, "dilation", where);
  p.groups = h5::read_integer(group, "groups", where);
  if (h5::is_string(group, "padding")) {
    p.padding = resolve_padding(h5::read_string(group, "padding", where), p, where.in("padding"));
  } else {
    p.padding = read_pair(group, "padding", where);
  }
  if (h5::has(group, "input_shape")) p.input_shape = read_pair(group, "input_shape", where);
  return p;
}

LinearParams read_linear(hid_t group, bool affine, const h5::Where& where) {
  LinearParams p;
  p.weight = read_tensor(group, "weight", where);
  if (affine) p.bias = read_tensor(group, "bias", where);
  return p;
}

Pool2dParams read_pool(hid_t group, bool average, const h5::Where& where) {
  Pool2dParams p;
  p.average = average;
  p.kernel = read_pair(group, "kernel_size", where);
  p.stride = read_pair(group, "stride", where);
  p.padding = read_pair(group, "padding", where);
  return p;
}

/// What may be absent, with what its absence means.
Tensor read_optional(hid_t group, const char* name, float absent, const h5::Where& where) {
  return h5::has(group, name) ? read_tensor(group, name, where) : Tensor{{1}, {absent}};
}

/// Types of NIR that are refused, and what can be done.
const char* reason_against(const std::string& type) {
  static const std::map<std::string, const char*> reasons{
      {"I", "a neuron with a threshold (IF): an integrator puts out its membrane, the chip's neurons spikes"},
      {"LI",
       "a neuron with a threshold (LIF): a leaky integrator puts out its membrane, the chip's neurons "
       "spikes"},
      {"CubaLI",
       "a neuron with a threshold (CubaLIF): a leaky integrator puts out its membrane, the chip's neurons "
       "spikes"},
      {"Delay", "a network without delays: an edge takes no time, or one timestep where it closes a cycle"},
      {"Conv1d", "a Conv2d with maps of height 1"}};
  const auto found = reasons.find(type);
  return found == reasons.end() ? kSupported : found->second;
}

NodeParams read_params(hid_t group, const std::string& type, const h5::Where& where) {
  if (type == "Input") return InputParams{read_shape(group, where)};
  if (type == "Output") return OutputParams{read_shape(group, where)};
  if (type == "Conv2d") return read_conv2d(group, where);
  if (type == "Linear" || type == "Affine") return read_linear(group, type == "Affine", where);
  if (type == "AvgPool2d" || type == "SumPool2d") return read_pool(group, type == "AvgPool2d", where);
  if (type == "Flatten") {
    return FlattenParams{h5::read_integer(group, "start_dim", where),
                         h5::read_integer(group, "end_dim", where)};
  }
  if (type == "Scale") return ScaleParams{read_tensor(group, "scale", where)};
  if (type == "Threshold") return ThresholdParams{read_tensor(group, "threshold", where)};
  if (type == "LIF") {
    return LifParams{read_tensor(group, "tau", where),          read_tensor(group, "r", where),
                     read_tensor(group, "v_leak", where),       read_tensor(group, "v_threshold", where),
                     read_optional(group, "v_reset", 0, where), false};
  }
  if (type == "CubaLIF") {
    return CubaLifParams{read_tensor(group, "tau_syn", where),
                         read_tensor(group, "tau_mem", where),
                         read_tensor(group, "r", where),
                         read_tensor(group, "v_leak", where),
                         read_optional(group, "w_in", 1, where),
                         read_tensor(group, "v_threshold", where),
                         read_optional(group, "v_reset", 0, where),
                         false};
  }
  if (type == "IF") {
    return IfParams{read_tensor(group, "r", where), read_tensor(group, "v_threshold", where),
                    read_optional(group, "v_reset", 0, where), false};
  }
  h5::fail(where, "type " + type, reason_against(type));
}

// --- our metadata
// ----------------------------------------------------------------------------------------------

/// The float weights must still be the integers times scale: another program may have changed one of the two.
void check_dequantised(const QuantisedWeight& q, const Tensor& weight, const h5::Where& where) {
  if (q.value.size() != weight.data.size() || q.scale.empty()) return;  // validate says it better
  const std::size_t per_scale = std::max<std::size_t>(weight.data.size() / q.scale.size(), 1);
  for (std::size_t i = 0; i < q.value.size(); ++i) {
    const float scale = q.scale[std::min(i / per_scale, q.scale.size() - 1)];
    const float expected = scale * static_cast<float>(q.value[i]);
    if (std::fabs(weight.data[i] - expected) > 0.01F * scale) {
      h5::fail(where,
               "weight " + std::to_string(weight.data[i]) + " at element " + std::to_string(i) +
                   " beside the quantised value " + std::to_string(expected),
               "weights as quantised (remove the metadata, or quantise again)");
    }
  }
}

std::optional<QuantisedWeight> read_quantised(hid_t metadata, const Tensor& weight, const h5::Where& where) {
  if (!h5::has(metadata, meta::kQuantisedBits)) return std::nullopt;
  QuantisedWeight q;
  const std::int64_t bits = h5::read_integer(metadata, meta::kQuantisedBits, where);
  if (bits < 2 || bits > 8) h5::fail(where.in(meta::kQuantisedBits), std::to_string(bits), "2 to 8");
  q.bits = static_cast<int>(bits);
  std::vector<std::int64_t> shape;
  q.scale = h5::read_floats(metadata, meta::kQuantisedScale, where, shape);
  for (const std::int64_t v : h5::read_integers(metadata, meta::kQuantisedValues, where, shape)) {
    if (v < -127 || v > 127) h5::fail(where.in(meta::kQuantisedValues), std::to_string(v), "-127 to 127");
    q.value.push_back(static_cast<std::int8_t>(v));
  }
  check_dequantised(q, weight, where);
  return q;
}

/// The form that an elementwise parameter had before it was written in full.
struct WrittenInFull {
  std::string node, parameter;
  std::vector<std::int64_t> shape;
};

/// Undoes the writing of one value, or one per channel, for every neuron of `out`. Values changed since stay
/// in full.
void compact(Tensor& t, const std::vector<std::int64_t>& shape, const Shape& out) {
  const auto full = static_cast<std::int64_t>(t.data.size());
  std::int64_t count = 1;
  for (const std::int64_t n : shape) {
    if (n < 1 || n > full / count) return;
    count *= n;
  }
  if (count != 1 && count != full && (out.size() != 3 || count != out[0])) return;
  Tensor small{shape, {}};
  for (std::int64_t i = 0; i < count; ++i) {
    small.data.push_back(t.data[static_cast<std::size_t>(i * (full / count))]);
  }
  for (std::int64_t i = 0; i < full; ++i) {
    const float value = small.data[static_cast<std::size_t>(i / (full / count))];
    const float here = t.data[static_cast<std::size_t>(i)];
    if (value != here || std::signbit(value) != std::signbit(here)) return;
  }
  t = std::move(small);
}

void compact_all(Network& network, const std::vector<WrittenInFull>& list, const std::string& file) {
  const std::vector<Shape> shapes = infer_shapes(network, file);
  for (const WrittenInFull& item : list) {
    const int node = network.find(item.node);
    if (node < 0) continue;
    for (const auto& [name, parameter] :
         elementwise_parameters(network.nodes[static_cast<std::size_t>(node)])) {
      if (name == item.parameter) compact(*parameter, item.shape, shapes[static_cast<std::size_t>(node)]);
    }
  }
}

/// Undoes the writing without groups: takes the weights of each output's own group, when the rest is 0.
void restore_groups(Conv2dParams& p, hid_t metadata, const h5::Where& where) {
  const std::int64_t groups = h5::read_integer(metadata, meta::kGroups, where);
  Shape& s = p.weight.shape;
  if (p.groups != 1 || groups < 1 || s[0] % groups != 0 || s[1] % groups != 0) {
    h5::fail(where.in(meta::kGroups), std::to_string(groups) + " beside weight " + shape_text(s),
             "a divisor of both channel numbers, and groups = 1 (or no such metadata)");
  }
  const std::int64_t own = s[1] / groups * s[2] * s[3], outputs_per_group = s[0] / groups;
  std::vector<float> kept;
  for (std::int64_t o = 0; o < s[0]; ++o) {
    for (std::int64_t i = 0; i < own * groups; ++i) {
      const float value = p.weight.data[static_cast<std::size_t>(o * own * groups + i)];
      if (i / own == o / outputs_per_group)
        kept.push_back(value);
      else if (value != 0)
        return;  // changed since: no longer a convolution with groups
    }
  }
  s[1] /= groups;
  p.weight.data = std::move(kept);
  p.groups = groups;
}

void read_node_metadata(hid_t group, Node& node, std::vector<WrittenInFull>& in_full,
                        const h5::Where& where) {
  if (!h5::is_group(group, "metadata")) return;
  const h5::Handle metadata = h5::open_group(group, "metadata", where);
  const h5::Where at = where.in("metadata");
  const auto flag = [&](const char* name) {
    return h5::has(metadata.get(), name) && h5::read_integer(metadata.get(), name, at) != 0;
  };
  set_firing_rule(node, {flag(meta::kSpikeAtThreshold), flag(meta::kSoftReset)});
  for (const auto& entry : elementwise_parameters(node)) {
    const std::string key = std::string(entry.first) + meta::kShapeSuffix;
    std::vector<std::int64_t> dimensions;
    if (!h5::has(metadata.get(), key)) continue;
    in_full.push_back({node.name, entry.first, h5::read_integers(metadata.get(), key, at, dimensions)});
  }
  if (auto* p = node.as<Conv2dParams>()) {
    if (h5::has(metadata.get(), meta::kGroups)) restore_groups(*p, metadata.get(), at);
    p->quantised = read_quantised(metadata.get(), p->weight, at);
    const auto& bias = p->bias.data;
    const bool zeros = std::all_of(bias.begin(), bias.end(), [](float b) { return b == 0; });
    if (zeros && flag(meta::kNoBias)) p->bias = {};
    if (flag(meta::kNoInputShape)) p->input_shape = {0, 0};
  }
  if (auto* p = node.as<LinearParams>()) p->quantised = read_quantised(metadata.get(), p->weight, at);
}

// --- the graph
// -------------------------------------------------------------------------------------------------

struct FlatEdge {
  std::string from, to;
};

/// A graph with its nested graphs' nodes in it; the nested Inputs and Outputs are still there.
struct FlatGraph {
  std::map<std::string, Node> nodes;
  std::vector<FlatEdge> edges;
  std::set<std::string> ports;  ///< nested Inputs and Outputs
  std::vector<WrittenInFull> in_full;
};

/// The names of the single Input and Output of a nested graph, which stand for it in edges.
struct Ports {
  std::vector<std::string> inputs, outputs;
};

std::vector<std::pair<std::string, std::string>> read_edges(hid_t graph, const h5::Where& where) {
  std::vector<std::int64_t> shape;
  const std::vector<std::string> names = h5::read_strings(graph, "edges", where, shape);
  if (!names.empty() && (shape.size() != 2 || shape[1] != 2)) {
    h5::fail(where.in("edges"), "shape " + shape_text(shape), "[E, 2]: source and target names");
  }
  std::vector<std::pair<std::string, std::string>> edges;
  for (std::size_t i = 0; i + 1 < names.size(); i += 2) edges.emplace_back(names[i], names[i + 1]);
  return edges;
}

class GraphReader {
 public:
  GraphReader(std::string file, bool ours, NirFindings* findings)
      : file_(std::move(file)), ours_(ours), findings_(findings) {}

  FlatGraph read(hid_t root) {
    read_graph(root, "", 0);
    return std::move(flat_);
  }

 private:
  Ports read_graph(hid_t graph, const std::string& prefix, int depth) {
    const h5::Where where{file_, depth == 0 ? "/node" : node_place(prefix.substr(0, prefix.size() - 1))};
    if (depth > kMaxNesting)
      h5::fail(where, "graphs nested deeper", std::to_string(kMaxNesting) + " levels at most");
    const h5::Handle nodes = h5::open_group(graph, "nodes", where);
    Ports own;
    std::map<std::string, Ports> nested;  // by full name
    for (const std::string& child : h5::child_names(nodes.get(), where)) {
      const std::string name = prefix + child;
      const h5::Where at{file_, node_place(name)};
      const h5::Handle group = h5::open_group(nodes.get(), child, at);
      const std::string type = h5::read_string(group.get(), "type", at);
      if (type == "NIRGraph") {
        note(name, "nested graph: its nodes are named " + name + ".<node>");
        nested[name] = read_graph(group.get(), name + ".", depth + 1);
        continue;
      }
      Node node{name, read_params(group.get(), type, at)};
      note_parameters(group.get(), node);
      if (ours_) read_node_metadata(group.get(), node, flat_.in_full, at);
      if (type == "Input") own.inputs.push_back(name);
      if (type == "Output") own.outputs.push_back(name);
      if (depth > 0 && (type == "Input" || type == "Output")) flat_.ports.insert(name);
      if (!flat_.nodes.emplace(name, std::move(node)).second) {
        h5::fail(at, "two nodes of this name once nested graphs are flattened", "names that differ");
      }
    }
    const h5::Where edges_at = where.in("edges");
    auto edges = read_edges(graph, where);
    if (findings_ != nullptr) repair_names(edges, h5::child_names(nodes.get(), where), prefix);
    for (const auto& [from, to] : edges) {
      flat_.edges.push_back(
          {resolve(prefix + from, nested, false, edges_at), resolve(prefix + to, nested, true, edges_at)});
    }
    return own;
  }

  void note(const std::string& node, const std::string& what) {
    if (findings_ != nullptr && !ours_) findings_->notes.push_back({node, what});
  }

  void note_parameters(hid_t group, Node& node) {
    if (findings_ == nullptr || ours_) return;
    for (const char* optional : {"v_reset", "w_in"}) {
      for (const auto& entry : elementwise_parameters(node)) {
        if (entry.first != std::string(optional) || h5::has(group, optional)) continue;
        note(node.name, std::string("no ") + optional + ": " + (std::string(optional) == "w_in" ? "1" : "0"));
      }
    }
    std::string single;
    for (const auto& [name, parameter] : elementwise_parameters(node)) {
      if (parameter->data.size() == 1 && h5::has(group, name))
        single += (single.empty() ? "" : ", ") + std::string(name);
    }
    if (!single.empty()) note(node.name, "one value each for the whole layer: " + single);
    if (node.as<Conv2dParams>() != nullptr) {
      if (!h5::has(group, "input_shape")) note(node.name, "no input_shape: taken from the edges");
      if (h5::is_string(group, "padding"))
        note(node.name, "padding as a word: taken for " + padding_text(node));
    }
    auto* flatten = node.as<FlattenParams>();
    if (flatten != nullptr && flatten->start_dim == 1) {
      note(node.name, "start_dim 1 counts the batch, as PyTorch does and NIR does not: taken for 0, -1");
      *flatten = {};
    }
  }

  static std::string padding_text(const Node& node) {
    const auto& padding = node.as<Conv2dParams>()->padding;
    return shape_text({padding[0], padding[1]});
  }

  /// A name in edges that no node has means the one node that no edge names.
  void repair_names(std::vector<std::pair<std::string, std::string>>& edges,
                    const std::vector<std::string>& nodes, const std::string& prefix) {
    std::set<std::string> unknown, idle(nodes.begin(), nodes.end());
    for (const auto& [from, to] : edges) {
      for (const std::string* end : {&from, &to}) {
        if (std::find(nodes.begin(), nodes.end(), *end) == nodes.end()) unknown.insert(*end);
        idle.erase(*end);
      }
    }
    if (unknown.size() != 1 || idle.size() != 1) return;
    const std::string& wrong = *unknown.begin();
    const std::string& right = *idle.begin();
    for (auto& [from, to] : edges) {
      if (from == wrong) from = right;
      if (to == wrong) to = right;
    }
    note(prefix + right, "edges name '" + wrong + "', which is not there: taken for '" + right +
                             "', the only node without edges");
  }

  /// The flat node that an edge's end means: a nested graph stands for its Output (source) or Input (target).
  std::string resolve(const std::string& name, const std::map<std::string, Ports>& nested, bool target,
                      const h5::Where& where) const {
    const auto graph = nested.find(name);
    if (graph == nested.end()) {
      if (flat_.nodes.count(name) == 0) h5::fail(where, "an edge with '" + name + "'", "the name of a node");
      return name;
    }
    const std::vector<std::string>& ports = target ? graph->second.inputs : graph->second.outputs;
    if (ports.size() != 1) {
      h5::fail(where,
               "an edge with the graph '" + name + "' of " + std::to_string(ports.size()) +
                   (target ? " Inputs" : " Outputs"),
               "one, or the edge to name which");
    }
    return ports[0];
  }

  std::string file_;
  bool ours_;
  NirFindings* findings_;
  FlatGraph flat_;
};

/// Takes the nested Inputs and Outputs out: whatever came in goes to whatever they went to.
void remove_ports(FlatGraph& graph, const std::string& file) {
  for (const std::string& port : graph.ports) {
    std::vector<std::string> targets;
    for (const FlatEdge& edge : graph.edges) {
      if (edge.from == port) targets.push_back(edge.to);
    }
    if (std::find(targets.begin(), targets.end(), port) != targets.end()) {
      throw InputError(file, node_place(port), "a cycle of Inputs and Outputs only",
                       "a node with parameters in it");
    }
    std::vector<FlatEdge> edges;
    for (const FlatEdge& edge : graph.edges) {
      if (edge.from == port) continue;
      if (edge.to != port) {
        edges.push_back(edge);
        continue;
      }
      for (const std::string& target : targets) edges.push_back({edge.from, target});
    }
    graph.edges = std::move(edges);
    graph.nodes.erase(port);
  }
}

/// "2" before "10": digits compare as numbers, the rest as bytes.
bool natural_less(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
      continue;
    }
    const auto number = [&](const std::string& s, std::size_t& at) {
      while (at < s.size() && s[at] == '0') ++at;
      const std::size_t begin = at;
      while (at < s.size() && digit(s[at])) ++at;
      return s.substr(begin, at - begin);
    };
    const std::string x = number(a, i);
    const std::string y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // "01" and "1"
}

/// Names in file order when we wrote it, otherwise in natural order.
std::vector<std::string> node_order(hid_t metadata, const FlatGraph& graph, const h5::Where& where) {
  std::vector<std::string> order;
  for (const auto& entry : graph.nodes) order.push_back(entry.first);
  std::sort(order.begin(), order.end(), natural_less);
  if (metadata < 0 || !h5::has(metadata, meta::kNodeOrder)) return order;
  std::vector<std::int64_t> shape;
  std::vector<std::string> stored = h5::read_strings(metadata, meta::kNodeOrder, where, shape);
  // Nodes added or removed by another program: the stored order no longer says everything.
  const bool same =
      stored.size() == order.size() && std::is_permutation(stored.begin(), stored.end(), order.begin());
  return same ? stored : order;
}

Network build(const FlatGraph& graph, const std::vector<std::string>& order, const std::string& file) {
  Network network;
  std::map<std::string, int> index;
  for (const std::string& name : order) {
    index[name] = static_cast<int>(network.nodes.size());
    network.nodes.push_back(graph.nodes.at(name));
  }
  for (const FlatEdge& edge : graph.edges) {
    const auto from = index.find(edge.from);
    const auto to = index.find(edge.to);
    if (from == index.end() || to == index.end()) {
      throw InputError(file, "edges", "'" + edge.from + "' -> '" + edge.to + "'", "names of nodes");
    }
    network.edges.push_back({from->second, to->second, false});
  }
  return network;
}

/// Every edge between a listed pair of nodes is backward.
void apply_backward_edges(Network& network, hid_t metadata, const h5::Where& where) {
  const h5::Where at = where.in(meta::kBackwardEdges);
  std::vector<std::int64_t> shape;
  const std::vector<std::string> names = h5::read_strings(metadata, meta::kBackwardEdges, where, shape);
  if (!names.empty() && (shape.size() != 2 || shape[1] != 2))
    h5::fail(at, "shape " + shape_text(shape), "[B, 2]");
  for (std::size_t i = 0; i + 1 < names.size(); i += 2) {
    bool found = false;
    for (Edge& edge : network.edges) {
      if (edge.backward || network.nodes[static_cast<std::size_t>(edge.from)].name != names[i] ||
          network.nodes[static_cast<std::size_t>(edge.to)].name != names[i + 1]) {
        continue;
      }
      edge.backward = found = true;
      break;
    }
    if (!found) h5::fail(at, "'" + names[i] + "' -> '" + names[i + 1] + "'", "an edge of the graph");
  }
}

int small_integer(hid_t metadata, const char* name, std::int64_t most, const h5::Where& where) {
  if (!h5::has(metadata, name)) return 0;
  const std::int64_t value = h5::read_integer(metadata, name, where);
  if (value < 0 || value > most)
    h5::fail(where.in(name), std::to_string(value), "0 to " + std::to_string(most));
  return static_cast<int>(value);
}

void read_graph_metadata(Network& network, hid_t metadata, const h5::Where& where) {
  network.timesteps = small_integer(metadata, meta::kTimesteps, 1 << 20, where);
  network.input_bits = small_integer(metadata, meta::kInputBits, 8, where);
  if (h5::has(metadata, meta::kInputScale)) {
    network.input_scale = static_cast<float>(h5::read_real(metadata, meta::kInputScale, where));
  }
  if (h5::has(metadata, meta::kDataset)) network.dataset = h5::read_string(metadata, meta::kDataset, where);
  if (h5::has(metadata, meta::kGenotype))
    network.genotype = h5::read_string(metadata, meta::kGenotype, where);
}

Network read_in_process(const std::string& path, NirFindings* findings) {
  const h5::Silence silence;
  const h5::Where top{path, "/"};
  const h5::Handle file = h5::open_file(path, kKind);
  const h5::Handle root = h5::open_group(file.get(), "node", top);
  const h5::Where at{path, "/node"};
  const std::string type = h5::read_string(root.get(), "type", at);
  if (type != "NIRGraph") h5::fail(at, "type " + type, "NIRGraph");

  h5::Handle metadata;
  if (h5::is_group(root.get(), "metadata")) metadata = h5::open_group(root.get(), "metadata", at);
  const h5::Where metadata_at = at.in("metadata");
  bool ours = false;
  if (metadata.valid() && h5::has(metadata.get(), meta::kVersionKey)) {
    const std::int64_t version = h5::read_integer(metadata.get(), meta::kVersionKey, metadata_at);
    if (version != meta::kVersion) {
      h5::fail(metadata_at.in(meta::kVersionKey), "version " + std::to_string(version),
               std::to_string(meta::kVersion) + ", the one this program knows");
    }
    ours = true;
  }

  if (findings != nullptr) {
    *findings = {};
    findings->ours = ours;
    findings->gives_dt = metadata.valid() && h5::has(metadata.get(), meta::kDt);
    if (h5::has(file.get(), "version")) findings->version = h5::read_string(file.get(), "version", top);
  }
  FlatGraph graph = GraphReader(path, ours, findings).read(root.get());
  remove_ports(graph, path);
  const hid_t own = ours ? metadata.get() : -1;
  Network network = build(graph, node_order(own, graph, metadata_at), path);
  if (metadata.valid() && h5::has(metadata.get(), meta::kDt)) {
    network.dt_s = h5::read_real(metadata.get(), meta::kDt, metadata_at);
  }
  if (ours) read_graph_metadata(network, own, metadata_at);
  if (ours && h5::has(own, meta::kBackwardEdges)) {
    apply_backward_edges(network, own, metadata_at);
  } else {
    mark_backward_edges(network);
  }
  validate(network, path);
  compact_all(network, graph.in_full, path);
  return network;
}

}  // namespace

Network read_nir(const std::string& path, NirFindings* findings) {
  try_in_child(path, kKind, [&] { read_in_process(path, findings); });
  return read_in_process(path, findings);
}

}  // namespace spikeloop::traces
