#include "sim/traffic/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "sim/traffic/mesh.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

/// The mesh alone against closed forms.
namespace spikeloop::sim {
namespace {

ChipConfig mesh_of(int columns, int rows, int channels, int buffer, Routing routing = Routing::kXy) {
  auto chip = testing::tiny_chip();
  chip.mesh.columns = columns;
  chip.mesh.rows = rows;
  chip.router.virtual_channels = channels;
  chip.router.buffer_flits = buffer;
  chip.router.routing = routing;
  return chip;
}

int distance(const Mesh& mesh, int a, int b) {
  return std::abs(a % mesh.columns() - b % mesh.columns()) +
         std::abs(a / mesh.columns() - b / mesh.columns());
}

/// The head takes the source's link, then router and link h + 1 times; a flit a cycle follows. A place in a
/// FIFO is used again after 2 * link + router cycles, so that many places never hold the flits up.
TEST(Traffic, ZeroLoadLatencyOfEveryPairIsExact) {
  for (const auto& [router, link] : {std::pair{1, 1}, std::pair{3, 1}, std::pair{2, 4}}) {
    for (const auto routing : {Routing::kXy, Routing::kWestFirst}) {
      for (const int flits : {1, 3, 7}) {
        auto chip = mesh_of(4, 3, flits == 3 ? 2 : 1, 2 * link + router, routing);
        chip.router.latency_cycles = router;
        chip.link.latency_cycles = link;
        Mesh mesh(chip);
        for (int from = 0; from < 12; ++from) {
          for (int to = 0; to < 12; ++to) {
            mesh.send(from, {to}, flits);
            do mesh.step();
            while (mesh.delivered().empty());
            const auto& d = mesh.delivered().front();
            const Cycle expected = link + Cycle{distance(mesh, from, to) + 1} * (router + link) + flits - 1;
            ASSERT_EQ(d.arrived - d.created, expected) << from << " to " << to << ", " << flits << " flits";
            ASSERT_EQ(d.injected, d.created);
            for (int i = 0; i < 2 * link + router; ++i) mesh.step();  // the credits' way back
            ASSERT_TRUE(mesh.empty());
          }
        }
      }
    }
  }
}

/// Flits of one flow that arrive in `cycles`, in the steady state.
std::int64_t steady_flits(const ChipConfig& chip, int packet_flits, Cycle warmup, Cycle cycles) {
  Mesh mesh(chip);
  for (Cycle c = 0; c < warmup + cycles; ++c) mesh.send(0, {1}, packet_flits);
  for (Cycle c = 0; c < warmup; ++c) mesh.step();
  const auto before = mesh.flits_delivered();
  for (Cycle c = 0; c < cycles; ++c) mesh.step();
  return mesh.flits_delivered() - before;
}

/// A flit leaves a router at d, is in the next FIFO at d + link, leaves it at d + link + router at the
/// earliest, and its credit is back at d + 2 link + router = d + r, in time for a flit of that cycle. So a
/// FIFO of B passes B flits in r cycles, or one a cycle if B >= r. The sink's round trip is 2 link.
TEST(Traffic, AFlowGetsBufferOverCreditRoundTrip) {
  for (const auto& [router, link] : {std::pair{1, 1}, std::pair{2, 1}, std::pair{1, 3}}) {
    const int round_trip = 2 * link + router;
    for (int buffer = 1; buffer <= round_trip + 2; ++buffer) {
      for (const int packet : {1, 2, 5}) {
        auto chip = mesh_of(2, 1, 1, buffer);
        chip.router.latency_cycles = router;
        chip.link.latency_cycles = link;
        EXPECT_EQ(steady_flits(chip, packet, 20 * round_trip, 40 * round_trip),
                  40 * std::min(buffer, round_trip))
            << "buffer " << buffer << ", round trip " << round_trip << ", packets of " << packet;
      }
    }
  }
}

/// With more channels their FIFOs add up on links; the tile's one FIFO has the sink's round trip to cover.
TEST(Traffic, ChannelsAddUpOnALink) {
  for (int channels = 1; channels <= 6; ++channels) {
    for (const int buffer : {1, 2}) {
      auto chip = mesh_of(2, 1, channels, buffer);
      chip.router.latency_cycles = 4;  // round trip 6, the sink's 2
      const double rate = std::min({1.0, channels * buffer / 6.0, buffer / 2.0});
      EXPECT_EQ(static_cast<double>(steady_flits(chip, 1, 600, 1200)), 1200 * rate)
          << channels << " channels of " << buffer;
    }
  }
}

/// A line of tiles that all send to its last one. Each router gives its own tile and the upstream link turns:
/// of the flits that arrive, the nearest tile gets a half, the next a quarter, and the last two the same.
TEST(Traffic, MergingFlowsGetTheirTurns) {
  for (const int channels : {1, 3}) {
    for (const int packet : {1, 4}) {
      Mesh mesh(mesh_of(4, 1, channels, 4));
      for (int i = 0; i < 3000; ++i)
        for (int t = 0; t < 3; ++t) mesh.send(t, {3}, packet);
      std::array<std::int64_t, 3> count{};
      std::array<Cycle, 3> last{}, gap{};
      for (int c = 0; c < 3000; ++c) {
        mesh.step();
        for (const auto& d : mesh.delivered()) {
          if (c < 200) continue;
          const auto s = static_cast<std::size_t>(d.source);
          ++count[s];
          if (last[s] != 0) gap[s] = std::max(gap[s], d.arrived - last[s]);
          last[s] = d.arrived;
        }
      }
      const auto all = count[0] + count[1] + count[2];
      if (channels == 1) {
        EXPECT_NEAR(static_cast<double>(all), 2800.0 / packet, 1);
        EXPECT_NEAR(static_cast<double>(count[2]), static_cast<double>(all) / 2, 1);
        EXPECT_NEAR(static_cast<double>(count[1]), static_cast<double>(all) / 4, 1);
        EXPECT_NEAR(static_cast<double>(count[0]), static_cast<double>(all) / 4, 1);
      }
      for (std::size_t s = 0; s < 3; ++s) {
        EXPECT_GT(count[s], 0);
        // A FIFO waits for a packet of each other one: of 2 * channels at the two merges, of channels at the
        // last router.
        EXPECT_LE(gap[s], Cycle{packet} * 4 * channels * channels * channels) << "tile " << s;
      }
    }
  }
}

/// 32 tiles send 32 / 63 of their flits over 8 links.
constexpr double kBisection8x8 = 8.0 * 63 / (32 * 32);

TEST(Traffic, UniformThroughputNeverExceedsTheBisectionBound) {
  TrafficOptions o;
  o.rate = 1;
  o.warmup = 500;
  o.cycles = 500;
  double last = 0;
  for (const int channels : {1, 2, 8}) {
    const auto r = run_traffic(mesh_of(8, 8, channels, 4), o);
    EXPECT_DOUBLE_EQ(r.bound, kBisection8x8);
    EXPECT_LT(r.accepted, r.bound);
    EXPECT_GT(r.accepted, last) << channels << " channels";
    EXPECT_TRUE(r.saturated);
    EXPECT_LE(r.link_max, 1);
    last = r.accepted;
  }
}

TEST(Traffic, DeepBuffersAndChannelsCarryNineTenthsOfTheBisectionBound) {
  TrafficOptions o;
  o.rate = 0.9 * kBisection8x8;
  o.packet_flits = 1;
  o.warmup = 1000;
  o.cycles = 1500;
  const auto r = run_traffic(mesh_of(8, 8, 8, 8), o);
  EXPECT_FALSE(r.saturated);
  EXPECT_NEAR(r.accepted, r.offered, 0.01 * r.offered);
  EXPECT_LT(r.latency.mean, 5 * (1 + (r.mean_hops + 1) * 2)) << "queues grow";
  EXPECT_LT(r.bound, r.accepted / 0.88);
  EXPECT_TRUE(run_traffic(mesh_of(8, 8, 1, 2), o).saturated) << "a plain router does not";
}

TEST(Traffic, BoundsOfThePatternsByHand) {
  TrafficOptions o;
  o.packet_flits = 1;
  // 4 x 4, deep buffers. Uniform: 8 tiles send 8 / 15 of theirs over 4 links: 0.9375.
  const auto deep = mesh_of(4, 4, 2, 8);
  EXPECT_DOUBLE_EQ(throughput_bound(deep, o), 4.0 * 15 / 64);
  // Transpose, XY: tile (c, 0) sends west along row 0 to column 0, so the last link there carries 3 flits.
  // Where routers choose: over the middle cut go the 4 flits of the upper right quarter, 4 links: a flit
  // each.
  o.pattern = Pattern::kTranspose;
  EXPECT_DOUBLE_EQ(throughput_bound(deep, o), 1.0 / 3);
  EXPECT_DOUBLE_EQ(throughput_bound(mesh_of(4, 4, 2, 8, Routing::kWestFirst), o), 1);
  // Hotspot: the tile gets 15 * (0.5 + 0.5 / 15) flits.
  o.pattern = Pattern::kHotspot;
  o.hotspot_share = 0.5;
  EXPECT_DOUBLE_EQ(throughput_bound(deep, o), 1 / (15 * 0.5 + 0.5));
  // Neighbour: an inner tile beside the border gets 1/4 from two inner ones and 1/3 from two on the border.
  // A border tile beside the corner: 1/2 from the corner, 1/3 and 1/4: 13/12.
  o.pattern = Pattern::kNeighbour;
  EXPECT_NEAR(throughput_bound(deep, o), 1 / (2.0 / 4 + 2.0 / 3), 1e-12);
  // A FIFO of one flit passes one in three cycles, a sink's one in two.
  o.pattern = Pattern::kUniform;
  EXPECT_DOUBLE_EQ(throughput_bound(mesh_of(4, 4, 1, 1), o), 4.0 * 15 / 64 / 3);
  o.destinations = 4;
  EXPECT_DOUBLE_EQ(throughput_bound(mesh_of(4, 4, 8, 1), o), 0.125);
}

/// With uniform traffic each link of a cut carries the same, and both ways of counting agree: on any mesh.
TEST(Traffic, UniformBoundIsTheCutsWhateverTheRouting) {
  const TrafficOptions o;
  for (const auto& [columns, rows] : {std::pair{8, 8}, std::pair{5, 3}, std::pair{2, 7}, std::pair{6, 1}}) {
    EXPECT_NEAR(throughput_bound(mesh_of(columns, rows, 2, 8), o),
                throughput_bound(mesh_of(columns, rows, 2, 8, Routing::kWestFirst), o), 1e-12)
        << columns << " x " << rows;
  }
}

/// Nine tenths of the bound pass; of one and a half times the bound something is held up.
TEST(Traffic, TheBoundOfXyIsWhereQueuesGrow) {
  for (const auto pattern : {Pattern::kTranspose, Pattern::kHotspot}) {
    TrafficOptions o;
    o.pattern = pattern;
    o.packet_flits = 1;
    o.hotspot_share = 0.5;
    o.warmup = 1000;
    o.cycles = 4000;
    const auto chip = mesh_of(8, 8, 8, 8);
    const double bound = throughput_bound(chip, o);
    o.rate = 0.9 * bound;
    EXPECT_FALSE(run_traffic(chip, o).saturated) << pattern_word(pattern);
    o.rate = 1.5 * bound;
    const auto r = run_traffic(chip, o);
    EXPECT_TRUE(r.saturated) << pattern_word(pattern);
    EXPECT_NE(traffic_table(chip, {r}).find("if every tile gets the same"), std::string::npos);
  }
}

/// Far beyond saturation, with packets of all lengths; the mesh itself throws when nothing moves any more,
/// or a packet arrives torn, twice or elsewhere.
TEST(Traffic, AlwaysDrains) {
  for (const auto routing : {Routing::kXy, Routing::kWestFirst}) {
    for (int channels = 1; channels <= 4; ++channels) {
      for (int buffer = 1; buffer <= 4; ++buffer) {
        SCOPED_TRACE(std::to_string(channels) + " channels of " + std::to_string(buffer));
        Mesh mesh(mesh_of(5, 4, channels, buffer, routing));
        RandomStream random(derive_seed(11, static_cast<std::uint64_t>(channels * 8 + buffer)));
        std::int64_t sent = 0;
        std::int64_t arrived = 0;
        for (int c = 0; c < 400 || !mesh.empty(); ++c) {
          ASSERT_LT(c, 100000);
          for (int t = 0; c < 400 && t < mesh.tiles(); ++t) {
            if (random.below(4) != 0) continue;
            const int flits = 1 + static_cast<int>(random.below(9));
            sent += flits;
            mesh.send(t, {static_cast<int>(random.below(20))}, flits);
          }
          mesh.step();
          for (const auto& d : mesh.delivered()) arrived += d.flits;
        }
        EXPECT_EQ(arrived, sent);
        EXPECT_EQ(mesh.flits_injected(), sent);
        EXPECT_EQ(mesh.flits_delivered(), sent);
      }
    }
  }
}

/// Random multicasts among long unicast packets. Returns the flits that arrived.
void run_multicast(const ChipConfig& chip, int longest_multicast, std::uint64_t seed) {
  Mesh mesh(chip);
  RandomStream random(seed);
  std::int64_t to_arrive = 0;
  std::int64_t arrived = 0;
  for (int c = 0; c < 300 || !mesh.empty(); ++c) {
    ASSERT_LT(c, 200000);
    for (int t = 0; c < 300 && t < mesh.tiles(); ++t) {
      if (random.below(8) != 0) continue;
      std::vector<int> ends;
      for (int end = 0; end < mesh.tiles(); ++end)
        if (random.below(4) == 0) ends.push_back(end);
      if (ends.empty()) ends.push_back(static_cast<int>(random.below(20)));
      const int longest = ends.size() == 1 ? 9 : longest_multicast;
      const int flits = 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(longest)));
      to_arrive += flits * static_cast<std::int64_t>(ends.size());
      mesh.send(t, ends, flits);
      mesh.send(t, {static_cast<int>(random.below(20))}, 9);
      to_arrive += 9;
    }
    mesh.step();
    for (const auto& d : mesh.delivered()) arrived += d.flits;
  }
  EXPECT_EQ(arrived, to_arrive);
}

