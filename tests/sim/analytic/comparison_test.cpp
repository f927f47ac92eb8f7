#include "sim/analytic/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sim/analytic/spikesim_event.h"
#include "sim/mapping/plan.h"
#include "sim/simulate.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

ChipConfig roomy_chip() {
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 8;
  chip.mesh.rows = 30;
  chip.mesh.header_bits = 8;
  chip.tile.pes = 4;
  chip.crossbar.max_active_rows = 2;
  return chip;
}

class ComparisonTest : public ::testing::Test {
 protected:
  ComparisonTest() : network_(testing::small_classifier()), chip_(roomy_chip()) {
    traces::write_trace(folder_.file("t.h5"), testing::random_trace(network_, 2, 0.3, 5));
    const traces::TraceReader trace(folder_.file("t.h5"));
    m_ = simulate(network_, trace, chip_);
    c_ = compare_analytic(network_, trace, chip_, m_, {}, "net");
  }
  const LayerComparison& layer(const std::string& name) const {
    return *std::find_if(c_.layers.begin(), c_.layers.end(), [&](const auto& l) { return l.name == name; });
  }
  const LayerReport& measured(const std::string& name) const {
    return *std::find_if(m_.layers.begin(), m_.layers.end(), [&](const auto& l) { return l.name == name; });
  }
  double reason(const std::string& of, const std::string& name) const {
    for (const auto& r : layer(of).reasons)
      if (r.name == name) return r.value;
    return -1;
  }

  testing::TemporaryFolder folder_;
  traces::Network network_;
  ChipConfig chip_;
  Measurement m_;
  Comparison c_;
};

/// X = 8 rows, so r = 1: E_pe = 157.12 + 4.64 + 5.096 + 397 + 0.2 + 16 x 1.15e-6 + 9 x 1.76423 + 2.03084 +
/// 0.094245 = 582.0591734 pJ; one PE for 3 to 8 channels, 64 windows, 3 timesteps.
TEST_F(ComparisonTest, SpikeSimOfALayerByHand) {
  EXPECT_NEAR(layer("conv1").spikesim_pj.value(), 582.0591734 * 64 * 3, 1e-6);
  EXPECT_NEAR(layer("conv2").spikesim_pj.value(), 582.0591734 * 16 * 3, 1e-6);
  EXPECT_NEAR(c_.spikesim_pj, 582.0591734 * 80 * 3, 1e-6);
  // 26 clocks of 1 ns, 0.75 of 64 x 8 elements, then all of 16 x 8.
  EXPECT_NEAR(c_.spikesim_ns, 26 * 3 * (384 + 128), 1e-6);
  EXPECT_LT(layer("conv2").event_pj.value(), layer("conv2").spikesim_pj.value());
  EXPECT_FALSE(layer("classes").spikesim_pj.has_value());
  EXPECT_FALSE(layer("lif1").spikesim_pj.has_value());
}

TEST_F(ComparisonTest, ClosedFormHasTheMeasuredEvents) {
  for (const auto& l : c_.layers) EXPECT_TRUE(l.same_events) << l.name;
  EXPECT_LE(c_.least_ns, c_.latency_ns);
  double closed = 0;
  for (const auto& l : c_.layers) {
    EXPECT_NEAR(l.closed_pj, l.dynamic_pj, 1e-9) << l.name;
    closed += l.closed_pj;
  }
  EXPECT_NEAR(closed, c_.closed_pj, 1e-9);
}

TEST_F(ComparisonTest, ReasonsHaveTheMeasuredNumbers) {
  EXPECT_EQ(reason("conv1", "bit_planes"), 8);
  EXPECT_EQ(reason("conv2", "bit_planes"), -1);
  EXPECT_EQ(reason("conv1", "static_input"), 2);  // it works in one of three timesteps
  EXPECT_EQ(reason("conv2", "static_input"), -1);
  EXPECT_EQ(reason("conv1", "weight_slices"), 2);  // 5-bit weights: a pair of columns of one 4-bit cell
  const auto& conv2 = measured("conv2");
  EXPECT_DOUBLE_EQ(reason("conv2", "sparsity"),
                   static_cast<double>(conv2.input_ones) / static_cast<double>(conv2.input_bits));
  EXPECT_GT(reason("conv2", "multi_pass"), 1);  // about 2.4 of 8 rows are set, two are driven at once
  EXPECT_LT(reason("conv2", "multi_pass"), 4);
  if (measured("lif1").blocked_cycles > 0) {
    EXPECT_DOUBLE_EQ(reason("lif1", "contention"), static_cast<double>(measured("lif1").blocked_cycles) / 2);
  }
  EXPECT_GT(reason("lif2", "stalls"), 0);
  EXPECT_GT(reason("lif1", "in_formula"), 0);
  EXPECT_GT(reason("classes", "not_modelled"), 0);
  EXPECT_NEAR(reason("classes", "not_modelled"), layer("classes").energy_pj, 1e-12);
  EXPECT_GT(reason("conv1", "leakage"), 0);
}

