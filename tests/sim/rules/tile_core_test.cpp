#include "sim/rules/tile_core.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/one_tile.h"
#include "tests/support/tiny.h"

/// The mechanisms of a tile with cycles worked out by hand. A packet whose last flit is taken in cycle c is
/// written into the input buffer from c + 1 on; a result that leaves its unit in c is written into the output
/// buffer from c on.
namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::OneTile;
using testing::tiny_chip;
using Cycles = std::vector<Cycle>;

/// A plan, a stimulus without a set bit, and names for what is in it.
struct Bench {
  Bench(const traces::Network& network, const ChipConfig& c, int input_frames = 1)
      : chip(c), plan(make_plan(network, chip, network.timesteps, input_frames, "net")) {
    for (const auto& s : plan.signals) {
      const auto bits = std::int64_t{s.height} * s.width * s.channels;
      const std::vector<traces::PackedBits> frame(
          static_cast<std::size_t>(s.bits), traces::PackedBits(static_cast<std::size_t>((bits + 63) / 64)));
      stimulus.planes.emplace_back(static_cast<std::size_t>(plan.timesteps), frame);
    }
  }
  int stage(const std::string& name) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i)
      if (plan.stages[i].name == name) return static_cast<int>(i);
    throw std::logic_error("no stage " + name);
  }
  int flow(const std::string& from, const std::string& to) const {
    for (std::size_t i = 0; i < plan.flows.size(); ++i)
      if (plan.flows[i].producer == stage(from) && plan.flows[i].consumer == stage(to))
        return static_cast<int>(i);
    throw std::logic_error("no flow from " + from + " to " + to);
  }
  int route(const std::string& from, const std::string& to) const {
    return plan.flows[static_cast<std::size_t>(flow(from, to))].route;
  }
  void set(const std::string& signal, int bit, int timestep = 0) {
    for (std::size_t i = 0; i < plan.signals.size(); ++i)
      if (plan.signals[i].name == signal)
        stimulus.planes[i][static_cast<std::size_t>(timestep)][0][static_cast<std::size_t>(bit / 64)] |=
            std::uint64_t{1} << (bit % 64);
  }
  std::unique_ptr<OneTile> tile(int index = 0) const {
    return std::make_unique<OneTile>(plan, chip, stimulus, index);
  }

  ChipConfig chip;
  Plan plan;
  Stimulus stimulus;
};

/// A 1x1 convolution to one channel and its neurons, over `pixels` pixels of `channels` bits.
traces::Network one_layer(int channels, int pixels) {
  return NetworkBuilder({channels, 1, pixels}, 1)
      .conv("conv", "input", 1, 1)
      .lif("lif", {"conv"})
      .output("lif", {1, 1, pixels}, 1);
}

/// Pixel 0 has all 8 bits set, read one row at a time: 8 passes of 2 + 1 cycles. The others have none: 1
/// cycle. Through a port of 2 bits an item is written in 4 cycles and a window of 8 new bits fetched in 4.
Bench slow_ports(int ports) {
  auto chip = tiny_chip();
  chip.input_buffer.port_bits = 2;
  chip.input_buffer.ports = ports;
  chip.crossbar.max_active_rows = 1;
  Bench bench(one_layer(8, 7), chip);
  for (int bit = 0; bit < 8; ++bit) bench.set("input", bit);
  return bench;
}

/// Write 0: 2-6. From then on the register takes the next packet in 2 cycles and the write starts in the
/// third: 8-12, 14-18, ... Fetch 0: 6-10, read 10-34; fetch 1 12-16, whose window waits for the crossbar
/// until 34; then windows 2.. are there and read in a cycle each: a fetch every 4 cycles.
TEST(TileCore, TwoPortsWriteAndFetchAtOnce) {
  const auto bench = slow_ports(2);
  auto tile = bench.tile();
  for (int i = 0; i < 7; ++i) tile->packet(bench.route("input", "conv"), i, 2, 2 * i);
  tile->run(100);
  EXPECT_EQ(tile->when(EventKind::kDelivered, bench.flow("input", "conv")),
            (Cycles{6, 12, 18, 24, 30, 36, 42}));
  EXPECT_EQ(tile->when(EventKind::kFetchStart, bench.stage("conv")), (Cycles{6, 12, 34, 38, 42, 46, 50}));
  EXPECT_EQ(tile->when(EventKind::kReadEnd, bench.stage("conv")), (Cycles{34, 35, 39, 43, 47, 51, 55}));
}

