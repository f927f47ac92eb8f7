#include "sim/rules/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

struct Sent {
  int port;
  Flit flit;
  Cycle arrival;
};

class Sends : public RouterPorts {
 public:
  void send_flit(int port, const Flit& flit, Cycle arrival) override {
    flits.push_back({port, flit, arrival});
  }
  void send_credit(int port, int vc, Cycle arrival) override {
    Sent sent{port, {}, arrival};
    sent.flit.vc = static_cast<std::uint8_t>(vc);
    credits.push_back(sent);
  }
  std::vector<Sent> flits, credits;
};

/// A 3x3 mesh with one flow from the middle to every tile; the router under test is the middle one (tile 4).
Plan nine_tiles() {
  Plan plan;
  plan.columns = plan.rows = 3;
  for (int t = 0; t < 9; ++t) {
    Stage s;
    s.tile = t;
    plan.stages.push_back(s);
    Flow f;
    f.producer = 4;
    f.consumer = t;
    plan.flows.push_back(f);
    Route route;
    route.flows = {t};
    route.tiles = {t};
    plan.routes.push_back(route);
  }
  return plan;
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() : chip(testing::tiny_chip()), plan(nine_tiles()) {
    chip.mesh.columns = chip.mesh.rows = 3;
    chip.router.latency_cycles = 2;
  }
  static Flit flit(int route, bool head, bool tail, std::int64_t item = 0) {
    Flit f;
    f.route = route;
    f.item = item;
    f.head = head;
    f.tail = tail;
    return f;
  }
  ChipConfig chip;
  Plan plan;
  std::vector<std::int64_t> items_to(int port) const {
    std::vector<std::int64_t> items;
    for (const auto& sent : out.flits)
      if (sent.port == port) items.push_back(sent.flit.item);
    return items;
  }
  Timing timing;
  Sends out;
};

TEST_F(RouterTest, RoutesColumnFirst) {
  Router router(plan, chip, timing, 4, out);
  // Tiles 0..8 of the mesh seen from its middle: west first, then north or south.
  const std::map<int, int> expected{{0, kWest}, {1, kNorth}, {2, kEast},  {3, kWest}, {4, kLocal},
                                    {5, kEast}, {6, kWest},  {7, kSouth}, {8, kEast}};
  Cycle now = 0;
  for (auto [tile, port] : expected) {
    router.put_flit(kHost, flit(tile, true, true), now);
    for (int i = 0; i < 4; ++i) {
      router.evaluate(now++);
      if (!out.flits.empty() && i < 3) router.put_credit(out.flits.back().port, 0, now);
    }
    ASSERT_FALSE(out.flits.empty());
    EXPECT_EQ(out.flits.back().port, port) << "to tile " << tile;
    out.flits.clear();
  }
}

TEST_F(RouterTest, LeavesAfterItsLatencyAndNotACycleEarlier) {
  Router router(plan, chip, timing, 4, out);
  router.put_flit(kWest, flit(5, true, true), 10);
  EXPECT_EQ(router.evaluate(11), 12);
  EXPECT_TRUE(out.flits.empty());
  router.evaluate(12);
  ASSERT_EQ(out.flits.size(), 1U);
  EXPECT_EQ(out.flits[0].arrival, 13);
  ASSERT_EQ(out.credits.size(), 1U);
  EXPECT_EQ(out.credits[0].port, kWest);
}

TEST_F(RouterTest, APacketHoldsItsOutputUntilTheTail) {
  chip.router.buffer_flits = 4;
  Router router(plan, chip, timing, 4, out);
  router.put_flit(kWest, flit(5, true, false, 1), 0);
  router.put_flit(kNorth, flit(5, true, true, 2),
                  1);  // a cycle later, so that the first packet wins the output
  for (Cycle c = 2; c < 6; ++c) router.evaluate(c);
  ASSERT_EQ(out.flits.size(), 1U) << "the other packet waits although the first one's tail is late";
  EXPECT_EQ(out.flits[0].flit.item, 1);
  router.put_flit(kWest, flit(5, false, true, 1), 5);
  router.evaluate(7);
  router.evaluate(8);
  ASSERT_EQ(out.flits.size(), 3U);
  EXPECT_EQ(out.flits[1].flit.item, 1);
  EXPECT_TRUE(out.flits[1].flit.tail);
  EXPECT_EQ(out.flits[2].flit.item, 2);
}

