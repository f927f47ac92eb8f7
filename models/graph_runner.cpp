#include "models/graph_runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "models/batches.h"
#include "models/input_code.h"
#include "models/neurons.h"
#include "models/threads.h"
#include "traces/support/error.h"

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

/// A layer's weight, and what its result is multiplied with: quantised layers add integers and scale at the
/// end.
struct Layer {
  at::Tensor weight, scale, bias;  ///< scale and bias shaped to broadcast, undefined when absent
  bool quantised = false;
};

constexpr double kExactInFloat =
    1 << 23;  // below this fp32 holds integers, and halves show that a sum is not one

/// Whether fp32 holds every partial sum of integers up to `largest_input` times the integer weights.
bool sums_fit_float(const at::Tensor& weight, double largest_input) {
  return weight.abs().to(at::kDouble).flatten(1).sum(1).max().item<double>() * largest_input < kExactInFloat;
}

template <class Params>
Layer layer_of(const Params& params) {
  const std::int64_t outputs = params.weight.shape.at(0);
  const std::vector<std::int64_t> per_channel = params.weight.shape.size() == 4
                                                    ? std::vector<std::int64_t>{1, outputs, 1, 1}
                                                    : std::vector<std::int64_t>{1, outputs};
  Layer layer;
  if (params.quantised) {
    const auto& q = *params.quantised;
    layer.quantised = true;
    layer.weight = to_tensor({q.value.begin(), q.value.end()}, params.weight.shape);
    layer.scale =
        q.scale.size() == 1 ? at::full({}, q.scale[0], at::kFloat) : to_tensor(q.scale, per_channel);
  } else {
    layer.weight = to_tensor(params.weight.data, params.weight.shape);
  }
  if (!params.bias.data.empty()) layer.bias = to_tensor(params.bias.data, per_channel);
  return layer;
}

/// Neurons: v += rate * ((leak - v) + gain * x), spike, reset. An undefined leak: no leakage (IF).
struct Neurons {
  at::Tensor rate, gain, leak, threshold, reset;
  at::Tensor current_rate,
      current_gain;  ///< of CubaLIF: current += current_rate * (current_gain * x - current)
  bool at_threshold = true, soft = false;
};

struct NeuronState {
  at::Tensor membrane, current;  ///< undefined before the first timestep
};

/// A value that is integers times a unit: the quantised input, spikes, and sums of these out of pooling, also
/// flattened. A layer adds the integers, as crossbars do, and multiplies with the unit at the end.
struct Integers {
  bool exist = false;
  double largest = 1;
  float unit = 1;
};

struct Step {
  int node = 0;
  std::vector<int> forward, backward;  ///< sources
  std::vector<std::int64_t> shape;
  bool still = false;           ///< the same at every timestep
  bool keeps_previous = false;  ///< a backward edge leaves
  Integers integers;            ///< of its value; layer: of its input
  int integers_from = -1;       ///< layer: it adds that node's integers
  bool sums_fit_float = true;   ///< of a quantised layer on integers
  Layer layer;
  Neurons neurons;
  at::Tensor factor;  ///< of Scale, when not 1
};

/// The integers of a node whose only input has `source`; a layer has its input's.
Integers integers_of(const traces::Node& node, const traces::Network& network, const Integers& source) {
  Integers integers;
  if (node.as<traces::InputParams>() != nullptr && network.input_bits > 0) {
    integers = {true, static_cast<double>(1 << (network.input_bits - 1)), network.input_scale};
  } else if (node.spiking()) {
    integers.exist = true;
  } else if (const auto* pool = node.as<traces::Pool2dParams>()) {
    const auto area = static_cast<double>(pool->kernel[0] * pool->kernel[1]);
    const float share = pool->average ? static_cast<float>(1 / area) : 1.0F;
    integers = {source.exist, source.largest * area, source.unit * share};
  } else if (node.as<traces::FlattenParams>() != nullptr || node.as<traces::Conv2dParams>() != nullptr ||
             node.as<traces::LinearParams>() != nullptr) {
    integers = source;
  }
  return integers;
}

std::vector<std::int64_t> batched(std::vector<std::int64_t> shape, std::int64_t batch) {
  shape.insert(shape.begin(), batch);
  return shape;
}

