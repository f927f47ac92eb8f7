#include "models/optimiser.h"

#include <ATen/ATen.h>

#include <cmath>

namespace spikeloop::models {
namespace {

constexpr std::int64_t kGrowthInterval = 2000;

void sgd_step(const OptimiserOptions& options, double lr, double decay, const at::Tensor& parameter,
              const at::Tensor& gradient, const at::Tensor& momentum) {
  if (decay != 0) gradient.add_(parameter, decay);
  momentum.mul_(options.momentum).add_(gradient);
  if (options.nesterov) gradient.add_(momentum, options.momentum);
  parameter.add_(options.nesterov ? gradient : momentum, -lr);
}

void adamw_step(const OptimiserOptions& options, double lr, double decay, const at::Tensor& parameter,
                const at::Tensor& gradient, OptimiserState& state, std::size_t i) {
  const auto t = static_cast<double>(state.steps);
  const double correction1 = 1 - std::pow(options.beta1, t), correction2 = 1 - std::pow(options.beta2, t);
  parameter.mul_(1 - lr * decay);
  state.first[i].mul_(options.beta1).add_(gradient, 1 - options.beta1);
  state.second[i].mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const at::Tensor denominator = state.second[i].sqrt().div_(std::sqrt(correction2)).add_(options.epsilon);
  parameter.addcdiv_(state.first[i], denominator, -lr / correction1);
}

}  // namespace

OptimiserState make_optimiser_state(const OptimiserOptions& options,
                                    const std::vector<at::Tensor>& parameters) {
  OptimiserState state;
  for (const at::Tensor& parameter : parameters) {
    state.first.push_back(at::zeros_like(parameter));
    if (options.kind == OptimiserKind::kAdamW) state.second.push_back(at::zeros_like(parameter));
  }
  return state;
}

bool takes_weight_decay(const at::Tensor& parameter) { return parameter.dim() > 1; }

void optimiser_step(const OptimiserOptions& options, double lr, const std::vector<at::Tensor>& parameters,
                    const std::vector<at::Tensor>& gradients, OptimiserState& state) {
  const at::NoGradGuard no_grad;
  ++state.steps;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double decay = takes_weight_decay(parameters[i]) ? options.weight_decay : 0;
    if (options.kind == OptimiserKind::kSgd)
      sgd_step(options, lr, decay, parameters[i], gradients[i], state.first[i]);
    else
      adamw_step(options, lr, decay, parameters[i], gradients[i], state, i);
  }
}

double gradient_norm(const std::vector<at::Tensor>& gradients) {
  if (gradients.empty()) return 0;
  std::vector<at::Tensor> norms;
  norms.reserve(gradients.size());
  for (const at::Tensor& gradient : gradients) norms.push_back(gradient.norm().to(at::kDouble));
  return at::stack(norms).norm().item<double>();
}

void LossScale::update(bool finite) {
  if (!finite) {
    scale /= 2;
    good_steps = 0;
  } else if (++good_steps == kGrowthInterval) {
    scale *= 2;
    good_steps = 0;
  }
}

}  // namespace spikeloop::models