TEST(Traffic, MulticastDrainsWithPacketsUpToTheBufferDepth) {
  for (const auto routing : {Routing::kXy, Routing::kWestFirst})
    for (int channels = 1; channels <= 3; ++channels)
      for (int buffer = 1; buffer <= 6; ++buffer)
        run_multicast(mesh_of(5, 4, channels, buffer, routing), buffer,
                      derive_seed(5, static_cast<std::uint64_t>(channels * 8 + buffer)));
}

/// The condition is needed, and a standstill is seen: packets that do not fit a FIFO hold each other up.
TEST(Traffic, AStandstillEndsWithAMessage) {
  int stopped = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    try {
      run_multicast(mesh_of(5, 4, 1, 1), 8, seed);
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("stands still"), std::string::npos) << error.what();
      ++stopped;
    }
  }
  EXPECT_GT(stopped, 0);
}

TEST(Traffic, MulticastTakesEachLinkOfTheTreeOnce) {
  // From the middle of 5 x 5 to its corners: along the middle row 2 + 2 links, then 2 up and 2 down at each
  // end: 12 links, where four packets would take 16. Routers left: 12 + 4 ends.
  Mesh mesh(mesh_of(5, 5, 1, 4));
  mesh.send(12, {0, 4, 20, 24}, 3);
  std::int64_t ends = 0;
  while (!mesh.empty()) {
    mesh.step();
    ends += static_cast<std::int64_t>(mesh.delivered().size());
    for (const auto& d : mesh.delivered()) EXPECT_EQ(d.arrived, 1 + 5 * 2 + 2);  // as alone
  }
  std::int64_t links = 0;
  std::int64_t sinks = 0;
  for (int t = 0; t < 25; ++t) {
    sinks += mesh.flits(t, kLocal, 0);
    for (int port = kNorth; port <= kWest; ++port) links += mesh.flits(t, port, 0);
  }
  EXPECT_EQ(links, 3 * 12);
  EXPECT_EQ(sinks, 3 * 4);
  EXPECT_EQ(ends, 4);
}

