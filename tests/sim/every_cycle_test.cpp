#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "sim/rules/host_port.h"
#include "sim/rules/router.h"
#include "sim/rules/tile_core.h"
#include "sim/simulate.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"

/// The component rules driven by a plain loop that evaluates everything in every cycle, in an order of its
/// own. The fast engine, which lets modules sleep, must come to the same cycle and the same counts.
namespace spikeloop::sim {
namespace {

class EveryCycleChip {
 public:
  EveryCycleChip(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus)
      : plan_(plan), chip_(chip), host_ports_(*this, -1), host_(plan, chip, timing, stimulus, host_ports_) {
    for (int t = 0; t < plan.columns * plan.rows; ++t) {
      router_ports_.push_back(std::make_unique<Routers>(*this, t));
      routers_.push_back(std::make_unique<Router>(plan, chip, t, *router_ports_.back()));
      tile_ports_.push_back(std::make_unique<Tiles>(*this, t));
      cores_.push_back(std::make_unique<TileCore>(plan, chip, timing, t, stimulus, *tile_ports_.back()));
    }
    left_.assign(static_cast<std::size_t>(plan.timesteps), 0);
    for (const auto& s : plan.stages)
      for (int t = 0; t < s.timesteps; ++t) ++left_[static_cast<std::size_t>(t)];
  }

  /// Returns false when the results are not there after `limit` cycles.
  bool run(Cycle limit) {
    Cycle end = limit;
    for (Cycle now = 0; now < end; ++now) {
      for (auto it = cores_.rbegin(); it != cores_.rend(); ++it)
        (*it)->evaluate(now);  // not the kernel's order
      host_.evaluate(now);
      for (auto& r : routers_) r->evaluate(now);
      if (host_.finished() && end == limit) end = std::min(limit, now + 1000);  // let the rest come to an end
    }
    return host_.finished();
  }

  HostPort& host() { return host_; }
  TileCore& core(int t) { return *cores_[static_cast<std::size_t>(t)]; }
  Router& router(int t) { return *routers_[static_cast<std::size_t>(t)]; }

 private:
  struct Routers : RouterPorts {
    Routers(EveryCycleChip& c, int t) : chip(c), tile(t) {}
    void send_flit(int port, const Flit& flit, Cycle arrival) override {
      if (port == kLocal) return chip.core(tile).put_flit(flit, arrival);
      if (port == kHost) return chip.host_.put_flit(flit, arrival);
      chip.router(chip.neighbour(tile, port)).put_flit(back(port), flit, arrival);
    }
    void send_credit(int port, Cycle arrival) override {
      if (port == kLocal) return chip.core(tile).put_injection_credit(arrival);
      if (port == kHost) return chip.host_.put_injection_credit(arrival);
      chip.router(chip.neighbour(tile, port)).put_credit(back(port), arrival);
    }
    static int back(int port) {
      return port == kNorth ? kSouth : port == kSouth ? kNorth : port == kEast ? kWest : kEast;
    }
    EveryCycleChip& chip;
    int tile;
  };
  struct Tiles : TilePorts {
    Tiles(EveryCycleChip& c, int t) : chip(c), tile(t) {}
    int at() const {
      return tile >= 0 ? tile : chip.chip_.host_port.row * chip.plan_.columns + chip.chip_.host_port.column;
    }
    int port() const { return tile >= 0 ? kLocal : kHost; }
    void inject_flit(const Flit& flit, Cycle arrival) override {
      chip.router(at()).put_flit(port(), flit, arrival);
    }
    void return_credit(Cycle arrival) override { chip.router(at()).put_credit(port(), arrival); }
    void send_limit(int flow, std::int64_t limit, Cycle arrival) override {
      const auto& producer =
          chip.plan_
              .stages[static_cast<std::size_t>(chip.plan_.flows[static_cast<std::size_t>(flow)].producer)];
      if (producer.kind == StageKind::kHostInput) return chip.host_.put_limit(flow, limit, arrival);
      chip.core(producer.tile).put_limit(flow, limit, arrival);
    }
    void timestep_done(int, int timestep, Cycle arrival) override { chip.done(timestep, arrival); }
    EveryCycleChip& chip;
    int tile;
  };

