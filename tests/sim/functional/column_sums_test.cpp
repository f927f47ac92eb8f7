#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

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
    stage.timesteps = 1;
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
    CrossbarLayer layer(plan, chip, {0}, weight_matrix(network.nodes[2], plan.signals[0], 8), how);
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

TEST_F(ColumnSumsTest, WithoutAFullScaleACodeIsALevel) {
  chip.device.on_off_ratio = 2;
  chip.adc.bits = 2;
  // Column sums 4, 2 | 3, 1 are read as 3, 2 | 3, 1: (3 - 2) + 4 * (3 - 1).
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 1 + 4 * 2);
  EXPECT_EQ(counts.clipped, 1);
  EXPECT_EQ(counts.squared_error, 1);
  // The reference column of three active rows, 9 levels, reads 3: one row.
  chip.weight_encoding = WeightEncoding::kOffset;
  EXPECT_EQ(sum({11, -6, 5}, 0b111), 3 + 4 * 3 + 16 * 2 - 16);
}

TEST_F(ColumnSumsTest, SumsOfIdealCellsLieHalfALevelFromAnyThreshold) {
  chip.device.on_off_ratio = 17;  // off current of 3 / 16 levels, so that 8 rows have 1.5
  for (const auto encoding : {WeightEncoding::kDifferentialPair, WeightEncoding::kOffset}) {
    chip.weight_encoding = encoding;
    for (const double variation : {0.0, 1e-9, 1e-3}) {
      chip.device.variation = variation;
      EXPECT_EQ(sum({11, -6, 5, -15, 1, 15, -7, 3}, 0xff), 7) << variation;
      EXPECT_EQ(counts.clipped, 0);
      EXPECT_EQ(sum({11, -6, 5, -15, 1, 15, -7, 3}, 0b1101), 11 + 5 - 15) << variation;
    }
  }
  // Of cells of at most 3.19 levels 2 % are 0.064.
  chip.weight_encoding = WeightEncoding::kDifferentialPair;
  chip.device.variation = 0.02;
  for (CrossbarLayer::Options how; how.seed < 20; ++how.seed)
    EXPECT_EQ(sum({15}, 1, how), 15) << "7 deviations from a threshold";
}

TEST_F(ColumnSumsTest, EveryAllowedNumberOfBitsPerCell) {
  for (int cell_bits = 1; cell_bits <= kMaxCellBits; ++cell_bits) {
    chip.crossbar.cell_bits = cell_bits;
    for (const auto encoding : {WeightEncoding::kDifferentialPair, WeightEncoding::kOffset}) {
      chip.weight_encoding = encoding;
      EXPECT_EQ(sum({15, -15, 9, 4}, 0b1011), 4) << cell_bits;
      EXPECT_EQ(sum({15, -15, 9, 4}, 0b1101), 28) << cell_bits;
    }
    // The most that 16 bits of a sum must hold: 4096 rows of top levels, as in the reference column.
    chip.crossbar.rows = chip.crossbar.max_active_rows = 4096;
    EXPECT_EQ(largest_sum(chip), 4096 * ((1 << cell_bits) - 1));
    EXPECT_EQ(sum({15, -15, 9, 4}, 0b1101), 28) << cell_bits;
  }
  chip.crossbar.cell_bits = kMaxCellBits + 1;
  EXPECT_THROW(sum({15}, 1), std::logic_error);
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
  EXPECT_EQ(counts.largest, 9) << "what the dummy column leaves";
  EXPECT_EQ(bits, 4);
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

TEST_F(ColumnSumsTest, ReadNoiseIsThatOfIndependentCellsAndNewInEachRead) {
  chip.crossbar.cell_bits = 4;
  chip.crossbar.rows = chip.crossbar.max_active_rows = 8;
  chip.device.read_noise = 0.05;
  chip.device.on_off_ratio = 16;  // G_off is one level
  chip.adc.bits = 16;
  chip.adc.full_scale_levels = 655.35;  // 100 codes per level: rounding does not show
  const std::vector<std::int8_t> weights{10, 10, 10, 10, -5, -5, -5, -5};
  struct Case {
    double stuck_on, mean, squares;  // of conductances, over both columns
  };
  // + holds four cells of 11 and four of 1 levels, - four of 1 and four of 6; stuck, all hold 16.
  for (const Case& c : {Case{0, 20, 4 * 121 + 4 + 4 + 4 * 36}, Case{1, 0, 16 * 256}}) {
    chip.device.stuck_on_fraction = c.stuck_on;
    make(weights);
    CrossbarLayer layer(plan, chip, {0}, weight_matrix(network.nodes[2], plan.signals[0], 8), {});
    std::vector<double> sums;
    double mean = 0, square = 0;
    constexpr int kSamples = 2000;
    for (int n = 0; n < kSamples; ++n) {
      layer.start_sample(n);
      layer.run({{0xff}}, 0, sums);
      mean += sums[0] / kSamples;
      square += (sums[0] - c.mean) * (sums[0] - c.mean) / kSamples;
    }
    const double deviation = 0.05 * std::sqrt(c.squares);
    EXPECT_NEAR(mean, c.mean, 5 * deviation / std::sqrt(kSamples));
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
