#include <gtest/gtest.h>

#include "sim/simulate.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::TemporaryFolder;
using testing::tiny_chip;

traces::SpikeTrace blank_trace(const traces::Network& network) {
  return testing::random_trace(network, 1, 0.0, 1);
}

void set_spike(traces::SpikeTrace& trace, const std::string& node, int timestep, int bit) {
  trace.nodes.at(node).spikes[0][static_cast<std::size_t>(timestep)][static_cast<std::size_t>(bit / 64)] |=
      std::uint64_t{1} << (bit % 64);
}

Measurement run(const traces::Network& network, const traces::SpikeTrace& trace, const ChipConfig& chip) {
  TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), trace);
  return simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
}

// clang-format off
/// One 1x1 convolution (one input, one output channel) and its neurons on one tile; a map of two pixels; one timestep.
/// Pixel 0 of the input is -1 in one bit (the bit is set), pixel 1 is 0. Neuron 0 spikes, neuron 1 does not.
///
/// Tiny chip: 8-bit flits, 8-bit headers: a packet with bits has 2 flits, one without any is a bare header (1 flit).
/// FIFOs hold 2 flits. A flit sent in cycle c arrives in c+1 (link), may leave the router from c+2 on. Read 2 cycles,
/// conversion 1 (two columns on two ADCs): 3 cycles per pass. Shift-and-add 1. No adder tree (one crossbar).
///
/// cycle  what happens
///   0    host sends flit 1 of pixel 0 (2 credits left: 1)
///   1    host sends flit 2 (no credit left)
///   2    router 0 passes flit 1 to the tile; its credit reaches the host in 3
///   3    router passes flit 2; host sends pixel 1, a bare header; tile takes flit 1
///   4    tile takes flit 2: pixel 0 is in the input buffer
///   5    fetch of window 0 (1 bit, 1 cycle); router passes pixel 1 (arrived 4, ready 5)
///   6    window register full; crossbar reads window 0 until 9; tile takes pixel 1
///   7    fetch of window 1
///   8    window register full again, crossbar busy
///   9    crossbar done, sums ready in 10; window 1 has no active wordline and takes 1 cycle
///  10    sums of 0 go to the local value register (there in 11); crossbar done with window 1, ready in 11
///  11    node adder adds pixel 0 (1 cycle); sums of 1 wait: the register is in use (blocked 1 cycle)
///  12    register free: sums of 1 go (there in 13); neuron unit updates pixel 0 (1 cycle)
///  13    update ends, its pipeline takes 1 more; node adder adds pixel 1
///  14    spike packet of pixel 0 (2 flits) in the output buffer, flit 1 enters the router; neuron unit: pixel 1
///  15    flit 2 enters (no credit left)
///  16    router passes flit 1 to the host (arrived 15, ready 16); pixel 1's bare header waits for a credit
///  17    credit: the header enters the router; router passes flit 2; host takes flit 1
///  18    host takes flit 2
///  19    router passes the header (arrived 18, ready 19)
///  20    host takes the header: the last result. 21 cycles, 0 to 20.
// clang-format on
TEST(HandWorked, OneLayerOnOneTile) {
  auto network = NetworkBuilder({1, 1, 2}, 1)
                     .conv("conv", "input", 1, 1)
                     .lif("lif", {"conv"})
                     .output("lif", {1, 1, 2}, 1);
  auto trace = blank_trace(network);
  trace.input.data = {-1, 0};
  set_spike(trace, "lif", 0, 0);
  const auto m = run(network, trace, tiny_chip());
  ASSERT_EQ(m.samples.size(), 1U);
  EXPECT_EQ(m.samples[0].cycles, 21);
  EXPECT_EQ(m.crossbar_reads, 1);
  EXPECT_EQ(m.flits_injected, 3 + 3);
  EXPECT_EQ(m.flit_hops, 0);
  const auto& conv = m.layers[2];
  ASSERT_EQ(conv.name, "conv");
  EXPECT_EQ(conv.first_cycle, 5);
  EXPECT_EQ(conv.last_cycle, 12);
  EXPECT_EQ(conv.busy_cycles, 3 + 1);
  EXPECT_EQ(conv.blocked_cycles, 1);
  EXPECT_EQ(conv.events[Component::kCrossbar], 1);
  EXPECT_EQ(conv.events[Component::kAdc], 2);
  const auto& lif = m.layers[3];
  ASSERT_EQ(lif.name, "lif");
  EXPECT_EQ(lif.first_cycle, 12);
  EXPECT_EQ(lif.last_cycle, 16);
  EXPECT_EQ(lif.events[Component::kNeuronUnit], 2);
}

