#include "sim/functional/wires.h"

#include <gtest/gtest.h>

#include <Eigen/SparseCholesky>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

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

enum class Cells { kEven, kAllOn, kOneQuarter, kSparse, kLastColumn };

/// Conductances of a crossbar of four levels in siemens.
std::vector<double> cells(Cells pattern, int size, double on, double ratio, RandomStream& random) {
  std::vector<double> conductance;
  for (int i = 0; i < size * size; ++i) {
    const int r = i / size, c = i % size;
    auto level = static_cast<int>(random.below(4));
    if (pattern == Cells::kAllOn) level = 3;
    if (pattern == Cells::kOneQuarter && (r < size / 2 || c < size / 2)) level = 0;
    if (pattern == Cells::kSparse) level = random.below(16) == 0 ? 3 : 0;
    if (pattern == Cells::kLastColumn) level = c == size - 1 ? 3 : 0;
    conductance.push_back(on / ratio + (on - on / ratio) / 3 * level);
  }
  return conductance;
}

/// Errors of column currents, relative to the current or the read's mean, whichever is larger.
struct Errors {
  double share = 0;  ///< that wires take
  double largest = 0, mean = 0;
};
Errors errors(const std::vector<double>& ideal, int size, double ohm, RandomStream& random) {
  const Circuit circuit(ideal, size, size, ohm);
  auto effective = ideal;
  Errors e;
  e.share = apply_wire_resistance(effective, size, size, ohm);
  const std::vector<double> activities{0.1, 0.5, 1};
  for (const double activity : activities) {
    std::vector<char> active;
    for (int r = 0; r < size; ++r) active.push_back(random.unit() < activity ? 1 : 0);
    active.back() = 1;  // the farthest
    const auto exact = circuit.currents(active);
    const auto found = currents(effective, size, active);
    const double middle = std::accumulate(exact.begin(), exact.end(), 0.0) / size;
    for (std::size_t c = 0; c < exact.size(); ++c) {
      const double error = std::abs(found[c] - exact[c]) / std::max(exact[c], middle);
      e.largest = std::max(e.largest, error);
      e.mean += error / static_cast<double>(activities.size() * exact.size());
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

// Bounds: what wires.h and sim/README.md state.
TEST(Wires, AgreeWithTheWholeCircuitAsFarAsTheWiresShareSays) {
  struct Bound {
    double share, mean, largest;
    int cases;
  };
  std::vector<Bound> bounds{
      {0.1, 0.0025, 0.006, 0}, {0.2, 0.01, 0.025, 0}, {kLargestWireShare, 0.022, 0.06, 0}};
  int beyond = 0;
  RandomStream random(1);
  const auto check = [&](Cells pattern, int size, double on_ohm, double ratio, double ohm) {
    const auto e = errors(cells(pattern, size, 1 / on_ohm, ratio, random), size, ohm, random);
    const auto bound =
        std::find_if(bounds.begin(), bounds.end(), [&](const Bound& b) { return e.share <= b.share; });
    if (bound == bounds.end()) {
      ++beyond;
      return;
    }
    ++bound->cases;
    const std::string what = std::to_string(size) + " cells, pattern " +
                             std::to_string(static_cast<int>(pattern)) + ", " + std::to_string(ohm) + " of " +
                             std::to_string(on_ohm) + " ohm, share " + std::to_string(e.share);
    EXPECT_LT(e.mean, bound->mean) << what;
    EXPECT_LT(e.largest, bound->largest) << what;
  };
  for (const auto pattern :
       {Cells::kEven, Cells::kAllOn, Cells::kOneQuarter, Cells::kSparse, Cells::kLastColumn})
    for (const double ratio : {17.0, 1000.0})
      for (const double relative : {1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3}) {
        check(pattern, 16, 1e3, ratio, relative * 1e3);
        check(pattern, 32, 1e5, ratio, relative * 1e5);
      }
  for (const double on_ohm : {1e3, 1e5})
    for (const double relative : {2e-5, 5e-5, 1.2e-4}) check(Cells::kEven, 64, on_ohm, 17, relative * on_ohm);
  check(Cells::kEven, 128, 1e4, 17, 0.2);
  for (const Bound& b : bounds) EXPECT_GT(b.cases, 10) << b.share;
  EXPECT_GT(beyond, 10) << "the bound should matter";
}

}  // namespace
}  // namespace spikeloop::sim
