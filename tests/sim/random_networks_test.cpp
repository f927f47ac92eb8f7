#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "sim/bounds.h"
#include "sim/simulate.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"

/// Properties that hold for every chip, network and trace.
namespace spikeloop::sim {
namespace {

Measurement run(const traces::Network& network, const ChipConfig& chip, double rate, std::uint64_t seed,
                int samples = 1) {
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, samples, rate, seed));
  return simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
}

/// Sums over layers and over tiles equal the totals, component by component, to the last attojoule and nm2.
void expect_parts_add_up(const Measurement& m) {
  EnergyByComponent layers{};
  EnergyByComponent tiles{};
  AreaByComponent layer_area{};
  AreaByComponent tile_area{};
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    for (const auto& l : m.layers) {
      layers[i] += l.energy[i];
      layer_area[i] += l.area[i];
    }
    for (const auto& t : m.tiles) {
      tiles[i] += t.energy[i];
      tile_area[i] += t.area[i];
    }
    const auto* name = component_name(static_cast<Component>(i));
    EXPECT_EQ(layers[i].dynamic_aj, m.energy[i].dynamic_aj) << name;
    EXPECT_EQ(layers[i].leakage_aj, m.energy[i].leakage_aj) << name;
    EXPECT_EQ(tiles[i].dynamic_aj, m.energy[i].dynamic_aj) << name;
    EXPECT_EQ(tiles[i].leakage_aj, m.energy[i].leakage_aj) << name;
    EXPECT_EQ(layer_area[i], m.area[i]) << name;
    EXPECT_EQ(tile_area[i], m.area[i]) << name;
  }
  std::int64_t samples = 0;
  for (const auto& s : m.samples) samples += s.energy.total_aj();
  EXPECT_EQ(samples, m.total_energy_aj());
}

TEST(RandomNetworks, FinishConserveFlitsAndAddUp) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(5, seed));
    const auto network = testing::random_network(random);
    const auto chip = testing::random_chip(random, network);
    const auto m = run(network, chip, 0.2, seed, 2);  // throws when it stops or loses a flit
    ASSERT_EQ(m.samples.size(), 2U);
    EXPECT_GT(m.flits_injected, 0);
    if (chip.delivery == Delivery::kUnicast) {
      EXPECT_EQ(m.flits_injected, m.flits_delivered);
    } else {
      EXPECT_LE(m.flits_injected, m.flits_delivered);  // each end of a route counts
    }
    EXPECT_GT(m.total_energy_aj(), 0);
    expect_parts_add_up(m);
  }
}

/// SPIKELOOP_BOUND_CASES: how many (thousands take minutes).
TEST(RandomNetworks, BoundsNeverExceedTheMeasurement) {
  const char* const wanted = std::getenv("SPIKELOOP_BOUND_CASES");
  const std::uint64_t cases = wanted == nullptr ? 60 : std::strtoull(wanted, nullptr, 10);
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(6, seed));
    const auto network = testing::random_network(random);
    const auto chip = testing::random_chip(random, network);
    const auto bounds = lower_bounds(network, chip, "net");
    for (double rate : {0.0, 0.3}) {
      const auto m = run(network, chip, rate, seed);
      EXPECT_LE(bounds.latency_ns, m.mean_latency_ns());
      EXPECT_LE(bounds.energy_pj, m.mean_energy_pj() * (1 + 1e-12));
      EXPECT_DOUBLE_EQ(bounds.area_um2, m.area_um2());
      EXPECT_DOUBLE_EQ(bounds.memory_bytes, m.memory_bytes());
    }
  }
}

struct BlockedStages : Recorder {
  void start_sample(std::int64_t) override {}
  void record(const Event& e) override {
    if (e.kind == EventKind::kBlocked) ++count[e.index];
  }
  std::map<int, int> count;
};

/// A layer on several tiles: the owner of the sums waits for the others' shares, but never for room behind
/// it.
TEST(RandomNetworks, WaitingForOtherTilesSumsIsNotWaitingForRoom) {
  const auto network = testing::NetworkBuilder({8, 4, 4})
                           .conv("a", "input", 8, 1)
                           .lif("a.lif", {"a"})
                           .conv("b", "a.lif", 4, 3)
                           .lif("b.lif", {"b"})
                           .output("b.lif", {4, 4, 4}, 1);
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 8;
  chip.mesh.rows = 4;
  chip.output_buffer.capacity_bits = 1 << 20;
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.5, 1));
  const traces::TraceReader trace(folder.file("t.h5"));
  BlockedStages blocked;
  SimulateOptions options;
  options.recorder = &blocked;
  simulate(network, trace, chip, options);
  const auto plan = plan_for(network, trace, chip, options);
  int owners = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& stage = plan.stages[s];
    if (stage.kind != StageKind::kMvm || stage.send_begin < stage.send_end) continue;
    if (plan.layers[static_cast<std::size_t>(stage.layer)].name != "b") continue;
    for (int f : stage.inputs)
      owners += plan.flows[static_cast<std::size_t>(f)].payload == Flow::Payload::kPartialSums ? 1 : 0;
    EXPECT_EQ(blocked.count[static_cast<int>(s)], 0) << stage.name;
  }
  EXPECT_GT(owners, 0);
}

