#include "sim/mapping/plan.h"

#include <gtest/gtest.h>

#include "tests/support/plans.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::plan_error;
using testing::stage_named;
using testing::tiny_chip;

// 5-bit weights: 4 magnitude bits in one 4-bit cell, two columns per output, so four outputs per 8-column
// crossbar.
TEST(Plan, SlicesWeightsIntoPieces) {
  auto chip = tiny_chip();
  chip.mesh.columns = 8;
  // 3x3x2 = 18 rows: 3 row blocks of 8, 8, 2; 6 outputs: 2 column blocks of 4 and 2 outputs. 6 pieces, 2 per
  // tile.
  const auto network =
      NetworkBuilder({2, 4, 4}).conv("c", "input", 6, 3).lif("l", {"c"}).output("l", {6, 4, 4}, 2);
  const auto plan = make_plan(network, chip, 2, 1, "net.nir");
  ASSERT_EQ(plan.layers[2].name, "c");
  EXPECT_EQ(plan.layers[2].crossbars, 6);
  const auto& t0 = stage_named(plan, "c#0");
  const auto& t1 = stage_named(plan, "c#1");
  const auto& t2 = stage_named(plan, "c#2");
  ASSERT_EQ(t0.pieces.size(), 2U);
  EXPECT_EQ(t0.pieces[1].rows, 8);
  EXPECT_EQ(t1.pieces[0].rows, 2);
  EXPECT_EQ(t1.pieces[0].columns, 8);
  EXPECT_EQ(t1.pieces[1].columns, 4);
  // Tile 0 owns outputs 0-3; tile 1 sends it the rest of their rows and owns 4-5; tile 2 only sends.
  EXPECT_EQ(t0.channel_begin, 0);
  EXPECT_EQ(t0.channel_end, 4);
  EXPECT_EQ(t1.send_begin, 0);
  EXPECT_EQ(t1.send_end, 4);
  EXPECT_EQ(t1.channel_begin, 4);
  EXPECT_EQ(t1.channel_end, 6);
  EXPECT_EQ(t2.send_begin, 4);
  EXPECT_EQ(t2.channel_begin, t2.channel_end);
  EXPECT_EQ(plan.weights, 6 * 18);
  EXPECT_EQ(plan.weight_memory_bits, 6 * 18 * 5);
  EXPECT_EQ(plan.tiles_used, 3);
}

TEST(Plan, StaticAndBackwardStagesWorkFewerTimesteps) {
  auto chip = tiny_chip();
  chip.mesh = {4, 2, 8, 8};
  const auto network = NetworkBuilder({1, 3, 3})
                           .conv("stem", "input", 2, 3)
                           .sum("n0", {"stem"})
                           .lif("l0", {"n0"})
                           .conv("fwd", "l0", 2, 3)
                           .sum("n1", {"fwd"})
                           .lif("l1", {"n1"})
                           .conv("back", "l1", 2, 1)
                           .edge("back", "n0", true)
                           .output("n1", {2, 3, 3}, 4);
  const auto plan = make_plan(network, chip, 4, 1, "net.nir");
  EXPECT_EQ(stage_named(plan, "stem").timesteps, 1);
  EXPECT_TRUE(stage_named(plan, "stem").is_static);
  EXPECT_EQ(stage_named(plan, "n0").timesteps, 4);
  EXPECT_EQ(stage_named(plan, "n1").timesteps, 4);
  EXPECT_EQ(stage_named(plan, "back").timesteps, 3) << "nobody uses the last timestep's feedback";
  ASSERT_EQ(stage_named(plan, "n0").lifs.size(), 1U);
  EXPECT_EQ(stage_named(plan, "n0").tile, stage_named(plan, "stem").tile)
      << "sums live where they are produced";
}

TEST(Plan, SaysWhatDoesNotFit) {
  const auto chip = tiny_chip();
  const auto big =
      NetworkBuilder({2, 4, 4}).conv("c", "input", 16, 3).lif("l", {"c"}).output("l", {16, 4, 4}, 1);
  EXPECT_EQ(plan_error(big, chip),
            "net.nir: mapping: found a network that needs 6 tiles (12 crossbars of 8x8), expected at most 2 "
            "tiles of 2 "
            "crossbars on chip tiny");

  auto small_buffer = tiny_chip();
  small_buffer.mesh.columns = 8;
  small_buffer.input_buffer.capacity_bits = 16;
  const auto net = NetworkBuilder({2, 4, 4})
                       .conv("c", "input", 2, 1)
                       .lif("l", {"c"})
                       .conv("d", "l", 2, 3)
                       .lif("m", {"d"})
                       .output("m", {2, 4, 4}, 1);
  EXPECT_NE(plan_error(net, small_buffer).find("bits of input buffer"), std::string::npos);
}

TEST(Plan, RefusesWhatTheChipDoesNotHave) {
  const auto chip = tiny_chip();
  auto scaled = NetworkBuilder({1, 2, 2}).conv("c", "input", 1, 1).sum("s", {"c"}).output("s", {1, 2, 2}, 1);
  scaled.nodes[static_cast<std::size_t>(scaled.find("s"))].as<traces::ScaleParams>()->scale.data = {2.0F};
  EXPECT_NE(plan_error(scaled, chip).find("node s (Scale)"), std::string::npos);
  const auto analog =
      NetworkBuilder({1, 2, 2}).conv("c", "input", 1, 1).conv("d", "c", 1, 1).output("d", {1, 2, 2}, 1);
  EXPECT_NE(plan_error(analog, chip).find("found real values from node c"), std::string::npos);
}

TEST(Plan, RefusesGraphsThatWouldStopTheChip) {
  const auto chip = tiny_chip();
  const auto flat = NetworkBuilder({1, 4, 4})
                        .conv("c", "input", 1, 3)
                        .flatten("f", "c")
                        .lif("l", {"f"})
                        .output("l", {16}, 1);
  EXPECT_NE(plan_error(flat, chip).find("expected Flatten behind LIF and Scale nodes"), std::string::npos);
  auto loop = NetworkBuilder({1, 2, 2}).conv("c", "input", 1, 1).sum("s", {"c"}).output("s", {1, 2, 2}, 2);
  const int s = loop.find("s");
  loop.edges.push_back({s, s, true});
  EXPECT_NE(plan_error(loop, chip).find("a backward edge from the node to itself"), std::string::npos);
}

TEST(Plan, ALifWithInputsOfItsOwnHoldsStaticValuesToo) {
  auto chip = tiny_chip();
  chip.node_memory.capacity_bits = 4 * 4 * 8;  // one map of 16 8-bit values; the conv's result is held, too
  const auto network =
      NetworkBuilder({1, 4, 4}).conv("c", "input", 1, 3).lif("l", {"c"}).output("l", {1, 4, 4}, 2);
  EXPECT_NE(plan_error(network, chip).find("256 bits of node memory"), std::string::npos);
}

}  // namespace
}  // namespace spikeloop::sim
