#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/neurons.h"
#include "models/spike_convolution.h"
#include "tests/models/random_tensor.h"

namespace spikeloop::models {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

at::Tensor random_spikes(const std::vector<std::int64_t>& shape, std::uint64_t seed, double rate) {
  return random_tensor(shape, seed).lt(4 * rate - 1.5).to(at::kFloat);
}

/// Against the definition in double, with every kind of border.
TEST(SpikeConvolution, EqualsTheSumOverSpikes) {
  for (const auto& [in, out, height, width] : std::vector<std::array<std::int64_t, 4>>{
           {8, 16, 1, 1}, {16, 16, 5, 1}, {8, 32, 1, 6}, {24, 48, 4, 7}, {16, 112, 3, 5}}) {
    for (const double rate : {0.0, 0.2, 1.0}) {
      const SpikeConvolution shape{2, height, width, in, out};
      ASSERT_TRUE(takes(shape));
      const at::Tensor x = random_spikes({2, in, height, width}, 1, rate).contiguous(kChannelsLast);
      const at::Tensor w = random_tensor({out, in, 3, 3}, 2).to(at::kFloat);
      const at::Tensor g = random_tensor({2, out, height, width}, 3).to(at::kFloat).contiguous(kChannelsLast);
      const at::Tensor taps = w.permute({3, 2, 1, 0}).contiguous();
      at::Tensor y = at::empty({2, out, height, width}, x.options().memory_format(kChannelsLast));
      convolve_spikes(shape, x.data_ptr<float>(), taps.data_ptr<float>(), y.data_ptr<float>(), 0, 2);
      const at::Tensor exact_weight = w.to(at::kDouble).requires_grad_(true);
      const at::Tensor exact = at::conv2d(x.to(at::kDouble), exact_weight, {}, 1, 1);
      EXPECT_LE((y.to(at::kDouble) - exact).abs().max().item<double>(), 1e-4);
      (exact * g.to(at::kDouble)).sum().backward();
      const at::Tensor grad = at::zeros_like(taps);
      spike_weight_gradient(shape, x.data_ptr<float>(), g.data_ptr<float>(), grad.data_ptr<float>());
      EXPECT_LE((grad.permute({3, 2, 1, 0}).to(at::kDouble) - exact_weight.grad()).abs().max().item<double>(),
                1e-4);
    }
  }
}

TEST(Convolve, EqualsConv2dBothWays) {
  struct Shape {
    std::int64_t in, out, kernel, stride, groups;
    bool binary;
    double rate;
  };
  for (const Shape& s : std::vector<Shape>{{32, 32, 3, 1, 1, true, 0.1},
                                           {16, 16, 3, 1, 1, true, 0.15},
                                           {32, 16, 3, 1, 1, true, 0.9},
                                           {32, 32, 3, 2, 1, true, 0.1},
                                           {16, 32, 1, 1, 1, true, 0.1},
                                           {3, 5, 3, 1, 1, false, 0.5},
                                           {8, 8, 3, 1, 4, true, 0.2}}) {
    const at::Tensor x = random_spikes({3, s.in, 6, 5}, 1, s.rate);
    const at::Tensor w = random_tensor({s.out, s.in / s.groups, s.kernel, s.kernel}, 2).to(at::kFloat);
    const at::Tensor xa = x.clone().requires_grad_(true), wa = w.clone().requires_grad_(true);
    const at::Tensor xb = x.to(at::kDouble).requires_grad_(true), wb = w.to(at::kDouble).requires_grad_(true);
    const std::int64_t padding = s.kernel / 2;
    const at::Tensor mine = convolve(xa, wa, s.stride, padding, s.groups, s.binary);
    const at::Tensor theirs = at::conv2d(xb, wb, {}, s.stride, padding, 1, s.groups);
    EXPECT_LE((mine.to(at::kDouble) - theirs).abs().max().item<double>(), 1e-3);
    const at::Tensor g = random_tensor(theirs.sizes().vec(), 3);
    (mine * g.to(at::kFloat)).sum().backward();
    (theirs * g).sum().backward();
    EXPECT_TRUE(at::allclose(xa.grad().to(at::kDouble), xb.grad(), 0, 1e-4));
    EXPECT_TRUE(at::allclose(wa.grad().to(at::kDouble), wb.grad(), 0, 1e-4));
  }
}

TEST(AveragePool3x3, EqualsAvgPool2dBothWays) {
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{2, 3, 8, 5}, {1, 2, 1, 4}, {1, 1, 2, 1}}) {
    for (const auto format : {at::MemoryFormat::Contiguous, kChannelsLast}) {
      const at::Tensor a = random_tensor(shape, 1).contiguous(format).set_requires_grad(true);
      const at::Tensor b = a.detach().clone().set_requires_grad(true);
      const at::Tensor weight = random_tensor(shape, 2);
      const at::Tensor mine = average_pool3x3(a), theirs = at::avg_pool2d(b, 3, 1, 1);
      EXPECT_TRUE(mine.is_contiguous(format));
      EXPECT_TRUE(at::allclose(mine, theirs, 0, 1e-14));
      (mine * weight).sum().backward();
      (theirs * weight).sum().backward();
      EXPECT_TRUE(at::allclose(a.grad(), b.grad(), 0, 1e-14));
    }
  }
}

