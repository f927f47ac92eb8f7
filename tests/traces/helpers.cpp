#include "helpers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "traces/support/random.h"

namespace spikeloop::test {

using namespace traces;  // NOLINT: every line below names its types

namespace {

Tensor random_tensor(const std::vector<std::int64_t>& shape, RandomStream& random) {
  Tensor t{shape, {}};
  for (std::int64_t i = 0; i < t.size(); ++i) t.data.push_back(static_cast<float>(random.unit()) - 0.5F);
  return t;
}

Tensor constant(float value) { return {{1}, {value}}; }

/// Integers and scales, and the weights that they stand for.
QuantisedWeight quantise(Tensor& weight, int bits, bool per_channel, RandomStream& random) {
  QuantisedWeight q;
  q.bits = bits;
  const auto most = static_cast<std::uint64_t>((1 << (bits - 1)) - 1);
  const std::size_t scales = per_channel ? static_cast<std::size_t>(weight.shape[0]) : 1;
  for (std::size_t c = 0; c < scales; ++c)
    q.scale.push_back(0.01F + static_cast<float>(random.unit()) * 0.1F);
  for (std::size_t i = 0; i < weight.data.size(); ++i) {
    const auto v = static_cast<int>(random.below(2 * most + 1)) - static_cast<int>(most);
    q.value.push_back(static_cast<std::int8_t>(v));
    weight.data[i] = q.scale[i * scales / weight.data.size()] * static_cast<float>(v);
  }
  return q;
}

/// One value, one per channel or one per neuron.
Tensor random_parameter(const std::vector<std::int64_t>& shape, float low, RandomStream& random) {
  std::vector<std::vector<std::int64_t>> forms{{}, {1}, shape};
  if (shape.size() == 3) forms.push_back({shape[0]});
  if (shape.size() == 3) forms.push_back({shape[0], 1, 1});
  Tensor t = random_tensor(forms[random.below(forms.size())], random);
  for (float& v : t.data) v += 0.5F + low;
  return t;
}

NodeParams random_neuron(const std::vector<std::int64_t>& shape, RandomStream& random) {
  switch (random.below(5)) {
    case 0:
      return LifParams{random_parameter(shape, 0.01F, random),
                       random_parameter(shape, 1, random),
                       random_parameter(shape, -0.5F, random),
                       random_parameter(shape, 0.5F, random),
                       random_parameter(shape, -0.2F, random),
                       random.below(2) == 0,
                       random.below(2) == 0};
    case 1:
      return IfParams{random_parameter(shape, 1, random), random_parameter(shape, 0.5F, random),
                      random_parameter(shape, 0, random), random.below(2) == 0, random.below(2) == 0};
    case 2:
      return ThresholdParams{random_parameter(shape, 0, random)};
    case 3:
      return CubaLifParams{random_parameter(shape, 0.01F, random),
                           random_parameter(shape, 0.01F, random),
                           random_parameter(shape, 1, random),
                           random_parameter(shape, -0.5F, random),
                           random_parameter(shape, 1, random),
                           random_parameter(shape, 0.5F, random),
                           random_parameter(shape, -0.2F, random),
                           random.below(2) == 0,
                           random.below(2) == 0};
    default:
      return ScaleParams{random_parameter(shape, 0, random)};
  }
}

bool equal(const Tensor& a, const Tensor& b) { return a.shape == b.shape && a.data == b.data; }

bool equal(const std::optional<QuantisedWeight>& a, const std::optional<QuantisedWeight>& b) {
  if (!a || !b) return !a && !b;
  return a->bits == b->bits && a->scale == b->scale && a->value == b->value;
}

struct SameParams {
  const NodeParams& other;
  template <class T>
  bool operator()(const T& a) const {
    const T* b = std::get_if<T>(&other);
    return b != nullptr && same(a, *b);
  }
  template <class T>
  static bool same_rule(const T& a, const T& b) {
    return a.spike_at_threshold == b.spike_at_threshold && a.soft_reset == b.soft_reset;
  }
  static bool same(const InputParams& a, const InputParams& b) { return a.shape == b.shape; }
  static bool same(const OutputParams& a, const OutputParams& b) { return a.shape == b.shape; }
  static bool same(const Conv2dParams& a, const Conv2dParams& b) {
    return equal(a.weight, b.weight) && equal(a.bias, b.bias) && a.stride == b.stride &&
           a.padding == b.padding && a.dilation == b.dilation && a.groups == b.groups &&
           a.input_shape == b.input_shape && equal(a.quantised, b.quantised);
  }
  static bool same(const LinearParams& a, const LinearParams& b) {
    return equal(a.weight, b.weight) && equal(a.bias, b.bias) && equal(a.quantised, b.quantised);
  }
  static bool same(const LifParams& a, const LifParams& b) {
    return equal(a.tau, b.tau) && equal(a.r, b.r) && equal(a.v_leak, b.v_leak) &&
           equal(a.v_threshold, b.v_threshold) && equal(a.v_reset, b.v_reset) && same_rule(a, b);
  }
  static bool same(const CubaLifParams& a, const CubaLifParams& b) {
    return equal(a.tau_syn, b.tau_syn) && equal(a.tau_mem, b.tau_mem) && equal(a.r, b.r) &&
           equal(a.v_leak, b.v_leak) && equal(a.w_in, b.w_in) && equal(a.v_threshold, b.v_threshold) &&
           equal(a.v_reset, b.v_reset) && same_rule(a, b);
  }
  static bool same(const IfParams& a, const IfParams& b) {
    return equal(a.r, b.r) && equal(a.v_threshold, b.v_threshold) && equal(a.v_reset, b.v_reset) &&
           same_rule(a, b);
  }
  static bool same(const Pool2dParams& a, const Pool2dParams& b) {
    return a.average == b.average && a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding;
  }
  static bool same(const FlattenParams& a, const FlattenParams& b) {
    return a.start_dim == b.start_dim && a.end_dim == b.end_dim;
  }
  static bool same(const ScaleParams& a, const ScaleParams& b) { return equal(a.scale, b.scale); }
  static bool same(const ThresholdParams& a, const ThresholdParams& b) {
    return equal(a.threshold, b.threshold);
  }
};

}  // namespace

Network small_network() {
  RandomStream random(7);
  Network n;
  n.dt_s = 1e-3;
  n.timesteps = 5;
  n.dataset = "shapes";
  n.genotype = "|conv3x3|";
  n.input_scale = 0.0125F;
  n.input_bits = 8;
  n.input_code = "count,binary";
  Conv2dParams conv;
  conv.weight = random_tensor({4, 2, 3, 3}, random);
  conv.padding = {1, 1};
  conv.quantised = quantise(conv.weight, 4, true, random);
  Conv2dParams back;
  back.weight = random_tensor({4, 4, 1, 1}, random);
  back.bias = random_tensor({4}, random);
  back.input_shape = {6, 6};
  LinearParams fc;
  fc.weight = random_tensor({3, 36}, random);
  fc.bias = random_tensor({3}, random);
  Pool2dParams pool;
  n.nodes = {
      {"input", InputParams{{2, 6, 6}}},
      {"conv", std::move(conv)},
      {"sum", ScaleParams{constant(1)}},
      {"lif",
       LifParams{constant(2e-3F), constant(1), constant(0), {{4}, {0.5F, 0.6F, 0.7F, 0.8F}}, constant(0)}},
      {"back", std::move(back)},
      {"pool", pool},
      {"flat", FlattenParams{}},
      {"fc", std::move(fc)},
      {"if", IfParams{constant(1), constant(1), constant(0)}},
      {"output", OutputParams{{3}}}};
  n.edges = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 2, true}, {3, 5}, {5, 6}, {6, 7}, {7, 8}, {8, 9}};
  return n;
}

