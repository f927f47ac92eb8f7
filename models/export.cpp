#include "models/export.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "models/snasnet_parts.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr double kDt_s = 1e-4;

traces::Tensor one(double value) { return {{1}, {static_cast<float>(value)}}; }

traces::Tensor to_plain(const at::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  const at::Tensor flat = tensor.detach().to(at::kFloat).cpu().contiguous();
  const auto* data = flat.data_ptr<float>();
  return {shape, std::vector<float>(data, data + flat.numel())};
}

traces::Tensor to_plain(const at::Tensor& tensor) { return to_plain(tensor, tensor.sizes().vec()); }

/// BatchNorm in evaluation as y = scale * x + offset, per channel, in double.
struct Affine {
  at::Tensor scale, offset;
};

Affine affine_of(const torch::nn::BatchNorm2d& bn) {
  const auto wide = [](const at::Tensor& t) { return t.detach().to(at::kDouble).cpu(); };
  const at::Tensor scale = wide(bn->weight) / (wide(bn->running_var) + bn->options.eps()).sqrt();
  return {scale, wide(bn->bias) - wide(bn->running_mean) * scale};
}

/// Convolution with the BatchNorm after it folded in.
traces::Conv2dParams folded(const Weights& conv, const torch::nn::BatchNorm2d& bn, std::int64_t stride = 1) {
  const Affine affine = affine_of(bn);
  const at::Tensor weight = conv->weight.detach().to(at::kDouble).cpu() * affine.scale.view({-1, 1, 1, 1});
  traces::Conv2dParams params;
  params.weight = to_plain(weight);
  params.bias = to_plain(affine.offset);
  const std::int64_t padding = conv->weight.size(2) / 2;
  params.stride = {stride, stride};
  params.padding = {padding, padding};
  return params;
}

/// Which nodes of a cell take part: reached from node 0 and reaching node 3.
struct Reach {
  std::array<bool, 4> from_input{}, to_output{};
};

Reach reach_of(const Cell& cell) {
  Reach reach;
  reach.from_input[0] = reach.to_output[3] = true;
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = 0; j < 4; ++j) {
        if (cell.edges[i][j].op == Op::kZero) continue;
        if (reach.from_input[i]) reach.from_input[j] = true;
        if (reach.to_output[j]) reach.to_output[i] = true;
      }
    }
  }
  return reach;
}

class Exporter {
 public:
  explicit Exporter(Snasnet& net) : spec_(net->spec()), state_(net->state()) {}

  traces::Network run(const std::string& dataset) {
    network_.dt_s = kDt_s;
    network_.timesteps = spec_.timesteps;
    network_.dataset = dataset;
    network_.genotype = to_text(spec_.cell1, spec_.cell2);
    const std::int64_t size = spec_.input_size;
    add("input", traces::InputParams{{spec_.input_channels, size, size}});
    then("stem", folded(state_.stem, state_.stem_bn, spec_.stem_stride));
    cell(0);
    then("reduce.lif", lif(&state_.reduce_bn_in));
    then("reduce", folded(state_.reduce, state_.reduce_bn_out));
    then("reduce.pool", pool(2, 2, 0));
    cell(1);
    then("last.lif", lif(&state_.last_bn));
    if (spec_.second_pool > 1) then("last.pool", pool(spec_.second_pool, spec_.second_pool, 0));
    then("flatten", traces::FlattenParams{});
    if (spec_.hidden > 0) {
      traces::LinearParams fc1;
      fc1.weight = to_plain(state_.fc1->weight);
      then("fc1", fc1);
      then("fc1.lif", lif(nullptr));
    }
    // The vote is the mean of a class's outputs, which is linear.
    const at::Tensor weight = state_.fc2->weight.detach().to(at::kDouble);
    const at::Tensor bias = state_.fc2->bias.detach().to(at::kDouble);
    traces::LinearParams fc2;
    fc2.weight = to_plain(weight.view({spec_.classes, spec_.votes, -1}).mean(1));
    fc2.bias = to_plain(bias.view({spec_.classes, spec_.votes}).mean(1));
    then("fc2", fc2);
    then("output", traces::OutputParams{{spec_.classes}});
    return std::move(network_);
  }

 private:
  int add(const std::string& name, traces::NodeParams params) {
    network_.nodes.push_back({name, std::move(params)});
    last_ = static_cast<int>(network_.nodes.size()) - 1;
    return last_;
  }
  void connect(int from, int to, bool backward = false) { network_.edges.push_back({from, to, backward}); }
  /// Adds a node behind the newest.
  int then(const std::string& name, traces::NodeParams params) {
    const int before = last_;
    const int node = add(name, std::move(params));
    connect(before, node);
    return node;
  }

  static traces::Pool2dParams pool(std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
    traces::Pool2dParams params;
    params.kernel = {kernel, kernel};
    params.stride = {stride, stride};
    params.padding = {padding, padding};
    return params;
  }

  /// A LIF; a BatchNorm before it becomes its input factor r and its leak potential.
  traces::LifParams lif(const torch::nn::BatchNorm2d* bn) const {
    traces::LifParams params;
    params.tau = one(spec_.neuron.tau * kDt_s);
    params.r = one(1);
    params.v_leak = one(0);
    params.v_threshold = one(spec_.neuron.threshold);
    params.v_reset = one(0);
    params.spike_at_threshold = true;
    if (bn != nullptr) {
      const Affine affine = affine_of(*bn);
      const std::vector<std::int64_t> shape{affine.scale.numel(), 1, 1};
      params.r = to_plain(affine.scale, shape);
      params.v_leak = to_plain(affine.offset, shape);
    }
    return params;
  }

