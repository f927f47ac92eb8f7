#include <gtest/gtest.h>

#include <cmath>

#include "sim/functional/crossbar_layer.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

/// One output of a linear layer on `weights.size()` one-bit inputs, worked out by hand in each test. Cells of
/// 2 bits, weights of 5 (a pair: two slices; offset: three), no off current to speak of.
class ColumnSumsTest : public ::testing::Test {
 protected:
  ColumnSumsTest() : chip(testing::tiny_chip()) {
    chip.crossbar.cell_bits = 2;
    chip.device.on_off_ratio = 1e9;
    chip.adc.bits = 8;
  }
  void make(const std::vector<std::int8_t>& weights) {
    const auto inputs = static_cast<std::int64_t>(weights.size());
    network = testing::NetworkBuilder({inputs, 1, 1}, 1)
                  .lif("spikes", {})
                  .linear("layer", "spikes", static_cast<int>(inputs), 1)
                  .lif("out", {"layer"})
                  .output("out", {1}, 1);
    network.nodes[2].as<traces::LinearParams>()->quantised->value = weights;
    plan = {};
    plan.timesteps = 1;
    Signal signal;
    signal.channels = static_cast<int>(inputs);
    plan.signals = {signal};
    Stage stage;
    stage.kind = StageKind::kMvm;
    stage.signal = 0;
    stage.whole_map = true;
    stage.channels = 1;
    stage.weight_rows = static_cast<int>(inputs);
    stage.weight_bits = 5;
    Piece piece;
    piece.rows = static_cast<int>(inputs);
    piece.outputs = 1;
    piece.columns = columns_per_output(chip, 5) + reference_columns(chip);
    stage.pieces = {piece};
    plan.stages = {stage};
  }
  double sum(const std::vector<std::int8_t>& weights, std::uint64_t spikes, CrossbarLayer::Options how = {}) {
    make(weights);
    how.column_by_column = true;
    CrossbarLayer layer(plan, chip, {0}, weight_matrix(network.nodes[2], plan.signals[0], "net"), how);
    std::vector<double> sums;
    layer.run({{spikes}}, 0, sums);
    counts = layer.counts();
    bits = layer.ideal_adc_bits();
    return sums.at(0);
  }
  ChipConfig chip;
  traces::Network network;
  Plan plan;
  ConversionCounts counts;
  int bits = 0;
};

TEST_F(ColumnSumsTest, PairsOfSlices) {
  // 11 = (2, 3) on +, -6 = (1, 2) on -, 5 = (1, 1) on +: columns + 3 + 1, - 2 | + 2 + 1, - 1.
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 10);
  EXPECT_EQ(counts.conversions, 4);
  EXPECT_EQ(counts.clipped, 0);
  EXPECT_EQ(counts.largest, 4);
  EXPECT_EQ(bits, 3) << "a sum of 4 needs codes 0 to 4";
  EXPECT_EQ(sum({11, -6, 5}, 0b011), 5);
}

TEST_F(ColumnSumsTest, TheAdcClips) {
  chip.adc.bits = 1;
  chip.adc.full_scale_levels = 1;
  // Column sums 4, 2 | 3, 1 all read 1: (1 - 1) + 4 * (1 - 1).
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 0);
  EXPECT_EQ(counts.clipped, 3);
  EXPECT_EQ(counts.squared_error, 9 + 1 + 4);
}

TEST_F(ColumnSumsTest, AnLsbOfTwoLevels) {
  chip.adc.bits = 2;
  chip.adc.full_scale_levels = 6;
  // 4, 2 | 3, 1 over 2 are 2, 1 | 1.5, 0.5, read as 2, 1 | 2, 1: 2 * ((2 - 1) + 4 * (2 - 1)).
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 10);
  EXPECT_EQ(counts.squared_error, 0.5);
  // 3, 2 | 2, 1 over 2 are 1.5, 1 | 1, 0.5, read as 2, 1 | 1, 1.
  EXPECT_EQ(sum({11, -6, 5}, 0b011), 2);
}

TEST_F(ColumnSumsTest, PassesAreDigitisedOneByOne) {
  chip.crossbar.max_active_rows = 2;
  chip.adc.bits = 2;
  chip.adc.full_scale_levels = 6;  // 2 rows x 3 levels
  // Rows 0 and 1 as above 2 * ((2 - 1) + 4 * (1 - 1)); row 2 alone: 1, 0 | 1, 0 over 2 read as 1, 0 | 1, 0.
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 2 + 2 * (1 + 4));
  EXPECT_EQ(counts.conversions, 8);
  chip.adc.bits = 3;
  chip.adc.full_scale_levels = 0;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 10);
}

