#include "sim/rules/router.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace spikeloop::sim
