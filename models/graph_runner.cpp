#include "models/graph_runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "models/lif.h"
#include "models/threads.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::models {
namespace {

at::Tensor to_tensor(const std::vector<float>& data, const std::vector<std::int64_t>& shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  std::copy(data.begin(), data.end(), tensor.data_ptr<float>());
  return tensor;
}

/// A neuron parameter (one value, one per channel, one per neuron), shaped to broadcast over [B, ...].
at::Tensor neuron_parameter(const traces::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> wanted(shape.size() + 1, 1);
  const auto size = static_cast<std::int64_t>(tensor.data.size());
  if (size != 1) {
    wanted[1] = shape[0];
    if (size != shape[0]) std::copy(shape.begin(), shape.end(), wanted.begin() + 1);
  }
  return to_tensor(tensor.data, wanted);
}

/// A layer's weight, and what its result is multiplied with: quantised layers add integers, whose sums are exact
/// in any order, and scale at the end.
struct Layer {
  at::Tensor weight, scale, bias;  ///< scale and bias shaped to broadcast, undefined when absent
};

template <class Params>
Layer layer_of(const Params& params) {
  const std::int64_t outputs = params.weight.shape.at(0);
  const std::vector<std::int64_t> per_channel =
      params.weight.shape.size() == 4 ? std::vector<std::int64_t>{1, outputs, 1, 1}
                                      : std::vector<std::int64_t>{1, outputs};
  Layer layer;
  if (params.quantised) {
    const auto& q = *params.quantised;
    layer.weight = to_tensor({q.value.begin(), q.value.end()}, params.weight.shape);
    layer.scale = q.scale.size() == 1 ? at::full({}, q.scale[0], at::kFloat) : to_tensor(q.scale, per_channel);
  } else {
    layer.weight = to_tensor(params.weight.data, params.weight.shape);
  }
  if (!params.bias.data.empty()) layer.bias = to_tensor(params.bias.data, per_channel);
  return layer;
}

/// Neurons: v += decay * (leak - v) + gain * x (each term absent where undefined), spike, hard reset.
struct Neurons {
  at::Tensor decay, gain, leak, threshold, reset;
  bool at_threshold = true, memory = true;
};

struct Step {
  int node = 0;
  std::vector<int> forward, backward;  ///< sources
  std::vector<std::int64_t> shape;
  bool still = false;          ///< the same at every timestep
  bool keeps_previous = false;  ///< a backward edge leaves
  bool integer_input = false;  ///< layer on the quantised input alone
  Layer layer;
  Neurons neurons;
};

}  // namespace

struct GraphRunner::Plan {
  traces::Network network;
  std::vector<Step> steps;
  int output = -1, input = -1;

  at::Tensor quantised_input(const at::Tensor& images) const {
    const double high = static_cast<double>((1 << (network.input_bits - 1)) - 1);
    return (images / network.input_scale).round_().clamp_(-high - 1, high);
  }
  at::Tensor apply(const Step& step, const at::Tensor& x, at::Tensor& membrane) const;
};

namespace {

Neurons neurons_of(const traces::Node& node, const std::vector<std::int64_t>& shape, double dt_s) {
  Neurons neurons;
  if (const auto* lif = node.as<traces::LifParams>()) {
    neurons.decay = dt_s / neuron_parameter(lif->tau, shape).to(at::kDouble);
    neurons.gain = (neurons.decay * neuron_parameter(lif->r, shape).to(at::kDouble)).to(at::kFloat);
    neurons.leak = (neurons.decay * neuron_parameter(lif->v_leak, shape).to(at::kDouble)).to(at::kFloat);
    neurons.decay = (1 - neurons.decay).to(at::kFloat);
    neurons.threshold = neuron_parameter(lif->v_threshold, shape);
    neurons.reset = neuron_parameter(lif->v_reset, shape);
    neurons.at_threshold = lif->spike_at_threshold;
  } else if (const auto* plain = node.as<traces::IfParams>()) {
    neurons.gain = (dt_s * neuron_parameter(plain->r, shape).to(at::kDouble)).to(at::kFloat);
    neurons.threshold = neuron_parameter(plain->v_threshold, shape);
    neurons.reset = neuron_parameter(plain->v_reset, shape);
    neurons.at_threshold = plain->spike_at_threshold;
  } else if (const auto* threshold = node.as<traces::ThresholdParams>()) {
    neurons.threshold = neuron_parameter(threshold->threshold, shape);
    neurons.at_threshold = false;
    neurons.memory = false;
  }
  return neurons;
}

}  // namespace
}  // namespace spikeloop::models
