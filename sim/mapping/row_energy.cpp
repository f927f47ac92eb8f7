#include "sim/mapping/row_energy.h"

#include <numeric>

#include "sim/mapping/cells.h"
#include "sim/millionths.h"

namespace spikeloop::sim {

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
    const auto weights = weight_matrix(network.nodes[static_cast<std::size_t>(node)],
                                       plan.signals[static_cast<std::size_t>(s.signal)], s.weight_bits);
    const auto layout = cell_layout(chip, weights.bits);
    const int per_crossbar = (chip.crossbar.columns - reference_columns(chip)) / layout.columns_per_output;
    s.row_energy_aj.clear();
    for (const auto& piece : s.pieces) {
      auto& energies = s.row_energy_aj.emplace_back();
      const auto levels = cell_levels(layout, weights, piece, piece.column_block * per_crossbar);
      for (auto row = levels.begin(); row != levels.end(); row += piece.columns) {
        const int sum = std::accumulate(row, row + piece.columns, 0);
        const double siemens = piece.columns * off_siemens + sum * (on_siemens - off_siemens) / top;
        energies.push_back(add_millionths(0, siemens * aj_per_siemens));
      }
    }
  }
}

}  // namespace spikeloop::sim