TEST_F(RouterTest, TakesTurnsAmongInputs) {
  Router router(plan, chip, timing, 4, out);
  for (int i = 0; i < 4; ++i) {
    router.put_flit(kWest, flit(5, true, true, 100 + i), 0);
    router.put_flit(kNorth, flit(5, true, true, 200 + i), 0);
  }
  for (Cycle c = 2; c < 10; ++c) {
    router.evaluate(c);
    router.put_credit(kEast, 0, c + 1);
  }
  ASSERT_EQ(out.flits.size(), 8U);
  for (std::size_t i = 1; i < 8; ++i)
    EXPECT_NE(out.flits[i].flit.item / 100, out.flits[i - 1].flit.item / 100);
}

TEST_F(RouterTest, WaitsForCredits) {
  chip.router.buffer_flits = 1;
  Router router(plan, chip, timing, 4, out);
  router.put_flit(kWest, flit(5, true, true, 1), 0);
  router.put_flit(kWest, flit(5, true, true, 2), 1);
  router.evaluate(2);
  EXPECT_EQ(router.evaluate(3), kNever);
  EXPECT_EQ(out.flits.size(), 1U);
  router.put_credit(kEast, 0, 7);
  router.evaluate(6);
  EXPECT_EQ(out.flits.size(), 1U);
  router.evaluate(7);
  EXPECT_EQ(out.flits.size(), 2U);
  EXPECT_TRUE(router.idle());
}

Flit in_channel(Flit flit, int vc) {
  flit.vc = static_cast<std::uint8_t>(vc);
  return flit;
}

TEST_F(RouterTest, VirtualChannelsInterleavePacketsOnALinkButNotToTheTile) {
  chip.router.virtual_channels = 2;
  chip.router.buffer_flits = 4;
  for (const int to : {5, 4}) {  // east, the tile
    out.flits.clear();
    Router router(plan, chip, timing, 4, out);
    for (int i = 0; i < 3; ++i) {
      router.put_flit(kNorth, flit(to, i == 0, i == 2, 1), 0);
      router.put_flit(kSouth, flit(to, i == 0, i == 2, 2), 0);
    }
    for (Cycle c = 2; c < 10; ++c) {
      router.evaluate(c);
      if (to == 4) router.put_credit(kLocal, 0, c + 1);
    }
    if (to == 5) {
      EXPECT_EQ(items_to(kEast), (std::vector<std::int64_t>{1, 2, 1, 2, 1, 2}));
      EXPECT_EQ(out.flits[0].flit.vc, 0);
      EXPECT_EQ(out.flits[1].flit.vc, 1);
    } else {
      EXPECT_EQ(items_to(kLocal), (std::vector<std::int64_t>{1, 1, 1, 2, 2, 2}));
      EXPECT_TRUE(std::all_of(out.flits.begin(), out.flits.end(), [](auto& f) { return f.flit.vc == 0; }));
    }
  }
}

TEST_F(RouterTest, APacketTakesTheFreestChannelAndABlockedOneIsOvertaken) {
  chip.router.virtual_channels = 3;
  chip.router.buffer_flits = 2;
  Router router(plan, chip, timing, 4, out);
  for (int packet = 0; packet < 6; ++packet)
    router.put_flit(kWest, in_channel(flit(5, true, true, packet), 0), packet);
  for (Cycle c = 2; c < 12; ++c) router.evaluate(c);
  std::vector<int> channels;
  for (const auto& sent : out.flits) channels.push_back(sent.flit.vc);
  // Places (2 2 2), then (1 2 2), (1 1 2), (1 1 1), ...
  EXPECT_EQ(channels, (std::vector<int>{0, 1, 2, 0, 1, 2}));
  // Everything to the east is full: channel 0 of the input stands, channel 1 goes to the tile.
  router.put_flit(kWest, in_channel(flit(5, true, true, 100), 0), 12);
  router.put_flit(kWest, in_channel(flit(4, true, true, 101), 1), 12);
  EXPECT_EQ(router.evaluate(14), 15);
  EXPECT_EQ(items_to(kLocal), (std::vector<std::int64_t>{101}));
  EXPECT_EQ(out.credits.back().flit.vc, 1);
  EXPECT_EQ(router.evaluate(15), kNever);
  router.put_credit(kEast, 2, 16);
  router.evaluate(16);
  EXPECT_EQ(out.flits.back().flit.item, 100);
  EXPECT_EQ(out.flits.back().flit.vc, 2);
}

