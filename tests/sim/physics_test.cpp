#include <gtest/gtest.h>

#include <functional>

#include "tests/support/engine_runs.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

/// What physics says of every chip: more work and slower parts never cost less.
namespace spikeloop::sim {
namespace {

using testing::Case;

Case drawn(std::uint64_t stream, std::uint64_t seed) {
  RandomStream random(derive_seed(stream, seed));
  return testing::random_case(random);
}

struct Cost {
  std::int64_t dynamic_aj = 0, leakage_aj = 0, area_nm2 = 0;
  double latency_ns = 0;
};

/// Nothing when the chip refuses the network.
std::optional<Cost> cost_of(const Case& c) {
  const auto outcome = testing::run_case(c, Engine::kFast);
  if (!outcome.refused.empty()) return std::nullopt;
  const auto& m = outcome.measurement;
  return Cost{m.samples[0].energy.dynamic_aj, m.samples[0].energy.leakage_aj, m.total_area_nm2(),
              m.latency_ns(m.samples[0])};
}

struct Change {
  const char* name;
  std::function<void(ChipConfig&)> apply;
  bool slower;  ///< may only lengthen what single components take
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all{
      {"adc.bits + 1", [](ChipConfig& c) { ++c.adc.bits; }, true},
      {"array costs given for half the rows",
       [](ChipConfig& c) { c.crossbar.reference_rows = (c.crossbar.reference_rows + 1) / 2; }, false},
      {"array costs given for half the columns",
       [](ChipConfig& c) { c.crossbar.reference_columns = (c.crossbar.reference_columns + 1) / 2; }, false},
      {"longer wires", [](ChipConfig& c) { c.link.length_mm *= 2; }, false},
      {"link.latency_cycles + 1", [](ChipConfig& c) { ++c.link.latency_cycles; }, true},
      {"router.latency_cycles + 1", [](ChipConfig& c) { ++c.router.latency_cycles; }, true},
      {"crossbar.read_latency_ns x 2", [](ChipConfig& c) { c.crossbar.read_latency_ns *= 2; }, true},
      {"all clocks x 1/2",
       [](ChipConfig& c) {
         c.clock.frequency_mhz /= 2;
         c.clock.array_mhz /= 2;
         c.clock.network_mhz /= 2;
       },
       true},
      {"slower neurons", [](ChipConfig& c) { c.neuron_unit.latency_cycles += 3; }, true},
      {"half the adder lanes",
       [](ChipConfig& c) { c.node_adder.lanes = std::max(1, c.node_adder.lanes / 2); }, true},
  };
  return all;
}

/// Energy and area are exact statements. Latency is one about components: a chip of slower components may
/// finish earlier when they then ask for a shared unit in a better order (Graham's scheduling anomaly; the
/// next test has one). It did in 16 of 4900 comparisons (700 cases), by 2.4 % at most; one in a hundred and 5
/// % are the limit here. SPIKELOOP_PHYSICS_CASES=N draws N.
TEST(Physics, SlowerAndMoreIsNeverCheaper) {
  int compared = 0;
  int anomalies = 0;
  std::string found;
  const auto cases = testing::from_environment("SPIKELOOP_PHYSICS_CASES", 60);
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    const auto c = drawn(51, seed);
    const auto base = cost_of(c);
    if (!base) continue;
    for (const auto& change : changes()) {
      auto other = c;
      change.apply(other.chip);
      const auto cost = cost_of(other);
      if (!cost) continue;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", " + change.name);
      EXPECT_GE(cost->dynamic_aj, base->dynamic_aj);
      EXPECT_GE(cost->area_nm2, base->area_nm2);
      if (!change.slower) {
        EXPECT_EQ(cost->latency_ns, base->latency_ns);
        continue;
      }
      ++compared;
      if (cost->latency_ns < base->latency_ns) {
        ++anomalies;
        EXPECT_GE(cost->latency_ns, 0.95 * base->latency_ns);
        found += "\nseed " + std::to_string(seed) + ", " + change.name + ": " +
                 std::to_string(base->latency_ns) + " ns -> " + std::to_string(cost->latency_ns) + " ns";
      } else {
        EXPECT_GE(cost->leakage_aj, base->leakage_aj) << "the same hardware for longer";
      }
    }
  }
  EXPECT_GT(compared, static_cast<int>(4 * cases));
  EXPECT_LE(anomalies * 100, compared) << anomalies << " of " << compared << found;
}