  int neighbour(int tile, int port) const {
    return port == kNorth   ? tile - plan_.columns
           : port == kSouth ? tile + plan_.columns
           : port == kEast  ? tile + 1
                            : tile - 1;
  }
  void done(int timestep, Cycle arrival) {
    --left_[static_cast<std::size_t>(timestep)];
    if (chip_.schedule != Schedule::kTimestepSequential) return;
    while (finished_ < plan_.timesteps && left_[static_cast<std::size_t>(finished_)] == 0) {
      ++finished_;
      for (auto& c : cores_) c->release_timesteps(finished_ + 1, arrival + chip_.tile.barrier_latency_cycles);
      host_.release_timesteps(finished_ + 1, arrival + chip_.tile.barrier_latency_cycles);
    }
  }

  const Plan& plan_;
  const ChipConfig& chip_;
  std::vector<std::unique_ptr<Routers>> router_ports_;
  std::vector<std::unique_ptr<Tiles>> tile_ports_;
  Tiles host_ports_;
  std::vector<std::unique_ptr<Router>> routers_;
  std::vector<std::unique_ptr<TileCore>> cores_;
  HostPort host_;
  std::vector<int> left_;
  int finished_ = 0;
};

TEST(EveryCycle, GivesTheSameCyclesAndCountsAsTheEngineThatSleeps) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(31, seed));
    const auto network = testing::random_network(random);
    const auto chip = testing::random_chip(random, network);
    testing::TemporaryFolder folder;
    const int frames = seed % 2 == 0 ? 1 : network.timesteps;
    traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.25, seed, frames));
    const traces::TraceReader trace(folder.file("t.h5"));
    const auto m = simulate(network, trace, chip);

    const auto plan = make_plan(network, chip, network.timesteps, frames, "net");
    const auto timing = make_timing(chip);
    const auto stimulus = read_stimulus(plan, trace, 0);
    EveryCycleChip plain(plan, chip, timing, stimulus);
    ASSERT_TRUE(plain.run(m.samples[0].cycles + 2000)) << "the plain loop is slower";
    EXPECT_EQ(plain.host().last_arrival() + 1, m.samples[0].cycles);
    std::vector<EventCounts> events(plan.layers.size());
    std::vector<std::int64_t> blocked(plan.layers.size()), first(plan.layers.size(), kNever),
        last(plan.layers.size());
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      const auto& stage = plan.stages[s];
      const bool host = stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput;
      const auto& c = host ? plain.host().counters(static_cast<int>(s))
                           : plain.core(stage.tile).counters(static_cast<int>(s));
      const auto layer = static_cast<std::size_t>(stage.layer);
      events[layer] += c.events;
      blocked[layer] += c.blocked_cycles;
      if (c.first_cycle == kNever) continue;
      first[layer] = std::min(first[layer], c.first_cycle);
      last[layer] = std::max(last[layer], c.last_cycle);
    }
    for (std::size_t i = 1; i < plan.layers.size(); ++i) {
      auto expected = m.layers[i].events;
      expected[Component::kRouter] = expected[Component::kLink] = 0;  // charged by path in the report
      EXPECT_TRUE(events[i] == expected) << plan.layers[i].name;
      EXPECT_EQ(blocked[i], m.layers[i].blocked_cycles) << plan.layers[i].name;
      if (first[i] != kNever) {
        EXPECT_EQ(first[i], m.layers[i].first_cycle) << plan.layers[i].name;
        EXPECT_EQ(last[i], m.layers[i].last_cycle) << plan.layers[i].name;
      }
    }
    for (std::size_t t = 0; t < m.tiles.size(); ++t)
      EXPECT_EQ(plain.router(static_cast<int>(t)).flits(), m.tiles[t].router_flits);
  }
}

}  // namespace
}  // namespace spikeloop::sim
