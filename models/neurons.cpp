#include "models/neurons.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/neuron_kernels.h"

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 1 << 15;
constexpr double kPi = 3.14159265358979323846;

/// d spike / d membrane at x = membrane - threshold.
at::Tensor surrogate(const at::Tensor& x, SurrogateKind kind, double alpha) {
  if (kind == SurrogateKind::kTriangle) return (1 - x.abs()).clamp_min(0) * alpha;
  if (kind == SurrogateKind::kSigmoid) {
    const at::Tensor s = at::sigmoid(x * alpha);
    return s * (1 - s) * alpha;
  }
  const at::Tensor y = x * (kPi / 2 * alpha);
  return alpha / 2 / (y * y + 1);
}

class Spike : public torch::autograd::Function<Spike> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& membrane, double threshold, std::int64_t kind,
                          double alpha) {
    ctx->save_for_backward({membrane});
    ctx->saved_data["threshold"] = threshold;
    ctx->saved_data["kind"] = kind;
    ctx->saved_data["alpha"] = alpha;
    return membrane.ge(threshold).to(membrane.dtype());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor x = ctx->get_saved_variables()[0] - ctx->saved_data["threshold"].toDouble();
    const auto kind = static_cast<SurrogateKind>(ctx->saved_data["kind"].toInt());
    return {grads[0] * surrogate(x, kind, ctx->saved_data["alpha"].toDouble()), {}, {}, {}};
  }
};

at::Tensor reset(const at::Tensor& membrane, const NeuronSpec& spec) {
  const at::Tensor fired = membrane.detach().ge(spec.threshold);
  if (spec.reset == ResetKind::kHard) return membrane.masked_fill(fired, spec.v_reset);
  return membrane - fired.to(membrane.dtype()) * spec.threshold;
}

at::Tensor charge(const at::Tensor& v, const at::Tensor& x, const NeuronSpec& spec, const at::Tensor& rate) {
  if (spec.kind == NeuronKind::kIf) return v + x;
  if (spec.decay_input) return v + (x + spec.v_reset - v) * rate;
  return v + (x - (v - spec.v_reset) * rate);
}

at::Tensor per_channel(const at::Tensor& parameter, std::int64_t dims) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(dims), 1);
  shape.at(2) = parameter.numel();
  return parameter.view(shape);
}

/// Timesteps [T, ...] whose elements of one timestep lie together in memory, each timestep in the same order;
/// one timestep may stand for all (stride 0).
bool steps_are_dense(const at::Tensor& x, bool still_allowed) {
  const at::Tensor step = x.select(0, 0);
  if (!step.is_non_overlapping_and_dense()) return false;
  return x.size(0) == 1 || x.stride(0) == step.numel() || (still_allowed && x.stride(0) == 0);
}

/// New memory for timesteps in the order of `step`.
at::Tensor empty_steps(std::int64_t steps, const at::Tensor& step) {
  std::vector<std::int64_t> sizes = step.sizes().vec(), strides = step.strides().vec();
  sizes.insert(sizes.begin(), steps);
  strides.insert(strides.begin(), step.numel());
  return at::empty_strided(sizes, strides, step.options());
}

bool same_order(const at::Tensor& a, const at::Tensor& b) {
  for (std::int64_t d = 0; d < b.dim(); ++d) {
    if (b.size(d) != 1 && a.stride(d) != b.stride(d)) return false;
  }
  return true;
}

/// `tensor` with elements in memory as in `pattern`; undefined stays undefined.
at::Tensor in_order_of(const at::Tensor& tensor, const at::Tensor& pattern) {
  if (!tensor.defined() || same_order(tensor, pattern)) return tensor;
  at::Tensor copy = at::empty_strided(pattern.sizes(), pattern.strides(), pattern.options());
  return copy.copy_(tensor);
}

template <class T>
T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

template <class T>
NeuronConstants<T> constants_of(const NeuronSpec& spec, double rate) {
  const Charge charge = spec.kind == NeuronKind::kIf ? Charge::kIntegrate
                        : spec.decay_input           ? Charge::kDecayInput
                                                     : Charge::kWholeInput;
  return {charge,
          spec.reset,
          spec.surrogate,
          static_cast<T>(rate),
          static_cast<T>(spec.threshold),
          static_cast<T>(spec.v_reset),
          static_cast<T>(spec.alpha)};
}

/// 1 / tau
double rate_of(const NeuronSpec& spec, const at::Tensor& plif_weight) {
  if (spec.kind != NeuronKind::kPlif) return 1 / spec.tau;
  return 1 / (1 + std::exp(-plif_weight.detach().item<double>()));
}

/// `channel` of a neuron: dimension 1 of a timestep [B, C, ...], which memory holds either innermost or in
/// order.
struct ChannelOrder {
  std::int64_t channels = 1, inner = 1;
};

