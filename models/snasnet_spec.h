#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/neuron_spec.h"

/// What a SNASNet-family network is, without LibTorch. Source: Kim et al., ECCV 2022 (2201.10355) and its
/// code.
namespace spikeloop::models {

/// Operation on a cell edge; the numbers are those of the published connection matrices.
enum class Op : std::uint8_t { kZero = 0, kSkip = 1, kConv1x1 = 2, kConv3x3 = 3, kAvgPool3x3 = 4 };

/// What lies on an edge of a cell: an operation, the firing threshold of a convolution's neurons where it is
/// not the network's, and in a super-cell (LightSNN's) further operations, whose outputs are added.
struct CellOp {
  Op op = Op::kZero;      ///< of a super-cell's operations the one with the largest number
  double threshold = 0;   ///< of the neurons in front of a convolution; 0: the network's
  std::uint8_t also = 0;  ///< bit n: operation n as well; 0 in a cell that can be trained

  constexpr CellOp() = default;
  constexpr CellOp(Op alone, double fires_at = 0) : op(alone), threshold(fires_at) {}  // NOLINT: an Op is one
  constexpr operator Op() const { return op; }                                         // NOLINT
};
constexpr bool operator==(const CellOp& a, const CellOp& b) {
  return a.op == b.op && a.threshold == b.threshold && a.also == b.also;
}
constexpr bool operator!=(const CellOp& a, const CellOp& b) { return !(a == b); }
/// Whether the operation is `b`, whatever its threshold.
constexpr bool operator==(const CellOp& a, Op b) { return a.op == b; }
constexpr bool operator!=(const CellOp& a, Op b) { return !(a == b); }
/// As their texts: by operation, then by threshold.
constexpr bool operator<(const CellOp& a, const CellOp& b) {
  if (a.op != b.op) return a.op < b.op;
  if (a.threshold != b.threshold) return a.threshold < b.threshold;
  return a.also < b.also;
}
constexpr bool is_convolution(Op op) { return op == Op::kConv1x1 || op == Op::kConv3x3; }
/// All operations on an edge, by number; only those of a super-cell have more than one.
std::vector<CellOp> operations(const CellOp& edge);

/// Four nodes; matrix[from][to]. Entries below the diagonal are backward edges (value of the previous
/// timestep).
using CellMatrix = std::array<std::array<CellOp, 4>, 4>;

struct SnasnetSpec {
  CellMatrix cell1{}, cell2{};  ///< SNASNet uses the same matrix twice
  std::int64_t input_channels = 3, input_size = 32;
  std::int64_t channels = 16;    ///< of stem and cell 1; cell 2 has twice as many
  std::int64_t stem_stride = 1;  ///< 2 for Tiny-ImageNet
  std::int64_t second_pool = 4;  ///< kernel and stride of the average pooling before the classifier
  std::int64_t hidden =
      64;  ///< neurons of the hidden classifier layer; 0: no hidden layer (pool -> one Linear)
  std::int64_t classes = 10;
  std::int64_t votes = 1;  ///< outputs per class, averaged (SNASNet CIFAR-10: 10, CIFAR-100: 5)
  int timesteps = 4;
  NeuronSpec neuron;
  double dropout = 0.5;  ///< before the classifier, in training; scores take 0
  /// LightSNN (2503.21846, model_snn.py): MaxPool wherever SNASNet has AvgPool, in the cells too.
  bool max_pool = false;
  enum class Input { kDirect, kRate, kEvents } input = Input::kDirect;
  std::int64_t stem_pool =
      1;  ///< kernel and stride of a pooling behind the stem (LightSNN on event frames: 2)
};

/// "3x3"-style readable text of both cells, the canonical form stored as Network::genotype:
/// rows separated by '/', cells by '|', e.g. "0303/0030/2002/0200|0303/0030/2002/0200". A threshold follows
/// its operation, "03(0.5)03/...", the operations of a super-cell's edge stand in brackets, "0[013]03/...".
std::string to_text(const CellMatrix& cell1, const CellMatrix& cell2);

/// Inverse of to_text; a single cell stands for both. Throws InputError naming `place` ("--cell").
void parse_cells(const std::string& text, const std::string& place, CellMatrix& cell1, CellMatrix& cell2);

}  // namespace spikeloop::models