TEST(RandomNetworks, MoreSpikesNeverCostLessDynamicEnergy) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(derive_seed(7, seed));
    const auto network = testing::random_network(random);
    const auto chip = testing::random_chip(random, network);
    // Spikes of the smaller rate are a subset of those of the larger one: a bit is set when its draw is below
    // the rate.
    std::int64_t last = -1;
    for (double rate : {0.0, 0.1, 0.4, 1.0}) {
      testing::TemporaryFolder folder;
      auto trace = testing::random_trace(network, 1, rate, seed);
      std::fill(trace.input.data.begin(), trace.input.data.end(), std::int8_t{0});
      traces::write_trace(folder.file("t.h5"), trace);
      const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
      EXPECT_GE(m.samples[0].energy.dynamic_aj, last) << "seed " << seed << " rate " << rate;
      last = m.samples[0].energy.dynamic_aj;
    }
  }
}

TEST(RandomNetworks, SameInputsSameBytesAndSamplesDoNotInfluenceEachOther) {
  RandomStream random(99);
  const auto network = testing::random_network(random);
  const auto chip = testing::random_chip(random, network);
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 3, 0.3, 1));
  const traces::TraceReader trace(folder.file("t.h5"));
  const auto all = simulate(network, trace, chip);
  EXPECT_EQ(to_json(all), to_json(simulate(network, trace, chip)));
  SimulateOptions one;
  one.positions = {2};
  const auto last = simulate(network, trace, chip, one);
  EXPECT_EQ(last.samples[0].cycles, all.samples[2].cycles);
  EXPECT_EQ(last.samples[0].energy.dynamic_aj, all.samples[2].energy.dynamic_aj);
}

TEST(RandomNetworks, TimestepSequentialIsNeverFasterThanPipelined) {
  int slower = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(derive_seed(8, seed));
    auto network = testing::random_network(random);
    auto chip = testing::random_chip(random, network);
    chip.schedule = Schedule::kPipelined;
    const auto pipelined = run(network, chip, 0.2, seed);
    chip.schedule = Schedule::kTimestepSequential;
    chip.tile.barrier_latency_cycles = 50;
    const auto sequential = run(network, chip, 0.2, seed);
    EXPECT_EQ(pipelined.crossbar_reads, sequential.crossbar_reads);
    EXPECT_EQ(pipelined.flits_injected, sequential.flits_injected);
    slower += sequential.samples[0].cycles > pipelined.samples[0].cycles ? 1 : 0;
    if (network.timesteps > 1) {
      EXPECT_GE(sequential.samples[0].cycles, pipelined.samples[0].cycles) << "seed " << seed;
    }
  }
  EXPECT_GT(slower, 5);
}

/// A cell whose nodes 0 and 2 have no neurons: what they hold is the same at every timestep, and a backward
/// edge takes it all the same.
TEST(RandomNetworks, StaticValuesThroughABackwardEdge) {
  const auto network = testing::NetworkBuilder({1, 4, 4})
                           .conv("stem", "input", 2, 3)
                           .sum("n0", {"stem"})
                           .pool("p02", "n0", 3, 1, 1)
                           .sum("n2", {"p02"})
                           .sum("n1", {"n0"})
                           .edge("n2", "n1", true)
                           .lif("l1", {"n1"})
                           .conv("c13", "l1", 2, 3)
                           .sum("n3", {"n0", "c13", "n2"})
                           .output("n3", {2, 4, 4}, 4);
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 8;
  const auto m = run(network, chip, 0.3, 1);
  expect_parts_add_up(m);
  for (const auto& layer : m.layers) {
    if (layer.name == "stem") {
      EXPECT_EQ(layer.items, 16) << "once";
    } else if (layer.name == "n2" || layer.name == "n3") {
      EXPECT_EQ(layer.items, 4 * 16) << layer.name << " sends in every timestep";
    }
  }
}

TEST(RandomNetworks, SpikesOfAMapReachTheHostThroughAFlatten) {
  const auto network = testing::NetworkBuilder({1, 4, 4})
                           .conv("c", "input", 2, 3)
                           .lif("l", {"c"})
                           .flatten("f", "l")
                           .output("f", {32}, 3);
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 8;
  const auto m = run(network, chip, 0.3, 1);
  EXPECT_EQ(m.layers.back().kind, "output");
  EXPECT_EQ(m.layers.back().items, 3 * 16);
}

}  // namespace
}  // namespace spikeloop::sim
