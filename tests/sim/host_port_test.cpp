#include "sim/rules/host_port.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

struct Calls : TilePorts {
  struct Done {
    int stage, timestep;
    Cycle arrival;
  };
  void inject_flit(const Flit& flit, Cycle arrival) override {
    flits.push_back(flit);
    arrivals.push_back(arrival);
  }
  void return_credit(Cycle arrival) override { credits.push_back(arrival); }
  void send_limit(int, std::int64_t, Cycle) override {}
  void timestep_done(int stage, int timestep, Cycle arrival) override {
    done.push_back({stage, timestep, arrival});
  }
  std::vector<Flit> flits;
  std::vector<Cycle> arrivals, credits;
  std::vector<Done> done;
};

/// Two tiles get the input, one the other's result: stage 0 is the input, 1 the results; each item has a
/// flit.
Plan small_plan() {
  Plan plan;
  plan.columns = 2;
  plan.rows = 1;
  plan.timesteps = 2;
  Stage input, result, worker;
  input.kind = StageKind::kHostInput;
  input.tile = result.tile = 0;
  input.timesteps = result.timesteps = 2;
  result.kind = StageKind::kHostOutput;
  worker.tile = 1;
  Flow in, out;
  in.payload = Flow::Payload::kSpikes;
  in.producer = 0;
  in.consumer = 2;
  in.signal = 0;
  in.timesteps = out.timesteps = 2;
  in.depth = 2;
  in.route = 0;
  out.producer = 2;
  out.consumer = 1;
  out.route = 1;
  input.outputs = {0, 1};
  result.inputs = {2};
  plan.stages = {input, result, worker};
  plan.flows = {in, in, out};
  Signal signal;
  signal.kind = Signal::Kind::kInput;
  signal.channels = 8;
  plan.signals = {signal};
  Route fork, back;
  fork.flows = {0, 1};
  fork.tiles = {0, 1};
  back.flows = {2};
  back.tiles = {0};
  back.to_host = true;
  plan.routes = {fork, back};
  return plan;
}

class HostPortTest : public ::testing::Test {
 protected:
  HostPortTest() : chip(testing::tiny_chip()), plan(small_plan()) {
    // The input's one channel plane: nothing is set, so an item is a bare header of a flit.
    network = testing::NetworkBuilder({8, 1, 1}, 1)
                  .sum("node", {"input"})
                  .lif("lif", {"node"})
                  .output("lif", {8, 1, 1}, 2);
    const auto trace = testing::random_trace(network, 1, 0, 1, 2);  // the plan's input is not static
    traces::write_trace(folder.file("t.h5"), trace);
    const traces::TraceReader reader(folder.file("t.h5"));
    stimulus = read_stimulus(plan, reader, 0);
  }
  static Flit result(std::int64_t item) {
    Flit flit;
    flit.route = 1;
    flit.item = item;
    flit.head = flit.tail = true;
    return flit;
  }
  ChipConfig chip;
  Plan plan;
  Timing timing;
  traces::Network network;
  testing::TemporaryFolder folder;
  Stimulus stimulus;
  Calls calls;
};

TEST_F(HostPortTest, CountsResultsThatOvertookEachOtherOnceTheFirstIsThere) {
  timing.network_period = 2;
  timing.crossing_to_tile_from_network = 3;
  HostPort host(plan, chip, timing, stimulus, calls);
  host.put_flit(result(1), 4);
  host.put_flit(result(0), 6);
  host.evaluate(4);
  EXPECT_EQ(host.counters(1).items, 0);
  EXPECT_FALSE(host.finished());
  EXPECT_EQ(host.evaluate(6), 8);
  EXPECT_EQ(host.counters(1).items, 2);
  EXPECT_TRUE(host.finished());
  std::vector<int> timesteps;
  for (const auto& d : calls.done) {
    if (d.stage != 1) continue;
    timesteps.push_back(d.timestep);
    EXPECT_EQ(d.arrival, 6 + 2 + 3);
  }
  EXPECT_EQ(timesteps, (std::vector<int>{0, 1}));
  EXPECT_EQ(calls.credits, (std::vector<Cycle>{4 + 2, 6 + 2}));
}

TEST_F(HostPortTest, AMulticastItemLeavesOnceWhenAllItsReceiversHaveRoom) {
  plan.flows[1].depth = 1;
  chip.router.virtual_channels = 2;
  timing.network_period = 2;
  HostPort host(plan, chip, timing, stimulus, calls);
  for (Cycle c = 0; c < 10; c += 2) host.evaluate(c);
  ASSERT_EQ(calls.flits.size(), 1U) << "one packet for both; the second receiver has no room for another";
  EXPECT_EQ(calls.flits[0].route, 0);
  EXPECT_EQ(calls.flits[0].vc, 0);
  EXPECT_EQ(calls.arrivals[0], 2);
  host.put_limit(1, 2, 11);
  EXPECT_EQ(host.evaluate(10), 11);
  host.evaluate(12);
  ASSERT_EQ(calls.flits.size(), 2U);
  EXPECT_EQ(calls.flits[1].item, 1);
  EXPECT_EQ(calls.flits[1].vc, 1) << "the channel with more places";
  EXPECT_EQ(host.flits_of_route(0), 2);
  EXPECT_EQ(host.packets(), 2);
}

}  // namespace
}  // namespace spikeloop::sim