/// The fused kernel: membranes are kept when they are wanted or needed for the gradients.
NeuronOutput run_kernel(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                        double rate, bool keep_membranes, const at::Tensor& factor = {},
                        const at::Tensor& offset = {}, ChannelOrder order = {}) {
  const at::Tensor pattern = input.select(0, 0);
  const at::Tensor before = in_order_of(previous, pattern);
  NeuronOutput output;
  output.spikes = empty_steps(input.size(0), pattern);
  output.membrane = at::empty_strided(pattern.sizes(), pattern.strides(), pattern.options());
  if (keep_membranes) output.membranes = empty_steps(input.size(0), pattern);
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "run_neurons", [&] {
    NeuronForward<scalar_t> job{};
    job.steps = input.size(0);
    job.neurons = pattern.numel();
    job.input = input.data_ptr<scalar_t>();
    job.input_step = input.size(0) == 1 ? 0 : input.stride(0);
    job.previous = data_or_null<scalar_t>(before);
    job.factor = data_or_null<scalar_t>(factor);
    job.offset = data_or_null<scalar_t>(offset);
    job.channels = order.channels;
    job.inner = order.inner;
    job.spikes = output.spikes.data_ptr<scalar_t>();
    job.membranes = data_or_null<scalar_t>(output.membranes);
    job.last = output.membrane.data_ptr<scalar_t>();
    const auto constants = constants_of<scalar_t>(spec, rate);
    at::parallel_for(0, job.neurons, kGrain,
                     [&](std::int64_t begin, std::int64_t end) { run(job, constants, begin, end); });
  });
  return output;
}

class NeuronFunction : public torch::autograd::Function<NeuronFunction> {
 public:
  /// LibTorch 1.13 takes no undefined tensors here: without a previous membrane, or a PLIF weight, something
  /// else stands in their places.
  static variable_list forward(AutogradContext* ctx, const Variable& input, const Variable& previous_or_any,
                               bool has_previous, const Variable& plif_weight, const NeuronSpec& spec) {
    const double rate = rate_of(spec, plif_weight);
    const Variable previous = has_previous ? previous_or_any : Variable();
    NeuronOutput output = run_kernel(input, previous, spec, rate, true);
    const bool learns_rate = spec.kind == NeuronKind::kPlif && plif_weight.requires_grad();
    ctx->set_materialize_grads(false);
    ctx->save_for_backward({output.membranes, previous, learns_rate ? input : Variable(),
                            learns_rate ? plif_weight : Variable()});
    const NeuronSpec& s = spec;
    ctx->saved_data["numbers"] = std::vector<double>{s.tau, s.threshold, s.v_reset, s.alpha, rate};
    ctx->saved_data["kinds"] =
        std::vector<std::int64_t>{static_cast<std::int64_t>(s.kind), static_cast<std::int64_t>(s.reset),
                                  static_cast<std::int64_t>(s.surrogate), s.decay_input ? 1 : 0};
    ctx->mark_non_differentiable({output.membranes});
    return {output.spikes, output.membrane, output.membranes};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    if (!grads[0].defined() && !grads[1].defined()) return {{}, {}, {}, {}, {}};
    const auto saved = ctx->get_saved_variables();
    const at::Tensor& membranes = saved[0];
    const auto numbers = ctx->saved_data["numbers"].toDoubleVector();
    const auto kinds = ctx->saved_data["kinds"].toIntVector();
    NeuronSpec spec;
    spec.kind = static_cast<NeuronKind>(kinds[0]);
    spec.reset = static_cast<ResetKind>(kinds[1]);
    spec.surrogate = static_cast<SurrogateKind>(kinds[2]);
    spec.decay_input = kinds[3] != 0;
    spec.tau = numbers[0];
    spec.threshold = numbers[1];
    spec.v_reset = numbers[2];
    spec.alpha = numbers[3];
    const double rate = numbers[4];
    const at::Tensor pattern = membranes.select(0, 0);
    const at::Tensor previous = in_order_of(saved[1], pattern);
    const at::Tensor grad_spikes = in_order_of(grads[0], membranes),
                     grad_last = in_order_of(grads[1], pattern);
    const at::Tensor& input = saved[2];
    const at::Tensor grad_input = empty_steps(membranes.size(0), pattern);
    at::Tensor grad_previous, grad_weight;
    if (previous.defined()) {
      grad_previous = at::empty_strided(pattern.sizes(), pattern.strides(), pattern.options());
    }
    AT_DISPATCH_FLOATING_TYPES(membranes.scalar_type(), "run_neurons_backward", [&] {
      NeuronBackward<scalar_t> job{};
      job.steps = membranes.size(0);
      job.neurons = pattern.numel();
      job.membranes = membranes.data_ptr<scalar_t>();
      job.previous = data_or_null<scalar_t>(previous);
      job.grad_spikes = data_or_null<scalar_t>(grad_spikes);
      job.grad_last = data_or_null<scalar_t>(grad_last);
      job.grad_input = grad_input.data_ptr<scalar_t>();
      job.grad_previous = data_or_null<scalar_t>(grad_previous);
      job.input = data_or_null<scalar_t>(input);
      job.input_step = input.defined() && input.size(0) > 1 ? input.stride(0) : 0;
      const auto constants = constants_of<scalar_t>(spec, rate);
      // One range per grain whatever the number of threads: the sums' order is fixed.
      const std::int64_t ranges = (job.neurons + kGrain - 1) / kGrain;
      std::vector<double> grad_rates(static_cast<std::size_t>(ranges), 0.0);
      at::parallel_for(0, ranges, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t r = first; r < last; ++r) {
          grad_rates[static_cast<std::size_t>(r)] =
              run(job, constants, r * kGrain, std::min((r + 1) * kGrain, job.neurons));
        }
      });
      if (input.defined()) {
        double grad_rate = 0;
        for (const double part : grad_rates) grad_rate += part;
        grad_weight = at::full_like(saved[3], grad_rate * rate * (1 - rate));
      }
    });
    return {grad_input, grad_previous, {}, grad_weight, {}};
  }
};

