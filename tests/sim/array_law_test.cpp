#include "sim/array_law.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/energy.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

/// An array of NeuroSim's sweep, 6-bit SAR, a quarter of the rows driven: areas in um2, leakage of all of it
/// in uW; energies in pJ: column currents per driven row (what is left of a conversion without the
/// converter's own, x columns), and of a whole read.
struct Array {
  int size;
  double cells, switches, shifters, drivers, mux, leakage;
  double current, wordlines, row_switches, mux_read;
};
struct Node {
  int nm;
  Array arrays[2];
};
// clang-format off
constexpr Node kNeuroSim[] = {
    {22, {{64,  95.1583, 89.2852, 1922.14, 150.667, 130.815, 0.0143733, 0.1488, 0.44113,  1.42685, 0.0818125},
          {128, 380.633, 178.57,  3844.28, 301.335, 214.078, 0.028033,  0.3009, 1.76452,  2.85371, 0.252625}}},
    {32, {{64,  201.327, 188.901, 4254.94, 286.89,  193.089, 0.0238051, 0.1556, 0.747813, 2.15423, 0.101108},
          {128, 805.306, 377.802, 8509.89, 573.781, 369.249, 0.0465114, 0.3144, 2.99125,  4.30846, 0.382083}}},
    {45, {{64,  398.131, 373.559, 9680.19, 567.337, 381.84,  0.0394845, 0.1916, 1.3385,   4.28058, 0.183832},
          {128, 1592.52, 747.118, 19360.4, 1134.67, 730.205, 0.0772511, 0.3882, 5.35399,  8.56116, 0.693444}}},
    {65, {{64,  830.669, 779.401, 20196.9, 1183.7,  796.68,  0.0629403, 0.2501, 2.47009,  8.67822, 0.365458},
          {128, 3322.68, 1558.8,  40393.9, 2367.41, 1523.51, 0.123149,  0.5069, 9.88036,  17.3564, 1.37594}}}};
// clang-format on

/// The chip that gives an array's numbers, with crossbars of `size`.
ChipConfig chip_of(const Array& given, int size) {
  auto chip = testing::tiny_chip();
  auto& x = chip.crossbar;
  const double driven = given.size / 4.0;
  x.reference_rows = x.reference_columns = given.size;
  x.rows = x.columns = size;
  x.area_um2 = given.cells;
  x.edge_area_um2 = given.switches + given.shifters;
  x.leakage_uw = 0;
  x.edge_leakage_uw = given.leakage;
  x.energy_pj_per_active_row = given.current;
  chip.wordline_driver.energy_pj_per_active_row = given.wordlines / driven;
  chip.wordline_driver.switch_energy_pj_per_active_row = given.row_switches / driven;
  chip.wordline_driver.area_um2 = given.drivers;
  chip.column_mux.area_um2 = given.mux;
  chip.column_mux.energy_pj_per_conversion = given.mux_read / given.size;
  chip.tile.pes = chip.pe.crossbars = 1;
  return chip;
}

double area_of(const ChipConfig& chip, Component c) {
  return tile_inventory(chip).area_um2[static_cast<std::size_t>(c)];
}
double leakage_of(const ChipConfig& chip, Component c) {
  return tile_inventory(chip).leakage_uw[static_cast<std::size_t>(c)];
}
std::int64_t event_aj(const ChipConfig& chip, Component c) {
  return event_energy_aj(chip)[static_cast<std::size_t>(c)];
}

/// Each size from the other one. The bounds are what array_law.h and README say.
TEST(ArrayLaw, FollowsNeuroSim) {
  double area = 0, leakage = 0, driver = 0, current = 0, mux = 0, mux_22 = 0;
  const auto off = [](double& worst, double found, double expected) {
    worst = std::max(worst, std::abs(found / expected - 1));
  };
  for (const auto& node : kNeuroSim) {
    for (int from : {0, 1}) {
      const auto& other = node.arrays[1 - from];
      const auto chip = chip_of(node.arrays[from], other.size);
      const auto same = chip_of(other, other.size);
      off(area, area_of(chip, Component::kCrossbar), other.cells + other.switches + other.shifters);
      off(area, area_of(chip, Component::kWordlineDriver), other.drivers);
      off(leakage, leakage_of(chip, Component::kCrossbar), other.leakage);
      off(driver, driver_row_energy_pj(chip), driver_row_energy_pj(same));
      off(current, crossbar_row_energy_pj(chip.crossbar), other.current);
      auto& of_node = node.nm == 22 ? mux_22 : mux;
      off(of_node, area_of(chip, Component::kColumnMux), other.mux);
      off(of_node, mux_energy_pj(chip), mux_energy_pj(same));
    }
  }
  EXPECT_LT(area, 1e-4);
  EXPECT_LT(driver, 1e-4);
  EXPECT_LT(leakage, 0.03);
  EXPECT_LT(current, 0.015);
  EXPECT_LT(mux, 0.07);
  EXPECT_LT(mux_22, 0.30);
}