TEST_F(RouterTest, AnInputGivesOneFlitACycleAndItsChannelsTakeTurns) {
  chip.router.virtual_channels = 2;
  chip.router.buffer_flits = 8;
  Router router(plan, chip, timing, 4, out);
  for (int i = 0; i < 4; ++i) {
    router.put_flit(kWest, in_channel(flit(4, true, true, i), 0), 0);        // to the tile
    router.put_flit(kWest, in_channel(flit(5, true, true, 100 + i), 1), 0);  // to the east
  }
  for (Cycle c = 2; c < 10; ++c) {
    router.evaluate(c);
    EXPECT_EQ(out.flits.size(), static_cast<std::size_t>(c - 1));
  }
  for (std::size_t i = 1; i < 8; ++i) EXPECT_NE(out.flits[i].port, out.flits[i - 1].port);
}

TEST_F(RouterTest, AnOutputWhosePickWasNotReadTakesAnotherInput) {
  chip.router.virtual_channels = 2;
  Router router(plan, chip, timing, 4, out);
  // West's two channels are first in both rounds; the tile's output gets its flit, east takes north's.
  router.put_flit(kWest, in_channel(flit(5, true, true, 3), 1), 0);
  router.put_flit(kWest, in_channel(flit(4, true, true, 1), 0), 0);
  router.put_flit(kHost, in_channel(flit(5, true, true, 2), 0), 0);
  router.evaluate(2);
  EXPECT_EQ(items_to(kLocal), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(items_to(kEast), (std::vector<std::int64_t>{2}));
  router.evaluate(3);
  EXPECT_EQ(items_to(kEast), (std::vector<std::int64_t>{2, 3}));
}

TEST_F(RouterTest, WestFirstTurnsToTheSideWithMoreRoom) {
  chip.router.routing = Routing::kWestFirst;
  chip.router.virtual_channels = 2;
  const auto goes = [&](int tile, int east, int south) {  // places taken in each direction
    out.flits.clear();
    Router router(plan, chip, timing, 4, out);
    Cycle now = 0;
    for (const auto& [to, count] : {std::pair{5, east}, std::pair{7, south}}) {
      for (int i = 0; i < count; ++i) {
        router.put_flit(kHost, flit(to, true, true, 1), now);
        for (int wait = 0; wait < 3; ++wait) router.evaluate(now++);
      }
    }
    out.flits.clear();
    router.put_flit(kLocal, flit(tile, true, true, 2), now);
    for (int wait = 0; wait < 3; ++wait) router.evaluate(now++);
    return out.flits.empty() ? -1 : out.flits[0].port;
  };
  EXPECT_EQ(goes(8, 0, 0), kEast);  // a draw
  EXPECT_EQ(goes(8, 1, 1), kEast);
  EXPECT_EQ(goes(8, 1, 0), kSouth);
  EXPECT_EQ(goes(8, 2, 3), kEast);
  EXPECT_EQ(goes(8, 4, 3), kSouth);
  EXPECT_EQ(goes(8, 4, 4), -1);
  EXPECT_EQ(goes(6, 0, 0), kWest);  // south-west: west first, whatever the room
  EXPECT_EQ(goes(5, 4, 0), -1);     // straight on
}

TEST_F(RouterTest, AMulticastForksAlongTheXyTreeAndFreesAPlaceWhenAllHaveReadIt) {
  chip.router.buffer_flits = 2;
  Route tree;
  tree.tiles = {1, 4, 5, 7};
  plan.routes.push_back(tree);
  Router router(plan, chip, timing, 4, out);
  // No place in the east: it was taken by two other packets.
  for (int i = 0; i < 2; ++i) router.put_flit(kHost, flit(5, true, true, 50), 0);
  router.evaluate(2);
  router.evaluate(3);
  out.flits.clear();
  out.credits.clear();
  router.put_flit(kWest, flit(9, true, false, 7), 2);
  router.put_flit(kWest, flit(9, false, true, 7), 3);
  router.evaluate(4);
  ASSERT_EQ(out.flits.size(), 3U) << "one flit to the tile, north and south in one cycle";
  router.evaluate(5);
  EXPECT_EQ(router.evaluate(6), kNever);
  EXPECT_EQ(items_to(kLocal).size(), 2U);
  EXPECT_EQ(items_to(kNorth).size(), 2U);
  EXPECT_EQ(items_to(kSouth).size(), 2U);
  EXPECT_TRUE(out.credits.empty()) << "the branch to the east has not read them";
  router.put_credit(kEast, 0, 8);
  router.put_credit(kEast, 0, 8);
  router.evaluate(8);
  EXPECT_EQ(out.credits.size(), 1U);
  EXPECT_FALSE(router.idle());
  router.evaluate(9);
  EXPECT_EQ(out.credits.size(), 2U);
  EXPECT_EQ(items_to(kEast), (std::vector<std::int64_t>{7, 7}));
  EXPECT_TRUE(router.idle());
  EXPECT_EQ(router.flits(), 2 + 8);
  EXPECT_EQ(router.link_flits(), 2 + 6);
}

TEST_F(RouterTest, AMulticastGoesOnlyOnward) {
  Route all;
  all.tiles = {0, 1, 2, 3, 5, 6, 7, 8};
  plan.routes.push_back(all);
  const std::map<int, std::vector<int>> expected{{kWest, {kNorth, kEast, kSouth}},
                                                 {kEast, {kNorth, kSouth, kWest}},
                                                 {kNorth, {kSouth}},
                                                 {kSouth, {kNorth}},
                                                 {kLocal, {kNorth, kEast, kSouth, kWest}}};
  for (const auto& [in, ports] : expected) {
    out.flits.clear();
    Router router(plan, chip, timing, 4, out);
    router.put_flit(in, flit(9, true, true), 0);
    router.evaluate(2);
    std::vector<int> taken;
    for (const auto& sent : out.flits) taken.push_back(sent.port);
    EXPECT_EQ(taken, ports) << "from port " << in;
    EXPECT_TRUE(router.idle());
  }
}

TEST_F(RouterTest, WorksOnEdgesOfTheNetworkClock) {
  timing.network_period = 3;
  timing.crossing_to_tile_from_network = 5;
  Router router(plan, chip, timing, 4, out);
  // Seen at 12, leaves two network cycles later; the tile's side is another clock.
  router.put_flit(kLocal, flit(5, true, true, 1), 10);
  EXPECT_EQ(router.evaluate(12), 18);
  router.put_flit(kWest, flit(4, true, true, 2), 12);
  router.evaluate(18);
  ASSERT_EQ(out.flits.size(), 2U);
  EXPECT_EQ(out.flits[0].port, kLocal);
  EXPECT_EQ(out.flits[0].arrival, 18 + 3 + 5);
  EXPECT_EQ(out.flits[1].port, kEast);
  EXPECT_EQ(out.flits[1].arrival, 18 + 3);
  ASSERT_EQ(out.credits.size(), 2U);
  EXPECT_EQ(out.credits[0].port, kWest);
  EXPECT_EQ(out.credits[0].arrival, 18 + 3);
  EXPECT_EQ(out.credits[1].port, kLocal);
  EXPECT_EQ(out.credits[1].arrival, 18 + 3 + 5);
  // A credit between two edges counts from the next one on; without a flit it is nothing to wake up for.
  router.put_credit(kEast, 0, 22);
  EXPECT_EQ(router.evaluate(21), kNever);
  for (std::int64_t item = 0; item < chip.router.buffer_flits + 1; ++item)
    router.put_flit(kWest, flit(5, true, true, item), 0);
  router.put_credit(kLocal, 0, 43);
  Cycle now = 21;
  while (now < 33) now = router.evaluate(now);
  EXPECT_EQ(now, 45) << "the places in the east are taken";
}

TEST_F(RouterTest, RecordsWhatLeaves) {
  struct List : Recorder {
    void start_sample(std::int64_t) override {}
    void record(const Event& event) override { events.push_back(event); }
    std::vector<Event> events;
  } list;
  Router router(plan, chip, timing, 4, out, &list);
  router.put_flit(kWest, flit(5, true, true, 6), 10);
  router.evaluate(12);
  ASSERT_EQ(list.events.size(), 1U);
  EXPECT_TRUE(list.events[0] == (Event{12, EventKind::kFlitRouted, 4, 5 * 8 + kEast, 6}));
}

}  // namespace
}  // namespace spikeloop::sim