Neurons neurons_of(const traces::Node& node, const std::vector<std::int64_t>& shape, double dt_s) {
  Neurons neurons;
  const auto rate = [&](const traces::Tensor& tau) {
    return (dt_s / neuron_parameter(tau, shape).to(at::kDouble)).to(at::kFloat);
  };
  const auto membrane = [&](const auto& params) {
    neurons.gain = neuron_parameter(params.r, shape);
    neurons.threshold = neuron_parameter(params.v_threshold, shape);
    neurons.reset = neuron_parameter(params.v_reset, shape);
    neurons.at_threshold = params.spike_at_threshold;
    neurons.soft = params.soft_reset;
  };
  if (const auto* lif = node.as<traces::LifParams>()) {
    membrane(*lif);
    neurons.rate = rate(lif->tau);
    neurons.leak = neuron_parameter(lif->v_leak, shape);
  } else if (const auto* plain = node.as<traces::IfParams>()) {
    membrane(*plain);  // one input per timestep: frameworks that write IF take no dt into account
  } else if (const auto* cuba = node.as<traces::CubaLifParams>()) {
    membrane(*cuba);
    neurons.rate = rate(cuba->tau_mem);
    neurons.leak = neuron_parameter(cuba->v_leak, shape);
    neurons.current_rate = rate(cuba->tau_syn);
    neurons.current_gain = neuron_parameter(cuba->w_in, shape);
  } else if (const auto* threshold = node.as<traces::ThresholdParams>()) {
    neurons.threshold = neuron_parameter(threshold->threshold, shape);
    neurons.at_threshold = false;
  }
  return neurons;
}

at::Tensor fire(const Neurons& neurons, const at::Tensor& x, NeuronState& state) {
  if (!neurons.gain.defined()) return x.gt(neurons.threshold).to(at::kFloat);
  at::Tensor& membrane = state.membrane;
  if (neurons.current_gain.defined()) {
    if (!state.current.defined()) state.current = at::zeros_like(x);
    state.current.add_((x * neurons.current_gain).sub_(state.current).mul_(neurons.current_rate));
  }
  at::Tensor change = (neurons.current_gain.defined() ? state.current : x) * neurons.gain;
  if (!membrane.defined()) membrane = at::zeros_like(x);
  if (neurons.leak.defined()) change.add_(neurons.leak).sub_(membrane).mul_(neurons.rate);
  membrane.add_(change);
  const at::Tensor fired =
      neurons.at_threshold ? membrane.ge(neurons.threshold) : membrane.gt(neurons.threshold);
  const at::Tensor spikes = fired.to(at::kFloat);
  membrane = neurons.soft ? membrane - spikes * neurons.threshold : at::where(fired, neurons.reset, membrane);
  return spikes;
}

/// A sum is no mean times the area: 15 / 25 * 25 is not 15 in floats.
at::Tensor pool(const traces::Pool2dParams& params, const at::Tensor& x) {
  const std::array<std::int64_t, 2> three{3, 3}, unit{1, 1};
  if (!params.average) return at::avg_pool2d(x, params.kernel, params.stride, params.padding, false, true, 1);
  return params.kernel == three && params.stride == unit && params.padding == unit
             ? average_pool3x3(x)
             : at::avg_pool2d(x, params.kernel, params.stride, params.padding);
}

}  // namespace

struct GraphRunner::Plan {
  traces::Network network;
  std::string file;
  std::vector<Step> steps;
  int output = -1;

  /// What data sets hold as maps of one pixel, [N, 1, 1], is the [N] of a network that takes a vector.
  at::Tensor as_input(const at::Tensor& images) const {
    for (const auto& node : network.nodes) {
      const auto* input = node.as<traces::InputParams>();
      if (input != nullptr && input->shape.size() == 1 && images.dim() > 3) return images.flatten(-3);
    }
    return images;
  }

  /// Whether the input has a value for every timestep.
  bool frames(const at::Tensor& images) const {
    for (const auto& node : network.nodes) {
      const auto* input = node.as<traces::InputParams>();
      if (input != nullptr) return images.dim() == static_cast<std::int64_t>(input->shape.size()) + 2;
    }
    return false;
  }

