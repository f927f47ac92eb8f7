#include "models/optimiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace spikeloop::models {
namespace {

constexpr int kSteps = 7, kSize = 5;

/// Gradient of step t at place i.
double gradient_at(int t, int i) { return std::sin(1.7 * t + i) * (1 + 0.3 * i); }

/// Weights after kSteps steps of optimiser_step on a matrix (with decay) and a vector (without).
std::vector<at::Tensor> stepped(const OptimiserOptions& options, double lr) {
  const auto start = at::arange(kSize, at::kDouble).add(1).div(3);
  std::vector<at::Tensor> parameters{start.clone().view({1, kSize}), start.clone()};
  OptimiserState state = make_optimiser_state(options, parameters);
  for (int t = 0; t < kSteps; ++t) {
    at::Tensor gradient = at::empty({kSize}, at::kDouble);
    for (int i = 0; i < kSize; ++i) gradient.data_ptr<double>()[i] = gradient_at(t, i);
    optimiser_step(options, lr, parameters, {gradient.clone().view({1, kSize}), gradient.clone()}, state);
  }
  EXPECT_EQ(state.steps, kSteps);
  return parameters;
}

/// The same in plain doubles, written down from the papers' formulas.
double sgd_oracle(const OptimiserOptions& options, double lr, double decay, int i) {
  double w = (i + 1) / 3.0, velocity = 0;
  for (int t = 0; t < kSteps; ++t) {
    const double g = gradient_at(t, i) + decay * w;
    velocity = options.momentum * velocity + g;
    w -= lr * (options.nesterov ? g + options.momentum * velocity : velocity);
  }
  return w;
}

double adamw_oracle(const OptimiserOptions& options, double lr, double decay, int i) {
  double w = (i + 1) / 3.0, m = 0, v = 0;
  for (int t = 1; t <= kSteps; ++t) {
    const double g = gradient_at(t - 1, i);
    m = options.beta1 * m + (1 - options.beta1) * g;
    v = options.beta2 * v + (1 - options.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(options.beta1, t)), v_hat = v / (1 - std::pow(options.beta2, t));
    w = w - lr * decay * w - lr * m_hat / (std::sqrt(v_hat) + options.epsilon);
  }
  return w;
}

template <class Oracle>
void expect_equal(const OptimiserOptions& options, Oracle oracle) {
  const double lr = 0.03;
  const auto parameters = stepped(options, lr);
  for (int i = 0; i < kSize; ++i) {
    EXPECT_NEAR(parameters[0].data_ptr<double>()[i], oracle(options, lr, options.weight_decay, i), 1e-12)
        << i;
    EXPECT_NEAR(parameters[1].data_ptr<double>()[i], oracle(options, lr, 0, i), 1e-12) << i;
  }
}

TEST(Optimiser, SgdIsTheTextbooks) {
  OptimiserOptions options;
  options.weight_decay = 0.2;
  expect_equal(options, sgd_oracle);
  options.momentum = 0;
  expect_equal(options, sgd_oracle);
}

TEST(Optimiser, NesterovLooksAhead) {
  OptimiserOptions options;
  options.nesterov = true;
  options.weight_decay = 0.2;
  expect_equal(options, sgd_oracle);
}

TEST(Optimiser, AdamWDecaysWeightsApartFromTheGradient) {
  OptimiserOptions options;
  options.kind = OptimiserKind::kAdamW;
  options.weight_decay = 0.2;
  expect_equal(options, adamw_oracle);
}

TEST(Optimiser, WeightDecayIsReallyApplied) {
  // Without a gradient and momentum, n steps multiply a weight with (1 - lr decay)^n; a bias stays.
  for (const OptimiserKind kind : {OptimiserKind::kSgd, OptimiserKind::kAdamW}) {
    OptimiserOptions options;
    options.kind = kind;
    options.momentum = 0;
    options.weight_decay = 0.1;
    std::vector<at::Tensor> parameters{at::ones({2, 3}, at::kDouble), at::ones({3}, at::kDouble)};
    OptimiserState state = make_optimiser_state(options, parameters);
    for (int t = 0; t < 4; ++t) {
      optimiser_step(options, 0.5, parameters, {at::zeros({2, 3}, at::kDouble), at::zeros({3}, at::kDouble)},
                     state);
    }
    EXPECT_TRUE(at::allclose(parameters[0], at::full({2, 3}, std::pow(0.95, 4), at::kDouble), 1e-14));
    EXPECT_TRUE(at::equal(parameters[1], at::ones({3}, at::kDouble)));
  }
}

TEST(Optimiser, GradientNormIsOverAllTensorsAndSeesWhatIsNotFinite) {
  EXPECT_DOUBLE_EQ(gradient_norm({at::full({1}, 3.0), at::full({2, 2}, 2.0)}), 5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(gradient_norm({at::full({1}, 3.0), at::full({1}, nan)})));
  EXPECT_EQ(gradient_norm({}), 0);
}

TEST(LossScale, HalvesOnOverflowAndDoublesAfterManyGoodSteps) {
  LossScale scale;
  scale.update(false);
  EXPECT_EQ(scale.scale, 32768);
  for (int i = 0; i < 1999; ++i) scale.update(true);
  EXPECT_EQ(scale.scale, 32768);
  scale.update(true);
  EXPECT_EQ(scale.scale, 65536);
}

}  // namespace
}  // namespace spikeloop::models
