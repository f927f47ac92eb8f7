#include <algorithm>
#include <cstddef>
#include <string>

#include "sim/component.h"
#include "sim/config/chip_fields.h"
#include "sim/config/chip_texts.h"
#include "sim/config/text_format.h"
#include "sim/energy.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {
namespace {

std::string kib(std::int64_t bits) { return fixed_point(static_cast<double>(bits) / 8192.0, 1) + " KiB"; }

constexpr std::size_t kLabelWidth = 20;

/// A label, and a text that goes on below itself.
std::string line(const std::string& label, const std::string& text) {
  const std::string body = wrapped(text, kLabelWidth + 2);
  return "  " + left(label, kLabelWidth) + body.substr(kLabelWidth + 2);
}

std::string area_table(const ChipConfig& chip) {
  const int tiles = chip.mesh.columns * chip.mesh.rows;
  const Inventory tile = tile_inventory(chip);
  const Inventory router = router_inventory(chip);
  const Inventory host = host_inventory(chip);
  double area = 0;
  double leakage = 0;
  const auto of_chip = [&](const auto& tile_part, const auto& router_part, const auto& host_part,
                           std::size_t i) { return tiles * (tile_part[i] + router_part[i]) + host_part[i]; };
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    area += of_chip(tile.area_um2, router.area_um2, host.area_um2, i);
    leakage += of_chip(tile.leakage_uw, router.leakage_uw, host.leakage_uw, i);
  }
  std::string out;
  const auto row = [&](const std::string& name, double um2, double uw) {
    out += "  " + left(name, kLabelWidth) + right(fixed_point(um2 * 1e-6, 4), 10) + " mm2" +
           right(fixed_point(area > 0 ? 100 * um2 / area : 0.0, 1), 8) + " %" +
           right(fixed_point(uw, 3), 12) + " uW\n";
  };
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    const double um2 = of_chip(tile.area_um2, router.area_um2, host.area_um2, i);
    const double uw = of_chip(tile.leakage_uw, router.leakage_uw, host.leakage_uw, i);
    if (um2 > 0 || uw > 0) row(component_name(static_cast<Component>(i)), um2, uw);
  }
  row("total", area, leakage);
  return out;
}

}  // namespace

std::string describe_chip(const ChipConfig& chip) {
  const Timing timing = make_timing(chip);
  const auto& x = chip.crossbar;
  const double array_hz = chip.array_mhz() * 1e6;
  const double network_hz = chip.network_mhz() * 1e6;
  const std::int64_t tiles = std::int64_t{chip.mesh.columns} * chip.mesh.rows;
  const std::int64_t per_tile = std::int64_t{chip.tile.pes} * chip.pe.crossbars;
  const std::int64_t crossbars = tiles * per_tile;
  const std::int64_t adcs = crossbars * timing.adcs_per_crossbar;
  // A differential pair holds the magnitude, so the sign bit takes no cell.
  const int slices = (std::max(1, chip.weight_bits - 1) + x.cell_bits - 1) / x.cell_bits;
  const int outputs = x.columns / (2 * slices);
  const std::int64_t weights = crossbars * x.rows * outputs;
  const Cycle read = crossbar_cycles(timing, chip.adc.sample_and_hold, 1, chip.adc.columns_per_adc);
  // Cycles from one read of a crossbar to the next when they never stop.
  const Cycle period = crossbar_cycles(timing, chip.adc.sample_and_hold, 2, chip.adc.columns_per_adc) - read;
  const double reads_per_s = static_cast<double>(crossbars) * array_hz / static_cast<double>(period);

  std::string out = chip.name + "  (" + chip.path + ", sha256 " + chip.sha256.substr(0, 12) + ")\n";
  if (!chip.description.empty()) out += wrapped(chip.description, 0);

  out += "\nstructure\n";
  out += line("clock", number_text(chip.clock.frequency_mhz) + " MHz");
  out += line("chip", std::to_string(chip.mesh.columns) + " x " + std::to_string(chip.mesh.rows) +
                          " mesh = " + count_of(tiles, "tile") + ", host port at tile (" +
                          std::to_string(chip.host_port.column) + ", " + std::to_string(chip.host_port.row) +
                          ")");
  out += line("tile", count_of(chip.tile.pes, "PE") + " with " + count_of(chip.pe.crossbars, "crossbar") +
                          " each = " + count_of(per_tile, "crossbar"));
  out += line("crossbar", std::to_string(x.rows) + " x " + std::to_string(x.columns) + " cells of " +
                              count_of(x.cell_bits, "bit") + ", " + std::to_string(x.max_active_rows) +
                              " rows driven at once");
  out += line("ADCs", count_of(timing.adcs_per_crossbar, "ADC") + " of " + count_of(chip.adc.bits, "bit") +
                          " per crossbar, one for " + count_of(chip.adc.columns_per_adc, "column") +
                          (chip.adc.sample_and_hold ? ", sample and hold" : ", no sample and hold"));
  out += line("mesh links", std::to_string(chip.mesh.flit_bits) +
                                " bits per cycle = " + scaled(chip.mesh.flit_bits * network_hz) +
                                "bit/s each way, packet header " + count_of(chip.mesh.header_bits, "bit"));
  out += line("memories of a tile", "input " + kib(chip.input_buffer.capacity_bits) + ", output " +
                                        kib(chip.output_buffer.capacity_bits) + ", node " +
                                        kib(chip.node_memory.capacity_bits) + ", membrane " +
                                        kib(chip.membrane_memory.capacity_bits) + ", pooling " +
                                        kib(chip.pooling_memory.capacity_bits));
  out += line("schedule", chip.schedule == Schedule::kPipelined ? "pipelined" : "timestep_sequential");

  out += "\nholds\n";
  out += line("one weight", std::to_string(chip.weight_bits) + " bits = " + count_of(slices, "slice") +
                                " x 2 columns = " + std::to_string(2 * slices) + " cells");
  out += line("crossbar", std::to_string(x.rows) + " inputs x " + count_of(outputs, "output"));
  out += line("chip", grouped(weights) + " weights at most (" + kib(weights * chip.weight_bits) + ") in " +
                          count_of(crossbars, "crossbar"));

  out += "\npeak rates\n";
  out += line("crossbar read", count_of(timing.read_cycles, "cycle") + " + " +
                                   std::to_string(chip.adc.columns_per_adc) + " conversions x " +
                                   count_of(timing.conversion_cycles, "cycle") + " = " +
                                   count_of(read, "cycle") + ", the next one after " + grouped(period));
  out += line("reads", scaled(reads_per_s) + "reads/s");
  out += line("conversions", scaled(reads_per_s * x.columns) + "conversions/s by " + count_of(adcs, "ADC"));
  out += line("additions",
              scaled(reads_per_s * x.max_active_rows * outputs) + "weights/s added up, at 1-bit inputs");

  out += "\narea and leakage\n" + area_table(chip);

  out += "\nsources\n";
  for (const auto& [pointer, text] : chip.sources) out += line(pointer.substr(1), text);
  return out;
}

}  // namespace spikeloop::sim