/// One port: write 0 2-6, fetch 0 6-10 (packet 1 is whole in 7 and waits), write 1 10-14, fetch 1 14-18; the
/// window register is full until 34: writes 2, 3, 4 18-22, 24-28, 30-34. In 34 fetch 2 (until 38; packet 5 is
/// whole in 35). In 38 both wait: the write's turn (38-42), then fetch 3 (42-46); in 46 both wait again:
/// write 6 (46-50), fetches 4.. .
TEST(TileCore, OnePortAlternatesBetweenWriteAndFetch) {
  const auto bench = slow_ports(1);
  auto tile = bench.tile();
  for (int i = 0; i < 7; ++i) tile->packet(bench.route("input", "conv"), i, 2, 2 * i);
  tile->run(100);
  EXPECT_EQ(tile->when(EventKind::kDelivered, bench.flow("input", "conv")),
            (Cycles{6, 14, 22, 28, 34, 42, 50}));
  EXPECT_EQ(tile->when(EventKind::kFetchStart, bench.stage("conv")), (Cycles{6, 14, 34, 42, 50, 54, 58}));
}

/// Two pixels with a set bit, both neurons spike: packets of 2 flits, 16 bits, written 4 bits a cycle.
/// Writes 2-3 and 5-6, fetches 3-4 and 6-7, reads 4-7 and 7-10, sums out 8 and 11, added 9-10 and 12-13,
/// neurons 10-11 and 13-14, out of their pipeline in 12 and 15. Packet 0 is written 12-16: its flits leave in
/// 16 and 17. Result 1 is held from 15 to 16, written 16-20, leaves in 20 and 21. A flit is in the router a
/// cycle later.
TEST(TileCore, ResultsWaitForTheOutputBuffersPort) {
  auto chip = tiny_chip();
  chip.output_buffer.port_bits = 4;
  Bench bench(one_layer(1, 2), chip);
  bench.set("input", 0);
  bench.set("input", 1);
  bench.set("lif", 0);
  bench.set("lif", 1);
  auto tile = bench.tile();
  for (int i = 0; i < 2; ++i) tile->packet(bench.route("input", "conv"), i, 2, 2 * i);
  tile->run(50);
  EXPECT_EQ(tile->when(EventKind::kSumsOut, bench.stage("conv")), (Cycles{8, 11}));
  EXPECT_EQ(tile->when(EventKind::kNeuronEnd, bench.stage("lif")), (Cycles{11, 14}));
  EXPECT_EQ(tile->when(EventKind::kNodeOut, bench.stage("lif")), (Cycles{12, 16}));
  EXPECT_EQ(tile->flit_arrivals(), (Cycles{17, 18, 21, 22}));
}

/// Room for the packets of an item is taken before it starts, and a flit that leaves frees its own. The
/// buffer holds one packet of 16 bits; the router has 2 places and gives none back. No input bit is set:
/// writes 2-3 and 5-6, fetches 3-4 and 6-7, reads 4-5 and 7-8, sums out 6 and 9, added 7-8 and 10-11. Neuron
/// 0: 8-9, out 10, packet written 10-11, flits leave in 11 and 12. Pixel 1 is complete in 11 and starts in
/// 12; its packet stays.
TEST(TileCore, AFullOutputBufferPushesBack) {
  auto chip = tiny_chip();
  chip.output_buffer.capacity_bits = 16;
  Bench bench(one_layer(1, 2), chip);
  bench.set("lif", 0);
  bench.set("lif", 1);
  auto tile = bench.tile();
  tile->returns_credits = false;
  for (int i = 0; i < 2; ++i) tile->packet(bench.route("input", "conv"), i, 2, 2 * i);
  tile->run(60);
  const int lif = bench.stage("lif");
  EXPECT_EQ(tile->when(EventKind::kFlitInjected, bench.route("lif", "output")), (Cycles{11, 12}));
  EXPECT_EQ(tile->when(EventKind::kNeuronStart, lif), (Cycles{8, 12}));
  EXPECT_EQ(tile->core().counters(lif).blocked_cycles, 1);
  EXPECT_EQ(tile->core().packets(), 2);
}

