#include <algorithm>
#include <cstddef>
#include <utility>

#include "traces/network_shapes.h"
#include "traces/nir.h"
#include "traces/nir_metadata.h"
#include "traces/support/files.h"
#include "traces/support/hdf5_io.h"

namespace spikeloop::traces {

namespace {

/// The version of the reference library whose layout this is.
constexpr const char* kNirVersion = "1.0.7";

/// A node's metadata group, made when there is something to put in it: the reference library leaves empty
/// ones out.
class Metadata {
 public:
  Metadata(hid_t node, h5::Where where) : node_(node), where_(std::move(where)) {}
  hid_t group() {
    if (!group_.valid()) group_ = h5::create_group(node_, "metadata", where_);
    return group_.get();
  }
  h5::Where where() const { return where_.in("metadata"); }

 private:
  hid_t node_;
  h5::Where where_;
  h5::Handle group_;
};

void write_pair(hid_t group, const char* name, const std::array<std::int64_t, 2>& pair,
                const h5::Where& where) {
  h5::write_integers(group, name, {pair[0], pair[1]}, {2}, where);
}

void write_shape(hid_t group, const char* name, const Shape& shape, const h5::Where& where) {
  h5::write_integers(group, name, shape, {static_cast<std::int64_t>(shape.size())}, where);
}

void write_quantised(Metadata& metadata, const QuantisedWeight& q, const Shape& weight) {
  const hid_t group = metadata.group();
  const h5::Where where = metadata.where();
  h5::write_integer(group, meta::kQuantisedBits, q.bits, where);
  h5::write_floats(group, meta::kQuantisedScale, q.scale, {static_cast<std::int64_t>(q.scale.size())}, where);
  h5::write_int8(group, meta::kQuantisedValues, q.value, weight, where);
}

/// The same convolution with groups = 1: every output has weights for all inputs, 0 outside its group.
Tensor without_groups(const Conv2dParams& p) {
  const Shape& s = p.weight.shape;
  Tensor dense{{s[0], s[1] * p.groups, s[2], s[3]}, {}};
  dense.data.assign(static_cast<std::size_t>(dense.size()), 0.0F);
  const std::int64_t own = s[1] * s[2] * s[3], outputs_per_group = s[0] / p.groups;
  for (std::int64_t o = 0; o < s[0]; ++o) {
    const auto to = dense.data.begin() + (o * p.groups + o / outputs_per_group) * own;
    std::copy_n(p.weight.data.begin() + o * own, own, to);
  }
  return dense;
}

void write_conv2d(hid_t group, const Conv2dParams& p, const Shape& in, Metadata& metadata,
                  const h5::Where& where) {
  // The reference library takes weight.shape[1] for the number of input channels whatever `groups` says, and
  // its type check (nir.read's default) refuses the file. So what has groups is written without.
  const Tensor weight = p.groups == 1 ? p.weight : without_groups(p);
  h5::write_floats(group, "weight", weight.data, weight.shape, where);
  if (p.groups != 1) h5::write_integer(metadata.group(), meta::kGroups, p.groups, metadata.where());
  // NIR has no convolution without bias.
  if (p.bias.data.empty()) {
    const std::vector<float> zeros(static_cast<std::size_t>(p.weight.shape[0]), 0.0F);
    h5::write_floats(group, "bias", zeros, {p.weight.shape[0]}, where);
    h5::write_integer(metadata.group(), meta::kNoBias, 1, metadata.where());
  } else {
    h5::write_floats(group, "bias", p.bias.data, {p.weight.shape[0]}, where);
  }
  write_pair(group, "stride", p.stride, where);
  write_pair(group, "padding", p.padding, where);
  write_pair(group, "dilation", p.dilation, where);
  h5::write_integer(group, "groups", 1, where);
  write_pair(group, "input_shape", {in[1], in[2]}, where);
  if (p.input_shape[0] == 0) h5::write_integer(metadata.group(), meta::kNoInputShape, 1, metadata.where());
}

/// One value per neuron, whatever it was before: other readers do not broadcast.
void write_elementwise(hid_t group, const char* name, const Tensor& parameter, const Shape& shape,
                       Metadata& metadata, const h5::Where& where) {
  std::vector<float> full(static_cast<std::size_t>(shape_size(shape)));
  for (std::size_t i = 0; i < full.size(); ++i) {
    full[i] = broadcast_value(parameter, shape, static_cast<std::int64_t>(i));
  }
  h5::write_floats(group, name, full, shape, where);
  if (parameter.shape == shape) return;
  const std::string key = std::string(name) + meta::kShapeSuffix;
  write_shape(metadata.group(), key.c_str(), parameter.shape, metadata.where());
}

void write_node(hid_t nodes, const Node& node, const Shape& in, const Shape& out, const h5::Where& where) {
  const h5::Handle handle = h5::create_group(nodes, node.name, where);
  const hid_t group = handle.get();
  const h5::Where at = where.in(node.name);
  Metadata metadata(group, at);
  h5::write_string(group, "type", node.type(), at);
  if (node.as<InputParams>() || node.as<OutputParams>()) write_shape(group, "shape", out, at);
  if (const auto* p = node.as<Conv2dParams>()) write_conv2d(group, *p, in, metadata, at);
  if (const auto* p = node.as<LinearParams>()) {
    h5::write_floats(group, "weight", p->weight.data, p->weight.shape, at);
    if (!p->bias.data.empty()) h5::write_floats(group, "bias", p->bias.data, {p->weight.shape[0]}, at);
  }
  if (const auto* p = node.as<Pool2dParams>()) {
    write_pair(group, "kernel_size", p->kernel, at);
    write_pair(group, "stride", p->stride, at);
    write_pair(group, "padding", p->padding, at);
  }
  if (const auto* p = node.as<FlattenParams>()) {
    h5::write_integer(group, "start_dim", p->start_dim, at);
    h5::write_integer(group, "end_dim", p->end_dim, at);
    write_shape(group, "input_type", in, at);
  }
  for (const auto& [name, parameter] : elementwise_parameters(node)) {
    write_elementwise(group, name, *parameter, out, metadata, at);
  }
  if (const auto rule = firing_rule(node)) {
    h5::write_integer(metadata.group(), meta::kSpikeAtThreshold, rule->spike_at_threshold ? 1 : 0,
                      metadata.where());
    if (rule->soft_reset) h5::write_integer(metadata.group(), meta::kSoftReset, 1, metadata.where());
  }
  if (const QuantisedWeight* q = quantised_of(node)) write_quantised(metadata, *q, weight_of(node)->shape);
}

std::vector<std::string> edge_names(const Network& network, bool backward_only) {
  std::vector<std::string> names;
  for (const Edge& edge : network.edges) {
    if (backward_only && !edge.backward) continue;
    names.push_back(network.nodes[static_cast<std::size_t>(edge.from)].name);
    names.push_back(network.nodes[static_cast<std::size_t>(edge.to)].name);
  }
  return names;
}

void write_pairs(hid_t group, const char* name, const std::vector<std::string>& names,
                 const h5::Where& where) {
  h5::write_strings(group, name, names, {static_cast<std::int64_t>(names.size() / 2), 2}, where);
}

void write_graph_metadata(hid_t root, const Network& network, const h5::Where& where) {
  const h5::Handle handle = h5::create_group(root, "metadata", where);
  const hid_t group = handle.get();
  const h5::Where at = where.in("metadata");
  h5::write_integer(group, meta::kVersionKey, meta::kVersion, at);
  h5::write_real(group, meta::kDt, network.dt_s, at);
  h5::write_integer(group, meta::kTimesteps, network.timesteps, at);
  h5::write_string(group, meta::kDataset, network.dataset, at);
  h5::write_string(group, meta::kGenotype, network.genotype, at);
  h5::write_real(group, meta::kInputScale, static_cast<double>(network.input_scale), at);
  h5::write_integer(group, meta::kInputBits, network.input_bits, at);
  if (!network.input_code.empty()) h5::write_string(group, meta::kInputCode, network.input_code, at);
  write_pairs(group, meta::kBackwardEdges, edge_names(network, true), at);
  std::vector<std::string> order;
  for (const Node& node : network.nodes) order.push_back(node.name);
  h5::write_strings(group, meta::kNodeOrder, order, {static_cast<std::int64_t>(order.size())}, at);
}

void write_to(const std::string& temporary, const Network& network, const std::vector<Shape>& shapes,
              const h5::Where& where) {
  h5::Handle file = h5::create_file(temporary, where);
  {
    h5::write_string(file.get(), "version", kNirVersion, where);
    const h5::Handle root = h5::create_group(file.get(), "node", where);
    const h5::Where at = where.in("node");
    h5::write_string(root.get(), "type", "NIRGraph", at);
    const h5::Handle nodes = h5::create_group(root.get(), "nodes", at);
    for (std::size_t i = 0; i < network.nodes.size(); ++i) {
      const std::vector<int> sources = network.inputs_of(static_cast<int>(i));
      const Shape& in = sources.empty() ? shapes[i] : shapes[static_cast<std::size_t>(sources[0])];
      write_node(nodes.get(), network.nodes[i], in, shapes[i], at.in("nodes"));
    }
    write_pairs(root.get(), "edges", edge_names(network, false), at);
    write_graph_metadata(root.get(), network, at);
  }
  h5::close_file(file, where);
}

}  // namespace

void write_nir(const std::string& path, const Network& network) {
  const h5::Silence silence;
  validate(network, path);
  for (const Node& node : network.nodes) {
    const bool legal = node.name.find('/') == std::string::npos &&
                       node.name.find('\0') == std::string::npos && node.name != "." && node.name != "..";
    if (!legal)
      h5::fail({path, node_place(node.name)}, "this name", "a name without '/', other than '.' and '..'");
  }
  const std::vector<Shape> shapes = infer_shapes(network, path);
  write_atomically(path, [&](const std::string& temporary) {
    write_to(temporary, network, shapes, {path, ""});
  });
}

}  // namespace spikeloop::traces
