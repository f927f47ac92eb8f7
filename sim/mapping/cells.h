#pragma once
#include <cstdint>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "traces/network.h"

/// How weights lie in the cells of a crossbar.
///
/// A cell holds a level, 0 .. 2^cell_bits - 1. The columns of a piece, from the left: output by output; of an
/// output slice by slice, least significant first; of a slice + before - (differential pair). The reference
/// column of the offset encoding comes last, all its used cells at the top level.
namespace spikeloop::sim {

/// Integer weights of a layer in the rows' order: value[row * outputs + output].
struct WeightMatrix {
  int rows = 0, outputs = 0, bits = 8;
  std::vector<std::int8_t> value;
};

/// The weights of a convolution or linear layer that reads `signal`: of a checked network, so that both
/// encodings hold them (-(2^(bits-1) - 1) .. 2^(bits-1) - 1). Those of a layer without quantisation are
/// rounded to `float_bits` (2 to 8), symmetrically, with one scale for the layer.
WeightMatrix weight_matrix(const traces::Node& node, const Signal& signal, int float_bits);

struct CellLayout {
  WeightEncoding encoding = WeightEncoding::kDifferentialPair;
  int weight_bits = 8, cell_bits = 1;
  int slices = 1;              ///< of a weight
  int columns_per_output = 1;  /// slices, twice that for pairs
  bool reference = false;      ///< the last column counts active wordlines
  int top_level() const { return (1 << cell_bits) - 1; }
};
CellLayout cell_layout(const ChipConfig& chip, int weight_bits);

/// Levels of a piece's cells, [rows][columns]; `first_output`: the output in its first column.
std::vector<std::uint8_t> cell_levels(const CellLayout& layout, const WeightMatrix& weights,
                                      const Piece& piece, int first_output);

}  // namespace spikeloop::sim