TEST_F(ColumnSumsTest, OffsetsAreTakenOffByTheReferenceColumn) {
  chip.weight_encoding = WeightEncoding::kOffset;
  // Stored 27 = (1, 2, 3), 10 = (0, 2, 2), 21 = (1, 1, 1): columns 6, 5, 2 and 9 of three cells at the top.
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 6 + 4 * 5 + 16 * 2 - 3 * 16);
  EXPECT_EQ(counts.conversions, 4);
  EXPECT_EQ(counts.largest, 9);
  EXPECT_EQ(bits, 4);
}

TEST_F(ColumnSumsTest, OffCurrentsCancel) {
  chip.device.on_off_ratio = 2;  // G_off is 3 levels
  for (const auto encoding : {WeightEncoding::kDifferentialPair, WeightEncoding::kOffset}) {
    chip.weight_encoding = encoding;
    EXPECT_EQ(sum({11, -6, 5}, 0b111), 10);
  }
  EXPECT_EQ(counts.largest, 3 * (3 + 3));
  EXPECT_EQ(bits, 5);
}

TEST_F(ColumnSumsTest, AllCellsStuckLeaveNothing) {
  chip.device.stuck_on_fraction = 1;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 0);
  chip.device.stuck_on_fraction = 0;
  chip.device.stuck_off_fraction = 1;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 0);
  // Offset: slices read 0, and so does the reference.
  chip.weight_encoding = WeightEncoding::kOffset;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 0);
  // All on: 63 per row stored, 16 of it taken off again.
  chip.device.stuck_off_fraction = 0;
  chip.device.stuck_on_fraction = 1;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 3 * (63 - 16));
}

TEST_F(ColumnSumsTest, TheBowOfTheCurveIsHighestInTheMiddle) {
  chip.adc.bits = 4;
  chip.adc.full_scale_levels = 15;
  chip.adc.inl_lsb = 2;
  // One column off 0: 11 = (2, 3), and - columns read 0. 3 / 15: 2 * 4 * 0.2 * 0.8 = 1.28, so 4.28;
  // 2 / 15: 2 * 4 * 2 * 13 / 225 = 0.924, so 2.924.
  EXPECT_EQ(sum({11}, 1), 4 + 4 * 3);
}

TEST_F(ColumnSumsTest, ReadNoiseIsRelativeToTheCurrentAndNewInEachRead) {
  chip.crossbar.cell_bits = 4;
  chip.crossbar.max_active_rows = 1;
  chip.device.read_noise = 0.05;
  chip.adc.bits = 16;
  chip.adc.full_scale_levels = 15;  // 4369 codes per level: rounding does not show
  const std::vector<std::int8_t> weights(8, 10);
  make(weights);
  CrossbarLayer layer(plan, chip, {0}, weight_matrix(network.nodes[2], plan.signals[0], "net"), {});
  std::vector<double> sums;
  double mean = 0, square = 0;
  constexpr int kSamples = 2000;
  for (int n = 0; n < kSamples; ++n) {
    layer.start_sample(n);
    layer.run({{0xff}}, 0, sums);
    mean += sums[0] / kSamples;
    square += (sums[0] - 80) * (sums[0] - 80) / kSamples;
  }
  const double deviation = 10 * 0.05 * std::sqrt(8.0);  // eight reads of 10 levels each
  EXPECT_NEAR(mean, 80, 5 * deviation / std::sqrt(kSamples));
  EXPECT_NEAR(std::sqrt(square), deviation, 5 * deviation / std::sqrt(2.0 * kSamples));
  layer.start_sample(5);
  layer.run({{0xff}}, 0, sums);
  const double first = sums[0];
  layer.run({{0xff}}, 0, sums);
  EXPECT_NE(sums[0], first);
  layer.start_sample(5);
  layer.run({{0xff}}, 0, sums);
  EXPECT_EQ(sums[0], first);
}

TEST_F(ColumnSumsTest, AdcsHaveOffsetsThatTheirColumnsShare) {
  chip.adc.offset_lsb = 3;
  chip.adc.columns_per_adc = 2;  // + and - of a slice: the offset cancels
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CrossbarLayer::Options how;
    how.seed = seed;
    chip.adc.full_scale_levels = 255;
    // All columns well inside the range, 16 rows of 3: offsets of less than 5 deviations never clip at 0.
    EXPECT_EQ(sum({15, 15, 15, 15, 15, -15, -15, -15}, 0xff, how), 2 * 15) << seed;
  }
  chip.adc.columns_per_adc = 1;
  int wrong = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CrossbarLayer::Options how;
    how.seed = seed;
    wrong += sum({15, 15, 15, 15, 15, -15, -15, -15}, 0xff, how) != 30 ? 1 : 0;
  }
  EXPECT_GT(wrong, 15);
}

}  // namespace
}  // namespace spikeloop::sim
