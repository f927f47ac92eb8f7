#include <algorithm>
#include <cstdio>
#include <map>

#include "traces/network_shapes.h"
#include "traces/nir_import.h"

namespace spikeloop::traces {

namespace {

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string pair_text(const std::array<std::int64_t, 2>& pair) {
  return pair[0] == pair[1] ? std::to_string(pair[0])
                            : std::to_string(pair[0]) + " x " + std::to_string(pair[1]);
}

/// "0.1", or "0.1 to 0.4" where neurons differ.
std::string range_text(const Tensor& t) {
  const auto [low, high] = std::minmax_element(t.data.begin(), t.data.end());
  const std::string first = text_of(static_cast<double>(*low));
  return *low == *high ? first : first + " to " + text_of(static_cast<double>(*high));
}

std::string parameters_text(const Node& node) {
  std::string text;
  if (const auto* p = node.as<Conv2dParams>()) {
    const Shape& s = p->weight.shape;
    text = std::to_string(s[1] * p->groups) + " -> " + std::to_string(s[0]) + ", " + std::to_string(s[2]) +
           " x " + std::to_string(s[3]) + ", stride " + pair_text(p->stride) + ", padding " +
           pair_text(p->padding);
    if (p->dilation != std::array<std::int64_t, 2>{1, 1}) text += ", dilation " + pair_text(p->dilation);
    if (p->groups != 1) text += ", groups " + std::to_string(p->groups);
    text += ", " + std::to_string(p->weight.size()) + " weights";
  } else if (const auto* linear = node.as<LinearParams>()) {
    const Shape& s = linear->weight.shape;
    text = std::to_string(s[1]) + " -> " + std::to_string(s[0]) + ", " +
           std::to_string(linear->weight.size()) + " weights";
  } else if (const auto* pool = node.as<Pool2dParams>()) {
    text = pair_text(pool->kernel) + ", stride " + pair_text(pool->stride) + ", padding " +
           pair_text(pool->padding);
  }
  for (const auto& [name, parameter] : elementwise_parameters(node))
    text += (text.empty() ? "" : ", ") + std::string(name) + " " + range_text(*parameter);
  if (const QuantisedWeight* q = quantised_of(node)) text += ", " + std::to_string(q->bits) + " bits";
  return text;
}

/// A table's cell, padded.
std::string cell(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

std::string node_table(const Network& network, const std::vector<Shape>& shapes) {
  std::size_t name_width = 4, shape_width = 5;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    name_width = std::max(name_width, network.nodes[i].name.size());
    shape_width = std::max(shape_width, shape_text(shapes[i]).size());
  }
  std::string text = "\n  " + cell("node", name_width) + "  " + cell("type", 9) + "  " +
                     cell("shape", shape_width) + "  parameters\n";
  for (const int i : topological_order(network)) {
    const auto at = static_cast<std::size_t>(i);
    const Node& node = network.nodes[at];
    std::string line = "  " + cell(node.name, name_width) + "  " + cell(node.type(), 9) + "  " +
                       cell(shape_text(shapes[at]), shape_width) + "  " + parameters_text(node);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  for (const Edge& edge : network.edges) {
    if (!edge.backward) continue;
    text += "  " + network.nodes[static_cast<std::size_t>(edge.from)].name + " -> " +
            network.nodes[static_cast<std::size_t>(edge.to)].name +
            " closes a cycle: it carries the value of the timestep before\n";
  }
  return text;
}

/// Where the only edge into a node comes from, behind Flatten nodes that forward edges feed; -1 when there is
/// no such one. Forward edges have no cycles.
int source_of(const Network& network, int index) {
  for (bool first = true;; first = false) {
    int source = -1;
    for (const Edge& edge : network.edges) {
      if (edge.to != index) continue;
      if (source >= 0 || (edge.backward && !first)) return -1;
      source = edge.from;
    }
    if (source < 0 || network.nodes[static_cast<std::size_t>(source)].as<FlattenParams>() == nullptr)
      return source;
    index = source;
  }
}

/// What a crossbar layer reads, or why the chip cannot run the node; "" when there is nothing to say.
std::string on_chip(const Network& network, int index) {
  const auto node_at = [&](int i) -> const Node& { return network.nodes[static_cast<std::size_t>(i)]; };
  const Node& node = node_at(index);
  if (const auto* scale = node.as<ScaleParams>()) {
    const bool ones =
        std::all_of(scale->scale.data.begin(), scale->scale.data.end(), [](float s) { return s == 1; });
    return ones ? "" : "not on the chip: Scale by another factor than 1; fold it into the weights before it";
  }
  if (const auto* conv = node.as<Conv2dParams>(); conv != nullptr && conv->groups != 1)
    return "not on the chip: groups; crossbars take it as a convolution without, its other weights 0";
  const bool layer = weight_of(node) != nullptr, pool = node.as<Pool2dParams>() != nullptr;
  if (!layer && !pool) return "";
  const int source = source_of(network, index);
  if (source < 0) {
    return "not on the chip: several edges or values of the timestep before come into it; sum them in a "
           "Scale node first";
  }
  const Node& from = node_at(source);
  if (pool) return "";
  if (from.as<InputParams>() != nullptr) {
    return network.input_bits > 0
               ? "reads the input, integers of " + std::to_string(network.input_bits) + " bits, bit-serially"
               : "reads the input: real values until it is quantised, or --input-bits says "
                 "that it is integers";
  }
  if (from.spiking()) return "reads spikes of '" + from.name + "', 1 bit";
  if (const auto* p = from.as<Pool2dParams>()) {
    const int before = source_of(network, source);
    if (before >= 0 && node_at(before).spiking()) {
      const std::int64_t most = p->kernel[0] * p->kernel[1];
      int bits = 0;
      while ((std::int64_t{1} << bits) <= most) ++bits;
      return "reads counts 0 to " + std::to_string(most) + " of '" + from.name + "', " +
             std::to_string(bits) + " bits, bit-serially";
    }
  }
  return "not on the chip: it reads real values of '" + from.name + "' (" + from.type() +
         "), crossbars take spikes, "
         "counts or the quantised input";
}

}  // namespace

std::string import_report(const ImportedNetwork& imported, const std::string& path) {
  const Network& network = imported.network;
  const std::vector<Shape> shapes = infer_shapes(network, path);
  std::string text = path + ": NIR " +
                     (imported.findings.version.empty() ? "of unknown version" : imported.findings.version) +
                     (imported.findings.ours ? ", written by spikeloop" : "") + ", " +
                     std::to_string(network.nodes.size()) + " nodes, " +
                     std::to_string(network.edges.size()) + " edges, " +
                     std::to_string(weight_memory(network).weights) + " weights\n";
  text += node_table(network, shapes);

  text += "\ndecided\n";
  for (const std::string& line : imported.decisions) text += "  " + line + "\n";
  text += "  timesteps: " +
          (network.timesteps > 0 ? std::to_string(network.timesteps)
                                 : std::string("unknown, give --timesteps before running it")) +
          "\n";

  std::map<std::string, std::string> nodes_of;  // the same at several nodes: one line
  for (const auto& note : imported.findings.notes) {
    std::string& list = nodes_of[note.what];
    list += (list.empty() ? "'" : ", '") + note.node + "'";
  }
  if (!nodes_of.empty()) text += "\nread as\n";
  for (const auto& [what, nodes] : nodes_of) text += "  " + nodes + ": " + what + "\n";

  text += "\ncrossbar layers\n";
  for (const int i : topological_order(network)) {
    const std::string line = on_chip(network, i);
    if (!line.empty()) text += "  " + network.nodes[static_cast<std::size_t>(i)].name + ": " + line + "\n";
  }
  if (!imported.warnings.empty()) text += "\nwarnings\n";
  for (const std::string& line : imported.warnings) text += "  " + line + "\n";
  return text;
}

}  // namespace spikeloop::traces
