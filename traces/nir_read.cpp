#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include "traces/network_shapes.h"
#include "traces/nir.h"
#include "traces/nir_metadata.h"
#include "traces/nir_read_node.h"
#include "traces/support/error.h"
#include "traces/support/hdf5_io.h"
#include "traces/support/trial_read.h"

namespace spikeloop::traces {

namespace {

constexpr const char* kKind = "a NIR file (HDF5)";
constexpr int kMaxNesting = 32;

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
      if (flat_.nodes.count(name) == 0)
        h5::fail(where, "an edge with '" + name + "'",
                 findings_ != nullptr ? "the name of a node"
                                      : "the name of a node (spikeloop import can mend it)");
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
  if (h5::has(metadata, meta::kInputCode))
    network.input_code = h5::read_string(metadata, meta::kInputCode, where);
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