/// Window 0: 8 rows, 2 at a time: 4 passes of 3 cycles; windows 1 and 2: 3 cycles. Writes 2-3, 5-6, 8-9,
/// fetches 3-4, 6-7, 9-10. Copy 0 reads window 0 4-16, copy 1 window 1 7-10; window 2 waits for copy 0:
/// 16-19. Sums leave in order: 0 in 17, and 1, ready in 11, when the register to the node adder is free again
/// (18-19 add): 19; 2, ready in 20, in 21.
TEST(TileCore, CopiesReadWindowsInTurnAndSumsLeaveInOrder) {
  auto chip = tiny_chip();
  chip.tile.max_copies = 2;
  chip.crossbar.max_active_rows = 2;
  Bench bench(one_layer(8, 3), chip);
  ASSERT_EQ(bench.plan.stages[static_cast<std::size_t>(bench.stage("conv"))].copies, 2);
  for (int bit = 0; bit < 8; ++bit) bench.set("input", bit);
  bench.set("input", 8);
  bench.set("input", 16);
  auto tile = bench.tile();
  for (int i = 0; i < 3; ++i) tile->packet(bench.route("input", "conv"), i, 2, 2 * i);
  tile->run(50);
  const int conv = bench.stage("conv");
  EXPECT_EQ(tile->when(EventKind::kReadStart, conv), (Cycles{4, 7, 16}));
  EXPECT_EQ(tile->when(EventKind::kReadEnd, conv), (Cycles{16, 10, 19}));
  EXPECT_EQ(tile->when(EventKind::kSumsOut, conv), (Cycles{17, 19, 21}));
  EXPECT_EQ(tile->core().counters(conv).busy_cycles, 12 + 3 + 3);
  EXPECT_EQ(tile->core().counters(conv).crossbar_reads, 4 + 1 + 1);
}

/// Tiles at 1000 MHz, arrays at 400 MHz: a grid of 2000 MHz, periods 2 and 5; 2 cycles per crossing: 10 to
/// the array, 4 back. Flits taken in 0 and 2, write 4-6, fetch 6-8. The read leaves the tile in 8, starts at
/// the first array edge from 18 on: 20; read and conversion take an array cycle each: 30; seen at the tile
/// edge 34. Sums 36, in the register 38, added 38-40, neuron 40-42, out 44, written 44-46, flits leave 46 and
/// 48, link 2.
TEST(TileCore, ArraysOnAClockOfTheirOwn) {
  auto chip = tiny_chip();
  chip.clock.array_mhz = 400;
  Bench bench(one_layer(1, 1), chip);
  bench.set("input", 0);
  bench.set("lif", 0);
  auto tile = bench.tile();
  ASSERT_EQ(tile->timing().tile_period, 2);
  ASSERT_EQ(tile->timing().array_period, 5);
  tile->packet(bench.route("input", "conv"), 0, 2, 0);
  tile->run(100);
  const int conv = bench.stage("conv");
  EXPECT_EQ(tile->when(EventKind::kReadStart, conv), (Cycles{8}));
  EXPECT_EQ(tile->when(EventKind::kReadEnd, conv), (Cycles{34}));
  EXPECT_EQ(tile->when(EventKind::kSumsOut, conv), (Cycles{36}));
  EXPECT_EQ(tile->when(EventKind::kNodeOut, bench.stage("lif")), (Cycles{44}));
  EXPECT_EQ(tile->flit_arrivals(), (Cycles{48, 50}));
}

/// The network at half the tile's clock: periods 1 and 2; 2 cycles per crossing: 4 into the network, 2 out of
/// it. Flits taken in 0 and 2, write 3-4, fetch 4-5: the limit goes to the host, 1 tile cycle + 0 hops + 4.
/// Read 5-8, sums 9, added 10-11, neuron 11-12, out 13, written 13-14, flits leave in 14 and 15; link 2 + 4.
TEST(TileCore, TheNetworkOnAClockOfItsOwn) {
  auto chip = tiny_chip();
  chip.clock.network_mhz = 500;
  Bench bench(one_layer(1, 1), chip);
  bench.set("input", 0);
  bench.set("lif", 0);
  auto tile = bench.tile();
  tile->packet(bench.route("input", "conv"), 0, 2, 0);
  tile->run(100);
  ASSERT_FALSE(tile->limits().empty());
  EXPECT_EQ(tile->limits()[0].flow, bench.flow("input", "conv"));
  EXPECT_EQ(tile->limits()[0].arrival, 10);
  EXPECT_EQ(tile->when(EventKind::kNodeOut, bench.stage("lif")), (Cycles{13}));
  EXPECT_EQ(tile->flit_arrivals(), (Cycles{20, 21}));
}

