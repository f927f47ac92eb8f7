#include "sim/report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/config/text_format.h"

namespace spikeloop::sim {
namespace {

constexpr std::size_t kLabelWidth = 18;
constexpr int kBarWidth = 40;

struct Range {
  double mean = 0, least = 0, most = 0;
};

template <class Get>
Range range_of(const std::vector<SampleReport>& samples, const Get& get) {
  Range range;
  if (samples.empty()) return range;
  range.least = range.most = get(samples.front());
  for (const auto& sample : samples) {
    const double value = get(sample);
    range.mean += value / static_cast<double>(samples.size());
    range.least = std::min(range.least, value);
    range.most = std::max(range.most, value);
  }
  return range;
}

std::string range_text(const Range& range, double unit_in_si, const std::string& unit) {
  const auto show = [&](double value) { return scaled(value * unit_in_si) + unit; };
  std::string text = show(range.mean);
  if (range.least != range.most) text += "  (" + show(range.least) + " to " + show(range.most) + ")";
  return text;
}

std::string line(const std::string& label, const std::string& text) {
  return "  " + left(label, kLabelWidth) + text + "\n";
}

std::string percent(double part, double whole) {
  return fixed_point(whole > 0 ? 100 * part / whole : 0.0, 1) + " %";
}

std::string bar(double part, double whole) {
  const auto length = whole > 0 ? std::lround(kBarWidth * part / whole) : 0L;
  return length > 0 ? "  " + std::string(static_cast<std::size_t>(length), '#') : "";
}

std::int64_t sum(const EnergyByComponent& energy) {
  std::int64_t total = 0;
  for (const auto& e : energy) total += e.total_aj();
  return total;
}

/// Reads and writes of a memory are one block.
struct Block {
  std::string name;
  Energy energy;
  std::int64_t area_nm2 = 0;
};

std::vector<Block> blocks_of(const Measurement& m) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    const std::string name = component_name(static_cast<Component>(i));
    if (blocks.empty() || blocks.back().name != name) blocks.push_back({name, {}, 0});
    blocks.back().energy += m.energy[i];
    blocks.back().area_nm2 += m.area[i];
  }
  return blocks;
}

std::string totals(const Measurement& m, const ChipConfig& chip) {
  std::string out = "per sample\n";
  const Range latency = range_of(m.samples, [&](const SampleReport& s) { return m.latency_ns(s); });
  const Range cycles =
      range_of(m.samples, [](const SampleReport& s) { return static_cast<double>(s.cycles); });
  const Range energy =
      range_of(m.samples, [](const SampleReport& s) { return static_cast<double>(s.energy.total_aj()); });
  const Range leakage =
      range_of(m.samples, [](const SampleReport& s) { return static_cast<double>(s.energy.leakage_aj); });
  out += line("latency", range_text(latency, 1e-9, "s") + ", " + grouped(std::llround(cycles.mean)) +
                             " cycles at " + fixed_point(m.clock_mhz, 0) + " MHz");
  out += line("energy",
              range_text(energy, 1e-18, "J") + ", " + percent(leakage.mean, energy.mean) + " of it leakage");
  const auto known = std::count_if(m.samples.begin(), m.samples.end(),
                                   [](const SampleReport& s) { return s.label >= 0 && s.prediction >= 0; });
  if (known > 0) {
    const auto right_ones = std::count_if(m.samples.begin(), m.samples.end(), [](const SampleReport& s) {
      return s.label >= 0 && s.prediction == s.label;
    });
    out += line("correct", grouped(right_ones) + " of " + grouped(known) +
                               (m.functional ? ", as the crossbars compute" : ", as the trace says"));
  }
  const double samples = std::max(1.0, static_cast<double>(m.samples.size()));
  out += line("crossbar reads", grouped(std::llround(static_cast<double>(m.crossbar_reads) / samples)));
  const double hops =
      m.flits_injected > 0 ? static_cast<double>(m.flit_hops) / static_cast<double>(m.flits_injected) : 0;
  out += line("mesh traffic", grouped(std::llround(static_cast<double>(m.packets) / samples)) + " packets, " +
                                  grouped(std::llround(static_cast<double>(m.flits_injected) / samples)) +
                                  " flits over " + fixed_point(hops, 2) + " links each");

  out += "\nhardware\n";
  int used = 0;
  std::int64_t tiles = 0;
  for (const auto& tile : m.tiles) {
    used += tile.crossbars_used;
    if (!tile.layers.empty()) ++tiles;
  }
  out +=
      line("area", fixed_point(m.area_um2() * 1e-6, 3) + " mm2: " + count_of(tiles, "tile") + " in use of " +
                       grouped(std::int64_t{chip.mesh.columns} * chip.mesh.rows) + ", routers of " +
                       std::to_string(m.mesh_columns) + " x " + std::to_string(m.mesh_rows));
  out += line("crossbars", grouped(used) + " hold weights of the " +
                               grouped(tiles * chip.tile.pes * chip.pe.crossbars) + " in these tiles");
  out += line("weight memory",
              fixed_point(m.memory_bytes() / 1024, 2) + " KiB, " + grouped(m.weights) + " weights");
  return out;
}

