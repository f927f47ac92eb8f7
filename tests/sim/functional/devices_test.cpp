#include "sim/functional/devices.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr int kSide = 128;
constexpr double kCells = kSide * kSide;

/// A piece of 128 x 128 cells of 4 bits, all at one level; G_off is 0.5 levels.
class DevicesTest : public ::testing::Test {
 protected:
  DevicesTest() : chip(testing::tiny_chip()) {
    chip.crossbar.rows = chip.crossbar.columns = kSide;
    chip.device.on_off_ratio = 31;  // 15 / (31 - 1)
    piece.rows = piece.columns = kSide;
  }
  std::vector<float> program(int level, std::uint64_t seed = 1) const {
    return program_cells(chip, piece,
                         std::vector<std::uint8_t>(kSide * kSide, static_cast<std::uint8_t>(level)), seed);
  }
  ChipConfig chip;
  Piece piece;
};

struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments(const std::vector<float>& values) {
  Moments m;
  for (const float v : values) m.mean += static_cast<double>(v) / static_cast<double>(values.size());
  for (const float v : values) m.deviation += std::pow(static_cast<double>(v) - m.mean, 2);
  m.deviation = std::sqrt(m.deviation / static_cast<double>(values.size()));
  return m;
}

TEST_F(DevicesTest, IdealCellsConductTheirLevel) {
  EXPECT_EQ(off_levels(chip), 0.5);
  EXPECT_TRUE(ideal_cells(chip.device));
  for (const int level : {0, 7, 15})
    for (const float g : program(level)) ASSERT_EQ(g, static_cast<float>(level));
}

TEST_F(DevicesTest, VariationIsGaussianAndRelative) {
  chip.device.variation = 0.1;
  EXPECT_FALSE(ideal_cells(chip.device));
  // Conductance 7.5 levels with a deviation of 0.75; 5 standard errors of mean and deviation.
  const auto m = moments(program(7));
  EXPECT_NEAR(m.mean, 7, 5 * 0.75 / std::sqrt(kCells));
  EXPECT_NEAR(m.deviation, 0.75, 5 * 0.75 / std::sqrt(2 * kCells));
  // Within one deviation lie 68.27 % of a Gaussian.
  double within = 0;
  for (const float g : program(7)) within += std::abs(g - 7) < 0.75 ? 1 : 0;
  EXPECT_NEAR(within / kCells, 0.6827, 5 * std::sqrt(0.6827 * 0.3173 / kCells));
}

TEST_F(DevicesTest, NoConductanceIsNegative) {
  chip.device.variation = 2;
  double none = 0;
  for (const float g : program(15)) {
    ASSERT_GE(g, -0.5F);
    none += g == -0.5F ? 1 : 0;
  }
  // Below -0.5 deviations lie 30.85 % of a Gaussian.
  EXPECT_NEAR(none / kCells, 0.3085, 5 * std::sqrt(0.3085 * 0.6915 / kCells));
}

TEST_F(DevicesTest, StuckCellsAreAtTheirEndsAndStayTheSameWhateverTheVariation) {
  chip.device.stuck_on_fraction = 0.05;
  chip.device.stuck_off_fraction = 0.2;
  const auto cells = program(7);
  double on = 0, off = 0;
  for (const float g : cells) {
    on += g == 15 ? 1 : 0;
    off += g == 0 ? 1 : 0;
    ASSERT_TRUE(g == 15 || g == 0 || g == 7);
  }
  EXPECT_NEAR(on / kCells, 0.05, 5 * std::sqrt(0.05 * 0.95 / kCells));
  EXPECT_NEAR(off / kCells, 0.2, 5 * std::sqrt(0.2 * 0.8 / kCells));
  chip.device.variation = 0.1;
  chip.device.drift_exponent = 0.1;
  chip.device.drift_time_s = 1e4;
  const auto varied = program(7);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (cells[i] == 7) continue;
    ASSERT_EQ(varied[i], cells[i]);
  }
}

TEST_F(DevicesTest, DriftFollowsThePowerLaw) {
  chip.device.drift_exponent = 0.5;
  EXPECT_TRUE(ideal_cells(chip.device)) << "after one second";
  chip.device.drift_time_s = 100;
  EXPECT_FALSE(ideal_cells(chip.device));
  for (const float g : program(7)) ASSERT_FLOAT_EQ(g, 0.75F - 0.5F);  // 7.5 / 10, less G_off
}

TEST_F(DevicesTest, WiresTakeMoreFromCellsFarFromDriverAndSenseAmplifier) {
  chip.device.wire_resistance_ohm = 2;
  const auto cells = program(15);
  EXPECT_LT(cells[0], 15);
  EXPECT_GT(cells[0], 14.5);
  for (int r = 1; r < kSide; ++r)
    ASSERT_LT(cells[static_cast<std::size_t>(r * kSide)], cells[static_cast<std::size_t>((r - 1) * kSide)]);
  for (int c = 1; c < kSide; ++c)
    ASSERT_LT(cells[static_cast<std::size_t>(c)], cells[static_cast<std::size_t>(c - 1)]);
}

TEST_F(DevicesTest, WiresThatTakeTooMuchAreRefused) {
  chip.path = "chip.json";
  chip.device.on_resistance_kohm = 2;
  chip.device.wire_resistance_ohm = 5;
  try {
    program(15);
    FAIL() << "nothing is thrown";
  } catch (const InputError& e) {
    const std::string text = e.what();
    EXPECT_EQ(text.find("chip.json: /device/wire_resistance_ohm: found 5, with which wires take "), 0U)
        << text;
    EXPECT_NE(text.find("at most 30 %"), std::string::npos) << text;
  }
  chip.device.wire_resistance_ohm = 0.02;
  EXPECT_LT(program(15).back(), 15);
}

TEST_F(DevicesTest, SeedsDecide) {
  chip.device.variation = 0.1;
  EXPECT_EQ(program(7, 3), program(7, 3));
  EXPECT_NE(program(7, 3), program(7, 4));
}

}  // namespace
}  // namespace spikeloop::sim
