#include "sim/mapping/routes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/plans.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::plan_error;
using testing::tiny_chip;

/// Layer a's 2 outputs spike to b (2 outputs of 18 rows: 3 crossbars, tiles of two: 2 tiles) and c (1x1: one
/// tile): one packet to three tiles, b's rest and sums aside.
///
///   mesh 3 wide:  0 a+l   1 b#0   2 b#1
///                 3 c                        host beside 0
TEST(Routes, MulticastServesAllTilesThatReadALayer) {
  auto chip = tiny_chip();
  chip.mesh.columns = 3;
  chip.mesh.rows = 2;
  chip.delivery = Delivery::kMulticast;
  const auto network = NetworkBuilder({1, 3, 3})
                           .conv("a", "input", 2, 1)
                           .lif("l", {"a"})
                           .conv("b", "l", 2, 3)
                           .conv("c", "l", 2, 1)
                           .sum("s", {"b", "c"})
                           .output("s", {2, 3, 3}, 2);
  auto plan = make_plan(network, chip, 2, 1, "net");
  const Route* spikes = nullptr;
  for (const auto& r : plan.routes) {
    const auto& f = plan.flows[static_cast<std::size_t>(r.flows[0])];
    if (f.payload == Flow::Payload::kSpikes &&
        plan.stages[static_cast<std::size_t>(f.producer)].name == "l") {
      EXPECT_EQ(spikes, nullptr) << "one route";
      spikes = &r;
    }
  }
  ASSERT_NE(spikes, nullptr);
  EXPECT_EQ(spikes->tiles, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(spikes->flows.size(), 3U);
  EXPECT_EQ(spikes->links, 2 + 1) << "east twice, south once";
  // l's 2 bits and a header of 8 in 8-bit flits: 2 flits, as many as a FIFO has.
  EXPECT_EQ(plan_error(network, chip), "");
  chip.router.buffer_flits = 1;
  EXPECT_EQ(
      plan_error(network, chip),
      "net.nir: node l: found a network that needs 2 flits per router FIFO for a packet to 3 tiles (delivery "
      "multicast), expected 1 (router.buffer_flits) on chip tiny");
  chip.delivery = Delivery::kUnicast;
  EXPECT_EQ(plan_error(network, chip), "");
  plan = make_plan(network, chip, 2, 1, "net");
  for (const auto& r : plan.routes) EXPECT_EQ(r.flows.size(), 1U);
}

/// Every flow that leaves its tile has exactly one route, whose flows carry the same items to its tiles.
TEST(Routes, CoverEveryFlowOnce) {
  int shared = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(derive_seed(23, seed));
    const auto network = testing::random_network(random);
    auto chip = testing::random_chip(random, network);
    chip.placement = Placement::kSnake;
    chip.delivery = Delivery::kMulticast;
    chip.router.buffer_flits = 64;
    const auto plan = make_plan(network, chip, network.timesteps, 1, "net");
    std::vector<int> served(plan.flows.size(), 0);
    for (std::size_t i = 0; i < plan.routes.size(); ++i) {
      const auto& r = plan.routes[i];
      const auto& first = plan.flows[static_cast<std::size_t>(r.flows.at(0))];
      EXPECT_TRUE(std::is_sorted(r.tiles.begin(), r.tiles.end()));
      EXPECT_EQ(std::adjacent_find(r.tiles.begin(), r.tiles.end()), r.tiles.end());
      std::vector<int> ends;
      for (int id : r.flows) {
        const auto& f = plan.flows[static_cast<std::size_t>(id)];
        ++served[static_cast<std::size_t>(id)];
        EXPECT_EQ(f.route, static_cast<int>(i));
        EXPECT_EQ(f.producer, first.producer);
        EXPECT_EQ(f.item_bits, first.item_bits);
        EXPECT_EQ(f.timesteps, first.timesteps);
        EXPECT_EQ(f.is_static, first.is_static);
        ends.push_back(plan.stages[static_cast<std::size_t>(f.consumer)].tile);
      }
      std::sort(ends.begin(), ends.end());
      ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
      EXPECT_EQ(ends, r.tiles);
      if (r.tiles.size() > 1) ++shared;
      if (first.payload == Flow::Payload::kPartialSums || r.to_host) {
        EXPECT_EQ(r.flows.size(), 1U);
      }
    }
    for (std::size_t f = 0; f < plan.flows.size(); ++f)
      EXPECT_EQ(served[f], plan.flows[f].local ? 0 : 1) << "flow " << f;
  }
  EXPECT_GT(shared, 30);
}

