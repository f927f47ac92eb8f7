#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "sim/config/chip_config.h"
#include "sim/config/chip_texts.h"
#include "sim/energy.h"
#include "sim/network_description.h"
#include "sim/rules/timing.h"
#include "sim/simulate.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

/// The chips that come with spikeloop.
namespace spikeloop::sim {
namespace {

namespace fs = std::filesystem;
const fs::path kFolder = fs::path(SPIKELOOP_SOURCE_DIR) / "hwconfigs";

std::vector<std::string> files_in(const fs::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json" && entry.path().filename() != "chip.schema.json")
      files.insert(entry.path().string());
  }
  return {files.begin(), files.end()};
}

TEST(HardwareConfigs, EachRunsASmallNetwork) {
  const auto network = testing::small_classifier();
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.2, 7));
  const auto chips = files_in(kFolder);
  EXPECT_GE(chips.size(), 6U);
  for (const auto& file : chips) {
    SCOPED_TRACE(file);
    const auto chip = read_chip_config(file);
    EXPECT_EQ(chip.name + ".json", fs::path(file).filename().string());
    EXPECT_FALSE(describe_chip(chip).empty());
    EXPECT_FALSE(describe_plan(make_plan(network, chip, 3, 1, "net"), chip).empty());
    const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
    EXPECT_GT(m.mean_latency_ns(), 0);
    EXPECT_GT(m.mean_energy_pj(), 0);
    EXPECT_GT(m.crossbar_reads, 0);
  }
}

/// Each file gives the numbers of the crossbar that it has, so none of them is scaled.
TEST(HardwareConfigs, ArraysAreGivenAtTheirOwnSize) {
  for (const auto& file : files_in(kFolder)) {
    SCOPED_TRACE(file);
    const auto x = read_chip_config(file).crossbar;
    EXPECT_EQ(x.reference_rows, x.rows);
    EXPECT_EQ(x.reference_columns, x.columns);
  }
}

/// A router's FIFOs are counted once: with those of its file it has its source's area and leakage; each
/// further channel adds its own, 5 ports x 4 flits x 64 bits.
TEST(HardwareConfigs, RouterBuffersAreCountedOnce) {
  const auto router = [](int channels) {
    return router_inventory(read_chip_config((kFolder / "rram-32nm.json").string(),
                                             {{"router.virtual_channels", std::to_string(channels)}}));
  };
  const auto at = static_cast<std::size_t>(Component::kRouter);
  EXPECT_NEAR(router(1).area_um2[at], 37500, 1e-6);
  EXPECT_NEAR(router(1).leakage_uw[at], 0.15, 1e-9);
  EXPECT_NEAR(router(3).area_um2[at], 37500 + 2 * 1280 * 2.6339, 1e-6);
  EXPECT_NEAR(router(3).leakage_uw[at], 0.15 + 2 * 1.25 * 0.0595, 1e-9);
}

/// A library is part of chips, and no chip.
TEST(HardwareConfigs, LibrariesAreNoChipsByThemselves) {
  const auto libraries = files_in(kFolder / "components");
  EXPECT_GE(libraries.size(), 5U);
  for (const auto& file : libraries) {
    SCOPED_TRACE(file);
    try {
      read_chip_config(file);
      ADD_FAILURE() << "it reads as a chip";
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(": found a library (it extends []) of "), std::string::npos)
          << error.what();
    }
  }
}

/// SpikeSim's constants, split over our parts, add up to its PE cycle again: a dense 3 x 3 window of 64 to 64
/// channels reads 9 crossbars of 64 rows and 65 columns (64 outputs and the reference), adds 8 x 64 partial
/// sums, reads the window's 192 new bits, takes a pixel's 64 bits in and updates 64 neurons.
TEST(HardwareConfigs, SpikeSimsPeCycleAddsUp) {
  const auto c = read_chip_config((kFolder / "spikesim-65nm.json").string());
  const double conversions = 9 * 65;
  const double crossbars = 576 * c.crossbar.energy_pj_per_active_row;
  const double adc = conversions * c.adc.energy_pj_per_conversion;
  const double mux = conversions * c.column_mux.energy_pj_per_conversion;
  const double shift = conversions * c.shift_add.energy_pj_per_conversion;
  const double tree = 8 * 64 * c.adder_tree.energy_pj_per_add;
  const double buffer = 192 * c.input_buffer.read_energy_pj_per_bit;
  const double fetch = 64 * c.input_buffer.write_energy_pj_per_bit;
  const double neurons = 64 * c.neuron_unit.energy_pj_per_update;
  EXPECT_NEAR(crossbars, 127.02456, 0.02);
  EXPECT_NEAR(adc, 129.97376, 0.02);
  EXPECT_NEAR(mux, 6.03168, 0.01);
  EXPECT_NEAR(shift, 1.6001472, 0.001);
  EXPECT_NEAR(tree, 157.12, 0.02);
  EXPECT_NEAR(buffer, 397.0, 0.1);
  EXPECT_NEAR(fetch, 4.64, 0.001);
  EXPECT_NEAR(neurons, 5.096, 0.001);
  EXPECT_NEAR(crossbars + adc + mux + shift + tree + buffer + fetch + neurons, 828.486, 0.15);
  // Its tile without neuron and input memories: 0.596 mm2. Ours holds 8 ADC columns more per crossbar, at the
  // same area per PE.
  const double crossbar_area =
      72 * (c.crossbar.area_um2 + c.column_mux.area_um2 + 9 * c.adc.area_um2 + 9 * c.shift_add.area_um2);
  const double tile = crossbar_area + c.adder_tree.area_um2 + 8192 * c.input_buffer.area_um2_per_bit +
                      32768 * c.output_buffer.area_um2_per_bit;
  EXPECT_NEAR(
      tile, 8 * 13411.41498 + 484.643999 + 0.7391 * 8192 + 8 * (9 * 26.2144 + 8 * (693.633 + 45.9)) + 433660,
      100);
}

/// Time: 26 clocks of 4 ns per PE cycle.
TEST(HardwareConfigs, SpikeSimsPeCycleTakes26Clocks) {
  const auto c = read_chip_config((kFolder / "spikesim-65nm.json").string());
  const auto timing = make_timing(c);
  EXPECT_EQ(crossbar_cycles(timing, c.adc.sample_and_hold, 1, 8), 26);
  EXPECT_EQ(timing.adcs_per_crossbar, 9);  // 65 columns in 8 phases
}

}  // namespace
}  // namespace spikeloop::sim
