/// NeuroNAS, first HASNAS (Putra and Shafique, 2407.00641). Published: operations kept for a large effect at
/// little memory, weights of 8 bits, cells A and B over the combinations that meet memory, area, latency and
/// energy, the best of them kept. Reconstructed: how effect and memory are weighed (below), the hardware
/// before the score, cell A before cell B, the shares of the budget (see cell_by_cell.h). The quantisation is
/// the search's own.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "nas/strategies/cell_by_cell.h"

namespace spikeloop::nas {
namespace {

/// Bytes of a network of cells that are this operation from input to output and nothing else; infinite where
/// that fits no chip. Without a bound the weights of a kernel.
double memory_bytes(const Task& task, const models::CellOp& op) {
  if (!task.bound) return op.op == models::Op::kConv3x3 ? 9 : models::is_convolution(op) ? 1 : 0;
  Candidate candidate;
  candidate.cell1[0][3] = candidate.cell2[0][3] = op;
  for (const Axis& axis : task.space.axes) candidate.choices.emplace_back(axis.name, axis.values.front());
  const std::optional<Costs> costs = task.bound(candidate);
  return costs ? costs->memory_bytes : std::numeric_limits<double>::infinity();
}

/// The impact over one plus the memory that the operation adds to the lightest one, in units of the smallest
/// addition: with plain bounds skip and pooling count 1, conv1x1 2, conv3x3 10. A loss weighs more with it.
std::vector<double> worth_of_memory(const Task& task, const std::vector<double>& impacts) {
  std::vector<double> added;
  for (const models::CellOp& op : task.space.ops) added.push_back(memory_bytes(task, op));
  const double least = *std::min_element(added.begin(), added.end());
  double unit = std::numeric_limits<double>::infinity();
  for (double& bytes : added) {
    bytes = bytes > least ? bytes - least : 0;
    if (bytes > 0) unit = std::min(unit, bytes);
  }
  std::vector<double> worth;
  for (std::size_t i = 0; i < impacts.size(); ++i) {
    const double weight = added[i] > 0 ? 1 + added[i] / unit : 1;
    if (std::isinf(added[i])) {
      worth.push_back(-added[i]);
    } else {
      worth.push_back(impacts[i] > 0 ? impacts[i] / weight : impacts[i] * weight);
    }
  }
  return worth;
}

}  // namespace

std::vector<Candidate> propose_neuronas(const Task& task, const History& history, std::int64_t round) {
  return propose_cell_by_cell(task, history, round, worth_of_memory);
}

}  // namespace spikeloop::nas