/// The same as LibTorch's in training mode, its running statistics and gradients.
TEST(BatchNormTrain, EqualsLibTorchBothWays) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const double close = type == at::kDouble ? 1e-11 : 2e-4;
    for (const auto& shape :
         std::vector<std::vector<std::int64_t>>{{6, 5, 7, 3}, {3, 16, 4, 4}, {9, 4}, {2, 3, 1, 1}}) {
      for (const bool last : {false, true}) {
        if (last && shape.size() != 4) continue;
        at::Tensor x = (random_tensor(shape, 1) * 2 + 3).to(type);
        if (last) x = x.contiguous(kChannelsLast);
        const at::Tensor a = x.clone().set_requires_grad(true), b = x.clone().set_requires_grad(true);
        const at::Tensor w = random_tensor({shape[1]}, 2).to(type),
                         bias = random_tensor({shape[1]}, 3).to(type);
        const at::Tensor wa = w.clone().requires_grad_(true), wb = w.clone().requires_grad_(true);
        const at::Tensor ba = bias.clone().requires_grad_(true), bb = bias.clone().requires_grad_(true);
        const at::Tensor mean_a = at::zeros_like(w), var_a = at::ones_like(w);
        const at::Tensor mean_b = at::zeros_like(w), var_b = at::ones_like(w);
        const at::Tensor mine = batch_norm_train(a, wa, ba, mean_a, var_a, 0.1, 1e-5);
        const at::Tensor theirs = at::batch_norm(b, wb, bb, mean_b, var_b, true, 0.1, 1e-5, false);
        EXPECT_EQ(mine.strides(), x.strides());
        EXPECT_TRUE(at::allclose(mine, theirs, 0, close));
        EXPECT_TRUE(at::allclose(mean_a, mean_b, 0, close));
        EXPECT_TRUE(at::allclose(var_a, var_b, 0, close));
        const at::Tensor g = random_tensor(shape, 4).to(type);
        (mine * g).sum().backward();
        (theirs * g).sum().backward();
        EXPECT_TRUE(at::allclose(a.grad(), b.grad(), 0, 10 * close));
        EXPECT_TRUE(at::allclose(wa.grad(), wb.grad(), 0, 10 * close));
        EXPECT_TRUE(at::allclose(ba.grad(), bb.grad(), 0, 10 * close));
      }
    }
  }
}

/// It has no variance: an unbiased one would be NaN.
TEST(BatchNormTrain, OneValuePerChannelLeavesTheStatisticsAlone) {
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{1, 3}, {1, 3, 1, 1}}) {
    const at::Tensor x = random_tensor(shape, 1).set_requires_grad(true);
    const at::Tensor weight = random_tensor({3}, 2), bias = random_tensor({3}, 3);
    const at::Tensor mean = at::zeros({3}), var = at::ones({3});
    const at::Tensor y = batch_norm_train(x, weight, bias, mean, var, 0.1, 1e-5);
    EXPECT_TRUE(at::allclose(y.detach().flatten(), bias));
    EXPECT_TRUE(at::equal(mean, at::zeros({3})));
    EXPECT_TRUE(at::equal(var, at::ones({3})));
    y.sum().backward();
    EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace spikeloop::models
