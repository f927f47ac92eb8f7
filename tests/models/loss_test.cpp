#include "models/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace spikeloop::models {
namespace {

constexpr int kSamples = 3, kClasses = 4;

at::Tensor outputs(int timestep = 0) {
  at::Tensor output = at::empty({kSamples, kClasses}, at::kDouble);
  for (int i = 0; i < kSamples * kClasses; ++i)
    output.data_ptr<double>()[i] = 2 * std::cos(1.3 * i + 0.7 * timestep);
  return output;
}

/// -sum_c q[c] log softmax(x)[c] of one sample, q = (1 - s) onehot + s / C.
double by_hand(const at::Tensor& output, int sample, std::int64_t label, double smoothing) {
  const double* x = output.data_ptr<double>() + sample * kClasses;
  double sum = 0, loss = 0;
  for (int c = 0; c < kClasses; ++c) sum += std::exp(x[c]);
  for (int c = 0; c < kClasses; ++c) {
    const double q = (c == label ? 1 - smoothing : 0) + smoothing / kClasses;
    loss -= q * (x[c] - std::log(sum));
  }
  return loss;
}

at::Tensor labels(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

TEST(Loss, CrossEntropyWithAndWithoutSmoothingIsTheFormula) {
  const std::vector<std::int64_t> truth{2, 0, 3};
  for (const double smoothing : {0.0, 0.1, 0.7}) {
    double expected = 0;
    for (int i = 0; i < kSamples; ++i)
      expected += by_hand(outputs(), i, truth[static_cast<std::size_t>(i)], smoothing);
    EXPECT_NEAR(cross_entropy_sum(outputs(), {labels(truth), {}, {}}, smoothing).item<double>(), expected,
                1e-12);
  }
}

TEST(Loss, CutMixSharesTheLossAmongBothLabels) {
  const std::vector<std::int64_t> first{2, 0, 3}, second{1, 0, 2};
  const std::vector<double> share{0.25, 0.5, 1.0};
  double expected = 0;
  for (std::size_t i = 0; i < kSamples; ++i) {
    expected += share[i] * by_hand(outputs(), static_cast<int>(i), first[i], 0.1) +
                (1 - share[i]) * by_hand(outputs(), static_cast<int>(i), second[i], 0.1);
  }
  const Target target{labels(first), labels(second), at::tensor(share, at::kFloat)};
  EXPECT_NEAR(cross_entropy_sum(outputs(), target, 0.1).item<double>(), expected, 1e-12);
}

TEST(Loss, PerTimestepLossIsTheMeanOverTimesteps) {
  const std::vector<std::int64_t> truth{2, 0, 3};
  double expected = 0;
  for (int t = 0; t < 2; ++t)
    for (int i = 0; i < kSamples; ++i)
      expected += by_hand(outputs(t), i, truth[static_cast<std::size_t>(i)], 0) / 2;
  const at::Tensor both = at::stack({outputs(0), outputs(1)});
  EXPECT_NEAR(cross_entropy_sum(both, {labels(truth), {}, {}}, 0).item<double>(), expected, 1e-12);
}

TEST(Loss, RightAnswersCountTheShareOfTheLabelHit) {
  const at::Tensor predicted = outputs().argmax(1);
  const auto hit = [&](int i) { return predicted.data_ptr<std::int64_t>()[i]; };
  EXPECT_EQ(count_right(outputs(), {predicted, {}, {}}), 3);
  const Target target{labels({hit(0), (hit(1) + 1) % 4, (hit(2) + 1) % 4}),
                      labels({(hit(0) + 1) % 4, hit(1), (hit(2) + 2) % 4}),
                      at::tensor(std::vector<double>{0.75, 0.625, 0.5}, at::kFloat)};
  EXPECT_DOUBLE_EQ(count_right(outputs(), target), 0.75 + 0.375);
}

}  // namespace
}  // namespace spikeloop::models