/// Both samples weigh the same: each number is the mean of those of the samples alone.
TEST_F(ComparisonTest, NumbersAreMeansOverTheSamples) {
  const traces::TraceReader trace(folder_.file("t.h5"));
  std::vector<Comparison> alone;
  for (const std::int64_t sample : {0, 1}) {
    SimulateOptions one;
    one.positions = {sample};
    alone.push_back(
        compare_analytic(network_, trace, chip_, simulate(network_, trace, chip_, one), {sample}, "net"));
  }
  const auto value = [](const LayerComparison& layer, const std::string& name) {
    for (const auto& r : layer.reasons)
      if (r.name == name) return r.value;
    return 0.0;
  };
  double apart = 0;
  for (std::size_t i = 0; i < c_.layers.size(); ++i) {
    SCOPED_TRACE(c_.layers[i].name);
    const auto& a = alone[0].layers[i];
    const auto& b = alone[1].layers[i];
    apart += std::abs(a.span_ns - b.span_ns);
    EXPECT_NEAR(c_.layers[i].span_ns, (a.span_ns + b.span_ns) / 2, 1e-9);
    EXPECT_NEAR(c_.layers[i].busy_ns, (a.busy_ns + b.busy_ns) / 2, 1e-9);
    EXPECT_NEAR(value(c_.layers[i], "stalls"), (value(a, "stalls") + value(b, "stalls")) / 2, 1e-9);
  }
  EXPECT_GT(apart, 0) << "two samples that take the same time show nothing";
}

TEST_F(ComparisonTest, TakesNoMeasurementOfOtherSpikes) {
  m_.functional.emplace();
  EXPECT_THROW(compare_analytic(network_, traces::TraceReader(folder_.file("t.h5")), chip_, m_, {}, "net"),
               std::invalid_argument);
}

TEST_F(ComparisonTest, EveryReasonIsAListedOne) {
  for (const auto& l : c_.layers)
    for (const auto& r : l.reasons)
      EXPECT_NE(std::find(std::begin(kReasons), std::end(kReasons), r.name), std::end(kReasons)) << r.name;
}

TEST_F(ComparisonTest, JsonKeepsTheMeasurement) {
  const std::string before = to_json(m_);
  auto json = nlohmann::ordered_json::parse(add_to_json(before, c_));
  ASSERT_TRUE(json.contains("analytic"));
  EXPECT_EQ(json["analytic"]["layers"].size(), m_.layers.size());
  EXPECT_DOUBLE_EQ(json["analytic"]["spikesim"]["energy_pj"].get<double>(), c_.spikesim_pj);
  json.erase("analytic");
  EXPECT_EQ(json.dump(1) + "\n", before);
  EXPECT_NE(table(c_).find("every event count of the closed form is the measured one"), std::string::npos);
}

/// A 3 x 3 map of one channel, windows of 3 x 3 with padding: a spike in the middle is in all nine windows,
/// one in a corner in four.
TEST(SpikeSimEvent, ActiveWindowsByHand) {
  const auto network = testing::NetworkBuilder({1, 3, 3}, 1)
                           .conv("c", "input", 2, 3)
                           .lif("l", {"c"})
                           .output("l", {2, 3, 3}, 2);
  const auto plan = make_plan(network, testing::tiny_chip(), 2, 1, "net");
  const auto stage = std::find_if(plan.stages.begin(), plan.stages.end(),
                                  [](const Stage& s) { return s.kind == StageKind::kMvm; });
  ASSERT_NE(stage, plan.stages.end());
  auto stimulus = dense_stimulus(plan);
  auto& bits = stimulus.planes[static_cast<std::size_t>(stage->signal)][0][0][0];
  const auto count = [&](std::uint64_t set) {
    bits = set;
    return spikesim::count_activity(plan, *stage, 64, stimulus);
  };
  const auto middle = count(1U << 4U);
  EXPECT_EQ(middle.cycles, 18);  // both timesteps, though the input is the same
  EXPECT_EQ(middle.active_cycles, 18);
  EXPECT_NEAR(middle.row_share, 2 * 9 / 9.0, 1e-12);  // one of nine rows in each of nine windows
  const auto corner = count(1);
  EXPECT_EQ(corner.active_cycles, 8);
  EXPECT_NEAR(corner.row_share, 2 * 4 / 9.0, 1e-12);
  const auto dense = count(0x1ff);
  EXPECT_EQ(dense.active_cycles, 18);
  EXPECT_NEAR(dense.row_share, 2 * (4 * 4 + 4 * 6 + 9) / 9.0, 1e-12);  // padding is no active row
  EXPECT_EQ(count(0).active_cycles, 0);
}

}  // namespace
}  // namespace spikeloop::sim