at::Tensor scaled(const at::Tensor& input, const NeuronParameters& parameters) {
  at::Tensor x = input;
  if (parameters.factor.defined()) x = x * per_channel(parameters.factor, x.dim());
  if (parameters.offset.defined()) x = x + per_channel(parameters.offset, x.dim());
  return x;
}

/// Whether the kernel can apply factor and offset: where dimension 2 lies in memory.
bool find_channels(const at::Tensor& input, ChannelOrder& order) {
  const at::Tensor step = input.select(0, 0);
  order.channels = step.size(1);
  order.inner = step.stride(1);
  if (step.is_contiguous()) return true;
  return step.stride(1) == 1 && step.dim() == 4 && step.is_contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

NeuronOutput run_neurons_by_steps(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                                  const NeuronParameters& parameters) {
  const at::Tensor scaled_input = scaled(input, parameters);
  const at::Tensor rate = spec.kind == NeuronKind::kPlif ? at::sigmoid(parameters.plif_weight)
                                                         : at::full({}, 1 / spec.tau, input.options());
  at::Tensor membrane = previous;
  std::vector<at::Tensor> spikes, membranes;
  for (std::int64_t t = 0; t < input.size(0); ++t) {
    const at::Tensor x = scaled_input[t];
    const at::Tensor v = membrane.defined() ? reset(membrane, spec) : at::zeros_like(x);
    membrane = charge(v, x, spec, rate);
    spikes.push_back(
        Spike::apply(membrane, spec.threshold, static_cast<std::int64_t>(spec.surrogate), spec.alpha));
    if (parameters.all_membranes) membranes.push_back(membrane.detach());
  }
  return {at::stack(spikes), membrane, parameters.all_membranes ? at::stack(membranes) : at::Tensor()};
}

NeuronOutput run_neurons(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                         const NeuronParameters& parameters) {
  const auto wants_grad = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  const bool affine = parameters.factor.defined() || parameters.offset.defined();
  const bool needs_grad = at::GradMode::is_enabled() &&
                          (wants_grad(input) || wants_grad(previous) || wants_grad(parameters.factor) ||
                           wants_grad(parameters.offset) || wants_grad(parameters.plif_weight));
  const bool has_kernel =
      input.is_cpu() && (input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble);
  if (!has_kernel) return run_neurons_by_steps(input, previous, spec, parameters);
  if (needs_grad) {
    at::Tensor x = affine ? scaled(input, parameters) : input;
    if (!steps_are_dense(x, true)) x = x.contiguous();
    const at::Tensor any = x.detach();
    const auto outputs =
        NeuronFunction::apply(x, previous.defined() ? previous : any, previous.defined(),
                              parameters.plif_weight.defined() ? parameters.plif_weight : any, spec);
    return {outputs[0], outputs[1], parameters.all_membranes ? outputs[2] : at::Tensor()};
  }
  const at::Tensor x = (steps_are_dense(input, true) ? input : input.contiguous()).detach();
  const at::Tensor before = previous.defined() ? previous.detach() : previous;
  const double rate = rate_of(spec, parameters.plif_weight);
  ChannelOrder order;
  if (!affine || !find_channels(x, order)) {
    return run_kernel(affine ? scaled(x, parameters) : x, before, spec, rate, parameters.all_membranes);
  }
  const at::Tensor factor = parameters.factor.defined() ? parameters.factor.detach().contiguous()
                                                        : at::ones({order.channels}, x.options());
  const at::Tensor offset = parameters.offset.defined() ? parameters.offset.detach().contiguous()
                                                        : at::zeros({order.channels}, x.options());
  return run_kernel(x, before, spec, rate, parameters.all_membranes, factor, offset, order);
}

}  // namespace spikeloop::models
