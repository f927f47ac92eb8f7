#include "sim/mapping/weights.h"

#include <algorithm>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using traces::Conv2dParams;
using traces::LinearParams;
using traces::QuantisedWeight;
using traces::Tensor;

int outputs_per_crossbar(const ChipConfig& chip, int columns_per_output) {
  return (chip.crossbar.columns - reference_columns(chip)) / columns_per_output;
}

/// "[1, 0, 2, 2]"
std::string place_of(std::int64_t element, const std::vector<std::int64_t>& shape) {
  std::string text;
  for (std::size_t d = shape.size(); d-- > 0;) {
    text = std::to_string(element % shape[d]) + (text.empty() ? "" : ", ") + text;
    element /= shape[d];
  }
  return "[" + text + "]";
}

/// A differential pair has a magnitude and a sign, so it lacks the most negative integer, which an offset
/// holds as 0. Network files cannot carry it (network_check.cpp); networks made in memory could.
void check_range(const Draft& d, int node, const QuantisedWeight& q, const Tensor& weight) {
  const bool pair = d.chip.weight_encoding == WeightEncoding::kDifferentialPair;
  const int high = (1 << (q.bits - 1)) - 1;
  const int low = pair ? -high : -high - 1;
  for (std::size_t i = 0; i < q.value.size(); ++i) {
    if (q.value[i] >= low && q.value[i] <= high) continue;
    const auto& n = d.node_at(node);
    throw InputError(d.path,
                     std::string("node ") + n.name + " (" + n.type() + "), weight " +
                         place_of(static_cast<std::int64_t>(i), weight.shape),
                     std::to_string(q.value[i]),
                     std::to_string(low) + " to " + std::to_string(high) + ", the " + std::to_string(q.bits) +
                         "-bit weights that " + (pair ? "a differential pair" : "an offset") +
                         " of columns holds");
  }
}

/// How often the layer's pieces fit its one tile. More copies than windows of a timestep would never work.
int count_copies(const ChipConfig& chip, const std::vector<Piece>& pieces, bool whole_pes, int windows) {
  const int room = whole_pes ? chip.tile.pes / (pieces.back().pe + 1)
                             : chip.tile.pes * chip.pe.crossbars / static_cast<int>(pieces.size());
  return std::max(1, std::min({chip.tile.max_copies, room, windows}));
}

/// Kernel, strides, weight bits and the number of weights of a layer.
WeightMatrix describe(const Draft& d, int node, Stage& proto, std::int64_t& weights) {
  WeightMatrix matrix;
  const QuantisedWeight* quantised = nullptr;
  const Tensor* weight = nullptr;
  if (const auto* conv = d.node_at(node).as<Conv2dParams>()) {
    if (conv->groups != 1) d.fail(node, "groups " + std::to_string(conv->groups), "1");
    for (std::size_t k = 0; k < 2; ++k) {
      proto.kernel[k] = static_cast<int>(conv->weight.shape[2 + k]);
      proto.stride[k] = static_cast<int>(conv->stride[k]);
      proto.padding[k] = static_cast<int>(conv->padding[k]);
      proto.dilation[k] = static_cast<int>(conv->dilation[k]);
    }
    matrix.positions = proto.kernel[0] * proto.kernel[1];
    weight = &conv->weight;
    if (conv->quantised) quantised = &*conv->quantised;
  } else {
    const auto* linear = d.node_at(node).as<LinearParams>();
    proto.whole_map = true;
    weight = &linear->weight;
    if (linear->quantised) quantised = &*linear->quantised;
  }
  proto.weight_bits = quantised != nullptr ? quantised->bits : d.chip.weight_bits;
  if (quantised != nullptr) check_range(d, node, *quantised, *weight);
  weights = weight->size();
  matrix.channels = static_cast<int>(weight->shape[1]);
  matrix.outputs = proto.channels;
  matrix.columns_per_output = columns_per_output(d.chip, proto.weight_bits);
  proto.weight_rows = matrix.channels * matrix.positions;
  return matrix;
}

}  // namespace