  at::Tensor apply(const Step& step, const at::Tensor& x, NeuronState& state) const {
    const traces::Node& node = network.nodes[static_cast<std::size_t>(step.node)];
    if (step.layer.weight.defined()) return finish(step, sums(step, x));
    if (node.spiking()) return fire(step.neurons, x, state);
    if (const auto* params = node.as<traces::Pool2dParams>()) return pool(*params, x);
    if (const auto* params = node.as<traces::FlattenParams>()) {
      const auto with_batch = [](std::int64_t dim) { return dim < 0 ? dim : dim + 1; };
      return x.flatten(with_batch(params->start_dim), with_batch(params->end_dim));
    }
    if (step.factor.defined()) return x * step.factor;
    return x;  // Scale by 1, Output
  }

 private:
  at::Tensor sums(const Step& step, const at::Tensor& x, at::ScalarType type) const {
    const auto* conv = network.nodes[static_cast<std::size_t>(step.node)].as<traces::Conv2dParams>();
    const at::Tensor weight = step.layer.weight.to(type);
    return conv == nullptr ? at::linear(x.to(type), weight)
                           : at::conv2d(x.to(type), weight, {}, conv->stride, conv->padding, conv->dilation,
                                        conv->groups);
  }
  /// Sums of integers are exact in any order, but not in any algorithm: some of the library's transform
  /// first. Then they show a fraction, and fp64, which only has plain sums, computes them.
  at::Tensor sums(const Step& step, const at::Tensor& x) const {
    if (step.integers_from < 0 || !step.layer.quantised) return sums(step, x, at::kFloat);
    if (step.sums_fit_float) {
      const at::Tensor y = sums(step, x, at::kFloat);
      if (at::equal(y, y.round())) return y;
    }
    return sums(step, x, at::kDouble).to(at::kFloat);
  }
  at::Tensor finish(const Step& step, at::Tensor y) const {
    if (step.layer.scale.defined()) y = y * step.layer.scale;
    if (step.integers_from >= 0) {
      if (step.integers.unit != 1) y = y * step.integers.unit;
    }
    if (step.layer.bias.defined()) y = y + step.layer.bias;
    return y;
  }
};

GraphRunner::GraphRunner(const traces::Network& network, const std::string& file)
    : plan_(std::make_unique<Plan>()) {
  traces::validate(network, file);
  traces::require_timesteps(network, file);
  const auto shapes = traces::infer_shapes(network, file);
  plan_->network = network;
  plan_->file = file;
  std::vector<Step> steps(network.nodes.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Step& step = steps[i];
    const traces::Node& node = network.nodes[i];
    step.node = static_cast<int>(i);
    step.shape = shapes[i];
    if (node.as<traces::OutputParams>() != nullptr) {
      if (plan_->output >= 0) throw InputError(file, node.name, "a second Output", "one Output");
      plan_->output = step.node;
    } else if (const auto* conv = node.as<traces::Conv2dParams>()) {
      step.layer = layer_of(*conv);
    } else if (const auto* linear = node.as<traces::LinearParams>()) {
      step.layer = layer_of(*linear);
    } else if (const auto* scale = node.as<traces::ScaleParams>()) {
      const auto& data = scale->scale.data;
      if (std::any_of(data.begin(), data.end(), [](float v) { return v != 1; })) {
        step.factor = neuron_parameter(scale->scale, step.shape);
      }
    }
    step.neurons = neurons_of(node, step.shape, network.dt_s);
  }
  for (const auto& edge : network.edges) {
    auto& target = steps[static_cast<std::size_t>(edge.to)];
    (edge.backward ? target.backward : target.forward).push_back(edge.from);
    if (edge.backward) steps[static_cast<std::size_t>(edge.from)].keeps_previous = true;
  }
  for (const int index : traces::topological_order(network)) {
    Step& step = steps[static_cast<std::size_t>(index)];
    const traces::Node& node = network.nodes[static_cast<std::size_t>(index)];
    const auto is_still = [&](int from) { return steps[static_cast<std::size_t>(from)].still; };
    step.still = !node.spiking() && step.backward.empty() &&
                 std::all_of(step.forward.begin(), step.forward.end(), is_still);
    const auto from = [&] { return static_cast<std::size_t>(step.forward[0]); };
    const bool single =
        step.forward.size() == 1 && step.backward.empty() && !steps[from()].layer.weight.defined();
    step.integers = integers_of(node, network, single ? steps[from()].integers : Integers{});
    if (step.layer.weight.defined() && step.integers.exist) {
      step.integers_from = step.forward[0];
      step.sums_fit_float = step.layer.quantised && sums_fit_float(step.layer.weight, step.integers.largest);
    }
    plan_->steps.push_back(step);
  }
}

