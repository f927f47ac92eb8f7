#pragma once
#include <cstdint>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "traces/support/random.h"

/// The cells of a crossbar as they conduct. Unit of conductance is a level: what a cell gains from one level
/// to the next, (G_on - G_off) / (2^cell_bits - 1).
namespace spikeloop::sim {

/// Standard normal numbers from a counter-based stream (Box and Muller 1958).
class NormalStream {
 public:
  explicit NormalStream(std::uint64_t seed) : random_(seed) {}
  double next();

 private:
  RandomStream random_;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// Conductance of a cell at level 0 (G_off), which every driven cell adds to its column:
/// (2^cell_bits - 1) / (on_off_ratio - 1) levels.
double off_levels(const ChipConfig& chip);

/// Whether cells conduct exactly what they were programmed to.
bool ideal_cells(const ChipConfig::Device& device);

/// What each cell of a piece conducts beyond off_levels, in levels: its level in an ideal cell. In this
/// order: conductance variation (Gaussian, relative to G, none below 0), drift (t^-exponent), stuck cells (at
/// G_on or G_off, which neither vary nor drift), wires. Cells of the crossbar that the piece leaves free are
/// at level 0 and only matter to the wires. Throws InputError naming device.wire_resistance_ohm when wires
/// take more than kLargestWireShare (wires.h). `levels`: [rows][columns]; the same seed, the same devices,
/// and the same cells stuck whatever the variation.
std::vector<float> program_cells(const ChipConfig& chip, const Piece& piece,
                                 const std::vector<std::uint8_t>& levels, std::uint64_t seed);

}  // namespace spikeloop::sim