  /// Adds a cell behind the newest node; its node 3 is then the newest.
  void cell(std::size_t index) {
    const Cell& cell = state_.cells[index];
    const std::string prefix = "cell" + std::to_string(index + 1) + ".";
    const Reach reach = reach_of(cell);
    for (std::size_t k = 0; k < 4; ++k) {
      if (reach.to_output[k] && !reach.from_input[k] && (k == 3 || has_output(cell, reach, k))) {
        throw InputError("network", prefix + "node" + std::to_string(k), "no path from the cell's input",
                         "a cleaned cell");
      }
    }
    std::array<int, 4> nodes{};
    const int input = last_;
    for (std::size_t k = 0; k < 4; ++k) {
      if (!reach.to_output[k] || !reach.from_input[k]) continue;
      nodes[k] = add(prefix + "node" + std::to_string(k), traces::ScaleParams{{{1, 1, 1}, {1.0F}}});
      if (k == 0) connect(input, nodes[0]);
    }
    for (std::size_t from = 0; from < 4; ++from) {
      int lif_node = -1;
      for (std::size_t to = 0; to < 4; ++to) {
        const CellEdge& edge = cell.edges[from][to];
        const bool used = reach.from_input[from] && reach.to_output[to] && reach.to_output[from];
        if (edge.op == Op::kZero || !used) continue;
        const bool backward = to < from;
        const std::string pair = std::to_string(from) + std::to_string(to);
        int last = nodes[from];
        if (edge.op == Op::kAvgPool3x3) {
          last = add(prefix + "pool" + pair, pool(3, 1, 1));
          connect(nodes[from], last);
        } else if (edge.op != Op::kSkip) {
          if (lif_node < 0) {
            lif_node = add(prefix + "lif" + std::to_string(from), lif(nullptr));
            connect(nodes[from], lif_node);
          }
          last = add(prefix + (backward ? "back" : "conv") + pair, folded(edge.conv, edge.bn));
          connect(lif_node, last);
        }
        connect(last, nodes[to], backward);
      }
    }
    last_ = nodes[3];
  }

  static bool has_output(const Cell& cell, const Reach& reach, std::size_t node) {
    for (std::size_t to = 0; to < 4; ++to) {
      if (cell.edges[node][to].op != Op::kZero && reach.to_output[to]) return true;
    }
    return false;
  }

  const SnasnetSpec& spec_;
  SnasnetImpl::State& state_;
  traces::Network network_;
  int last_ = -1;  ///< newest node of the main path
};

/// Replaces the weights of a layer by the nearest multiples of a scale per output channel.
void quantise_weight(traces::Tensor& weight, std::optional<traces::QuantisedWeight>& out, int bits) {
  traces::QuantisedWeight quantised;
  quantised.bits = bits;
  const auto channels = static_cast<std::size_t>(weight.shape.at(0));
  const std::size_t per_channel = weight.data.size() / channels;
  const auto largest = static_cast<float>((1 << (bits - 1)) - 1);
  quantised.value.resize(weight.data.size());
  for (std::size_t c = 0; c < channels; ++c) {
    float* values = weight.data.data() + c * per_channel;
    float peak = 0;
    for (std::size_t i = 0; i < per_channel; ++i) peak = std::max(peak, std::abs(values[i]));
    const float scale = peak > 0 ? peak / largest : 1.0F;
    quantised.scale.push_back(scale);
    for (std::size_t i = 0; i < per_channel; ++i) {
      const float rounded = std::clamp(std::nearbyint(values[i] / scale), -largest, largest);
      quantised.value[c * per_channel + i] = static_cast<std::int8_t>(rounded);
      values[i] = scale * rounded;
    }
  }
  out = std::move(quantised);
}

}  // namespace

traces::Network export_network(Snasnet& net, const Dataset& dataset) {
  const at::NoGradGuard no_grad;
  return Exporter(net).run(dataset.name);
}

void quantise(traces::Network& network, const Dataset& dataset, int weight_bits, int input_bits) {
  for (const int bits : {weight_bits, input_bits}) {
    if (bits < 2 || bits > 8) {
      throw InputError("quantisation", bits == weight_bits ? "weight bits" : "input bits",
                       std::to_string(bits), "2 to 8");
    }
  }
  for (auto& node : network.nodes) {
    if (auto* conv = node.as<traces::Conv2dParams>()) {
      quantise_weight(conv->weight, conv->quantised, weight_bits);
    } else if (auto* linear = node.as<traces::LinearParams>()) {
      quantise_weight(linear->weight, linear->quantised, weight_bits);
    }
  }
  double peak = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    for (const double pixel : {0.0, 1.0}) {
      peak = std::max(peak, std::abs((pixel - dataset.mean[c]) / dataset.std[c]));
    }
  }
  network.input_bits = input_bits;
  network.input_scale = static_cast<float>(peak / ((1 << (input_bits - 1)) - 1));
}

}  // namespace spikeloop::models
