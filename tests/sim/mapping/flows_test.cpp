#include "sim/mapping/flows.h"

#include <gtest/gtest.h>

#include "tests/support/plans.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

/// Schedule layer_sequential: what must be held until a layer may start.
namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::plan_error;
using testing::tiny_chip;

ChipConfig layer_sequential_chip() {
  auto chip = tiny_chip();
  chip.mesh.columns = 8;
  chip.schedule = Schedule::kLayerSequential;
  return chip;
}

const Flow& flow_between(const Plan& plan, const std::string& from, const std::string& to) {
  for (const auto& f : plan.flows) {
    if (plan.stages[static_cast<std::size_t>(f.producer)].name == from &&
        plan.stages[static_cast<std::size_t>(f.consumer)].name == to)
      return f;
  }
  throw std::logic_error("no flow " + from + " -> " + to);
}

/// Stem, node n0 with a skip around convolution c into n1: c starts when n0 has spiked for all 5 timesteps,
/// so n1 gets all of the skip before the first of c.
traces::Network with_skip() {
  return NetworkBuilder({1, 4, 4})
      .conv("stem", "input", 2, 3)
      .sum("n0", {"stem"})
      .lif("l", {"n0"})
      .conv("c", "l", 2, 3)
      .sum("n1", {"n0", "c"})
      .output("n1", {2, 4, 4}, 5);
}

TEST(LayerSequential, HoldsAllTimesteps) {
  auto chip = layer_sequential_chip();
  const auto plan = make_plan(with_skip(), chip, 5, 1, "net");
  EXPECT_EQ(flow_between(plan, "n0", "c#0").depth, 16 * 5);
  EXPECT_EQ(flow_between(plan, "n0", "n1").depth, 16 * 5) << "the skip runs ahead";
  EXPECT_EQ(flow_between(plan, "c#0", "n1").depth, 16) << "the latest input comes timestep by timestep";
  EXPECT_EQ(flow_between(plan, "stem", "n0").depth, 16) << "the stem reads the input and is not held";
  chip.schedule = Schedule::kPipelined;
  const auto pipelined = make_plan(with_skip(), chip, 5, 1, "net");
  EXPECT_EQ(flow_between(pipelined, "n0", "c#0").depth, 2 * 16);
  EXPECT_EQ(flow_between(pipelined, "n0", "n1").depth, 16);
}

/// 16 pixels x 2 channels x 5 timesteps = 160 bits of spikes for c; 16 x 2 x 8-bit values x 5 = 1280 for the
/// sums of n1, against 512 for n0 and its stem's values that are held.
TEST(LayerSequential, SaysWhichMemoryIsTooSmall) {
  auto chip = layer_sequential_chip();
  chip.input_buffer.capacity_bits = 159;
  EXPECT_EQ(
      plan_error(with_skip(), chip),
      "net.nir: node c: found a network that needs 160 bits of input buffer (schedule layer_sequential: all "
      "5 timesteps of its input), expected 159 bits per tile on chip tiny");
  chip.input_buffer.capacity_bits = 160;
  EXPECT_EQ(plan_error(with_skip(), chip), "");
  chip.node_memory.capacity_bits = 1279;
  EXPECT_NE(
      plan_error(with_skip(), chip).find("node n1: found a network that needs 1280 bits of node memory"),
      std::string::npos);
  chip.node_memory.capacity_bits = 1280;
  EXPECT_EQ(plan_error(with_skip(), chip), "");
}

TEST(LayerSequential, RefusesBackwardEdges) {
  const auto chip = layer_sequential_chip();
  auto network = with_skip();
  network.edges.push_back({network.find("n1"), network.find("n0"), true});
  EXPECT_EQ(plan_error(network, chip),
            "net.nir: node n0 (Scale): found a backward edge from node n1, through which schedule "
            "layer_sequential cannot run a layer for all timesteps, expected schedule pipelined or "
            "timestep_sequential");
}

}  // namespace
}  // namespace spikeloop::sim