/// Layers a and b of the input; nodes s1 and s2, each {b, a}, both on b's tile; two timesteps of an input
/// that changes.
Bench two_nodes() {
  auto chip = tiny_chip();
  chip.mesh.columns = 4;
  chip.mesh.rows = 2;
  chip.delivery = Delivery::kMulticast;
  const auto network = NetworkBuilder({1, 1, 1}, 1)
                           .conv("a", "input", 1, 1)
                           .conv("b", "input", 1, 1)
                           .sum("s1", {"b", "a"})
                           .sum("s2", {"b", "a"})
                           .lif("l1", {"s1"})
                           .lif("l2", {"s2"})
                           .conv("c1", "l1", 1, 1)
                           .conv("c2", "l2", 1, 1)
                           .sum("s3", {"c1", "c2"})
                           .lif("l3", {"s3"})
                           .output("l3", {1, 1, 1}, 2);
  return Bench(network, chip, 2);
}

/// Packets whole in 1 and 5: the adder takes the item for s1 2-3, for s2 3-4; until then the register holds
/// it, so the next packet, there since 2, is taken in 4 and 5 and added 6-7, 7-8.
TEST(TileCore, OnePacketServesAllFlowsOfItsRoute) {
  const auto bench = two_nodes();
  const int to_s1 = bench.flow("a", "s1");
  const int to_s2 = bench.flow("a", "s2");
  const int route = bench.route("a", "s1");
  ASSERT_EQ(bench.plan.routes[static_cast<std::size_t>(route)].flows, (std::vector<int>{to_s1, to_s2}));
  auto tile = bench.tile(bench.plan.stages[static_cast<std::size_t>(bench.stage("s1"))].tile);
  tile->packet(route, 0, 2, 0);
  tile->packet(route, 1, 2, 2);
  tile->run(20);
  EXPECT_EQ(tile->when(EventKind::kNodeAddStart, to_s1), (Cycles{2, 6}));
  EXPECT_EQ(tile->when(EventKind::kNodeAddStart, to_s2), (Cycles{3, 7}));
  EXPECT_EQ(tile->when(EventKind::kDelivered, to_s1), (Cycles{3, 7}));
  EXPECT_EQ(tile->when(EventKind::kDelivered, to_s2), (Cycles{4, 8}));
  EXPECT_EQ(tile->when(EventKind::kFlitEjected, route), (Cycles{0, 1, 4, 5}));
}

/// The sender makes one packet for both flows and needs both windows for it. Windows are 1 item deep. Item 0:
/// taken 0-1, written 2-3, fetched 3-4, read 4-5, sums out 6; packet written 6-7, flits in the router in 8
/// and 9. Item 1, ready in 9, waits for the window of s1 (30) and of s2 (50).
TEST(TileCore, ASharedPacketNeedsTheWindowsOfAllItsFlows) {
  const auto bench = two_nodes();
  const int a = bench.stage("a");
  auto tile = bench.tile(bench.plan.stages[static_cast<std::size_t>(a)].tile);
  const int input = bench.route("input", "a");
  tile->packet(input, 0, 2, 0);
  tile->packet(input, 1, 2, 2);
  tile->core().put_limit(bench.flow("a", "s1"), 2, 30);
  tile->core().put_limit(bench.flow("a", "s2"), 2, 50);
  tile->run(20);
  auto waits = tile->core().waits();
  ASSERT_EQ(waits.size(), 2U);
  EXPECT_EQ(waits[0].what, Wait::For::kRoom);
  EXPECT_EQ(waits[0].stage, a);
  EXPECT_EQ(waits[0].on, bench.stage("s1"));
  EXPECT_EQ(waits[1].on, bench.stage("s2"));
  tile->run(40);
  waits = tile->core().waits();
  ASSERT_EQ(waits.size(), 1U);
  EXPECT_EQ(waits[0].on, bench.stage("s2"));
  tile->run(60);
  EXPECT_EQ(tile->when(EventKind::kSumsOut, a), (Cycles{6, 50}));
  EXPECT_EQ(tile->when(EventKind::kBlocked, a), (Cycles{9}));
  EXPECT_EQ(tile->when(EventKind::kUnblocked, a), (Cycles{50}));
  EXPECT_EQ(tile->core().counters(a).blocked_cycles, 41);
  EXPECT_EQ(tile->core().packets(), 2);
  EXPECT_EQ(tile->flit_arrivals(), (Cycles{8, 9, 52, 53}));
  EXPECT_TRUE(tile->core().finished());
}