GraphRunner::~GraphRunner() = default;

at::Tensor GraphRunner::run(const at::Tensor& given, std::map<std::string, at::Tensor>* spikes,
                            std::map<std::string, at::Tensor>* membranes) {
  const at::NoGradGuard no_grad;
  const ThreadCount one_thread(1);
  const Plan& plan = *plan_;
  const at::Tensor images = plan.as_input(given);
  const bool frames = plan.frames(images);
  if (!frames && plan.network.input_code == kRateCode) {
    throw InputError(plan.file, "input", "still images",
                     "spikes: the network was trained on rate-coded ones");
  }
  const auto timesteps = frames ? images.size(0) : plan.network.timesteps;
  const std::int64_t batch = images.size(frames ? 1 : 0);
  for (const auto& node : plan.network.nodes) {
    const auto* input = node.as<traces::InputParams>();
    if (input != nullptr && images.sizes().slice(frames ? 2 : 1) != at::IntArrayRef(input->shape)) {
      throw InputError(plan.file, "node " + node.name, "shape " + c10::str(at::IntArrayRef(input->shape)),
                       "the images' shape " + c10::str(images.sizes().slice(frames ? 2 : 1)));
    }
  }
  if (timesteps != plan.network.timesteps) {
    throw InputError(plan.file, "timesteps", std::to_string(plan.network.timesteps),
                     "the " + std::to_string(timesteps) + " frames of the samples");
  }
  const at::Tensor x = images.to(at::kFloat).cpu();
  std::vector<at::Tensor> value(plan.network.nodes.size()), integers = value, previous = value;
  std::vector<NeuronState> state(value.size());
  if (spikes != nullptr) spikes->clear();
  if (membranes != nullptr) membranes->clear();
  at::Tensor sum;
  for (std::int64_t t = 0; t < timesteps; ++t) {
    for (const Step& step : plan.steps) {
      const auto index = static_cast<std::size_t>(step.node);
      const traces::Node& node = plan.network.nodes[index];
      if (step.still && !frames && t > 0) continue;
      if (node.as<traces::InputParams>() != nullptr) {
        value[index] = frames ? x[t] : x;
        if (step.integers.exist) {
          integers[index] = encode_input(plan.network, value[index]);
          clipped_inputs_ += beyond_range(plan.network, value[index]);
          value[index] = integers[index] * plan.network.input_scale;
        }
        continue;
      }
      at::Tensor input;
      if (step.integers_from >= 0) {
        input = integers[static_cast<std::size_t>(step.integers_from)];
      } else {
        for (const int from : step.forward) {
          const at::Tensor& term = value[static_cast<std::size_t>(from)];
          input = input.defined() ? input + term : term;
        }
      }
      for (const int from : step.backward) {
        const at::Tensor& term = previous[static_cast<std::size_t>(from)];
        if (term.defined()) input = input.defined() ? input + term : term;
      }
      if (!input.defined()) input = at::zeros(batched(step.shape, batch));  // backward edges, first timestep
      value[index] = plan.apply(step, input, state[index]);
      if (node.spiking()) {
        integers[index] = value[index];
      } else if (step.integers.exist && !step.layer.weight.defined()) {
        const auto* params = node.as<traces::Pool2dParams>();
        const at::Tensor& from = integers[static_cast<std::size_t>(step.forward[0])];
        integers[index] = params == nullptr ? plan.apply(step, from, state[index])
                                            : at::avg_pool2d(from, params->kernel, params->stride,
                                                             params->padding, false, true, 1);
      }
      const auto keep = [&](std::map<std::string, at::Tensor>* records, const at::Tensor& now,
                            at::ScalarType type) {
        if (records == nullptr || !now.defined()) return;
        at::Tensor& record = (*records)[node.name];
        if (!record.defined()) record = at::empty(batched(batched(step.shape, batch), timesteps), type);
        record[t].copy_(now);
      };
      if (node.spiking()) {
        keep(spikes, value[index], at::kByte);
        keep(membranes, state[index].membrane, at::kFloat);
      }
    }
    for (const Step& step : plan.steps) {
      const auto index = static_cast<std::size_t>(step.node);
      if (step.keeps_previous) previous[index] = value[index];
    }
    const at::Tensor& out = value[static_cast<std::size_t>(plan.output)];
    sum = sum.defined() ? sum + out : out;
  }
  return sum / timesteps;
}

}  // namespace spikeloop::models
