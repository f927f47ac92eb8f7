#include "models/neurons.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

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
  shape.at(1) = parameter.numel();
  return parameter.view(shape);
}

}  // namespace

NeuronOutput run_neurons(const at::Tensor& input, const at::Tensor& previous, const NeuronSpec& spec,
                         const NeuronParameters& parameters) {
  const at::Tensor rate = spec.kind == NeuronKind::kPlif ? at::sigmoid(parameters.plif_weight)
                                                         : at::full({}, 1 / spec.tau, input.options());
  at::Tensor membrane = previous;
  std::vector<at::Tensor> spikes, membranes;
  for (std::int64_t t = 0; t < input.size(0); ++t) {
    at::Tensor x = input[t];
    if (parameters.factor.defined()) x = x * per_channel(parameters.factor, x.dim());
    if (parameters.offset.defined()) x = x + per_channel(parameters.offset, x.dim());
    const at::Tensor v = membrane.defined() ? reset(membrane, spec) : at::zeros_like(x);
    membrane = charge(v, x, spec, rate);
    spikes.push_back(
        Spike::apply(membrane, spec.threshold, static_cast<std::int64_t>(spec.surrogate), spec.alpha));
    if (parameters.all_membranes) membranes.push_back(membrane.detach());
  }
  return {at::stack(spikes), membrane, parameters.all_membranes ? at::stack(membranes) : at::Tensor()};
}

at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, std::int64_t stride,
                    std::int64_t padding, std::int64_t groups, bool /*binary*/) {
  return at::conv2d(input, weight, {}, {stride, stride}, {padding, padding}, {1, 1}, groups);
}

at::Tensor batch_norm_train(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_var, double momentum,
                            double eps) {
  return at::batch_norm(input, weight, bias, running_mean, running_var, true, momentum, eps, false);
}

}  // namespace spikeloop::models
