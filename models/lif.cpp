#include "models/lif.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <vector>

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

/// Sum over 3 x 3 neighbours / 9 of each [height, width] plane; zero outside.
template <class T>
void box_filter(const T* __restrict input, T* __restrict output, std::int64_t planes, std::int64_t height,
                std::int64_t width) {
  std::vector<T> rows(static_cast<std::size_t>(width + 2), T(0));  // sum of three rows, zero at both ends
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const T* in = input + plane * height * width;
    T* out = output + plane * height * width;
    for (std::int64_t y = 0; y < height; ++y) {
      const T* above = y > 0 ? in + (y - 1) * width : nullptr;
      const T* here = in + y * width;
      const T* below = y + 1 < height ? in + (y + 1) * width : nullptr;
      T* __restrict sum = rows.data() + 1;
      if (above != nullptr && below != nullptr) {
        for (std::int64_t x = 0; x < width; ++x) sum[x] = above[x] + here[x] + below[x];
      } else if (above != nullptr || below != nullptr) {
        const T* other = above != nullptr ? above : below;
        for (std::int64_t x = 0; x < width; ++x) sum[x] = here[x] + other[x];
      } else {
        for (std::int64_t x = 0; x < width; ++x) sum[x] = here[x];
      }
      const T* __restrict s = rows.data();
      T* __restrict o = out + y * width;
      for (std::int64_t x = 0; x < width; ++x) o[x] = (s[x] + s[x + 1] + s[x + 2]) / T(9);
    }
  }
}

class AveragePool3x3 : public torch::autograd::Function<AveragePool3x3> {
 public:
  static at::Tensor filter(const at::Tensor& input) {
    if (!input.is_cpu()) return at::avg_pool2d(input, 3, 1, 1);
    const at::Tensor x = input.contiguous();
    at::Tensor output = at::empty(x.sizes(), x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "average_pool3x3", [&] {
      box_filter(x.data_ptr<scalar_t>(), output.data_ptr<scalar_t>(), x.size(0) * x.size(1), x.size(2),
                 x.size(3));
    });
    return output;
  }
  static Variable forward(AutogradContext*, const Variable& input) { return filter(input); }
  // The filter is symmetric, so it is its own transpose.
  static variable_list backward(AutogradContext*, variable_list grads) { return {filter(grads[0])}; }
};

}  // namespace

LifStep lif_step(const at::Tensor& input, const at::Tensor& previous, double tau, double threshold) {
  const bool first = !previous.defined();
  const auto outputs = LifFunction::apply(input, first ? input.detach() : previous, first, tau, threshold);
  return {outputs[0], outputs[1]};
}

at::Tensor average_pool3x3(const at::Tensor& input) { return AveragePool3x3::apply(input); }

}  // namespace spikeloop::models