/// 5 channels in 8-bit flits behind an 8-bit header; an address of 5 channels has 3 bits.
TEST(Packets, SpikeEncodingsByHand) {
  auto chip = tiny_chip();
  Signal spikes;
  spikes.channels = 5;
  Flow flow;
  flow.payload = Flow::Payload::kSpikes;
  flow.channels = 5;
  flow.item_bits = 5;
  const auto bits = [&](const Signal& s, int ones) { return packet_payload_bits(chip, flow, &s, ones); };
  EXPECT_EQ(bits(spikes, 0), 0);
  EXPECT_EQ(bits(spikes, 1), 5);
  EXPECT_EQ(packet_flits_worst(chip, flow, &spikes), 2);
  chip.spike_encoding = SpikeEncoding::kAddressEvent;
  EXPECT_EQ(bits(spikes, 0), 0);
  EXPECT_EQ(bits(spikes, 1), 3);
  EXPECT_EQ(bits(spikes, 5), 15);
  EXPECT_EQ(packet_flits_worst(chip, flow, &spikes), 3);
  chip.spike_encoding = SpikeEncoding::kSmaller;
  EXPECT_EQ(bits(spikes, 1), 3);
  EXPECT_EQ(bits(spikes, 2), 5);
  EXPECT_EQ(packet_flits_worst(chip, flow, &spikes), 2);
  // Counts of 3 bits: an event is an address and a count.
  Signal counts = spikes;
  counts.kind = Signal::Kind::kCounts;
  counts.bits = 3;
  flow.item_bits = 15;
  EXPECT_EQ(bits(counts, 2), 12);
  EXPECT_EQ(bits(counts, 3), 15);
  chip.spike_encoding = SpikeEncoding::kAddressEvent;
  EXPECT_EQ(bits(counts, 3), 18);
  // The input is sent as it is, whatever the encoding.
  Signal input = counts;
  input.kind = Signal::Kind::kInput;
  EXPECT_EQ(bits(input, 1), 15);
  EXPECT_EQ(bits(input, 0), 15);
  // One channel still has an address of a bit.
  flow.channels = 1;
  flow.item_bits = 1;
  spikes.channels = 1;
  EXPECT_EQ(bits(spikes, 1), 1);
  // Values always travel whole.
  flow.payload = Flow::Payload::kValues;
  flow.item_bits = 40;
  EXPECT_EQ(packet_payload_bits(chip, flow, nullptr, 0), 40);
}

/// 40 channels of spikes to one other tile: a bitmap's packet has (8 + 40) / 8 = 6 flits = 48 bits, address
/// events of 6 bits (8 + 240) / 8 = 31 flits = 248 bits.
TEST(Packets, TheLargestMustFitTheOutputBuffer) {
  auto chip = tiny_chip();
  chip.mesh.columns = 40;
  chip.pe.crossbars = 10;
  chip.output_buffer.capacity_bits = 247;
  const auto network = NetworkBuilder({1, 2, 2})
                           .conv("a", "input", 40, 1)
                           .lif("l", {"a"})
                           .conv("b", "l", 1, 1)
                           .lif("m", {"b"})
                           .output("m", {1, 2, 2}, 1);
  EXPECT_EQ(plan_error(network, chip), "");
  chip.spike_encoding = SpikeEncoding::kAddressEvent;
  EXPECT_EQ(
      plan_error(network, chip),
      "net.nir: node l: found a network that needs 248 bits of output buffer for the packets of one item, "
      "expected 247 bits per tile on chip tiny");
}

}  // namespace
}  // namespace spikeloop::sim
