#include "models/lif.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

constexpr double kPi = 3.14159265358979323846;

at::Tensor random_tensor(const std::vector<std::int64_t>& shape, std::uint64_t seed, at::ScalarType type) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<double>()[i] = 4 * unit(seed, static_cast<std::uint64_t>(i)) - 1.5;
  }
  return tensor.to(type);
}

/// The same neuron written out in scalars: values and gradients by hand, step by step and back.
struct Oracle {
  std::vector<double> spikes, membranes, gradients;
  Oracle(const std::vector<double>& input, const std::vector<double>& weight, double tau, double threshold) {
    const std::size_t steps = input.size();
    std::vector<double> after(steps);
    double v = 0;
    for (std::size_t t = 0; t < steps; ++t) {
      v = v + (input[t] - v) / tau;
      membranes.push_back(v);
      spikes.push_back(v >= threshold ? 1 : 0);
      if (v >= threshold) v = 0;
    }
    gradients.resize(steps);
    double from_next = 0;
    for (std::size_t t = steps; t-- > 0;) {
      const double x = membranes[t] - threshold;
      const double at_membrane = weight[t] / (1 + kPi * kPi * x * x) + (1 - spikes[t]) * from_next;
      gradients[t] = at_membrane / tau;
      from_next = at_membrane * (1 - 1 / tau);
    }
  }
};

class LifAgainstOracle : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LifAgainstOracle, SpikesMembranesAndGradients) {
  const bool wide = GetParam() == at::kDouble;
  constexpr std::int64_t kSteps = 6, kNeurons = 257;  // no multiple of a vector's length
  const double tau = 1.75, threshold = 0.8;
  const at::Tensor input = random_tensor({kSteps, kNeurons}, 3, GetParam()).set_requires_grad(true);
  const at::Tensor weight = random_tensor({kSteps, kNeurons}, 4, GetParam());
  at::Tensor membrane, loss = at::zeros({}, GetParam());
  std::vector<LifStep> steps;
  for (std::int64_t t = 0; t < kSteps; ++t) {
    steps.push_back(lif_step(input[t], membrane, tau, threshold));
    membrane = steps.back().membrane;
    loss = loss + (steps.back().spikes * weight[t]).sum();
  }
  loss.backward();
  const at::Tensor x = input.detach().to(at::kDouble), w = weight.to(at::kDouble);
  int spikes = 0;
  for (std::int64_t i = 0; i < kNeurons; ++i) {
    std::vector<double> column, weights;
    for (std::int64_t t = 0; t < kSteps; ++t) {
      column.push_back(x[t][i].item<double>());
      weights.push_back(w[t][i].item<double>());
    }
    const Oracle oracle(column, weights, tau, threshold);
    for (std::int64_t t = 0; t < kSteps; ++t) {
      const auto s = static_cast<std::size_t>(t);
      EXPECT_EQ(steps[s].spikes[i].item<double>(), oracle.spikes[s]);
      EXPECT_NEAR(steps[s].membrane[i].item<double>(), oracle.membranes[s], wide ? 1e-14 : 1e-6);
      EXPECT_NEAR(input.grad()[t][i].item<double>(), oracle.gradients[s], wide ? 1e-14 : 1e-5);
      spikes += oracle.spikes[s] > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(spikes, 100);  // both branches were walked
  EXPECT_LT(spikes, kSteps * kNeurons - 100);
}

INSTANTIATE_TEST_SUITE_P(Types, LifAgainstOracle, testing::Values(at::kFloat, at::kDouble));

TEST(Lif, FiresExactlyAtTheThreshold) {
  // (4/3) / (4/3) is 1: a membrane equal to the threshold fires and is reset to zero.
  const at::Tensor x = at::full({3}, 4.0 / 3.0, at::kDouble);
  const LifStep first = lif_step(x, {}, 4.0 / 3.0, 1.0);
  EXPECT_EQ(first.spikes.sum().item<double>(), 3);
  const LifStep second = lif_step(at::zeros_like(x), first.membrane, 4.0 / 3.0, 1.0);
  EXPECT_EQ(second.membrane.abs().max().item<double>(), 0);
}

TEST(Lif, TakesNonContiguousInputAndGradients) {
  const at::Tensor x = random_tensor({5, 7}, 9, at::kDouble).set_requires_grad(true);
  const LifStep step = lif_step(x.t(), {}, 2.0, 0.5);
  (step.spikes.t() * random_tensor({5, 7}, 10, at::kDouble)).sum().backward();
  const at::Tensor again = x.detach().t().contiguous().t().clone().set_requires_grad(true);
  const LifStep plain = lif_step(again, {}, 2.0, 0.5);
  (plain.spikes * random_tensor({5, 7}, 10, at::kDouble)).sum().backward();
  EXPECT_TRUE(at::equal(step.spikes.t(), plain.spikes));
  EXPECT_TRUE(at::allclose(x.grad(), again.grad(), 0, 1e-15));
}

}  // namespace
}  // namespace spikeloop::models
