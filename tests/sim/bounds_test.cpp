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

TEST(Bounds, RefusesWhatDoesNotFit) {
  const auto big =
      testing::NetworkBuilder({2, 4, 4}).conv("c", "input", 64, 3).lif("l", {"c"}).output("l", {64, 4, 4}, 1);
  EXPECT_THROW(lower_bounds(big, testing::tiny_chip(), "net.nir"), InputError);
}

}  // namespace
}  // namespace spikeloop::sim