/// 8 x 8 at reference, 24 x 40 now: cells x 15, edges x 4, rows x 3, columns x 5. Two crossbars in a tile.
TEST(ArrayLaw, ReachesEnergyAreaAndLeakage) {
  auto chip = testing::tiny_chip();
  auto& x = chip.crossbar;
  x.rows = 24;
  x.columns = 40;
  x.area_um2 = 3;
  x.leakage_uw = 0.5;
  x.edge_area_um2 = 7;
  x.edge_leakage_uw = 0.25;
  x.energy_pj_per_active_row = 1;
  chip.wordline_driver = {2, 11, 13, 0.125};
  chip.column_mux = {4, 17, 0.0625};
  EXPECT_DOUBLE_EQ(area_of(chip, Component::kCrossbar), 2 * (3 * 15 + 7 * 4));
  EXPECT_DOUBLE_EQ(leakage_of(chip, Component::kCrossbar), 2 * (0.5 * 15 + 0.25 * 4));
  EXPECT_DOUBLE_EQ(area_of(chip, Component::kWordlineDriver), 2 * 13 * 3);
  EXPECT_DOUBLE_EQ(leakage_of(chip, Component::kWordlineDriver), 2 * 0.125 * 3);
  EXPECT_DOUBLE_EQ(area_of(chip, Component::kColumnMux), 2 * 17 * 5);
  EXPECT_DOUBLE_EQ(leakage_of(chip, Component::kColumnMux), 2 * 0.0625 * 5);
  EXPECT_EQ(event_aj(chip, Component::kCrossbar), 5'000'000);
  EXPECT_EQ(event_aj(chip, Component::kWordlineDriver), 2'000'000 * 5 + 11'000'000);
  EXPECT_EQ(event_aj(chip, Component::kColumnMux), 4'000'000 * 3);
  // Conductances know their columns themselves.
  x.read_energy = ReadEnergy::kConductance;
  EXPECT_EQ(event_aj(chip, Component::kCrossbar), 0);
}

/// The size that the numbers are given for leaves them as they are, to the bit.
TEST(ArrayLaw, LeavesTheReferenceAlone) {
  auto chip = testing::tiny_chip();
  for (int rows : {1, 3, 7, 100, 4096}) {
    for (int columns : {2, 3, 7, 100, 4096}) {
      chip.crossbar.rows = chip.crossbar.reference_rows = rows;
      chip.crossbar.columns = chip.crossbar.reference_columns = columns;
      chip.crossbar.area_um2 = 0.1;
      chip.crossbar.leakage_uw = 0.7;
      EXPECT_EQ(crossbar_area_um2(chip.crossbar), 0.1);
      EXPECT_EQ(crossbar_leakage_uw(chip.crossbar), 0.7);
      EXPECT_EQ(crossbar_row_energy_pj(chip.crossbar), chip.crossbar.energy_pj_per_active_row);
      EXPECT_EQ(driver_row_energy_pj(chip), chip.wordline_driver.energy_pj_per_active_row);
      EXPECT_EQ(mux_energy_pj(chip), chip.column_mux.energy_pj_per_conversion);
    }
  }
}

/// On the way from the command line to the numbers: --set moves the size and not its reference, a larger
/// array never costs less, and the array as a whole costs more.
TEST(ArrayLaw, MoreRowsAndColumnsCostMore) {
  const std::string file = std::string(SPIKELOOP_SOURCE_DIR) + "/hwconfigs/rram-32nm.json";
  const auto sized = [&](const char* key, int lines) {
    return read_chip_config(file, {{key, std::to_string(lines)}, {"crossbar.max_active_rows", "16"}});
  };
  for (const char* key : {"crossbar.rows", "crossbar.columns"}) {
    auto last = sized(key, 16);
    for (int lines : {32, 64, 96, 128, 256, 512}) {
      SCOPED_TRACE(std::string(key) + " = " + std::to_string(lines));
      const auto chip = sized(key, lines);
      EXPECT_EQ(chip.crossbar.reference_rows, 128);
      EXPECT_EQ(chip.crossbar.reference_columns, 128);
      EXPECT_GT(area_of(chip, Component::kCrossbar), area_of(last, Component::kCrossbar));
      EXPECT_GT(leakage_of(chip, Component::kCrossbar), leakage_of(last, Component::kCrossbar));
      const bool rows = std::string(key) == "crossbar.rows";
      EXPECT_EQ(area_of(chip, Component::kWordlineDriver) > area_of(last, Component::kWordlineDriver), rows);
      EXPECT_EQ(area_of(chip, Component::kColumnMux) > area_of(last, Component::kColumnMux), !rows);
      EXPECT_EQ(event_aj(chip, Component::kCrossbar) > event_aj(last, Component::kCrossbar), !rows);
      EXPECT_EQ(event_aj(chip, Component::kWordlineDriver) > event_aj(last, Component::kWordlineDriver),
                !rows);
      EXPECT_EQ(event_aj(chip, Component::kColumnMux) > event_aj(last, Component::kColumnMux), rows);
      last = chip;
    }
  }
  const auto half = sized("crossbar.rows", 64);  // 32 crossbars in a tile
  EXPECT_NEAR(area_of(half, Component::kCrossbar), 32 * (805.3 / 2 + 8887.7 * 0.75), 1e-6);
  EXPECT_NEAR(leakage_of(half, Component::kCrossbar), 32 * 0.0465 * 0.75, 1e-9);
}

}  // namespace
}  // namespace spikeloop::sim
