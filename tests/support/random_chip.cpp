#include "tests/support/random_chip.h"

#include <algorithm>
#include <string>

#include "tests/support/tiny.h"

namespace spikeloop::testing {
namespace {

int pick(RandomStream& random, std::initializer_list<int> values) {
  return *(values.begin() + static_cast<std::ptrdiff_t>(random.below(values.size())));
}
int between(RandomStream& random, int low, int high) {
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// Adds a cell between a value node and its last node; returns the name of the last node.
std::string add_cell(NetworkBuilder& b, RandomStream& random, const std::string& prefix,
                     const std::string& from, int channels, bool with_backward) {
  const auto node = [&](int i) { return prefix + ".n" + std::to_string(i); };
  std::vector<std::pair<std::string, std::string>> backward;
  b.sum(node(0), {from});
  for (int to = 1; to < 4; ++to) {
    std::vector<std::string> inputs;
    for (int source = 0; source < to; ++source) {
      const std::string tag = std::to_string(source) + std::to_string(to);
      const int op =
          source == to - 1 ? between(random, 1, 4) : between(random, 0, 4);  // every node is reached
      if (op == 1) inputs.push_back(node(source));
      if (op == 2 || op == 3) {
        b.lif(prefix + ".lif" + tag, {node(source)});
        b.conv(prefix + ".conv" + tag, prefix + ".lif" + tag, channels, op == 2 ? 1 : 3);
        inputs.push_back(prefix + ".conv" + tag);
      }
      if (op == 4) {
        b.pool(prefix + ".pool" + tag, node(source), 3, 1, 1);
        inputs.push_back(prefix + ".pool" + tag);
      }
    }
    b.sum(node(to), inputs);
  }
  for (int source = 1; with_backward && source < 4; ++source) {
    for (int to = 0; to < source; ++to) {
      if (random.below(4) != 0) continue;
      const std::string tag = std::to_string(source) + std::to_string(to);
      const int op = between(random, 1, 3);
      if (op == 1) {
        b.edge(node(source), node(to), true);
      } else {
        b.lif(prefix + ".lif" + tag, {node(source)});
        b.conv(prefix + ".back" + tag, prefix + ".lif" + tag, channels, op == 2 ? 1 : 3);
        b.edge(prefix + ".back" + tag, node(to), true);
      }
    }
  }
  return node(3);
}

/// How a network lies on the chip, as far as that has options.
void draw_mapping(RandomStream& random, sim::ChipConfig& c) {
  if (random.below(3) == 0) {
    c.mapping = sim::Mapping::kKernelPosition;
    c.pe.crossbars = pick(random, {2, 5, 9});
  }
  if (random.below(3) == 0) c.weight_encoding = sim::WeightEncoding::kOffset;
  c.tile.max_copies = pick(random, {1, 2, 5});
  c.placement = static_cast<sim::Placement>(random.below(3));
  c.spike_encoding = static_cast<sim::SpikeEncoding>(random.below(3));
}

/// How packets travel.
void draw_mesh(RandomStream& random, sim::ChipConfig& c) {
  c.router.virtual_channels = pick(random, {1, 1, 2, 3});
  if (random.below(2) == 0) c.router.routing = sim::Routing::kWestFirst;
  if (random.below(3) == 0) {
    c.delivery = sim::Delivery::kMulticast;
    c.mesh.flit_bits = pick(random, {16, 64});
    c.router.buffer_flits = between(random, 12, 20);  // a packet must fit
  }
}

void draw_clocks(RandomStream& random, sim::ChipConfig& c) {
  if (random.below(2) == 0) return;
  c.clock.array_mhz = pick(random, {0, 500, 750, 2000});
  c.clock.network_mhz = pick(random, {0, 400, 500, 1500});
  c.clock.crossing_cycles = between(random, 0, 3);
}

void draw_converters_and_ports(RandomStream& random, sim::ChipConfig& c) {
  if (random.below(3) == 0) c.adc.kind = sim::AdcKind::kFlash;
  c.adc.bits = between(random, 2, 6);
  c.adc.pipeline_stages = pick(random, {1, 1, 2, 4});
  if (random.below(3) == 0) c.crossbar.read_energy = sim::ReadEnergy::kConductance;
  c.input_buffer.ports = between(random, 1, 2);
  c.output_buffer.port_bits = pick(random, {4, 16, 1024});
}

/// What the array costs, given at some size or other.
void draw_array_costs(RandomStream& random, sim::ChipConfig& c) {
  c.crossbar.reference_rows = pick(random, {8, 24, 128});
  c.crossbar.reference_columns = pick(random, {8, 24, 128});
  c.crossbar.edge_area_um2 = between(random, 0, 20);
  c.crossbar.edge_leakage_uw = 0.001 * between(random, 0, 20);
  c.wordline_driver.switch_energy_pj_per_active_row = 1e-6 * between(random, 0, 3);
  c.wordline_driver.area_um2 = between(random, 0, 5);
  c.column_mux.area_um2 = between(random, 0, 5);
  c.router.buffer_area_um2_per_bit = between(random, 0, 2);
  c.router.buffer_leakage_uw_per_kbit = 0.01 * between(random, 0, 5);
}

}  // namespace

sim::ChipConfig random_chip(RandomStream& random) {
  auto c = tiny_chip();
  c.mesh = {between(random, 4, 7), 300, pick(random, {4, 8, 16, 64}), pick(random, {4, 8, 20})};
  c.router.buffer_flits = between(random, 1, 4);
  c.router.latency_cycles = between(random, 1, 3);
  c.link.latency_cycles = between(random, 1, 2);
  c.host_port.column = between(random, 0, 3);
  c.host_port.row = between(random, 0, 1);
  c.tile.pes = between(random, 1, 2);
  c.tile.barrier_latency_cycles = between(random, 0, 9);
  c.pe.crossbars = between(random, 1, 3);
  c.crossbar.rows = pick(random, {8, 16, 32});
  c.crossbar.columns = pick(random, {8, 16});
  c.crossbar.cell_bits = between(random, 1, 4);
  c.crossbar.max_active_rows = between(random, 2, c.crossbar.rows);
  c.crossbar.skip_zero = random.below(2) == 0;
  c.crossbar.read_latency_ns = between(random, 1, 5);
  c.adc.columns_per_adc = pick(random, {1, 2, 4, 8});
  c.adc.conversion_latency_ns = between(random, 1, 3);
  c.adc.sample_and_hold = random.below(2) == 0;
  c.shift_add.latency_cycles = between(random, 0, 2);
  c.adder_tree.latency_cycles_per_level = between(random, 0, 2);
  c.adder_tree.lanes = between(random, 1, 4);
  c.input_buffer.port_bits = pick(random, {1, 4, 16});
  c.input_buffer.capacity_bits = pick(random, {1800, 1 << 14});  // the smaller one makes senders wait
  c.output_buffer.capacity_bits = pick(random, {4096, 16384});
  c.node_adder.lanes = between(random, 1, 4);
  c.node_adder.value_bits = pick(random, {4, 8, 16});
  c.neuron_unit.lanes = between(random, 1, 4);
  c.neuron_unit.latency_cycles = between(random, 0, 3);
  c.pooling_unit.lanes = between(random, 1, 8);
  // Small enough that nodes must spread over tiles in some draws, large enough for any single node.
  c.node_memory.capacity_bits = pick(random, {6000, 1 << 16});
  c.membrane_memory.capacity_bits = pick(random, {6000, 1 << 16});
  c.schedule = random.below(2) == 0 ? sim::Schedule::kPipelined : sim::Schedule::kTimestepSequential;
  draw_mapping(random, c);
  draw_mesh(random, c);
  draw_clocks(random, c);
  draw_converters_and_ports(random, c);
  draw_array_costs(random, c);
  return c;
}

sim::ChipConfig random_chip(RandomStream& random, const traces::Network& network) {
  auto c = random_chip(random);
  const bool backward = std::any_of(network.edges.begin(), network.edges.end(),
                                    [](const traces::Edge& e) { return e.backward; });
  if (!backward && random.below(2) == 0) {
    c.schedule = sim::Schedule::kLayerSequential;
    c.node_memory.capacity_bits = 1 << 16;  // sums hold all timesteps of what comes early
  }
  return c;
}

traces::Network random_network(RandomStream& random) {
  const int height = 2 * between(random, 1, 3);
  const int width = 2 * between(random, 1, 3);
  const int channels = between(random, 1, 3);
  const int timesteps = between(random, 1, 4);
  const bool with_backward = random.below(3) != 0;
  NetworkBuilder b({between(random, 1, 3), height, width}, between(random, 1, 8));
  b.conv("stem", "input", channels, 3);
  std::string last = add_cell(b, random, "cell1", "stem", channels, with_backward);
  b.lif("reduce.lif", {last});
  b.conv("reduce", "reduce.lif", 2 * channels, 3);
  b.pool("reduce.pool", "reduce", 2, 2);
  last = "reduce.pool";
  if (random.below(2) == 0) {
    last = add_cell(b, random, "cell2", last, 2 * channels, with_backward);
  } else {
    b.sum("plain", {last});
    last = "plain";
  }
  b.lif("last.lif", {last});
  b.pool("last.pool", "last.lif", 2, 1, 1);
  b.flatten("flatten", "last.pool");
  const int features = 2 * channels * (height / 2 + 1) * (width / 2 + 1);
  b.linear("fc1", "flatten", features, 5);
  b.lif("fc1.lif", {"fc1"});
  b.linear("fc2", "fc1.lif", 5, 3);
  return b.output("fc2", {3}, timesteps);
}

}  // namespace spikeloop::testing
