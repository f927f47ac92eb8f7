#include "sim/functional/devices.h"

#include <algorithm>
#include <cmath>

#include "sim/config/chip_fields.h"
#include "sim/config/text_format.h"
#include "sim/functional/wires.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr std::uint64_t kVariationStream = 0, kStuckStream = 1;
constexpr double kTwoPi = 6.283185307179586;

}  // namespace

double NormalStream::next() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const auto uniform = [&] { return (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  const double angle = kTwoPi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double off_levels(const ChipConfig& chip) {
  return ((1 << chip.crossbar.cell_bits) - 1) / (chip.device.on_off_ratio - 1);
}

bool ideal_cells(const ChipConfig::Device& device) {
  const bool drifts = device.drift_exponent > 0 && device.drift_time_s != 1;
  return device.variation == 0 && device.stuck_on_fraction == 0 && device.stuck_off_fraction == 0 &&
         !drifts && device.wire_resistance_ohm == 0;
}

std::vector<float> program_cells(const ChipConfig& chip, const Piece& piece,
                                 const std::vector<std::uint8_t>& levels, std::uint64_t seed) {
  const auto& device = chip.device;
  const double off = off_levels(chip);
  const double top = (1 << chip.crossbar.cell_bits) - 1;
  const double drift = std::pow(device.drift_time_s, -device.drift_exponent);
  NormalStream variation(derive_seed(seed, kVariationStream));
  RandomStream stuck(derive_seed(seed, kStuckStream));
  std::vector<double> conductance(levels.size());  // of the piece, in levels, with the off conductance
  for (std::size_t i = 0; i < levels.size(); ++i) {
    double g = levels[i] + off;
    if (device.variation > 0) g = std::max(0.0, g * (1 + device.variation * variation.next()));
    g *= drift;
    if (device.stuck_on_fraction > 0 || device.stuck_off_fraction > 0) {
      const double draw = stuck.unit();
      if (draw < device.stuck_on_fraction) {
        g = top + off;
      } else if (draw < device.stuck_on_fraction + device.stuck_off_fraction) {
        g = off;
      }
    }
    conductance[i] = g;
  }
  if (device.wire_resistance_ohm > 0) {
    const double on_siemens = 1e-3 / device.on_resistance_kohm;
    const double level_siemens = on_siemens * (1 - 1 / device.on_off_ratio) / top;
    const auto width = static_cast<std::size_t>(chip.crossbar.columns);
    const auto columns = static_cast<std::size_t>(piece.columns);
    std::vector<double> whole(static_cast<std::size_t>(chip.crossbar.rows) * width, off * level_siemens);
    for (std::size_t i = 0; i < levels.size(); ++i)
      whole[i / columns * width + i % columns] = conductance[i] * level_siemens;
    const double share =
        apply_wire_resistance(whole, chip.crossbar.rows, chip.crossbar.columns, device.wire_resistance_ohm);
    if (share > kLargestWireShare) {
      throw InputError(chip.path, "/device/wire_resistance_ohm",
                       number_text(device.wire_resistance_ohm) + ", with which wires take " +
                           fixed_point(100 * share, 1) + " % of what a line of cells conducts",
                       "less, or cells that conduct less: the functional mode's model of wires holds where "
                       "they take at most " +
                           fixed_point(100 * kLargestWireShare, 0) + " %");
    }
    for (std::size_t i = 0; i < levels.size(); ++i)
      conductance[i] = whole[i / columns * width + i % columns] / level_siemens;
  }
  std::vector<float> beyond(levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) beyond[i] = static_cast<float>(conductance[i] - off);
  return beyond;
}

}  // namespace spikeloop::sim
