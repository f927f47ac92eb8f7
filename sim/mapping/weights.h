#pragma once
#include <vector>

#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// The matrix of one layer, and how wide its outputs are on this chip.
struct WeightMatrix {
  int positions = 1;  ///< of the kernel; 1 for a linear layer
  int channels = 0;   ///< input channels: rows = positions x channels, channels contiguous
  int outputs = 0;
  int columns_per_output = 1;
};

/// Cuts a matrix into pieces, one per crossbar: column block by column block, in each all of its row shares.
/// Piece::pe counts on over the tiles of the layer.
///
/// `unrolled` (ISAAC, NeuroSim), and linear layers always, as they have no kernel: a row block is the next
/// crossbar.rows rows of the matrix; pieces fill crossbar after crossbar.
///
/// `kernel_position` (SpikeSim, 2210.12899): a crossbar holds up to crossbar.rows input channels of one
/// kernel position. The crossbars of one (input-channel block, column block) pair are its positions; a pair
/// starts at a PE boundary and takes ceil(positions / pe.crossbars) PEs, of whose crossbars the rest stays
/// empty. With pe.crossbars = K*K and one column per output a layer takes ceil(Cin/X) * ceil(Cout/X) PEs,
/// SpikeSim's rule. Row block = input-channel block x positions + position.
std::vector<Piece> cut_into_pieces(const ChipConfig& chip, const WeightMatrix& matrix, bool linear);

/// Lowers one convolution or linear layer: a stage per tile that its pieces fill, with copies where one tile
/// holds it all. A tile holds one layer only.
void map_weights(Draft& draft, int node);

}  // namespace spikeloop::sim
