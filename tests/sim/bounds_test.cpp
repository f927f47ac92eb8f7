#include "sim/bounds.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/energy.h"
#include "sim/simulate.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

/// Without a single set bit the bound's events are the simulator's: the energy differs by leakage over time
/// only.
TEST(Bounds, DynamicEnergyIsExactWithoutSpikes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(21, seed));
    const auto network = testing::random_network(random);
    auto chip = testing::random_chip(random, network);
    chip.crossbar.skip_zero = true;
    testing::TemporaryFolder folder;
    traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.0, seed));
    const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
    const auto bounds = lower_bounds(network, chip, "net");
    std::int64_t leakage = 0;
    const auto add = [&](const Inventory& inventory, std::int64_t count) {
      for (auto l : leakage_aj(inventory, bounds.latency_ns)) leakage += count * l;
    };
    const auto plan_tiles =
        std::count_if(m.tiles.begin(), m.tiles.end(), [](const auto& t) { return !t.layers.empty(); });
    add(tile_inventory(chip), plan_tiles);
    add(router_inventory(chip), static_cast<std::int64_t>(m.tiles.size()));
    add(host_inventory(chip), 1);
    EXPECT_NEAR(bounds.energy_pj, static_cast<double>(m.samples[0].energy.dynamic_aj + leakage) / 1e6, 1e-9);
  }
}

/// A stride that never looks at the second row: the convolution works on after the last result.
TEST(Bounds, WaitsOnlyForWhatResultsNeed) {
  const auto network = testing::NetworkBuilder({1, 2, 64})
                           .conv("a", "input", 1, 1)
                           .lif("a.lif", {"a"})
                           .conv("b", "a.lif", 1, 1, 2)
                           .lif("b.lif", {"b"})
                           .flatten("flat", "b.lif")
                           .linear("c", "flat", 32, 2)
                           .output("c", {2}, 1);
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 8;
  chip.mesh.rows = 4;
  chip.crossbar.rows = chip.crossbar.max_active_rows = 32;
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.0, 1));
  const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
  const auto bounds = lower_bounds(network, chip, "net");
  EXPECT_LE(bounds.latency_ns, m.mean_latency_ns());
  EXPECT_LE(bounds.energy_pj, m.mean_energy_pj());
  EXPECT_GT(bounds.latency_ns, 0.4 * m.mean_latency_ns());
}

TEST(Bounds, AbsurdAreasAreRefusedAsInASimulation) {
  const auto network =
      testing::NetworkBuilder({1, 2, 2}).conv("c", "input", 1, 1).lif("l", {"c"}).output("l", {1, 2, 2}, 1);
  auto chip = testing::tiny_chip();
  chip.membrane_memory.area_um2_per_bit = 1e9;
  EXPECT_THROW(lower_bounds(network, chip, "net"), InputError);
}

/// One timestep: nothing has to be held, so what cannot hold a value needs no node in between.
TEST(Bounds, OneTimestepNeedsNoNodeBehindTheInput) {
  const auto network = testing::NetworkBuilder({1, 2, 2}).conv("c", "input", 1, 1).output("c", {1, 2, 2}, 1);
  EXPECT_GT(lower_bounds(network, testing::tiny_chip(), "net").latency_ns, 0);
}

TEST(Bounds, RefusesWhatDoesNotFit) {
  const auto big =
      testing::NetworkBuilder({2, 4, 4}).conv("c", "input", 64, 3).lif("l", {"c"}).output("l", {64, 4, 4}, 1);
  EXPECT_THROW(lower_bounds(big, testing::tiny_chip(), "net.nir"), InputError);
}

}  // namespace
}  // namespace spikeloop::sim
