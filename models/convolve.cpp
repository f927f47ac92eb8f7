#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cmath>

#include "models/channel_kernels.h"
#include "models/neurons.h"
#include "models/spike_convolution.h"

// Measured with Debian's LibTorch 1.13 (oneDNN 2.6) on one core of an EPYC with AVX-512, 256 images, 15 %
// spikes, milliseconds of forward / input gradient / weight gradient of a 3 x 3 convolution:
//                            conv2d, in order    conv2d, channels-last    by spikes
//   16 -> 16 channels, 32^2    43.6  30.7  19.5      12.0  11.7  10.9     13.1   -   9.7
//   32 -> 32 channels, 16^2    12.7  12.5  13.8      11.5  11.1  10.8      5.3   -   5.8
//   64 -> 64 channels,  8^2    10.8  11.3  12.1       9.6  10.5  11.2      3.4   -   4.9
// In order oneDNN copies into blocks of channels and back, which costs more than the convolution of few
// channels. So values stay channels-last from the first convolution on, and spikes are convolved by
// themselves where their number of channels and rate make it pay.

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

at::Tensor dense(const at::Tensor& input, const at::Tensor& weight) {
  return at::conv2d(input, weight.contiguous(kChannelsLast), {}, {1, 1}, {1, 1});
}

SpikeConvolution shape_of(const at::Tensor& input, const at::Tensor& weight) {
  return {input.size(0), input.size(2), input.size(3), input.size(1), weight.size(0)};
}

/// Rates up to which spikes alone are faster than all inputs.
double forward_limit(const SpikeConvolution& s) { return s.in_channels >= 32 ? 0.35 : 0.1; }
double gradient_limit(const SpikeConvolution& s) { return s.in_channels >= 32 ? 0.35 : 0.2; }

/// 3 x 3, stride 1, padding 1, of channels-last spikes in float.
class SpikeConvolutionFunction : public torch::autograd::Function<SpikeConvolutionFunction> {
 public:
  static at::Tensor compute(const at::Tensor& input, const at::Tensor& weight, double rate) {
    const SpikeConvolution shape = shape_of(input, weight);
    if (rate > forward_limit(shape)) return dense(input, weight);
    const at::Tensor taps = weight.permute({2, 3, 1, 0}).contiguous();
    at::Tensor output = at::empty({shape.images, shape.out_channels, shape.height, shape.width},
                                  input.options().memory_format(kChannelsLast));
    at::parallel_for(0, shape.images, 16, [&](std::int64_t begin, std::int64_t end) {
      convolve_spikes(shape, input.data_ptr<float>(), taps.data_ptr<float>(), output.data_ptr<float>(), begin,
                      end);
    });
    return output;
  }

  static Variable forward(AutogradContext* ctx, const Variable& input, const Variable& weight, double rate) {
    ctx->save_for_backward({input, weight});
    ctx->saved_data["input"] = input.requires_grad();
    ctx->saved_data["weight"] = weight.requires_grad();
    ctx->saved_data["rate"] = rate;
    return compute(input, weight, rate);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    const at::Tensor grad = grads[0].contiguous(kChannelsLast);
    const SpikeConvolution shape = shape_of(input, weight);
    const bool by_spikes = ctx->saved_data["rate"].toDouble() <= gradient_limit(shape);
    const bool weight_wanted = ctx->saved_data["weight"].toBool();
    const std::array<bool, 3> densely{ctx->saved_data["input"].toBool(), weight_wanted && !by_spikes, false};
    at::Tensor grad_input, grad_weight;
    if (densely[0] || densely[1]) {
      std::tie(grad_input, grad_weight, std::ignore) =
          at::convolution_backward(grad, input, weight.contiguous(kChannelsLast), at::OptionalIntArrayRef(),
                                   {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1, densely);
    }
    if (weight_wanted && by_spikes) {
      const at::Tensor taps = at::zeros({3, 3, shape.in_channels, shape.out_channels}, weight.options());
      spike_weight_gradient(shape, input.data_ptr<float>(), grad.data_ptr<float>(), taps.data_ptr<float>());
      grad_weight = taps.permute({3, 2, 0, 1}).contiguous();
    }
    return {grad_input, grad_weight, {}};
  }
};

class AveragePool3x3 : public torch::autograd::Function<AveragePool3x3> {
 public:
  static at::Tensor filter(const at::Tensor& input) {
    if (!input.is_cpu()) return at::avg_pool2d(input, 3, 1, 1);
    const bool last = input.is_contiguous(kChannelsLast);
    const at::Tensor x = last ? input : input.contiguous();
    at::Tensor output = at::empty_like(x);
    const std::int64_t planes = last ? x.size(0) : x.size(0) * x.size(1), inner = last ? x.size(1) : 1;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "average_pool3x3", [&] {
      box_filter(x.data_ptr<scalar_t>(), output.data_ptr<scalar_t>(), planes, x.size(2), x.size(3), inner);
    });
    return output;
  }
  static Variable forward(AutogradContext*, const Variable& input) { return filter(input); }
  // The filter is symmetric, so it is its own transpose.
  static variable_list backward(AutogradContext*, variable_list grads) { return {filter(grads[0])}; }
};

}  // namespace

at::Tensor average_pool3x3(const at::Tensor& input) { return AveragePool3x3::apply(input); }

at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight, std::int64_t stride,
                    std::int64_t padding, std::int64_t groups, bool binary) {
  if (!input.is_cpu() || groups != 1) {
    return at::conv2d(input, weight, {}, {stride, stride}, {padding, padding}, {1, 1}, groups);
  }
  const at::Tensor x = input.contiguous(kChannelsLast);
  const bool three = weight.size(2) == 3 && weight.size(3) == 3 && stride == 1 && padding == 1;
  if (binary && three && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat) {
    const SpikeConvolution shape = shape_of(x, weight);
    if (takes(shape)) {
      const double rate = firing_rate(shape, x.data_ptr<float>());
      if (rate <= std::max(forward_limit(shape), gradient_limit(shape))) {
        return SpikeConvolutionFunction::apply(x, weight, rate);
      }
    }
  }
  return at::conv2d(x, weight.contiguous(kChannelsLast), {}, {stride, stride}, {padding, padding});
}

}  // namespace spikeloop::models
