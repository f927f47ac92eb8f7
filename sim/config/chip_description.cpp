#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/component.h"
#include "sim/config/chip_fields.h"
#include "sim/config/chip_texts.h"
#include "sim/config/text_format.h"
#include "sim/energy.h"
#include "sim/functional/adc.h"
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

std::string word_of(const ChipConfig& chip, const char* path) {
  for (const Field& field : chip_fields())
    if (std::string(path) == field.path) return field_text(field, chip);
  return "";
}

std::string mhz(double value) { return number_text(value) + " MHz"; }

std::string structure(const ChipConfig& chip, const Timing& timing) {
  const auto& x = chip.crossbar;
  const std::int64_t tiles = std::int64_t{chip.mesh.columns} * chip.mesh.rows;
  const std::int64_t per_tile = std::int64_t{chip.tile.pes} * chip.pe.crossbars;
  std::string clocks = mhz(chip.clock.frequency_mhz);
  if (chip.array_mhz() != chip.clock.frequency_mhz || chip.network_mhz() != chip.clock.frequency_mhz) {
    clocks += " in tiles, " + mhz(chip.array_mhz()) + " in crossbars and ADCs, " + mhz(chip.network_mhz()) +
              " in the network; " + count_of(chip.clock.crossing_cycles, "cycle") +
              " to cross; common grid " + number_text(timing.grid_mhz) + " MHz";
  }
  const auto flits = [&](std::int64_t payload) {
    return (chip.mesh.header_bits + payload + chip.mesh.flit_bits - 1) / chip.mesh.flit_bits;
  };
  constexpr std::int64_t kChannels = 64;
  std::string out = "\nstructure\n";
  out += line("clock", clocks);
  out += line("chip", std::to_string(chip.mesh.columns) + " x " + std::to_string(chip.mesh.rows) +
                          " mesh = " + count_of(tiles, "tile") + ", host port at tile (" +
                          std::to_string(chip.host_port.column) + ", " + std::to_string(chip.host_port.row) +
                          ")");
  out += line("tile", count_of(chip.tile.pes, "PE") + " with " + count_of(chip.pe.crossbars, "crossbar") +
                          " each = " + count_of(per_tile, "crossbar"));
  out += line("crossbar", std::to_string(x.rows) + " x " + std::to_string(x.columns) + " cells of " +
                              count_of(x.cell_bits, "bit") + ", " + std::to_string(x.max_active_rows) +
                              " rows driven at once" +
                              (x.skip_zero ? ", not read without a spike" : ", read without a spike too"));
  out += line("ADCs", count_of(timing.adcs_per_crossbar, word_of(chip, "adc.kind") + " ADC") + " of " +
                          count_of(chip.adc.bits, "bit") + " per crossbar, one for " +
                          count_of(chip.adc.columns_per_adc, "column") +
                          (chip.adc.sample_and_hold ? ", sample and hold" : ", no sample and hold"));
  out += line("mesh links", std::to_string(chip.mesh.flit_bits) + " bits per cycle = " +
                                scaled(chip.mesh.flit_bits * chip.network_mhz() * 1e6) + "bit/s each way; " +
                                word_of(chip, "router.routing") + " routing, " +
                                count_of(chip.router.virtual_channels, "virtual channel") + " of " +
                                count_of(chip.router.buffer_flits, "flit"));
  out +=
      line("packets", "header " + count_of(chip.mesh.header_bits, "bit") + "; 64 channels without a spike: " +
                          count_of(flits(0), "flit") + ", as bitmap: " + count_of(flits(kChannels), "flit") +
                          ", as values: " + count_of(flits(kChannels * chip.node_adder.value_bits), "flit"));
  out += line("memories of a tile", "input " + kib(chip.input_buffer.capacity_bits) + ", output " +
                                        kib(chip.output_buffer.capacity_bits) + ", node " +
                                        kib(chip.node_memory.capacity_bits) + ", membrane " +
                                        kib(chip.membrane_memory.capacity_bits) + ", pooling " +
                                        kib(chip.pooling_memory.capacity_bits));
  out +=
      line("work", "schedule " + word_of(chip, "schedule") + ", spikes as " +
                       word_of(chip, "spike_encoding") + ", " + word_of(chip, "delivery") + ", placement " +
                       word_of(chip, "placement") + ", mapping " + word_of(chip, "mapping"));
  return out;
}

/// Whether the ADC tells apart whatever a column of ideal cells may add up to.
std::string exact_sums(const ChipConfig& chip) {
  const std::int64_t largest = largest_sum(chip);
  const AdcRange range = adc_range(chip);
  std::string out = std::to_string(chip.crossbar.max_active_rows) + " rows of level " +
                    std::to_string((1 << chip.crossbar.cell_bits) - 1) + " add up to " + grouped(largest) +
                    ": " + count_of(exact_adc_range(largest).bits, "ADC bit") + " needed, " +
                    std::to_string(chip.adc.bits) + " there";
  if (is_exact(range, largest)) return out + ": every sum is exact";
  const double full_scale = range.lsb * static_cast<double>(range.top_code);
  if (range.lsb != 1) out += ": a code is " + fixed_point(range.lsb, 2) + " levels, sums are rounded";
  if (full_scale < static_cast<double>(largest))
    out += (range.lsb != 1 ? ", and those above " : ": sums above ") +
           number_text(std::round(full_scale * 100) / 100) + " are clipped";
  return out;
}

