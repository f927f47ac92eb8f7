#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

#include "models/channel_kernels.h"
#include "models/neurons.h"

// Forward reads the input twice, backward reads input and gradient twice; LibTorch 1.13's takes 9.3 and 5.5
// ms for 4.2 million elements of 16 channels where these take the time of the memory.

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

ChannelShape shape_of(const at::Tensor& x) {
  const std::int64_t channels = x.size(1);
  if (x.dim() != 4) return {x.size(0), channels, 1};
  const std::int64_t area = x.size(2) * x.size(3);
  if (x.is_contiguous()) return {x.size(0), channels, area};
  return {x.size(0) * area, channels, 1};
}

bool is_dense(const at::Tensor& x) {
  return x.is_contiguous() || (x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast));
}

struct Moments {
  std::vector<double> mean, variance;  ///< per channel; the variance biased
};

template <class T>
Moments moments_of(const at::Tensor& x) {
  const ChannelShape shape = shape_of(x);
  const auto channels = static_cast<std::size_t>(shape.channels);
  Moments m{std::vector<double>(channels), std::vector<double>(channels)};
  channel_moments(shape, x.data_ptr<T>(), m.mean.data(), m.variance.data());
  const auto count = static_cast<double>(shape.outer * shape.inner);
  for (std::size_t c = 0; c < channels; ++c) {
    m.mean[c] /= count;
    m.variance[c] = std::max(0.0, m.variance[c] / count - m.mean[c] * m.mean[c]);
  }
  return m;
}

template <class T>
void move_running(const at::Tensor& running, const std::vector<double>& now, double unbias, double momentum) {
  if (!running.defined()) return;
  auto values = running.accessor<T, 1>();
  for (std::size_t c = 0; c < now.size(); ++c) {
    T& value = values[static_cast<std::int64_t>(c)];
    value = static_cast<T>((1 - momentum) * static_cast<double>(value) + momentum * now[c] * unbias);
  }
}

template <class T>
std::vector<T> rounded(const std::vector<double>& values) {
  std::vector<T> result;
  for (const double value : values) result.push_back(static_cast<T>(value));
  return result;
}

struct Statistics {
  at::Tensor running_mean, running_var;
  double momentum, eps;
};

