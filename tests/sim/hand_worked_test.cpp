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
/// Tiny chip: 8-bit flits, 8-bit headers: an input packet has 2 flits, as has a spike packet; one without a spike is a
/// bare header (1 flit).
/// FIFOs hold 2 flits. A flit sent in cycle c arrives in c+1 (link), may leave the router from c+2 on. Read 2 cycles,
/// conversion 1 (two columns on two ADCs): 3 cycles per pass. Shift-and-add 1. No adder tree (one crossbar). An item
/// is written into the input buffer in 1 cycle, a packet into the output buffer in 1.
///
/// cycle  what happens
///   0    host sends flit 1 of pixel 0 (2 credits left: 1)
///   1    host sends flit 2 (no credit left)
///   2    router 0 passes flit 1 to the tile; its credit reaches the host in 3
///   3    router passes flit 2; host sends pixel 1 (3, 4); tile takes flit 1
///   4    tile takes flit 2: the packet register has pixel 0
///   5    input buffer write of pixel 0; router passes pixel 1 (5, 6)
///   6    pixel 0 is in the input buffer: fetch of window 0 (1 bit, 1 cycle); tile takes pixel 1 (6, 7)
///   7    window register full; crossbar reads window 0 until 10
///   8    input buffer write of pixel 1
///   9    fetch of window 1
///  10    window register full; crossbar done, sums ready in 11; window 1 has no active wordline and takes 1 cycle
///  11    sums of 0 go to the local value register (there in 12); crossbar done with window 1, ready in 12
///  12    node adder adds pixel 0 (1 cycle); sums of 1 wait: the register is in use (blocked 1 cycle)
///  13    register free: sums of 1 go (there in 14); neuron unit updates pixel 0 (1 cycle)
///  14    update ends, its pipeline takes 1 more; node adder adds pixel 1
///  15    output buffer write of pixel 0's spike packet (2 flits); neuron unit: pixel 1
///  16    flit 1 enters the router
///  17    flit 2 enters (no credit left); output buffer write of pixel 1's bare header
///  18    router passes flit 1 to the host (arrived 17, ready 18); the header waits for a credit
///  19    credit: the header enters the router; router passes flit 2; host takes flit 1
///  20    host takes flit 2
///  21    router passes the header (arrived 20, ready 21)
///  22    host takes the header: the last result. 23 cycles, 0 to 22.
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
  EXPECT_EQ(m.samples[0].cycles, 23);
  EXPECT_EQ(m.crossbar_reads, 1);
  EXPECT_EQ(m.flits_injected, 4 + 3);
  EXPECT_EQ(m.flit_hops, 0);
  const auto& conv = m.layers[2];
  ASSERT_EQ(conv.name, "conv");
  EXPECT_EQ(conv.first_cycle, 6);
  EXPECT_EQ(conv.last_cycle, 13);
  EXPECT_EQ(conv.busy_cycles, 3 + 1);
  EXPECT_EQ(conv.blocked_cycles, 1);
  EXPECT_EQ(conv.events[Component::kCrossbar], 1);
  EXPECT_EQ(conv.events[Component::kAdc], 2);
  const auto& lif = m.layers[3];
  ASSERT_EQ(lif.name, "lif");
  EXPECT_EQ(lif.first_cycle, 13);
  EXPECT_EQ(lif.last_cycle, 17);
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
///   5- 6 R0 passes a0 to T0; T1 takes b0 (5, 6)
///   6- 7 T0 takes a0; host sends b1
///   7    T1 writes b0 into its input buffer
///   8    T1 fetches window 0; T0 writes a0; R0 passes b1 east (8, 9)
///   9    T1 reads window 0 (until 12); T0 fetches window 0; host sends a1 (9, 10)
///  10    T0 reads window 0 (until 13); R1 passes b1 to T1 (10, 11)
///  11-12 R0 passes a1 to T0; T1 takes b1
///  12    T1's sums leave the crossbar, ready in 13; host sends b2 (12, 13)
///  12-13 T0 takes a1
///  13    T1's sums of 0 leave: its output buffer writes value b0; T1 writes b1; T0's sums ready in 14
///  14    value b0 enters R1 (14, 15); T0's sums of 0 go to the local register; T0 writes a1; T1 fetches window 1;
///        R0 passes b2 east (14, 15)
///  15    node adder adds a0 (until 16); T0 fetches window 1; T1 reads window 1 (until 18); host sends a2 (15, 16)
///  16    T0 reads window 1 (until 19); R1 passes value b0 west and b2 to T1 (16, 17 both)
///  17    R0 passes a2's first flit to T0; T1 takes b2 (17, 18)
///  18    CONTENTION at R0's tile port: value b0 (from the east) is ready, but a2 owns the port until its tail has
///        passed, which it does now
///  19    T0 has a2 whole; T1's sums of 1 leave and are written; R0 passes value b0 to T0 (19, 20); T1 writes b2
///  20    T0 writes a2 and its packet register is held until then: value b0's first flit, there since 20, is taken in
///        21; T0's sums of 1 go to the local register (there in 21); value b1 enters R1 (20, 21); T1 fetches window 2
///  21    node adder: a1 (until 22); T0 fetches window 2; T0 takes value b0 (21, 22); T1 reads window 2 (until 24)
///  22    T0 reads window 2 (until 25); R1 passes value b1 west (22, 23)
///  23    node adder: b0 (until 24)
///  24    neuron unit: pixel 0 (until 25, 1 more in its pipeline); R0 passes value b1 to T0 (24, 25)
///  25    T1's sums of 2 leave and are written; T0 takes value b1 (25, 26)
///  26    T0 writes spike packet 0; T0's sums of 2 go to the local register (there in 27); value b2 enters R1 (26, 27)
///  27    CONTENTION at T0's node adder: value b1 and local a2. The network was served last (23), so a2 goes first
///        (until 28); spike packet 0 enters R0 (27, 28)
///  28    node adder: b1 (until 29); R1 passes value b2 west (28, 29)
///  29    neuron unit: pixel 1 (until 30); R0 passes spike packet 0 to the host (29, 30)
///  30    R0 passes value b2 to T0 (30, 31)
///  31    T0 writes the bare header of pixel 1; T0 takes value b2 (31, 32)
///  32    the header enters R0, which passes it in 34
///  33    node adder: b2 (until 34)
///  34    neuron unit: pixel 2 (until 35, pipeline until 36)
///  36    T0 writes spike packet 2, whose flits enter R0 in 37 and 38, leave it in 39 and 40, and reach the host in 40
///        and 41: 42 cycles.
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
  EXPECT_EQ(m.samples[0].cycles, 42);
  EXPECT_EQ(m.crossbar_reads, 6);
  EXPECT_EQ(m.flit_hops, 3 * 2 + 3 * 2);
  EXPECT_EQ(m.flits_injected, 6 * 2 + 3 * 2 + 2 + 1 + 2);
  const auto& a = m.layers[2];
  const auto& b = m.layers[3];
  const auto& s = m.layers[4];
  EXPECT_EQ(a.first_cycle, 9);
  EXPECT_EQ(a.last_cycle, 26);
  EXPECT_EQ(b.first_cycle, 8);
  EXPECT_EQ(b.last_cycle, 25);
  EXPECT_EQ(s.first_cycle, 24);
  EXPECT_EQ(s.last_cycle, 36);
}

}  // namespace
}  // namespace spikeloop::sim
