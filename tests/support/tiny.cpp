#include "tests/support/tiny.h"

#include <stdexcept>

#include "traces/support/random.h"

namespace spikeloop::testing {

sim::ChipConfig tiny_chip() {
  sim::ChipConfig c;
  c.name = "tiny";
  c.path = "tiny";
  c.clock.frequency_mhz = 1000;
  c.mesh = {2, 1, 8, 8};
  c.router.buffer_flits = 2;
  c.router.latency_cycles = 1;
  c.link.latency_cycles = 1;
  c.link.length_mm = 1;
  c.host_port.column = 0;
  c.host_port.row = 0;
  c.tile.pes = 1;
  c.tile.barrier_latency_cycles = 4;
  c.pe.crossbars = 2;
  c.crossbar.rows = c.crossbar.columns = 8;
  c.crossbar.reference_rows = c.crossbar.reference_columns = 8;
  c.crossbar.cell_bits = 4;
  c.crossbar.max_active_rows = 8;
  c.crossbar.skip_zero = true;
  c.crossbar.read_latency_ns = 2;
  c.adc.bits = c.adc.reference_bits = 4;
  c.adc.columns_per_adc = 4;
  c.adc.conversion_latency_ns = 1;
  c.adc.sample_and_hold = false;
  c.shift_add.latency_cycles = 1;
  c.adder_tree.latency_cycles_per_level = 1;
  c.adder_tree.lanes = 2;
  c.input_buffer.capacity_bits = 1 << 14;
  c.input_buffer.port_bits = 8;
  c.output_buffer.capacity_bits = 1 << 10;
  c.output_buffer.port_bits = 1 << 10;
  c.node_adder.lanes = 2;
  c.node_adder.value_bits = 8;
  c.node_memory.capacity_bits = 1 << 16;
  c.neuron_unit.lanes = 2;
  c.neuron_unit.latency_cycles = 1;
  c.neuron_unit.membrane_bits = 8;
  c.membrane_memory.capacity_bits = 1 << 16;
  c.pooling_unit.lanes = 4;
  c.pooling_memory.capacity_bits = 1 << 14;
  double pj = 1e-6;
  const auto next = [&pj] {
    const double value = pj;
    pj *= 2;
    return value;
  };
  c.crossbar.energy_pj_per_active_row = next();
  c.wordline_driver.energy_pj_per_active_row = next();
  c.column_mux.energy_pj_per_conversion = next();
  c.adc.energy_pj_per_conversion = next();
  c.shift_add.energy_pj_per_conversion = next();
  c.adder_tree.energy_pj_per_add = next();
  for (sim::ChipConfig::Memory* m : {static_cast<sim::ChipConfig::Memory*>(&c.input_buffer),
                                     static_cast<sim::ChipConfig::Memory*>(&c.output_buffer), &c.node_memory,
                                     &c.membrane_memory, &c.pooling_memory}) {
    m->read_energy_pj_per_bit = next();
    m->write_energy_pj_per_bit = next();
    m->area_um2_per_bit = 0.25;
    m->leakage_uw_per_kbit = 0.001;
  }
  c.node_adder.energy_pj_per_add = next();
  c.neuron_unit.energy_pj_per_update = next();
  c.pooling_unit.energy_pj_per_add = next();
  c.router.energy_pj_per_flit = next();
  c.link.energy_pj_per_bit_mm = next();
  c.host_port.energy_pj_per_bit = next();
  c.crossbar.area_um2 = 10.5;
  c.crossbar.leakage_uw = 0.01;
  c.adc.area_um2 = 7.25;
  c.adc.leakage_uw = 0.02;
  c.router.area_um2 = 100.125;
  c.router.leakage_uw = 0.3;
  c.tile.control_area_um2 = 3;
  c.tile.control_leakage_uw = 0.004;
  c.host_port.area_um2 = 1.5;
  c.host_port.leakage_uw = 0.001;
  return c;
}

NetworkBuilder::NetworkBuilder(std::vector<std::int64_t> input_shape, int input_bits) {
  network_.input_bits = input_bits;
  network_.input_scale = 1;
  const auto channels = input_shape[0];
  add("input", traces::InputParams{std::move(input_shape)}, {});
  channels_.back() = channels;
}

int NetworkBuilder::add(const std::string& name, traces::NodeParams params,
                        const std::vector<std::string>& from) {
  network_.nodes.push_back({name, std::move(params)});
  channels_.push_back(from.empty() ? 0 : channels_of(from[0]));
  for (const auto& f : from) edge(f, name);
  return static_cast<int>(network_.nodes.size()) - 1;
}

std::int64_t NetworkBuilder::channels_of(const std::string& name) const {
  return channels_.at(static_cast<std::size_t>(network_.find(name)));
}

NetworkBuilder& NetworkBuilder::edge(const std::string& from, const std::string& to, bool backward) {
  const int a = network_.find(from);
  const int b = network_.find(to);
  if (a < 0 || b < 0) throw std::logic_error("no node " + from + " or " + to);
  network_.edges.push_back({a, b, backward});
  return *this;
}

NetworkBuilder& NetworkBuilder::conv(const std::string& name, const std::string& from, int out, int kernel,
                                     int stride, int padding) {
  traces::Conv2dParams p;
  const auto in = channels_of(from);
  p.weight.shape = {out, in, kernel, kernel};
  p.weight.data.assign(static_cast<std::size_t>(out * in * kernel * kernel), 1.0F);
  p.stride = {stride, stride};
  if (padding < 0) padding = kernel / 2;
  p.padding = {padding, padding};
  traces::QuantisedWeight q;
  q.bits = 5;
  q.scale = {1};
  q.value.assign(p.weight.data.size(), 1);
  p.quantised = q;
  add(name, p, {from});
  channels_.back() = out;
  return *this;
}

NetworkBuilder& NetworkBuilder::linear(const std::string& name, const std::string& from, int in, int out) {
  traces::LinearParams p;
  p.weight.shape = {out, in};
  p.weight.data.assign(static_cast<std::size_t>(out * in), 1.0F);
  traces::QuantisedWeight q;
  q.bits = 5;
  q.scale = {1};
  q.value.assign(p.weight.data.size(), 1);
  p.quantised = q;
  add(name, p, {from});
  channels_.back() = out;
  return *this;
}

NetworkBuilder& NetworkBuilder::sum(const std::string& name, const std::vector<std::string>& from) {
  add(name, traces::ScaleParams{{{1, 1, 1}, {1.0F}}}, from);
  return *this;
}

NetworkBuilder& NetworkBuilder::lif(const std::string& name, const std::vector<std::string>& from) {
  const auto one = [](float v) { return traces::Tensor{{1}, {v}}; };
  add(name, traces::LifParams{one(1e-4F), one(1), one(0), one(1), one(0), true}, from);
  return *this;
}

NetworkBuilder& NetworkBuilder::pool(const std::string& name, const std::string& from, int kernel, int stride,
                                     int padding) {
  add(name, traces::Pool2dParams{true, {kernel, kernel}, {stride, stride}, {padding, padding}}, {from});
  return *this;
}

NetworkBuilder& NetworkBuilder::flatten(const std::string& name, const std::string& from) {
  add(name, traces::FlattenParams{}, {from});
  return *this;
}

traces::Network NetworkBuilder::output(const std::string& from, std::vector<std::int64_t> shape,
                                       int timesteps) {
  add("output", traces::OutputParams{std::move(shape)}, {from});
  network_.timesteps = timesteps;
  return network_;
}

traces::Network small_classifier() {
  return NetworkBuilder({3, 8, 8})
      .conv("conv1", "input", 8, 3)
      .lif("lif1", {"conv1"})
      .conv("conv2", "lif1", 8, 3, 2)
      .lif("lif2", {"conv2"})
      .flatten("flatten", "lif2")
      .linear("classes", "flatten", 128, 10)
      .lif("lif3", {"classes"})
      .output("lif3", {10}, 3);
}

traces::SpikeTrace random_trace(const traces::Network& network, int samples, double rate, std::uint64_t seed,
                                int frames) {
  const auto shapes = traces::infer_shapes(network, "test");
  RandomStream random(seed);
  traces::SpikeTrace trace;
  trace.header.network_sha256 = traces::network_hash(network);
  trace.header.dataset = "random";
  trace.header.timesteps = network.timesteps;
  for (int n = 0; n < samples; ++n) trace.samples.push_back({n, 0, 0});
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    const auto& node = network.nodes[i];
    const auto& s = shapes[i];
    const std::int64_t channels = s[0];
    const std::int64_t height = s.size() == 3 ? s[1] : 1;
    const std::int64_t width = s.size() == 3 ? s[2] : 1;
    if (node.as<traces::InputParams>() != nullptr) {
      trace.input = {frames, height, width, channels, 1.0F, network.input_bits, {}};
      for (std::int64_t k = 0; k < samples * frames * height * width * channels; ++k) {
        const auto range = std::uint64_t{1} << network.input_bits;
        const auto value = static_cast<int>(random.below(range)) - static_cast<int>(range / 2);
        trace.input.data.push_back(static_cast<std::int8_t>(rate > 0 ? value : 0));
      }
    }
    if (!node.spiking()) continue;
    auto& spikes = trace.nodes[node.name];
    spikes.info = {height, width, channels, 0};
    for (int n = 0; n < samples; ++n) {
      spikes.spikes.emplace_back();
      for (int t = 0; t < network.timesteps; ++t) {
        traces::PackedBits bits(static_cast<std::size_t>((spikes.info.bits() + 63) / 64));
        for (std::int64_t b = 0; b < spikes.info.bits(); ++b) {
          if (random.unit() < rate) bits[static_cast<std::size_t>(b / 64)] |= std::uint64_t{1} << (b % 64);
        }
        spikes.spikes.back().push_back(bits);
      }
    }
  }
  return trace;
}

}  // namespace spikeloop::testing