std::vector<Piece> cut_into_pieces(const ChipConfig& chip, const WeightMatrix& matrix, bool linear) {
  const bool by_position = chip.mapping == Mapping::kKernelPosition && !linear;
  const int positions = by_position ? matrix.positions : 1;
  const int share = by_position ? matrix.channels : matrix.channels * matrix.positions;  // rows to be divided
  const int blocks = ceil_div(share, chip.crossbar.rows);
  const int per_crossbar = outputs_per_crossbar(chip, matrix.columns_per_output);
  const int pes_of_pair = ceil_div(positions, chip.pe.crossbars);
  std::vector<Piece> pieces;
  int pair = 0;
  for (int c = 0; c * per_crossbar < matrix.outputs; ++c) {
    for (int b = 0; b < blocks; ++b, ++pair) {
      for (int k = 0; k < positions; ++k) {
        Piece piece;
        piece.column_block = c;
        piece.row_block = b * positions + k;
        piece.row_begin = k * matrix.channels + b * chip.crossbar.rows;
        piece.rows = std::min(chip.crossbar.rows, share - b * chip.crossbar.rows);
        piece.outputs = std::min(per_crossbar, matrix.outputs - c * per_crossbar);
        piece.columns = piece.outputs * matrix.columns_per_output + reference_columns(chip);
        const int slot = by_position ? k : pair;  // crossbars before it, in its pair or in all
        piece.pe = slot / chip.pe.crossbars + (by_position ? pair * pes_of_pair : 0);
        piece.crossbar = slot % chip.pe.crossbars;
        pieces.push_back(piece);
      }
    }
  }
  return pieces;
}

void map_weights(Draft& d, int node) {
  const auto i = static_cast<std::size_t>(node);
  const auto in = d.network.inputs_of(node);
  if (in.size() != 1) {
    d.fail(node, std::to_string(in.size()) + " edges into it", "one: crossbars take the spikes of one layer");
  }
  const int source = d.resolve(in[0]);
  const int signal = d.signal_of[static_cast<std::size_t>(source)];
  if (signal < 0) {
    d.fail(node, "real values from node " + d.node_at(source).name,
           "spikes, pooled spikes or the input: a crossbar's wordlines take bits");
  }
  Stage proto;
  proto.kind = StageKind::kMvm;
  proto.name = d.node_at(node).name;
  proto.signal = signal;
  d.map_size(node, proto.height, proto.width, proto.channels);
  std::int64_t weights = 0;
  const auto matrix = describe(d, node, proto, weights);
  const int per_crossbar = outputs_per_crossbar(d.chip, matrix.columns_per_output);
  if (per_crossbar < 1) {
    const int reference = reference_columns(d.chip);
    d.does_not_fit(std::string("node ") + proto.name,
                   std::to_string(matrix.columns_per_output) + " columns per output" +
                       (reference > 0 ? " and a reference column" : ""),
                   std::to_string(d.chip.crossbar.columns) + " columns per crossbar");
  }
  const auto pieces = cut_into_pieces(d.chip, matrix, proto.whole_map);
  const bool one_tile = pieces.back().pe < d.chip.tile.pes;
  if (one_tile) {
    const bool whole_pes = d.chip.mapping == Mapping::kKernelPosition && !proto.whole_map;
    proto.copies = count_copies(d.chip, pieces, whole_pes, proto.items());
  }
  proto.layer = static_cast<int>(d.plan.layers.size());
  d.plan.layers.push_back({proto.name,
                           proto.whole_map ? "linear" : "convolution",
                           static_cast<int>(pieces.size()) * proto.copies,
                           weights,
                           {}});
  d.plan.weights += weights;
  d.plan.weight_memory_bits += weights * proto.weight_bits;

  const auto channels_before = [&](int block) { return std::min(proto.channels, block * per_crossbar); };
  for (std::size_t begin = 0, end = 0; begin < pieces.size(); begin = end) {
    const int tile = pieces[begin].pe / d.chip.tile.pes;
    Stage shard = proto;
    if (!one_tile) shard.name += "#" + std::to_string(tile);
    for (; end < pieces.size() && pieces[end].pe / d.chip.tile.pes == tile; ++end) {
      shard.pieces.push_back(pieces[end]);
      shard.pieces.back().pe %= d.chip.tile.pes;
    }
    // A column block belongs to the tile that holds its first row block; the rest of it sends partial sums
    // there.
    const auto& first = shard.pieces.front();
    shard.channel_begin = channels_before(first.column_block + (first.row_block == 0 ? 0 : 1));
    shard.channel_end = channels_before(shard.pieces.back().column_block + 1);
    if (first.row_block != 0) {
      shard.send_begin = channels_before(first.column_block);
      shard.send_end = channels_before(first.column_block + 1);
    }
    d.stages_of[i].push_back(static_cast<int>(d.plan.stages.size()));
    d.plan.stages.push_back(shard);
  }
}

}  // namespace spikeloop::sim