/// Bare headers of two pixels in two timesteps, taken in 0, 10, 20, 30, written a cycle each: there in 2, 12,
/// 22, 32. A layer starts when all of them are there; its windows of no bit then follow each other.
TEST(TileCore, LayerSequentialWaitsForAllTimesteps) {
  const auto network = NetworkBuilder({1, 1, 2}, 1)
                           .conv("conv", "input", 1, 1)
                           .lif("lif", {"conv"})
                           .conv("next", "lif", 1, 1)
                           .lif("last", {"next"})
                           .output("last", {1, 1, 2}, 2);
  for (auto schedule : {Schedule::kPipelined, Schedule::kLayerSequential}) {
    auto chip = tiny_chip();
    chip.schedule = schedule;
    const Bench bench(network, chip);
    auto tile = bench.tile(bench.plan.stages[static_cast<std::size_t>(bench.stage("next"))].tile);
    for (int i = 0; i < 4; ++i) tile->packet(bench.route("lif", "next"), i, 1, 10 * i);
    tile->run(60);
    EXPECT_EQ(tile->when(EventKind::kFetchStart, bench.stage("next")),
              schedule == Schedule::kPipelined ? (Cycles{2, 12, 22, 32}) : (Cycles{32, 33, 34, 35}));
  }
}

/// Item 1 overtakes item 0 on the mesh: in the input buffer in 3, item 0 in 13. Windows are fetched in order.
TEST(TileCore, ItemsMayOvertakeEachOther) {
  const Bench bench(one_layer(1, 2), tiny_chip());
  auto tile = bench.tile();
  tile->packet(bench.route("input", "conv"), 1, 2, 0);
  tile->packet(bench.route("input", "conv"), 0, 2, 10);
  tile->run(40);
  EXPECT_EQ(tile->when(EventKind::kDelivered, bench.flow("input", "conv")), (Cycles{13, 3}));
  EXPECT_EQ(tile->when(EventKind::kFetchStart, bench.stage("conv")), (Cycles{13, 14}));
}

TEST(TileCore, SaysWhichItemsAreMissing) {
  const Bench bench(one_layer(1, 2), tiny_chip());
  auto tile = bench.tile();
  tile->packet(bench.route("input", "conv"), 0, 2, 0);
  tile->run(40);
  const auto waits = tile->core().waits();
  ASSERT_EQ(waits.size(), 2U);
  EXPECT_EQ(waits[0].what, Wait::For::kItems);
  EXPECT_EQ(waits[0].stage, bench.stage("conv"));
  EXPECT_EQ(waits[0].on, bench.stage("input"));
  EXPECT_EQ(waits[1].what, Wait::For::kItems);
  EXPECT_EQ(waits[1].stage, bench.stage("lif"));
  EXPECT_EQ(waits[1].on, bench.stage("conv"));
  EXPECT_FALSE(tile->core().finished());
}

/// Two row blocks of 3 outputs on one tile: the second one's sums are added to the first one's; with offset
/// encoding each output of each piece has the reference column's share subtracted.
TEST(CrossbarArray, AdditionsOfAPiecesSums) {
  auto chip = tiny_chip();
  Stage stage;
  Piece first;
  first.outputs = 3;
  Piece second = first;
  second.row_block = 1;
  Piece other = first;
  other.column_block = 1;
  stage.pieces = {first, second, other};
  EXPECT_EQ(sums_additions(chip, stage, 0), 0);
  EXPECT_EQ(sums_additions(chip, stage, 1), 3);
  EXPECT_EQ(sums_additions(chip, stage, 2), 0);
  chip.weight_encoding = WeightEncoding::kOffset;
  EXPECT_EQ(sums_additions(chip, stage, 0), 3);
  EXPECT_EQ(sums_additions(chip, stage, 1), 6);
  EXPECT_EQ(sums_additions(chip, stage, 2), 3);
}

}  // namespace
}  // namespace spikeloop::sim
