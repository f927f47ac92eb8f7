#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <tuple>

#include "models/channel_kernels.h"
#include "models/neurons.h"
#include "models/spike_convolution.h"

// Measured with Debian's LibTorch 1.13 (oneDNN 2.6) on one core of an EPYC with AVX-512: milliseconds of CPU
// of forward, input gradient, weight gradient of a 3 x 3 convolution of 256 images; by spikes (forward and
// weight gradient) at firing rates of 5, 15 and 30 %:
//                conv2d, in order   channels-last      5 %         15 %         30 %
//   16 -> 16, 32^2  43.6 30.7 19.5  12.0 11.7 10.9  6.3  5.0    7.7  6.8    10.4  9.4
//   32 -> 32, 16^2  12.7 12.5 13.8  11.5 11.1 10.8  2.7  3.2    4.1  5.1     6.3  7.9
//   64 -> 64,  8^2  10.8 11.3 12.1   9.6 10.5 11.2  1.8  4.2    4.0  5.5     7.3  7.6
// In order oneDNN copies into blocks of channels and back, which costs more than a convolution of few
// channels. So values stay channels-last from the first convolution on, and spikes are convolved by
// themselves up to a rate.

namespace spikeloop::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

SpikeConvolution shape_of(const at::Tensor& input, const at::Tensor& weight) {
  return {input.size(0), input.size(2), input.size(3), input.size(1), weight.size(0)};
}

/// Firing rate up to which the spikes alone are faster.
constexpr double kMostSpikes = 0.35;

/// 3 x 3, stride 1, padding 1, of channels-last spikes in float.
class SpikeConvolutionFunction : public torch::autograd::Function<SpikeConvolutionFunction> {
 public:
  static Variable forward(AutogradContext* ctx, const Variable& input, const Variable& weight) {
    ctx->save_for_backward({input, weight});
    ctx->saved_data["input"] = input.requires_grad();
    ctx->saved_data["weight"] = weight.requires_grad();
    const SpikeConvolution shape = shape_of(input, weight);
    const at::Tensor taps = weight.permute({3, 2, 1, 0}).contiguous();
    at::Tensor output = at::empty({shape.images, shape.out_channels, shape.height, shape.width},
                                  input.options().memory_format(kChannelsLast));
    at::parallel_for(0, shape.images, 16, [&](std::int64_t begin, std::int64_t end) {
      convolve_spikes(shape, input.data_ptr<float>(), taps.data_ptr<float>(), output.data_ptr<float>(), begin,
                      end);
    });
    return output;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    const at::Tensor grad = grads[0].contiguous(kChannelsLast);
    at::Tensor grad_input, grad_weight;
    if (ctx->saved_data["input"].toBool()) {
      grad_input = std::get<0>(at::convolution_backward(grad, input, weight.contiguous(kChannelsLast),
                                                        at::OptionalIntArrayRef(), {1, 1}, {1, 1}, {1, 1},
                                                        false, {0, 0}, 1, {true, false, false}));
    }
    if (ctx->saved_data["weight"].toBool()) {
      const SpikeConvolution shape = shape_of(input, weight);
      const at::Tensor taps = at::zeros({3, 3, shape.in_channels, shape.out_channels}, weight.options());
      spike_weight_gradient(shape, input.data_ptr<float>(), grad.data_ptr<float>(), taps.data_ptr<float>());
      grad_weight = taps.permute({3, 2, 1, 0}).contiguous();
    }
    return {grad_input, grad_weight};
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
    if (takes(shape) && firing_rate(shape, x.data_ptr<float>()) <= kMostSpikes) {
      return SpikeConvolutionFunction::apply(x, weight);
    }
  }
  return at::conv2d(x, weight.contiguous(kChannelsLast), {}, {stride, stride}, {padding, padding});
}

}  // namespace spikeloop::models
