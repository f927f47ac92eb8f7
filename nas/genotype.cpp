#include "nas/genotype.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

constexpr std::size_t kNodes = 4;
constexpr std::uint64_t kOps = 5;

using models::CellMatrix;
using models::CellOp;
using models::Op;

bool has_edge(const CellMatrix& cell, std::size_t from, std::size_t to) {
  return cell[from][to] != Op::kZero;
}

void drop_node(CellMatrix& cell, std::size_t node) {
  for (std::size_t i = 0; i < kNodes; ++i) cell[i][node] = cell[node][i] = Op::kZero;
}

/// Every way to fill the pairs from `pair` on.
class Enumeration {
 public:
  Enumeration(bool backward, const std::vector<CellOp>& ops, bool direct_edge, bool up_to_swaps)
      : backward_(backward), ops_(ops), direct_edge_(direct_edge), up_to_swaps_(up_to_swaps) {}

  std::vector<CellMatrix> cells() {
    fill(0);
    std::vector<CellMatrix> cells;
    cells.reserve(seen_.size());
    for (const std::uint64_t key : seen_) cells.push_back(cell_of(key));
    std::sort(cells.begin(), cells.end());
    return cells;
  }

 private:
  /// Four bits an entry, row by row: 0, or the operation's place in the list from 1 on.
  std::uint64_t key_of(const CellMatrix& cell) const {
    std::uint64_t key = 0;
    for (const auto& row : cell) {
      for (const CellOp& op : row) {
        const auto place = std::find(ops_.begin(), ops_.end(), op) - ops_.begin();
        key = key << 4 | (op == Op::kZero ? 0 : static_cast<std::uint64_t>(place) + 1);
      }
    }
    return key;
  }
  CellMatrix cell_of(std::uint64_t key) const {
    CellMatrix cell{};
    for (std::size_t i = kNodes * kNodes; i-- > 0; key >>= 4)
      if ((key & 15) != 0) cell[i / kNodes][i % kNodes] = ops_[(key & 15) - 1];
    return cell;
  }

  void fill(std::size_t pair) {
    static constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kPairs{
        {{0, 3}, {0, 1}, {0, 2}, {1, 2}, {1, 3}, {2, 3}}};
    if (pair == kPairs.size()) {
      const CleanedCell cleaned = clean(cell_);
      if (direct_edge_ ? !cleaned.accepted : !cleaned.connected) return;
      seen_.insert(key_of(up_to_swaps_ ? canonical(cleaned.cell) : cleaned.cell));
      return;
    }
    const auto [from, to] = kPairs[pair];
    const bool may_be_empty = pair > 0 || !direct_edge_;
    if (may_be_empty) fill(pair + 1);
    for (const CellOp& op : ops_) {
      cell_[from][to] = op;
      fill(pair + 1);
      cell_[from][to] = Op::kZero;
      if (!backward_ || (pair == 0 && direct_edge_)) continue;
      cell_[to][from] = op;
      fill(pair + 1);
      cell_[to][from] = Op::kZero;
    }
  }

  bool backward_;
  const std::vector<CellOp>& ops_;
  bool direct_edge_, up_to_swaps_;
  CellMatrix cell_{};
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

CellType parse_cell_type(const std::string& text, const std::string& place) {
  if (text == "forward") return CellType::kForward;
  if (text == "backward") return CellType::kBackward;
  throw InputError("command line", place, '"' + text + '"', "forward or backward");
}

const char* to_string(CellType type) { return type == CellType::kForward ? "forward" : "backward"; }

CleanedCell clean(const models::CellMatrix& raw) {
  using Reach = std::array<std::array<bool, kNodes>, kNodes>;
  Reach power{}, reach{};
  for (std::size_t i = 0; i < kNodes; ++i)
    for (std::size_t j = 0; j < kNodes; ++j) power[i][j] = reach[i][j] = has_edge(raw, i, j);
  for (int length = 2; length <= 4; ++length) {
    Reach next{};
    for (std::size_t i = 0; i < kNodes; ++i)
      for (std::size_t j = 0; j < kNodes; ++j)
        for (std::size_t k = 0; k < kNodes; ++k)
          next[i][j] = next[i][j] || (power[i][k] && has_edge(raw, k, j));
    power = next;
    for (std::size_t i = 0; i < kNodes; ++i)
      for (std::size_t j = 0; j < kNodes; ++j) reach[i][j] = reach[i][j] || power[i][j];
  }
  CleanedCell result{raw, false};
  for (std::size_t node = 0; node < 3; ++node)
    if (!reach[node][3]) drop_node(result.cell, node);
  for (std::size_t node = 1; node < kNodes; ++node)
    if (!reach[0][node]) drop_node(result.cell, node);
  result.accepted = has_edge(result.cell, 0, 3);
  result.connected = reach[0][3];
  return result;
}

models::CellMatrix sample_raw(RandomStream& random, CellType type) {
  CellMatrix cell{};
  for (std::size_t from = 0; from < kNodes; ++from) {
    for (std::size_t to = from + 1; to < kNodes; ++to) {
      const bool reverse = type == CellType::kBackward && random.below(2) == 1;
      const auto op = static_cast<Op>(random.below(kOps));
      (reverse ? cell[to][from] : cell[from][to]) = op;
    }
  }
  return cell;
}

models::CellMatrix sample_cell(RandomStream& random, CellType type) {
  while (true) {
    const CleanedCell cleaned = clean(sample_raw(random, type));
    if (cleaned.accepted) return cleaned.cell;
  }
}

models::CellMatrix canonical(const models::CellMatrix& cell) {
  const CellMatrix cleaned = clean(cell).cell;
  if (has_edge(cleaned, 1, 2) || has_edge(cleaned, 2, 1)) return cleaned;
  static constexpr std::array<std::size_t, kNodes> kSwap{0, 2, 1, 3};
  CellMatrix swapped{};
  for (std::size_t i = 0; i < kNodes; ++i)
    for (std::size_t j = 0; j < kNodes; ++j) swapped[kSwap[i]][kSwap[j]] = cleaned[i][j];
  return swapped < cleaned ? swapped : cleaned;
}

bool is_valid(const models::CellMatrix& cell, bool direct_edge) {
  for (std::size_t i = 0; i < kNodes; ++i) {
    for (std::size_t j = 0; j < kNodes; ++j) {
      if (has_edge(cell, i, j) && (i == j || has_edge(cell, j, i))) return false;
    }
  }
  const CleanedCell cleaned = clean(cell);
  return (direct_edge ? cleaned.accepted : cleaned.connected) && cleaned.cell == cell;
}

std::vector<models::CellMatrix> enumerate_cells(CellType type, const std::vector<models::CellOp>& ops,
                                                bool direct_edge, bool up_to_swaps) {
  if (ops.empty() || ops.size() > 15) throw std::logic_error("1 to 15 operations can be enumerated");
  return Enumeration(type == CellType::kBackward, ops, direct_edge, up_to_swaps).cells();
}

std::int64_t count_cells(CellType type, bool up_to_swaps) {
  const std::vector<CellOp> ops{Op::kSkip, Op::kConv1x1, Op::kConv3x3, Op::kAvgPool3x3};
  return static_cast<std::int64_t>(enumerate_cells(type, ops, true, up_to_swaps).size());
}

}  // namespace spikeloop::nas
