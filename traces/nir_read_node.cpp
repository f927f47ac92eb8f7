#include "traces/nir_read_node.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "traces/network_shapes.h"
#include "traces/nir_metadata.h"

namespace spikeloop::traces {

namespace {

using Pair = std::array<std::int64_t, 2>;

const char* const kSupported =
    "one of Input, Output, Conv2d, Linear, Affine, LIF, IF, CubaLIF, AvgPool2d, SumPool2d, Flatten, Scale, "
    "Threshold, NIRGraph";

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

}  // namespace

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

}  // namespace spikeloop::traces
