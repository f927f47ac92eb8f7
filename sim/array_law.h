#pragma once
#include "sim/config/chip_config.h"

/// How what a crossbar, its wordline drivers and its column multiplexers cost follows from the array's size,
/// given at `crossbar.reference_rows` x `crossbar.reference_columns`.
///
/// Linear in what there is of each part: cells go with rows x columns, what lies along the edges (source line
/// switches, level shifters for writing) with rows + columns, drivers with rows, multiplexers with columns.
/// A driven wordline costs what its columns draw and what its length takes to charge; what switches a driver
/// is the same at any length. A column's pass gates carry the current of its rows, so they are as wide
/// (NeuroSim, Mux.cpp: width = on resistance of the gate / (cell's / rows)) and take as much to switch.
///
/// NeuroSim's sweep has 64 x 64 and 128 x 128 cells at 22, 32, 45 and 65 nm. From one size to the other the
/// law is exact for the areas of cells (x 4), source line switches, level shifters and drivers (x 2 each),
/// and for the energies of wordlines and drivers; the columns' current per row (x 1.98 to 2.03; x 2.11 with a
/// sixteenth of the rows driven) is within 6 %, leakage of the whole array (x 1.93 to 1.99) within 4 %, area
/// of multiplexers (x 1.91; at 22 nm x 1.64) and their energy per conversion (x 1.88; 1.54) within 7 %, at 22
/// nm within 22 % and 30 %. All its arrays are square: which of rows and columns a part goes with is
/// reasoned, not measured. Without the distinctions the law would be far off: edges given as cells make the
/// whole array's area x 4 (NeuroSim: 2.08 to 2.09) and its leakage x 4, a driver's energy given as all its
/// line's x 2 (NeuroSim: 1.09 to 1.34). `array_law_test` has the numbers.
///
/// Latencies are not scaled: settling times follow wires and sense circuits, which only a file knows.
namespace spikeloop::sim {

inline double row_scale(const ChipConfig::Crossbar& x) {
  return static_cast<double>(x.rows) / x.reference_rows;
}
inline double column_scale(const ChipConfig::Crossbar& x) {
  return static_cast<double>(x.columns) / x.reference_columns;
}
inline double cell_scale(const ChipConfig::Crossbar& x) { return row_scale(x) * column_scale(x); }
inline double edge_scale(const ChipConfig::Crossbar& x) {
  return static_cast<double>(x.rows + x.columns) / (x.reference_rows + x.reference_columns);
}

/// One crossbar.
inline double crossbar_area_um2(const ChipConfig::Crossbar& x) {
  return x.area_um2 * cell_scale(x) + x.edge_area_um2 * edge_scale(x);
}
inline double crossbar_leakage_uw(const ChipConfig::Crossbar& x) {
  return x.leakage_uw * cell_scale(x) + x.edge_leakage_uw * edge_scale(x);
}

/// Per driven wordline and read.
inline double crossbar_row_energy_pj(const ChipConfig::Crossbar& x) {
  return x.energy_pj_per_active_row * column_scale(x);
}
inline double driver_row_energy_pj(const ChipConfig& chip) {
  const auto& driver = chip.wordline_driver;
  return driver.energy_pj_per_active_row * column_scale(chip.crossbar) +
         driver.switch_energy_pj_per_active_row;
}

/// Per conversion.
inline double mux_energy_pj(const ChipConfig& chip) {
  return chip.column_mux.energy_pj_per_conversion * row_scale(chip.crossbar);
}

}  // namespace spikeloop::sim