std::string layers_table(const Measurement& m) {
  std::size_t name_width = 7;
  for (const auto& layer : m.layers) name_width = std::max(name_width, layer.name.size() + 2);
  const double samples = std::max(1.0, static_cast<double>(m.samples.size()));
  const auto mean = [&](std::int64_t n) { return grouped(std::llround(static_cast<double>(n) / samples)); };
  const auto total = static_cast<double>(m.total_energy_aj());

  std::string out = "\nlayers, per sample\n  " + left("layer", name_width) + left("kind", 13) +
                    right("tiles", 5) + right("crossbars", 11) + right("items", 10) + right("reads", 11) +
                    right("ones", 9) + right("busy cyc", 12) + right("blocked cyc", 13) +
                    right("energy", 12) + right("share", 9) + "\n";
  for (const auto& layer : m.layers) {
    const auto energy = static_cast<double>(sum(layer.energy));
    const bool reads = layer.input_bits > 0;
    out += "  " + left(layer.name, name_width) + left(layer.kind, 13) +
           right(std::to_string(layer.tiles), 5) + right(std::to_string(layer.crossbars), 11) +
           right(mean(layer.items), 10) + right(mean(layer.crossbar_reads), 11) +
           right(reads ? percent(static_cast<double>(layer.input_ones), static_cast<double>(layer.input_bits))
                       : "-",
                 9) +
           right(mean(layer.busy_cycles), 12) + right(mean(layer.blocked_cycles), 13) +
           right(scaled(energy * 1e-18 / samples) + "J", 12) + right(percent(energy, total), 9) + "\n";
  }
  return out + wrapped(
                   "items: windows, pixels or vectors; reads: passes over crossbars; ones: set bits in what "
                   "crossbars read; busy: cycles at work, summed over tiles and copies; blocked: cycles that "
                   "results waited for room downstream",
                   2);
}

std::string component_tables(const Measurement& m) {
  const auto blocks = blocks_of(m);
  const double samples = std::max(1.0, static_cast<double>(m.samples.size()));
  const auto energy = static_cast<double>(m.total_energy_aj());
  std::string out = "\nenergy by component, per sample\n";
  for (const auto& block : blocks) {
    const auto part = static_cast<double>(block.energy.total_aj());
    if (part == 0) continue;
    out += "  " + left(block.name, kLabelWidth) + right(scaled(part * 1e-18 / samples) + "J", 10) +
           right(percent(part, energy), 9) + bar(part, energy) + "\n";
  }
  const auto area = static_cast<double>(m.total_area_nm2());
  out += "\narea by component\n";
  for (const auto& block : blocks) {
    const auto part = static_cast<double>(block.area_nm2);
    if (part == 0) continue;
    out += "  " + left(block.name, kLabelWidth) + right(fixed_point(part * 1e-12, 4) + " mm2", 12) +
           right(percent(part, area), 9) + bar(part, area) + "\n";
  }
  return out;
}

}  // namespace

std::string table(const Measurement& m, const ChipConfig& chip) {
  const std::size_t samples = m.samples.size();
  std::string out = "chip " + m.chip_name + ", network " + m.network_sha256.substr(0, 12) + ", " +
                    count_of(static_cast<std::int64_t>(samples), "sample") + " of " +
                    count_of(m.timesteps, "timestep") + ", " + m.schedule + "\n\n";
  if (m.functional) out += functional_table(*m.functional) + "\n";
  return out + totals(m, chip) + layers_table(m) + component_tables(m);
}

}  // namespace spikeloop::sim