class BatchNormFunction : public torch::autograd::Function<BatchNormFunction> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& input, const Variable& weight,
                          const Variable& bias, const Statistics& statistics) {
    at::Tensor output = at::empty_like(input);
    at::Tensor mean = at::empty({input.size(1)}, at::kDouble),
               inverse = at::empty({input.size(1)}, at::kDouble);
    AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "batch_norm_train", [&] {
      const Moments m = moments_of<scalar_t>(input);
      const auto count = static_cast<double>(input.numel() / input.size(1));
      move_running<scalar_t>(statistics.running_mean, m.mean, 1, statistics.momentum);
      move_running<scalar_t>(statistics.running_var, m.variance, count / (count - 1), statistics.momentum);
      const auto w = weight.accessor<scalar_t, 1>(), b = bias.accessor<scalar_t, 1>();
      std::vector<scalar_t> factor, offset;
      for (std::size_t c = 0; c < m.mean.size(); ++c) {
        const auto i = static_cast<std::int64_t>(c);
        const double inverse_deviation = 1 / std::sqrt(m.variance[c] + statistics.eps);
        mean.data_ptr<double>()[c] = m.mean[c];
        inverse.data_ptr<double>()[c] = inverse_deviation;
        const double scale = static_cast<double>(w[i]) * inverse_deviation;
        factor.push_back(static_cast<scalar_t>(scale));
        offset.push_back(static_cast<scalar_t>(static_cast<double>(b[i]) - m.mean[c] * scale));
      }
      channel_scale(shape_of(input), input.data_ptr<scalar_t>(), factor.data(), offset.data(),
                    output.data_ptr<scalar_t>());
    });
    ctx->save_for_backward({input, weight, mean, inverse});
    return output;
  }

  /// With xhat = (x - mean) / deviation, n values a channel:
  ///   grad_bias = sum g, grad_weight = sum g xhat,
  ///   grad_x = weight / deviation (g - grad_bias / n - xhat grad_weight / n)
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    at::Tensor grad = at::empty_like(input);
    grad = grads[0].strides() == input.strides() ? grads[0] : grad.copy_(grads[0]);
    const at::Tensor grad_input = at::empty_like(input);
    const at::Tensor grad_weight = at::empty_like(weight), grad_bias = at::empty_like(weight);
    AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "batch_norm_train_backward", [&] {
      const ChannelShape shape = shape_of(input);
      const auto channels = static_cast<std::size_t>(shape.channels);
      const double *mean = saved[2].data_ptr<double>(), *inverse = saved[3].data_ptr<double>();
      std::vector<double> sum(channels), products(channels), a(channels), b(channels), m(channels),
          d(channels);
      const auto *g = grad.data_ptr<scalar_t>(), *x = input.data_ptr<scalar_t>();
      channel_products(shape, g, x, sum.data(), products.data());
      const auto count = static_cast<double>(shape.outer * shape.inner);
      const auto w = weight.accessor<scalar_t, 1>();
      for (std::size_t c = 0; c < channels; ++c) {
        const auto i = static_cast<std::int64_t>(c);
        const double for_weight = (products[c] - mean[c] * sum[c]) * inverse[c];
        grad_weight.accessor<scalar_t, 1>()[i] = static_cast<scalar_t>(for_weight);
        grad_bias.accessor<scalar_t, 1>()[i] = static_cast<scalar_t>(sum[c]);
        a[c] = static_cast<double>(w[i]) * inverse[c];
        b[c] = -a[c] * inverse[c] * for_weight / count;
        m[c] = mean[c];
        d[c] = -a[c] * sum[c] / count;
      }
      const auto at = rounded<scalar_t>(a), bt = rounded<scalar_t>(b), mt = rounded<scalar_t>(m),
                 dt = rounded<scalar_t>(d);
      channel_gradient(shape, g, x, ChannelGradient<scalar_t>{at.data(), bt.data(), mt.data(), dt.data()},
                       grad_input.data_ptr<scalar_t>());
    });
    return {grad_input, grad_weight, grad_bias, {}};
  }
};

}  // namespace

at::Tensor batch_norm_train(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_var, double momentum,
                            double eps) {
  if (input.numel() == input.size(1))  // one value per channel has no variance: it would end in NaN
    return at::batch_norm(input, weight, bias, {}, {}, true, momentum, eps, true);
  const bool ours =
      input.is_cpu() && (input.dim() == 4 || input.dim() == 2) && input.scalar_type() == weight.scalar_type();
  if (!ours) return at::batch_norm(input, weight, bias, running_mean, running_var, true, momentum, eps, true);
  const at::Tensor x = is_dense(input) ? input : input.contiguous();
  return BatchNormFunction::apply(x, weight, bias, Statistics{running_mean, running_var, momentum, eps});
}

at::Tensor batch_norm_eval(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                           const at::Tensor& running_mean, const at::Tensor& running_var, double eps) {
  const bool wants_grad =
      at::GradMode::is_enabled() && (input.requires_grad() || weight.requires_grad() || bias.requires_grad());
  const bool ours = input.is_cpu() && (input.dim() == 4 || input.dim() == 2) && !wants_grad &&
                    input.scalar_type() == weight.scalar_type();
  if (!ours) return at::batch_norm(input, weight, bias, running_mean, running_var, false, 0, eps, true);
  const at::Tensor x = is_dense(input) ? input : input.contiguous();
  const at::Tensor factor = (weight.to(at::kDouble) / at::sqrt(running_var.to(at::kDouble) + eps));
  const at::Tensor offset =
      (bias.to(at::kDouble) - running_mean.to(at::kDouble) * factor).to(x.scalar_type());
  const at::Tensor rounded_factor = factor.to(x.scalar_type());
  at::Tensor output = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "batch_norm_eval", [&] {
    channel_scale(shape_of(x), x.data_ptr<scalar_t>(), rounded_factor.data_ptr<scalar_t>(),
                  offset.data_ptr<scalar_t>(), output.data_ptr<scalar_t>());
  });
  return output;
}

}  // namespace spikeloop::models
