#include <gtest/gtest.h>

#include "sim/energy.h"
#include "sim/simulate.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

TEST(EnergyRange, SixtyFourBitsOrARefusal) {
  EXPECT_EQ(add_millionths(5, 2.4), 7);
  EXPECT_EQ(add_millionths(8'000'000'000'000'000'000, 5e17), 8'500'000'000'000'000'000);
  EXPECT_THROW(add_millionths(8'000'000'000'000'000'000, 2e18), InputError);
  EventCounts events;
  events[Component::kAdc] = 1'000'000'000'000;
  std::array<std::int64_t, kNumComponents> event_aj{};
  EnergyByComponent energy{};
  event_aj[static_cast<std::size_t>(Component::kAdc)] = 8'000'000;
  charge(events, event_aj, energy);  // 8 J
  EXPECT_EQ(energy[static_cast<std::size_t>(Component::kAdc)].dynamic_aj, 8'000'000'000'000'000'000);
  EXPECT_THROW(charge(events, event_aj, energy), InputError);
  event_aj[static_cast<std::size_t>(Component::kAdc)] = 1'000'000'000'000;
  EnergyByComponent none{};
  EXPECT_THROW(charge(events, event_aj, none), InputError);
}

/// Each number is within its field's range; together they were a negative area once.
TEST(EnergyRange, AbsurdChipsAreRefused) {
  const traces::Network network = testing::NetworkBuilder({1, 4, 4})
                                      .conv("conv", "input", 2, 3)
                                      .lif("lif", {"conv"})
                                      .output("lif", {2, 4, 4}, 2);
  const testing::TemporaryFolder folder;
  traces::write_trace(folder.file("trace.h5"), testing::random_trace(network, 1, 0.3, 1));
  const traces::TraceReader trace(folder.file("trace.h5"));
  ChipConfig chip = testing::tiny_chip();
  EXPECT_NO_THROW(simulate(network, trace, chip));
  chip.membrane_memory.area_um2_per_bit = 1e9;
  EXPECT_THROW(simulate(network, trace, chip), InputError);
  chip = testing::tiny_chip();
  chip.crossbar.leakage_uw = 1e6;
  chip.membrane_memory.leakage_uw_per_kbit = 1e6;
  chip.membrane_memory.capacity_bits = 1'000'000'000'000;
  EXPECT_THROW(simulate(network, trace, chip), InputError);
}

}  // namespace
}  // namespace spikeloop::sim
