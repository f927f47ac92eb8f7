#include "sim/mapping/row_energy.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sim/millionths.h"

namespace spikeloop::sim {
namespace {

/// Integer weights of a layer in the order of its crossbar rows: [kernel position x channel][output].
struct IntegerRows {
  std::int64_t rows = 0, outputs = 0;
  std::vector<int> value;
};

IntegerRows integer_rows(const traces::Node& node, const Signal& signal, int bits) {
  const auto* conv = node.as<traces::Conv2dParams>();
  const auto* linear = node.as<traces::LinearParams>();
  const auto& weight = conv != nullptr ? conv->weight : linear->weight;
  const auto& quantised = conv != nullptr ? conv->quantised : linear->quantised;
  // Both are [output][channel][y][x]; a linear layer's window is the whole map.
  const std::int64_t positions =
      conv != nullptr ? weight.shape[2] * weight.shape[3] : std::int64_t{signal.height} * signal.width;
  IntegerRows matrix;
  matrix.outputs = weight.shape[0];
  matrix.rows = weight.size() / matrix.outputs;
  matrix.value.resize(weight.data.size());
  const double top = (1 << (bits - 1)) - 1;
  double largest = 0;
  for (float w : weight.data) largest = std::max(largest, std::abs(double{w}));
  const std::int64_t channels = matrix.rows / positions;
  for (std::int64_t row = 0; row < matrix.rows; ++row) {
    const std::int64_t source = row % channels * positions + row / channels;
    for (std::int64_t o = 0; o < matrix.outputs; ++o) {
      const auto from = static_cast<std::size_t>(o * matrix.rows + source);
      int integer = 0;
      if (quantised) {
        integer = quantised->value[from];
      } else if (largest > 0) {
        integer = static_cast<int>(std::lround(double{weight.data[from]} / largest * top));
      }
      matrix.value[static_cast<std::size_t>(row * matrix.outputs + o)] = integer;
    }
  }
  return matrix;
}

/// Sum of the levels of the cells that hold one weight.
int weight_levels(const ChipConfig& chip, int bits, int weight) {
  const bool offset = chip.weight_encoding == WeightEncoding::kOffset;
  const int top = (1 << chip.crossbar.cell_bits) - 1;
  int levels = 0;
  for (int rest = offset ? weight + (1 << (bits - 1)) : std::abs(weight); rest > 0;
       rest >>= chip.crossbar.cell_bits) {
    levels += rest & top;
  }
  return levels;
}

}  // namespace

void fill_row_energies(Plan& plan, const traces::Network& network, const ChipConfig& chip) {
  const double on_siemens = 1e-3 / chip.device.on_resistance_kohm;
  const double off_siemens = on_siemens / chip.device.on_off_ratio;
  const int top = (1 << chip.crossbar.cell_bits) - 1;
  const double pulse_ns = chip.crossbar.pulse_ns > 0 ? chip.crossbar.pulse_ns : chip.crossbar.read_latency_ns;
  // V^2 x ns: 1e-9 J per siemens, 1e9 aJ.
  const double aj_per_siemens = chip.device.read_voltage_v * chip.device.read_voltage_v * pulse_ns * 1e9;
  for (auto& s : plan.stages) {
    if (s.kind != StageKind::kMvm) continue;
    const int node = network.find(plan.layers[static_cast<std::size_t>(s.layer)].name);
    const auto matrix = integer_rows(network.nodes[static_cast<std::size_t>(node)],
                                     plan.signals[static_cast<std::size_t>(s.signal)], s.weight_bits);
    const int per_crossbar =
        (chip.crossbar.columns - reference_columns(chip)) / columns_per_output(chip, s.weight_bits);
    s.row_energy_aj.clear();
    for (const auto& piece : s.pieces) {
      auto& energies = s.row_energy_aj.emplace_back();
      for (int r = 0; r < piece.rows; ++r) {
        const auto* weights =
            matrix.value.data() + (piece.row_begin + r) * matrix.outputs + piece.column_block * per_crossbar;
        int levels = reference_columns(chip) * top;
        for (int o = 0; o < piece.outputs; ++o) levels += weight_levels(chip, s.weight_bits, weights[o]);
        const double siemens = piece.columns * off_siemens + levels * (on_siemens - off_siemens) / top;
        energies.push_back(add_millionths(0, siemens * aj_per_siemens));
      }
    }
  }
}

}  // namespace spikeloop::sim