std::string capacity(const ChipConfig& chip, std::int64_t outputs) {
  const auto& x = chip.crossbar;
  const bool pair = chip.weight_encoding == WeightEncoding::kDifferentialPair;
  const int columns = columns_per_output(chip, chip.weight_bits);
  const std::int64_t crossbars =
      std::int64_t{chip.mesh.columns} * chip.mesh.rows * chip.tile.pes * chip.pe.crossbars;
  const std::int64_t of_crossbar = x.rows * outputs;
  const std::int64_t of_pe = of_crossbar * chip.pe.crossbars;
  const std::int64_t weights = crossbars * of_crossbar;
  std::string out = "\nholds\n";
  out +=
      line("one weight", std::to_string(chip.weight_bits) +
                             " bits = " + count_of(pair ? columns / 2 : columns, "slice") +
                             (pair ? " x 2 columns = " : ", with an offset = ") + count_of(columns, "cell"));
  out += line("crossbar", std::to_string(x.rows) + " inputs x " + count_of(outputs, "output") + " = " +
                              grouped(of_crossbar) + " weights" +
                              (reference_columns(chip) > 0 ? ", beside a reference column" : ""));
  out += line("PE, tile", grouped(of_pe) + " and " + grouped(of_pe * chip.tile.pes) + " weights");
  out += line("chip", grouped(weights) + " weights at most (" + kib(weights * chip.weight_bits) + ") in " +
                          count_of(crossbars, "crossbar"));
  out += line("exact sums", exact_sums(chip));
  const std::int64_t values = chip.node_memory.capacity_bits / chip.node_adder.value_bits;
  const std::int64_t neurons = chip.membrane_memory.capacity_bits / chip.neuron_unit.membrane_bits;
  out += line("largest map", grouped(std::min(values, neurons)) + " neurons in a tile (" + grouped(values) +
                                 " values, half as many where an input that never changes is kept; " +
                                 grouped(neurons) + " membranes)");
  const std::int64_t row = chip.input_buffer.capacity_bits / 3;
  out += line("largest window", "the input buffer holds three rows of " + grouped(row) +
                                    " spikes (a 3 x 3 window; width x channels), or " +
                                    grouped(chip.input_buffer.capacity_bits) + " inputs of a linear layer");
  out += line("timesteps",
              chip.schedule == Schedule::kLayerSequential
                  ? "all of a layer's input maps together fit the input buffer: spikes x timesteps up to " +
                        grouped(chip.input_buffer.capacity_bits)
                  : std::string("any number"));
  return out;
}

std::string peak_rates(const ChipConfig& chip, const Timing& timing, std::int64_t outputs) {
  const auto& x = chip.crossbar;
  const int phases = chip.adc.columns_per_adc;
  const Cycle read = crossbar_cycles(timing, chip.adc.sample_and_hold, 1, phases);
  // Array cycles from one read of a crossbar to the next when they never stop.
  const Cycle period = crossbar_cycles(timing, chip.adc.sample_and_hold, 2, phases) - read;
  const Cycle converting = Cycle{phases} * timing.conversion_interval;
  const std::int64_t crossbars =
      std::int64_t{chip.mesh.columns} * chip.mesh.rows * chip.tile.pes * chip.pe.crossbars;
  const double of_one = chip.array_mhz() * 1e6 / static_cast<double>(period);
  const double reads_per_s = static_cast<double>(crossbars) * of_one;
  std::string out = "\npeak rates\n";
  out +=
      line("crossbar read", count_of(timing.read_cycles, "cycle") + " + " + std::to_string(phases) +
                                " conversions x " + count_of(timing.conversion_interval, "cycle") + " = " +
                                count_of(read, "cycle") + ", the next one after " + grouped(period) + ": " +
                                (converting >= timing.read_cycles ? "ADC-limited" : "read-limited"));
  out += line("windows", scaled(of_one) + "windows/s of a layer, at one pass and 1-bit inputs");
  out += line("reads", scaled(reads_per_s) + "reads/s of all crossbars");
  out += line("conversions", scaled(reads_per_s * x.columns) + "conversions/s by " +
                                 count_of(crossbars * timing.adcs_per_crossbar, "ADC"));
  out += line("MACs", scaled(reads_per_s * x.max_active_rows * static_cast<double>(outputs)) +
                          "MACs/s, at 1-bit inputs and all rows that a pass drives active");
  return out;
}

}  // namespace

std::string describe_chip(const ChipConfig& chip) {
  const Timing timing = make_timing(chip);
  const std::int64_t outputs =
      (chip.crossbar.columns - reference_columns(chip)) / columns_per_output(chip, chip.weight_bits);
  std::string out = chip.name + "  (" + chip.path + ", sha256 " + chip.sha256.substr(0, 12) + ")\n";
  if (!chip.description.empty()) out += wrapped(chip.description, 0);
  out += structure(chip, timing);
  out += capacity(chip, outputs);
  out += peak_rates(chip, timing, outputs);
  out += "\narea and leakage\n" + area_table(chip);
  out += "\nsources\n";
  for (const auto& [pointer, text] : chip.sources) out += line(pointer.substr(1), text);
  return out;
}

}  // namespace spikeloop::sim
