#include "sim/mapping/row_energy.h"

#include <gtest/gtest.h>

#include "sim/rules/timing.h"
#include "sim/simulate.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::tiny_chip;

/// On 10 kOhm, off 40 kOhm: 100 and 25 uS, 5 uS per level of a 4-bit cell. 1 V for 2 ns: 2000 aJ per uS.
ChipConfig conducting_chip() {
  auto chip = tiny_chip();
  chip.crossbar.read_energy = ReadEnergy::kConductance;
  chip.crossbar.read_latency_ns = 2;
  chip.device.on_resistance_kohm = 10;
  chip.device.on_off_ratio = 4;
  chip.device.read_voltage_v = 1;
  return chip;
}

/// Two channels in, two out; 5-bit weights [out][in]: {{3, -15}, {0, 7}}.
traces::Network weighted() {
  auto network = NetworkBuilder({2, 1, 1}, 1)
                     .conv("conv", "input", 2, 1)
                     .lif("lif", {"conv"})
                     .output("lif", {2, 1, 1}, 1);
  auto& conv = *network.nodes[static_cast<std::size_t>(network.find("conv"))].as<traces::Conv2dParams>();
  conv.quantised->value = {3, -15, 0, 7};
  conv.weight.data = {3, -15, 0, 7};
  return network;
}

const Stage& conv_stage(const Plan& plan) {
  for (const auto& s : plan.stages)
    if (s.kind == StageKind::kMvm) return s;
  throw std::logic_error("no crossbars");
}

/// The columns that a row has, not those that a per-row energy would be given for.
TEST(RowEnergy, ReferenceSizesDoNotMatter) {
  auto chip = conducting_chip();
  chip.crossbar.reference_rows = chip.crossbar.reference_columns = 64;
  const auto plan = make_plan(weighted(), chip, 1, 1, "net");
  EXPECT_EQ(conv_stage(plan).row_energy_aj,
            conv_stage(make_plan(weighted(), conducting_chip(), 1, 1, "net")).row_energy_aj);
}

/// A pair of 4-bit cells per weight: 2 columns x 2 outputs. Row 0 holds 3 and 0: 4 x 25 + 3 x 5 = 115 uS; row
/// 1 holds -15 and 7: 100 + 22 x 5 = 210 uS.
TEST(RowEnergy, DifferentialPairs) {
  const auto plan = make_plan(weighted(), conducting_chip(), 1, 1, "net");
  EXPECT_EQ(conv_stage(plan).row_energy_aj, (std::vector<std::vector<std::int64_t>>{{230'000, 420'000}}));
}

/// Cells that conduct for 1 of the 2 ns take half of it; the chip's times are the same.
TEST(RowEnergy, APulseMayBeShorterThanTheRead) {
  auto chip = conducting_chip();
  chip.crossbar.pulse_ns = 1;
  const auto plan = make_plan(weighted(), chip, 1, 1, "net");
  EXPECT_EQ(conv_stage(plan).row_energy_aj, (std::vector<std::vector<std::int64_t>>{{115'000, 210'000}}));
  EXPECT_EQ(make_timing(chip).read_cycles, make_timing(conducting_chip()).read_cycles);
}

/// w + 16 in two slices of 4 bits, 2 outputs, a reference column at 15: 5 columns, 125 uS and 75 uS of the
/// reference. Row 0: 19 = 1, 3 and 16 = 1, 0: 5 levels, 225 uS. Row 1: 1 and 23 = 1, 7: 9 levels, 245 uS.
TEST(RowEnergy, Offset) {
  auto chip = conducting_chip();
  chip.weight_encoding = WeightEncoding::kOffset;
  const auto plan = make_plan(weighted(), chip, 1, 1, "net");
  EXPECT_EQ(conv_stage(plan).row_energy_aj, (std::vector<std::vector<std::int64_t>>{{450'000, 490'000}}));
}

/// Without quantisation the same weights at 5 bits are the same integers, as the largest is 15.
TEST(RowEnergy, FloatWeightsAreRounded) {
  auto network = weighted();
  auto& conv = *network.nodes[static_cast<std::size_t>(network.find("conv"))].as<traces::Conv2dParams>();
  conv.quantised.reset();
  conv.weight.data = {0.3F, -1.5F, 0.0F, 0.7F};
  auto chip = conducting_chip();
  chip.weight_bits = 5;
  const auto plan = make_plan(network, chip, 1, 1, "net");
  EXPECT_EQ(conv_stage(plan).row_energy_aj, (std::vector<std::vector<std::int64_t>>{{230'000, 420'000}}));
}

/// Rows follow kernel position x channel: a 1x1 map read by a linear layer after a flatten of 2 channels x 2
/// pixels has its weights [out][channel x pixel] in the rows pixel x channel.
TEST(RowEnergy, RowsFollowPositionThenChannel) {
  auto network = NetworkBuilder({1, 1, 2}, 1)
                     .conv("conv", "input", 2, 1)
                     .lif("lif", {"conv"})
                     .flatten("flat", "lif")
                     .linear("fc", "flat", 4, 1)
                     .lif("last", {"fc"})
                     .output("last", {1}, 1);
  auto& fc = *network.nodes[static_cast<std::size_t>(network.find("fc"))].as<traces::LinearParams>();
  fc.quantised->value = {1, 2, 4, 8};  // channel 0: pixels 0, 1; channel 1: pixels 0, 1
  const auto plan = make_plan(network, conducting_chip(), 1, 1, "net");
  for (const auto& s : plan.stages) {
    if (s.name != "fc") continue;
    // 2 columns: 50 uS, and 5 uS per level: 1, 4, 2, 8 in the order (pixel 0: channels 0, 1), (pixel 1: ...).
    EXPECT_EQ(s.row_energy_aj,
              (std::vector<std::vector<std::int64_t>>{{110'000, 140'000, 120'000, 180'000}}));
  }
}

/// Both input bits set: one read, both rows. Nothing is charged per row besides.
TEST(RowEnergy, IsChargedToTheCrossbars) {
  const auto network = weighted();
  auto trace = testing::random_trace(network, 1, 0.0, 1);
  trace.input.data = {-1, -1};
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), trace);
  for (auto engine : {Engine::kFast, Engine::kReference}) {
    SimulateOptions options;
    options.engine = engine;
    const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), conducting_chip(), options);
    const auto crossbar = static_cast<std::size_t>(Component::kCrossbar);
    EXPECT_EQ(m.energy[crossbar].dynamic_aj, 650'000);
    EXPECT_EQ(m.layers[2].energy[crossbar].dynamic_aj, 650'000);
    EXPECT_EQ(m.tiles[0].energy[crossbar].dynamic_aj, 650'000);
    EXPECT_EQ(m.samples[0].energy.dynamic_aj + m.samples[0].energy.leakage_aj, m.total_energy_aj());
  }
}

}  // namespace
}  // namespace spikeloop::sim
