#include "sim/mapping/cells.h"

#include <algorithm>
#include <cmath>

namespace spikeloop::sim {
namespace {

/// Symmetric, the largest magnitude at the top.
std::vector<std::int8_t> rounded(const std::vector<float>& weights, int bits) {
  double largest = 0;
  for (float w : weights) largest = std::max(largest, std::abs(double{w}));
  std::vector<std::int8_t> integers(weights.size(), 0);
  if (largest == 0) return integers;
  const double top = (1 << (bits - 1)) - 1;
  for (std::size_t i = 0; i < weights.size(); ++i)
    integers[i] = static_cast<std::int8_t>(std::lround(double{weights[i]} / largest * top));
  return integers;
}

}  // namespace

WeightMatrix weight_matrix(const traces::Node& node, const Signal& signal, int float_bits) {
  const auto* conv = node.as<traces::Conv2dParams>();
  const auto* linear = node.as<traces::LinearParams>();
  const auto& quantised = conv != nullptr ? conv->quantised : linear->quantised;
  const auto& weight = conv != nullptr ? conv->weight : linear->weight;
  const auto& shape = weight.shape;
  const auto given = quantised ? quantised->value : rounded(weight.data, float_bits);
  // Both are [output][channel][y][x]; a linear layer's window is the whole map.
  const std::int64_t pixels =
      conv != nullptr ? shape[2] * shape[3] : std::int64_t{signal.height} * signal.width;
  WeightMatrix matrix;
  matrix.bits = quantised ? quantised->bits : float_bits;
  matrix.outputs = static_cast<int>(shape[0]);
  const std::int64_t rows = weight.size() / shape[0];
  matrix.rows = static_cast<int>(rows);
  matrix.value.resize(static_cast<std::size_t>(rows * shape[0]));
  const std::int64_t channels = rows / pixels;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t source = row % channels * pixels + row / channels;
    for (std::int64_t o = 0; o < shape[0]; ++o) {
      matrix.value[static_cast<std::size_t>(row * shape[0] + o)] =
          given.at(static_cast<std::size_t>(o * rows + source));
    }
  }
  return matrix;
}

CellLayout cell_layout(const ChipConfig& chip, int weight_bits) {
  CellLayout layout;
  layout.encoding = chip.weight_encoding;
  layout.weight_bits = weight_bits;
  layout.cell_bits = chip.crossbar.cell_bits;
  layout.columns_per_output = columns_per_output(chip, weight_bits);
  layout.reference = reference_columns(chip) > 0;
  layout.slices = layout.reference ? layout.columns_per_output : layout.columns_per_output / 2;
  return layout;
}

std::vector<std::uint8_t> cell_levels(const CellLayout& layout, const WeightMatrix& weights,
                                      const Piece& piece, int first_output) {
  const auto columns = static_cast<std::size_t>(piece.columns);
  std::vector<std::uint8_t> levels(static_cast<std::size_t>(piece.rows) * columns, 0);
  const auto slice_of = [&](int magnitude, int slice) {
    return static_cast<std::uint8_t>(magnitude >> (slice * layout.cell_bits) & layout.top_level());
  };
  for (int r = 0; r < piece.rows; ++r) {
    auto* row = levels.data() + static_cast<std::size_t>(r) * columns;
    const auto* weight =
        weights.value.data() +
        static_cast<std::size_t>(piece.row_begin + r) * static_cast<std::size_t>(weights.outputs) +
        first_output;
    for (int o = 0; o < piece.outputs; ++o) {
      auto* cells = row + static_cast<std::size_t>(o) * static_cast<std::size_t>(layout.columns_per_output);
      for (int k = 0; k < layout.slices; ++k) {
        if (layout.reference) {
          cells[k] = slice_of(weight[o] + (1 << (layout.weight_bits - 1)), k);
        } else {
          cells[2 * k] = slice_of(std::max<int>(weight[o], 0), k);
          cells[2 * k + 1] = slice_of(std::max<int>(-weight[o], 0), k);
        }
      }
    }
    if (layout.reference) row[columns - 1] = static_cast<std::uint8_t>(layout.top_level());
  }
  return levels;
}

}  // namespace spikeloop::sim