// clang-format off
/// Two 1x1 convolutions a (tile 0) and b (tile 1, one hop east) of the same input, summed in node s on tile 0, whose
/// neurons spike at pixels 0 and 2; a map of three pixels, all input bits set; one timestep. All input and value packets
/// have 2 flits (8-bit header and 1 or 8 bits). R0, R1: routers; T0, T1: tiles.
///
/// cycle  what happens
///   0- 1 host sends b0 (its turn starts with the second flow), 2 credits used
///   2- 3 R0 passes b0 east; host sends a0 from 3 on as credits return
///   4- 5 host's a0 second flit (4); R1 passes b0 to T1
///   5- 6 R0 passes a0 to T0; T1 takes b0 (5, 6); host sends b1 (6, 7)
///   6- 7 T0 takes a0
///   7    T1 fetches window 0
///   8    T1 reads window 0 (until 11); T0 fetches window 0; R0 passes b1 east (8, 9)
///   9    T0 reads window 0 (until 12); host sends a1 (9, 10)
///  10-11 R1 passes b1 to T1; R0 passes a1 to T0 (11, 12)
///  11    T1's sums leave the crossbar, ready in 12; T1 takes b1 (11, 12)
///  12    T1 packs value b0, whose flits enter R1 in 13 and 14; T0's sums ready in 13; host sends b2 (12, 13)
///  12-13 T0 takes a1
///  13    T0's sums of 0 go to the local register; T1 fetches window 1
///  14    node adder adds a0 (until 15); T0 fetches window 1; T1 reads window 1 (until 17); R0 passes b2 east (14, 15)
///  15    T0 reads window 1 (until 18); R1 passes value b0 west (15, 16); host sends a2 (15, 16)
///  16    R1 passes b2 to T1 (16, 17)
///  17    CONTENTION at R0's tile port: value b0 (from the east) and a2 (from the host) are both ready. The host was
///        served last, so the value goes first (17, 18) and a2 waits until its tail has passed
///  18    T1 packs value b1 (enters R1 19, 20) and has all of b2; T0 takes value b0's first flit
///  19    a2's first flit passes; T0 has value b0 whole; its sums of 1 go to the local register (there in 20);
///        T1 fetches window 2
///  20    CONTENTION at T0's node adder: value b0 and local a1. The local register was served last: b0 first (until
///        21). The packet register is occupied until then, so a2, there since 20, is not taken. a2's second flit
///        passes R0; T1 reads window 2 (until 23)
///  21    node adder: a1 (until 22); neuron unit: pixel 0 (until 22, 1 more in its pipeline); T0 takes a2 (21, 22);
///        R1 passes value b1 west (21, 22)
///  23    T0 sends spike packet 0 (23, 24) and fetches window 2; R0 passes value b1 to T0 (23, 24)
///  24    T0 reads window 2 (until 27); T1 packs value b2 (enters R1 25, 26); T0 takes value b1 (24, 25)
///  25    R0 passes spike packet 0 to the host (25, 26)
///  26    node adder: b1 (until 27)
///  27    neuron unit: pixel 1 (until 28); R1 passes value b2 west (27, 28)
///  28    T0's sums of 2 go to the local register
///  29    node adder: a2 (until 30); bare header of pixel 1 enters R0; R0 passes value b2 to T0 (29, 30)
///  30-31 T0 takes value b2; R0 passes the header to the host (31)
///  32    node adder: b2 (until 33)
///  33    neuron unit: pixel 2 (until 34, pipeline until 35)
///  35-36 spike packet 2 enters R0, leaves it in 37 and 38, reaches the host in 38 and 39: 40 cycles.
// clang-format on
TEST(HandWorked, TwoTilesWithContention) {
  auto network = NetworkBuilder({1, 1, 3}, 1)
                     .conv("a", "input", 1, 1)
                     .conv("b", "input", 1, 1)
                     .sum("s", {"a", "b"})
                     .lif("lif", {"s"})
                     .output("lif", {1, 1, 3}, 1);
  auto trace = blank_trace(network);
  trace.input.data = {-1, -1, -1};
  set_spike(trace, "lif", 0, 0);
  set_spike(trace, "lif", 0, 2);
  const auto m = run(network, trace, tiny_chip());
  EXPECT_EQ(m.samples[0].cycles, 40);
  EXPECT_EQ(m.crossbar_reads, 6);
  EXPECT_EQ(m.flit_hops, 3 * 2 + 3 * 2);
  EXPECT_EQ(m.flits_injected, 6 * 2 + 3 * 2 + 2 + 1 + 2);
  const auto& a = m.layers[2];
  const auto& b = m.layers[3];
  const auto& s = m.layers[4];
  EXPECT_EQ(a.first_cycle, 8);
  EXPECT_EQ(a.last_cycle, 28);
  EXPECT_EQ(b.first_cycle, 7);
  EXPECT_EQ(b.last_cycle, 24);
  EXPECT_EQ(s.first_cycle, 21);
  EXPECT_EQ(s.last_cycle, 35);
}

}  // namespace
}  // namespace spikeloop::sim
