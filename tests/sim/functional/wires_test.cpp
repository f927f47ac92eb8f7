#include "sim/functional/wires.h"

#include <gtest/gtest.h>

#include <Eigen/SparseCholesky>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>

#include "traces/support/random.h"

namespace spikeloop::sim {
namespace {

/// The circuit of wires.h, solved as it stands: a voltage at each cell on its wordline and on its bitline.
class Circuit {
 public:
  Circuit(const std::vector<double>& conductance, int rows, int columns, double ohm)
      : rows_(rows), columns_(columns), wire_(1 / ohm) {
    std::vector<Eigen::Triplet<double>> entries;
    const auto join = [&](int a, int b, double g) {
      entries.emplace_back(a, a, g);
      entries.emplace_back(b, b, g);
      entries.emplace_back(a, b, -g);
      entries.emplace_back(b, a, -g);
    };
    for (int r = 0; r < rows; ++r) {
      entries.emplace_back(word(r, 0), word(r, 0), wire_);  // its driver
      for (int c = 0; c < columns; ++c) {
        join(word(r, c), bit(r, c), conductance[static_cast<std::size_t>(r * columns + c)]);
        if (c > 0) join(word(r, c), word(r, c - 1), wire_);
        if (r > 0) join(bit(r, c), bit(r - 1, c), wire_);
      }
    }
    for (int c = 0; c < columns; ++c) entries.emplace_back(bit(0, c), bit(0, c), wire_);  // sense amplifier
    const int nodes = 2 * rows * columns;
    Eigen::SparseMatrix<double> matrix(nodes, nodes);
    matrix.setFromTriplets(entries.begin(), entries.end());
    solver_.compute(matrix);
  }
  /// Bitline currents with 1 V on the active wordlines.
  std::vector<double> currents(const std::vector<char>& active) const {
    Eigen::VectorXd source = Eigen::VectorXd::Zero(2 * rows_ * columns_);
    for (int r = 0; r < rows_; ++r)
      if (active[static_cast<std::size_t>(r)] != 0) source[word(r, 0)] = wire_;
    const Eigen::VectorXd voltage = solver_.solve(source);
    std::vector<double> currents;
    for (int c = 0; c < columns_; ++c) currents.push_back(voltage[bit(0, c)] * wire_);
    return currents;
  }

 private:
  int word(int r, int c) const { return r * columns_ + c; }
  int bit(int r, int c) const { return rows_ * columns_ + r * columns_ + c; }
  int rows_, columns_;
  double wire_;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> solver_;
};

std::vector<double> currents(const std::vector<double>& conductance, int columns,
                             const std::vector<char>& active) {
  std::vector<double> sums(static_cast<std::size_t>(columns));
  for (std::size_t i = 0; i < conductance.size(); ++i)
    if (active[i / sums.size()] != 0) sums[i % sums.size()] += conductance[i];
  return sums;
}

/// Largest and mean relative error of column currents, and the mean share that the wires take, at 15 %
/// activity.
struct Errors {
  double largest = 0, mean = 0, taken = 0;
};
Errors errors(int size, double ohm, double activity = 0.15) {
  constexpr double kOn = 1e-5,
                   kOff = kOn / 17;  // siemens: 100 kohm, and the on/off ratio of the default device
  RandomStream random(static_cast<std::uint64_t>(size));
  std::vector<double> ideal;
  for (int i = 0; i < size * size; ++i)
    ideal.push_back(kOff + (kOn - kOff) / 3 * static_cast<double>(random.below(4)));
  const Circuit circuit(ideal, size, size, ohm);
  auto effective = ideal;
  apply_wire_resistance(effective, size, size, ohm);
  Errors e;
  constexpr int kReads = 5;
  for (int n = 0; n < kReads; ++n) {
    std::vector<char> active;
    for (int r = 0; r < size; ++r) active.push_back(random.unit() < activity ? 1 : 0);
    const auto exact = circuit.currents(active);
    const auto found = currents(effective, size, active);
    const auto without = currents(ideal, size, active);
    for (std::size_t c = 0; c < exact.size(); ++c) {
      const double error = std::abs(found[c] / exact[c] - 1);
      e.largest = std::max(e.largest, error);
      e.mean += error / static_cast<double>(kReads * size);
      e.taken += (1 - exact[c] / without[c]) / static_cast<double>(kReads * size);
    }
  }
  return e;
}

TEST(Wires, OneCellIsThreeResistancesInSeries) {
  std::vector<double> g{1e-3};
  apply_wire_resistance(g, 1, 1, 100);
  // The two ladders see the cell to ground: 1 / (1 + 0.1) each. Exactly it is 1 / 1200 ohm; 0.8 % off.
  EXPECT_NEAR(g[0], 1e-3 / 1.21, 1e-12);
}

TEST(Wires, ARowOfCellsIsALadder) {
  // Two cells of 1 kohm on a wordline of 100 ohm segments, bitlines without: v1 behind 100 ohm with
  // 1k || (100 + 1k) = 523.81 ohm to ground: 0.83969; v2 = v1 * 1000 / 1100.
  std::vector<double> g{1e-3, 1e-3};
  apply_wire_resistance(g, 1, 2, 100);
  const double v1 = (1000.0 * 1100 / 2100) / (100 + 1000.0 * 1100 / 2100);
  const double bitline = 1 / 1.1;
  EXPECT_NEAR(g[0], 1e-3 * v1 * bitline, 1e-12);
  EXPECT_NEAR(g[1], 1e-3 * v1 * 1000 / 1100 * bitline, 1e-12);
}

TEST(Wires, NoResistanceChangesNothing) {
  std::vector<double> g{1e-3, 2e-3, 3e-3, 4e-3};
  const auto before = g;
  apply_wire_resistance(g, 2, 2, 0);
  EXPECT_EQ(g, before);
}

// Bounds: what sim/README.md states.
TEST(Wires, AgreeWithTheWholeCircuit) {
  struct Case {
    int size;
    double ohm, mean, largest;
  };
  for (const Case& c : {Case{64, 1, 0.0001, 0.0002}, Case{64, 2, 0.0003, 0.0006}, Case{64, 5, 0.0015, 0.0035},
                        Case{128, 1, 0.001, 0.0021}, Case{128, 5, 0.015, 0.04}}) {
    const auto e = errors(c.size, c.ohm);
    EXPECT_LT(e.mean, c.mean) << c.size << " cells, " << c.ohm << " ohm";
    EXPECT_LT(e.largest, c.largest) << c.size << " cells, " << c.ohm << " ohm";
    EXPECT_GT(e.taken, 10 * e.mean) << "else the approximation would not be worth it";
  }
  EXPECT_LT(errors(64, 5, 0.5).mean, 0.0015) << "whatever the activity";
}

}  // namespace
}  // namespace spikeloop::sim
