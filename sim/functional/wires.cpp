#include "sim/functional/wires.h"

#include <algorithm>
#include <cstddef>

namespace spikeloop::sim {
namespace {

/// Voltages at the nodes of a line driven with 1 V through segments of `ohm`, where node k has the load
/// load[k * stride] to ground.
void ladder(const double* load, std::size_t stride, int nodes, double ohm, std::vector<double>& admittance,
            std::vector<double>& voltage) {
  double y = 0;  // seen from a node away from the driver
  for (int k = nodes - 1; k >= 0; --k) {
    y = load[static_cast<std::size_t>(k) * stride] + y / (1 + ohm * y);
    admittance[static_cast<std::size_t>(k)] = y;
  }
  double v = 1;
  for (std::size_t k = 0; k < static_cast<std::size_t>(nodes); ++k) {
    v /= 1 + ohm * admittance[k];
    voltage[k] = v;
  }
}

/// What is lost of any of the wholes, at most.
double largest_share(const std::vector<double>& whole, const std::vector<double>& left) {
  double share = 0;
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (whole[i] > 0) share = std::max(share, 1 - left[i] / whole[i]);
  return share;
}

}  // namespace

double apply_wire_resistance(std::vector<double>& conductance, int rows, int columns, double ohm) {
  if (ohm <= 0) return 0;
  const auto width = static_cast<std::size_t>(columns);
  const auto height = static_cast<std::size_t>(rows);
  std::vector<double> admittance(width > height ? width : height), voltage(admittance.size());
  std::vector<double> factor(conductance.size());
  for (std::size_t r = 0; r < height; ++r) {
    ladder(&conductance[r * width], 1, columns, ohm, admittance, voltage);
    for (std::size_t c = 0; c < width; ++c) factor[r * width + c] = voltage[c];
  }
  for (std::size_t c = 0; c < width; ++c) {
    ladder(&conductance[c], width, rows, ohm, admittance, voltage);
    for (std::size_t r = 0; r < height; ++r) factor[r * width + c] *= voltage[r];
  }
  std::vector<double> row(height), column(width), row_left(height), column_left(width);
  for (std::size_t i = 0; i < conductance.size(); ++i) {
    const double left = conductance[i] * factor[i];
    row[i / width] += conductance[i];
    row_left[i / width] += left;
    column[i % width] += conductance[i];
    column_left[i % width] += left;
    conductance[i] = left;
  }
  return std::max(largest_share(row, row_left), largest_share(column, column_left));
}

}  // namespace spikeloop::sim