Network random_network(std::uint64_t seed) {
  RandomStream random(seed);
  Network n;
  n.dt_s = 1e-4 * static_cast<double>(1 + random.below(20));
  n.timesteps = static_cast<int>(random.below(9));
  std::vector<std::int64_t> shape{1 + static_cast<std::int64_t>(random.below(3)),
                                  4 + static_cast<std::int64_t>(random.below(6)),
                                  4 + static_cast<std::int64_t>(random.below(6))};
  std::vector<std::vector<std::int64_t>> shapes;
  const auto add = [&](const std::string& name, NodeParams params, const std::vector<std::int64_t>& out) {
    n.nodes.push_back({name, std::move(params)});
    shapes.push_back(out);
    const int here = static_cast<int>(n.nodes.size()) - 1;
    if (here > 0) n.edges.push_back({here - 1, here});
  };
  // Names whose order by bytes is not the order of the nodes.
  const auto name = [&](const std::string& type) {
    return type + std::to_string(random.below(1000)) + "." + std::to_string(n.nodes.size());
  };
  add("input", InputParams{shape}, shape);
  const std::uint64_t layers = 2 + random.below(4);
  for (std::uint64_t l = 0; l < layers; ++l) {
    if (random.below(4) == 0 && std::min(shape[1], shape[2]) >= 4) {
      Pool2dParams pool;
      pool.average = random.below(2) == 0;
      shape = {shape[0], (shape[1] - 2) / 2 + 1, (shape[2] - 2) / 2 + 1};
      add(name("pool"), pool, shape);
      continue;
    }
    Conv2dParams conv;
    const auto kernel = static_cast<std::int64_t>(1 + 2 * random.below(2));
    conv.groups = random.below(3) == 0 ? shape[0] : 1;
    const std::int64_t channels = conv.groups * static_cast<std::int64_t>(1 + random.below(3));
    conv.weight = random_tensor({channels, shape[0] / conv.groups, kernel, kernel}, random);
    conv.padding = {kernel / 2, kernel / 2};
    if (random.below(2) == 0) conv.input_shape = {shape[1], shape[2]};
    if (random.below(2) == 0) conv.bias = random_tensor({channels}, random);
    if (random.below(2) == 0) {
      conv.quantised =
          quantise(conv.weight, 2 + static_cast<int>(random.below(7)), random.below(2) == 0, random);
    }
    shape[0] = channels;
    add(name("conv"), std::move(conv), shape);
    add(name("neuron"), random_neuron(shape, random), shape);
  }
  const std::int64_t flat = shape[0] * shape[1] * shape[2];
  add(name("flat"), FlattenParams{}, {flat});
  LinearParams fc;
  fc.weight = random_tensor({4, flat}, random);
  if (random.below(2) == 0) fc.bias = random_tensor({4}, random);
  if (random.below(2) == 0) fc.quantised = quantise(fc.weight, 8, false, random);
  add(name("fc"), std::move(fc), {4});
  add(name("neuron"), random_neuron({4}, random), {4});
  add("output", OutputParams{{4}}, {4});

  // Skips and feedback where shapes allow: what goes into a node must be alike. A repeated edge counts twice.
  const int count = static_cast<int>(n.nodes.size());
  for (int to = 1; to < count; ++to) {
    for (int from = 1; from < count - 1; ++from) {
      if (shapes[static_cast<std::size_t>(from)] != shapes[static_cast<std::size_t>(to - 1)]) continue;
      if (random.below(4) == 0) n.edges.push_back({from, to, from >= to});
    }
  }
  return n;
}

std::string difference(const Network& a, const Network& b) {
  if (a.nodes.size() != b.nodes.size()) return "number of nodes";
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    if (a.nodes[i].name != b.nodes[i].name) return "node name " + a.nodes[i].name + " / " + b.nodes[i].name;
    if (!std::visit(SameParams{b.nodes[i].params}, a.nodes[i].params))
      return "parameters of " + a.nodes[i].name;
  }
  const bool same_edges = std::equal(a.edges.begin(), a.edges.end(), b.edges.begin(), b.edges.end(),
                                     [](const Edge& x, const Edge& y) {
                                       return x.from == y.from && x.to == y.to && x.backward == y.backward;
                                     });
  if (!same_edges) return "edges";
  if (a.dt_s != b.dt_s) return "dt";
  if (a.timesteps != b.timesteps) return "timesteps";
  if (a.dataset != b.dataset || a.genotype != b.genotype) return "dataset or genotype";
  if (a.input_scale != b.input_scale || a.input_bits != b.input_bits) return "input quantisation";
  if (a.input_code != b.input_code) return "input code";
  return "";
}

}  // namespace spikeloop::test
