#include "nas/surrogate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;

/// One edge, one number of the graph: small enough to work out by hand.
Features point(std::uint8_t edge, double graph) { return {{edge}, {graph}, {}}; }

Space space_of_two() {
  Space space;
  space.ops = {Op::kSkip, CellOp(Op::kConv3x3, 0.5), CellOp(Op::kConv3x3, 1.5)};
  return space;
}

Candidate shared(const std::string& cell) { return parse_candidate(cell, "test"); }

TEST(Surrogate, TwoPointsByHand) {
  // Values 1 and 3: mean 2, deviation 1, winsorised at 1.4 - 1.2 / 1.6832 = 0.687, which changes nothing.
  // Covariance c of the two: edges differ by 0.5 |0.5 - 1.5| = 0.5, the number by 1.
  const Surrogate surrogate(space_of_two(), {point(2, 0), point(3, 1)}, {1, 3});
  const double c = std::exp(-0.5 / 2.5) + std::exp(-1.0), v = 2.2;
  // (v c; c v)^-1 (-1, 1) = (-1, 1) / (v - c).
  const double weight = 1 / (v - c);
  const auto predictions = surrogate.predict({point(2, 0), point(3, 1), point(1, 0)});
  EXPECT_NEAR(predictions[0].mean, 2 + weight * (c - 2), 1e-12);
  EXPECT_NEAR(predictions[1].mean, 2 + weight * (2 - c), 1e-12);
  // A skip is 1 away from both.
  const double to_first = std::exp(-1 / 2.5) + 1, to_second = std::exp(-1 / 2.5) + std::exp(-1.0);
  EXPECT_NEAR(predictions[2].mean, 2 + weight * (to_second - to_first), 1e-12);
  const double explained =
      (v * (to_first * to_first + to_second * to_second) - 2 * c * to_first * to_second) / (v * v - c * c);
  EXPECT_NEAR(predictions[2].deviation, std::sqrt(2.2 - explained), 1e-12);
}

TEST(Surrogate, ReproducesValuesOfUnlikeCandidatesAndTrustsThemLittle) {
  std::vector<Features> seen;
  std::vector<double> values;
  for (int i = 0; i < 150; ++i) {  // more than one chunk
    seen.push_back(point(static_cast<std::uint8_t>(i % 4), 3.0 * i));
    values.push_back(std::sin(0.7 * i));
  }
  const Surrogate surrogate(space_of_two(), seen, values);
  const auto predictions = surrogate.predict(seen);
  double mean = 0;
  for (const double value : values) mean += value / 150;
  double wrong = 0, wrong_by_mean = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    wrong += std::pow(predictions[i].mean - values[i], 2);
    wrong_by_mean += std::pow(mean - values[i], 2);
  }
  EXPECT_LT(wrong, 0.06 * wrong_by_mean);
  // The same bits one by one, and no certainty far away.
  for (std::size_t i = 0; i < seen.size(); i += 37) {
    const Prediction alone = surrogate.predict({seen[i]}).front();
    EXPECT_EQ(alone.mean, predictions[i].mean);
    EXPECT_EQ(alone.deviation, predictions[i].deviation);
    EXPECT_LT(alone.deviation, surrogate.predict({point(0, 1e4)}).front().deviation);
  }
}

TEST(Surrogate, BeliefMovesNoMeanAndLowersDeviations) {
  Surrogate surrogate(space_of_two(), {point(2, 0), point(3, 1), point(0, 2)}, {1, 3, 2});
  const std::vector<Features> others{point(2, 1), point(1, 0.5), point(3, 3)};
  const auto before = surrogate.predict(others);
  surrogate.believe(others[0]);
  const auto after = surrogate.predict(others);
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_EQ(after[i].mean, before[i].mean);
    EXPECT_LT(after[i].deviation, before[i].deviation);
  }
}

TEST(Surrogate, OneFailureDoesNotHideWhatTheOthersSay) {
  std::vector<Features> seen;
  std::vector<double> values;
  for (int i = 0; i < 10; ++i) {
    seen.push_back(point(0, i));
    values.push_back(80 + i);
  }
  seen.push_back(point(0, 100));
  values.push_back(0.5);
  const auto predictions = Surrogate(space_of_two(), seen, values).predict({seen[0], seen[9]});
  EXPECT_GT(predictions[1].mean - predictions[0].mean, 4);  // of 9
}

TEST(ExpectedImprovement, PicksTheObvious) {
  EXPECT_NEAR(expected_improvement({1, 1}, 1), 1 / std::sqrt(2 * std::acos(-1.0)), 1e-12);
  EXPECT_DOUBLE_EQ(expected_improvement({3, 0}, 1), 2);
  EXPECT_EQ(expected_improvement({0, 0}, 1), 0);
  EXPECT_GT(expected_improvement({2, 1}, 1), expected_improvement({1.5, 1}, 1));
  EXPECT_GT(expected_improvement({0, 2}, 1), expected_improvement({0, 1}, 1));
  EXPECT_GE(expected_improvement({-50, 1}, 1), 0);
}

TEST(Features, OfACell) {
  const Space space = space_of_two();
  const Features features = features_of(shared("013(0.5)3(1.5)/0000/0000/0000"), space);
  EXPECT_EQ(features.edges.size(), 12U);  // both directions
  EXPECT_EQ(features.edges[0], 1);
  EXPECT_EQ(features.edges[1], 2);
  Space forward = space;
  forward.cell_type = CellType::kForward;
  forward.axes = {{"channels", {"8", "16", "24"}}, {"schedule", {"pipelined", "sequential"}}};
  const Features with_axes =
      features_of(shared("0003(1.5)/0000/0000/0000 channels=16 schedule=sequential"), forward);
  EXPECT_EQ(with_axes.edges, (std::vector<std::uint8_t>{0, 0, 3, 0, 0, 0}));
  EXPECT_EQ(with_axes.axes, (std::vector<double>{0.5, 0, std::sqrt(0.5)}));
  forward.shared_cell = false;
  const Features of_two = features_of(
      shared("0003(1.5)/0000/0000/0000|0001/0000/0000/0000 channels=8 schedule=pipelined"), forward);
  EXPECT_EQ(of_two.edges.size(), 12U);
  EXPECT_EQ(of_two.graph.size(), 2 * with_axes.graph.size());
}

TEST(Features, StandardisedNumbersHaveDeviationOne) {
  std::vector<Features> features{point(0, 1), point(0, 3), point(1, 5), point(1, 7)};
  for (Features& f : features) f.graph.push_back(4);
  standardise(features);
  EXPECT_DOUBLE_EQ(features[3].graph[0] - features[0].graph[0], 6 / std::sqrt(5.0));
  for (const Features& f : features) EXPECT_EQ(f.graph[1], 0);
}

}  // namespace
}  // namespace spikeloop::nas