TEST(Traffic, MeasuresALightLoadAsTheClosedFormSays) {
  // One packet in 5000 cycles and tile: hardly two meet.
  TrafficOptions o;
  o.rate = 0.001;
  o.packet_flits = 5;
  o.warmup = 100;
  o.cycles = 600000;
  const auto r = run_traffic(mesh_of(3, 3, 1, 4), o);
  EXPECT_FALSE(r.saturated);
  EXPECT_EQ(r.packets, r.packets_measured);
  EXPECT_EQ(r.flits_injected, r.flits_delivered);
  // 1080 packets expected; distances of the 72 pairs have mean 2 and variance 56 / 72: four deviations.
  EXPECT_NEAR(r.offered, 0.001, 4 * 0.001 / std::sqrt(1080.0));
  EXPECT_NEAR(r.mean_hops, 2, 4 * std::sqrt(56.0 / 72 / 1080));
  EXPECT_NEAR(r.network.mean, 1 + (r.mean_hops + 1) * 2 + 4, 0.1);
  EXPECT_EQ(r.network.median, 1 + 3 * 2 + 4);
  EXPECT_NEAR(r.link_mean, r.offered * 9 * r.mean_hops / 24, 1e-5);  // 24 directed links
}

TEST(Traffic, SameSeedSameBytes) {
  const auto chip = mesh_of(4, 4, 2, 2, Routing::kWestFirst);
  TrafficOptions o;
  o.pattern = Pattern::kHotspot;
  o.rate = 0.1;
  o.cycles = 500;
  const auto a = traffic_json(chip, {run_traffic(chip, o)});
  EXPECT_EQ(a, traffic_json(chip, {run_traffic(chip, o)}));
  o.seed = 2;
  EXPECT_NE(a, traffic_json(chip, {run_traffic(chip, o)}));
}

