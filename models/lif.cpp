#include "models/lif.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr double kPi = 3.14159265358979323846;
constexpr std::int64_t kGrain = 1 << 15;

// Plain loops over plain pointers: the compiler vectorises them (this file is compiled with -O3).
template <class T>
void charge_and_fire(const T* __restrict input, const T* __restrict previous, T* __restrict spikes,
                     T* __restrict membrane, std::int64_t n, T tau, T threshold) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T v = previous[i] >= threshold ? T(0) : previous[i];
    const T h = v + (input[i] - v) / tau;
    membrane[i] = h;
    spikes[i] = h >= threshold ? T(1) : T(0);
  }
}

template <class T>
void charge_and_fire_first(const T* __restrict input, T* __restrict spikes, T* __restrict membrane,
                           std::int64_t n, T tau, T threshold) {
  for (std::int64_t i = 0; i < n; ++i) {
    const T h = input[i] / tau;
    membrane[i] = h;
    spikes[i] = h >= threshold ? T(1) : T(0);
  }
}

/// d spike / d membrane
template <class T>
inline T surrogate(T x) {
  const T y = static_cast<T>(kPi) * x;
  return T(1) / (T(1) + y * y);
}

/// Gradient at the membrane (through spike and, unless null, the next step), divided by tau.
template <class T>
void backward_loop(const T* __restrict grad_spikes, const T* __restrict grad_membrane,
                   const T* __restrict membrane, T* __restrict grad_input, std::int64_t n, T inverse_tau,
                   T threshold) {
  if (grad_spikes != nullptr && grad_membrane != nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      grad_input[i] = (grad_spikes[i] * surrogate(membrane[i] - threshold) + grad_membrane[i]) * inverse_tau;
    }
  } else if (grad_spikes != nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      grad_input[i] = grad_spikes[i] * surrogate(membrane[i] - threshold) * inverse_tau;
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) grad_input[i] = grad_membrane[i] * inverse_tau;
  }
}

/// The membrane passes on (1 - 1/tau) of itself where it was not reset: factor is (1 - 1/tau) * tau on
/// grad_input.
template <class T>
void previous_loop(const T* __restrict grad_input, const T* __restrict previous, T* __restrict grad_previous,
                   std::int64_t n, T factor, T threshold) {
  for (std::int64_t i = 0; i < n; ++i) {
    grad_previous[i] = previous[i] >= threshold ? T(0) : grad_input[i] * factor;
  }
}

template <class T>
const T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

class LifFunction : public torch::autograd::Function<LifFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const Variable& input, const Variable& previous,
                               bool first, double tau, double threshold) {
    at::Tensor spikes, membrane;
    if (input.is_cpu()) {
      const at::Tensor x = input.contiguous();
      const at::Tensor p = previous.contiguous();
      spikes = at::empty(x.sizes(), x.options());
      membrane = at::empty(x.sizes(), x.options());
      AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "lif_step", [&] {
        at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
          const auto n = end - begin;
          const auto t = static_cast<scalar_t>(tau), th = static_cast<scalar_t>(threshold);
          scalar_t* s = spikes.data_ptr<scalar_t>() + begin;
          scalar_t* h = membrane.data_ptr<scalar_t>() + begin;
          if (first) {
            charge_and_fire_first(x.data_ptr<scalar_t>() + begin, s, h, n, t, th);
          } else {
            charge_and_fire(x.data_ptr<scalar_t>() + begin, p.data_ptr<scalar_t>() + begin, s, h, n, t, th);
          }
        });
      });
    } else if (first) {
      membrane = input / tau;
      spikes = membrane.ge(threshold).to(input.dtype());
    } else {
      const at::Tensor v = previous.masked_fill(previous.ge(threshold), 0);
      membrane = v + (input - v) / tau;
      spikes = membrane.ge(threshold).to(input.dtype());
    }
    ctx->set_materialize_grads(false);
    ctx->save_for_backward({membrane, first ? Variable() : previous});
    ctx->saved_data["tau"] = tau;
    ctx->saved_data["threshold"] = threshold;
    return {spikes, membrane};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor membrane = saved[0];
    const double tau = ctx->saved_data["tau"].toDouble();
    const double threshold = ctx->saved_data["threshold"].toDouble();
    at::Tensor grad_input, grad_previous;
    const bool any = grads[0].defined() || grads[1].defined();
    if (any && membrane.is_cpu()) {
      const at::Tensor grad_spikes = grads[0].defined() ? grads[0].contiguous() : at::Tensor();
      const at::Tensor grad_membrane = grads[1].defined() ? grads[1].contiguous() : at::Tensor();
      const at::Tensor previous = saved[1].defined() ? saved[1].contiguous() : at::Tensor();
      grad_input = at::empty(membrane.sizes(), membrane.options());
      if (previous.defined()) grad_previous = at::empty(membrane.sizes(), membrane.options());
      AT_DISPATCH_FLOATING_TYPES(membrane.scalar_type(), "lif_step_backward", [&] {
        const auto n = membrane.numel();
        const auto th = static_cast<scalar_t>(threshold);
        backward_loop(data_or_null<scalar_t>(grad_spikes), data_or_null<scalar_t>(grad_membrane),
                      membrane.data_ptr<scalar_t>(), grad_input.data_ptr<scalar_t>(), n,
                      static_cast<scalar_t>(1 / tau), th);
        if (previous.defined()) {
          previous_loop(grad_input.data_ptr<scalar_t>(), previous.data_ptr<scalar_t>(),
                        grad_previous.data_ptr<scalar_t>(), n, static_cast<scalar_t>(tau - 1), th);
        }
      });
    } else if (any) {
      const at::Tensor x = (membrane - threshold) * kPi;
      at::Tensor grad = at::zeros_like(membrane);
      if (grads[0].defined()) grad = grad + grads[0] / (x * x + 1);
      if (grads[1].defined()) grad = grad + grads[1];
      grad_input = grad / tau;
      if (saved[1].defined()) {
        grad_previous = (grad_input * (tau - 1)).masked_fill(saved[1].ge(threshold), 0);
      }
    }
    return {grad_input, grad_previous, Variable(), Variable(), Variable()};
  }
};

}  // namespace

LifStep lif_step(const at::Tensor& input, const at::Tensor& previous, double tau, double threshold) {
  const bool first = !previous.defined();
  const auto outputs = LifFunction::apply(input, first ? input.detach() : previous, first, tau, threshold);
  return {outputs[0], outputs[1]};
}

}  // namespace spikeloop::models