/// Such an anomaly at its smallest. The host sends four packets of two flits over three virtual channels, and
/// writing a pixel into the input buffer takes longer than sending it, so packets wait in the router. With
/// the faster link, packets 2 and 3 wait there when 1 has gone, and the round robin over channels takes 3
/// first: window 2 comes last, and nothing is left to overlap with. With the slower one packet 3 isn't there
/// yet, and all windows come in order.
TEST(Physics, ASlowerLinkMayLetTheChipFinishEarlier) {
  Case c;
  c.chip = testing::plain_chip();
  c.chip.clock.network_mhz = 1500;
  c.chip.router.virtual_channels = 3;
  c.chip.input_buffer.port_bits = 1;
  c.recipe.height = c.recipe.width = c.recipe.input_channels = 2;
  c.recipe.input_bits = 3;
  c.recipe.classes = 0;
  std::vector<std::int64_t> order[2];
  double latency_ns[2];
  for (int slower : {0, 1}) {
    c.chip.link.latency_cycles = 1 + slower;
    const auto outcome = testing::run_case(c, Engine::kReference);
    ASSERT_EQ(outcome.refused, "");
    latency_ns[slower] = outcome.measurement.latency_ns(outcome.measurement.samples[0]);
    for (const auto& e : outcome.events) {
      if (e.kind == EventKind::kDelivered && e.index == 0) order[slower].push_back(e.item);
    }
  }
  EXPECT_EQ(order[0], (std::vector<std::int64_t>{0, 1, 3, 2}));
  EXPECT_EQ(order[1], (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_LT(latency_ns[1], latency_ns[0]);
}

/// One more spike anywhere: as many events or more. Spikes that are counted by pooling are left out here, see
/// the next test.
TEST(Physics, OneMoreSpikeNeverCostsLessEnergy) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    auto c = drawn(52, seed);
    for (auto& block : c.recipe.blocks) {
      if (block.kind == testing::Block::Kind::kSpikePool) block.kind = testing::Block::Kind::kConv;
    }
    const auto network = testing::network_of(c.recipe);
    auto trace = testing::trace_of(c.recipe, network);
    RandomStream random(derive_seed(53, seed));
    const auto measure = [&]() -> std::int64_t {
      testing::TemporaryFolder folder;
      traces::write_trace(folder.file("t.h5"), trace);
      try {
        return simulate(network, traces::TraceReader(folder.file("t.h5")), c.chip)
            .samples[0]
            .energy.dynamic_aj;
      } catch (const InputError&) {
        return -1;
      }
    };
    std::int64_t last = measure();
    if (last < 0) continue;
    for (int added = 0; added < 3; ++added) {
      auto node = trace.nodes.begin();
      std::advance(node, static_cast<std::ptrdiff_t>(random.below(trace.nodes.size())));
      auto& bits = node->second.spikes[0][random.below(static_cast<std::uint64_t>(c.recipe.timesteps))];
      const auto bit = random.below(static_cast<std::uint64_t>(node->second.info.bits()));
      bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
      const auto energy = measure();
      EXPECT_GE(energy, last) << "seed " << seed << ", " << node->first << " bit " << bit;
      last = energy;
      ++compared;
    }
  }
  EXPECT_GT(compared, 250);
}