TEST(Traffic, RefusesWhatDoesNotFit) {
  const auto refused = [](const ChipConfig& chip, const TrafficOptions& o, const std::string& text) {
    try {
      run_traffic(chip, o);
      ADD_FAILURE() << "accepted, although: " << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  const TrafficOptions plain;
  auto o = plain;
  refused(mesh_of(1, 1, 1, 1), o, "/mesh: found 1 x 1 tiles");
  o.rate = 1.5;
  refused(mesh_of(2, 2, 1, 1), o, "--rate");
  o = plain;
  o.pattern = Pattern::kTranspose;
  refused(mesh_of(3, 2, 1, 1), o, "square");
  o = plain;
  o.destinations = 3;
  refused(mesh_of(2, 2, 1, 1), o, "/router/buffer_flits: found 1");
  o.destinations = 4;
  refused(mesh_of(2, 2, 1, 4), o, "--multicast");
  o = plain;
  o.pattern = Pattern::kHotspot;
  o.hotspot_column = 2;
  o.hotspot_row = 0;
  refused(mesh_of(2, 2, 1, 1), o, "--hotspot: found 2,0");
  o = plain;
  o.cycles = 1'000'000'000;
  refused(mesh_of(2, 2, 1, 1), o, "--cycles");
}

}  // namespace
}  // namespace spikeloop::sim
