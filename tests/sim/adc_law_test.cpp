#include "sim/adc_law.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/energy.h"
#include "sim/rules/timing.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

/// NeuroSim's SAR per column at one node: energy in pJ (with the column's own current) and area in um2, at 3
/// to 8 bits; and the constants of its power formula (uW), slope x bits + offset.
struct Table {
  double slope, offset;
  double energy[6], area[6];
};
// clang-format off
constexpr Table kNeuroSim[] = {
    {0.538,  4.375, {.045, .059, .074, .090, .108, .126}, {87, 105, 124, 143, 162, 180}},        // 22 nm
    {1.129,  8.900, {.071, .095, .121, .149, .179, .211}, {184, 223, 263, 303, 342, 382}},       // 32 nm
    {2.169, 16.69,  {.120, .161, .206, .256, .310, .368}, {363, 441, 520, 598, 677, 755}},       // 45 nm
    {3.751, 25.84,  {.184, .249, .321, .401, .488, .583}, {757, 921, 1084, 1248, 1412, 1575}}};  // 65 nm
// clang-format on

/// Every resolution extrapolated from every other one. The worst is what the law may be wrong by.
TEST(AdcLaw, SarFollowsNeuroSim) {
  double worst_power = 0;
  double worst_area = 0;
  double worst_table_energy = 0;
  for (const auto& node : kNeuroSim) {
    for (int reference = 3; reference <= 8; ++reference) {
      for (int bits = 3; bits <= 8; ++bits) {
        ChipConfig::Adc adc;
        adc.reference_bits = reference;
        adc.bits = bits;
        const auto pj = [&](int b) { return (node.slope * b + node.offset) * (b + 1) * 1e-3; };  // uW x ns
        adc.energy_pj_per_conversion = pj(reference);
        worst_power = std::max(worst_power, std::abs(adc_energy_pj(adc) / pj(bits) - 1));
        adc.energy_pj_per_conversion = node.energy[reference - 3];
        worst_table_energy =
            std::max(worst_table_energy, std::abs(adc_energy_pj(adc) / node.energy[bits - 3] - 1));
        const double area = node.area[reference - 3] * adc_size_scale(adc);
        worst_area = std::max(worst_area, std::abs(area / node.area[bits - 3] - 1));
        adc.conversion_latency_ns = reference + 1;  // bits + 1 ns at every node
        EXPECT_DOUBLE_EQ(adc_latency_ns(adc), bits + 1);
      }
    }
  }
  EXPECT_LT(worst_power, 0.036);
  EXPECT_LT(worst_table_energy, 0.17);
  EXPECT_LT(worst_area, 0.008);
}

TEST(AdcLaw, FlashFollowsItsComparators) {
  ChipConfig::Adc adc;
  adc.kind = AdcKind::kFlash;
  adc.reference_bits = 4;
  adc.bits = 6;
  adc.conversion_latency_ns = 1.5;
  adc.energy_pj_per_conversion = 0.15;
  EXPECT_DOUBLE_EQ(adc_latency_ns(adc), 1.5);
  EXPECT_DOUBLE_EQ(adc_energy_pj(adc), 0.15 * 63 / 15);
  EXPECT_DOUBLE_EQ(adc_size_scale(adc), 63.0 / 15);
}

/// SAR, 4 bits at reference: 2 ns; 9 bits: 4 ns, energy x (10 x 17) / (5 x 12), area x 10.65 / 5.65.
TEST(AdcLaw, ReachesTimingEnergyAndArea) {
  auto chip = testing::tiny_chip();
  chip.adc.conversion_latency_ns = 2;
  chip.adc.energy_pj_per_conversion = 6;
  chip.adc.area_um2 = 5.65;
  chip.adc.leakage_uw = 11.3;
  chip.adc.bits = 9;
  EXPECT_EQ(make_timing(chip).conversion_cycles, 4);
  chip.adc.pipeline_stages = 3;
  EXPECT_EQ(make_timing(chip).conversion_interval, 2);
  EXPECT_EQ(event_energy_aj(chip)[static_cast<std::size_t>(Component::kAdc)], 17'000'000);
  const auto inventory = tile_inventory(chip);  // 2 crossbars of 8 columns, 4 columns per ADC: 4 ADCs
  EXPECT_NEAR(inventory.area_um2[static_cast<std::size_t>(Component::kAdc)], 4 * 10.65, 1e-9);
  EXPECT_NEAR(inventory.leakage_uw[static_cast<std::size_t>(Component::kAdc)], 4 * 21.3, 1e-9);
}

}  // namespace
}  // namespace spikeloop::sim