/// Sums of pooled spikes are read bit by bit: 3 = 011 drives two wordlines, 4 = 100 only one. So the fourth
/// spike in a pooling window makes its convolution cheaper. That is how bit-serial inputs are, not an error.
TEST(Physics, TheFourthSpikeOfAPoolingWindowDrivesFewerWordlines) {
  const auto network = testing::NetworkBuilder({1, 2, 2}, 1)
                           .conv("conv1", "input", 1, 1)
                           .lif("lif", {"conv1"})
                           .pool("pool", "lif", 2, 2)
                           .conv("conv2", "pool", 1, 1)
                           .output("conv2", {1, 1, 1}, 1);
  std::int64_t rows[2];
  for (int spikes : {3, 4}) {
    auto trace = testing::random_trace(network, 1, 0, 1);
    trace.nodes.at("lif").spikes[0][0] = {(std::uint64_t{1} << spikes) - 1};
    testing::TemporaryFolder folder;
    traces::write_trace(folder.file("t.h5"), trace);
    const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), testing::tiny_chip());
    rows[spikes - 3] = 0;
    for (const auto& layer : m.layers) rows[spikes - 3] += layer.events[Component::kCrossbar];
  }
  EXPECT_EQ(rows[0], 2);
  EXPECT_EQ(rows[1], 1);
}

/// Without a spike, with a zero input and skip_zero, no crossbar, driver, multiplexer, ADC or shift-and-add
/// works. What is left does not depend on spikes at all: sums and membranes are updated for every neuron
/// whatever arrives, maps are written into and read from buffers as bitmaps, values and the input travel
/// dense, and an item without a spike still sends the header of its packet.
TEST(Physics, AnIdleChipBurnsLeakageAndWhatDoesNotDependOnSpikes) {
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto c = drawn(54, seed);
    c.chip.crossbar.skip_zero = true;
    c.recipe.rate = 0;
    const auto idle = testing::run_case(c, Engine::kFast);
    c.recipe.rate = 1;
    const auto busy = testing::run_case(c, Engine::kFast);
    if (!idle.refused.empty()) continue;
    ++compared;
    EventCounts without;
    EventCounts with;
    for (const auto& layer : idle.measurement.layers) without += layer.events;
    for (const auto& layer : busy.measurement.layers) with += layer.events;
    for (auto component : {Component::kCrossbar, Component::kWordlineDriver, Component::kColumnMux,
                           Component::kAdc, Component::kShiftAdd}) {
      EXPECT_EQ(without[component], 0) << component_name(component);
      EXPECT_GT(with[component], 0) << component_name(component);
    }
    for (auto component :
         {Component::kInputBufferRead, Component::kInputBufferWrite, Component::kNodeAdder,
          Component::kNodeMemoryRead, Component::kNodeMemoryWrite, Component::kNeuronUnit,
          Component::kMembraneMemoryRead, Component::kMembraneMemoryWrite, Component::kPoolingUnit,
          Component::kPoolingMemoryRead, Component::kPoolingMemoryWrite}) {
      EXPECT_EQ(without[component], with[component]) << component_name(component);
    }
    EXPECT_EQ(idle.measurement.packets, busy.measurement.packets);
    // A chip on which all of that is free burns leakage only.
    c.recipe.rate = 0;
    auto& chip = c.chip;
    for (ChipConfig::Memory* memory : {static_cast<ChipConfig::Memory*>(&chip.input_buffer),
                                       static_cast<ChipConfig::Memory*>(&chip.output_buffer),
                                       &chip.node_memory, &chip.membrane_memory, &chip.pooling_memory}) {
      memory->read_energy_pj_per_bit = memory->write_energy_pj_per_bit = 0;
    }
    chip.adder_tree.energy_pj_per_add = 0;  // sums of other tiles are added, whatever they are
    chip.node_adder.energy_pj_per_add = chip.neuron_unit.energy_pj_per_update = 0;
    chip.pooling_unit.energy_pj_per_add = chip.router.energy_pj_per_flit = 0;
    chip.link.energy_pj_per_bit_mm = chip.host_port.energy_pj_per_bit = 0;
    const auto cost = cost_of(c);
    ASSERT_TRUE(cost);
    EXPECT_EQ(cost->dynamic_aj, 0);
    EXPECT_GT(cost->leakage_aj, 0);
  }
  EXPECT_GT(compared, 45);
}

}  // namespace
}  // namespace spikeloop::sim
