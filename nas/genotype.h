#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/snasnet_spec.h"
#include "traces/support/random.h"

/// The search space: cells of four nodes as in SNASNet (Kim et al. 2022, model_snn.py:28-46 and 98-110).
namespace spikeloop::nas {

enum class CellType { kForward, kBackward };

/// "forward" or "backward"; throws InputError naming `place` for another word.
CellType parse_cell_type(const std::string& text, const std::string& place);
const char* to_string(CellType type);

struct CleanedCell {
  models::CellMatrix cell{};
  bool accepted = false;   ///< the direct edge from input to output is left
  bool connected = false;  ///< there is a path from input to output
};

/// Drops the nodes that don't reach node 3 or aren't reached from node 0, as the released search does: both
/// are looked up in the raw matrix, where "reaches" means a path of one to four edges.
CleanedCell clean(const models::CellMatrix& raw);

/// Like the released generator one connection matrix, not cleaned: forward draws an op for every pair,
/// backward also a direction by a fair coin.
models::CellMatrix sample_raw(RandomStream& random, CellType type);

/// Draws until clean() accepts; the cleaned cell.
models::CellMatrix sample_cell(RandomStream& random, CellType type);

/// The representative of all cells that compute the same family of functions: cleaned, and of the two
/// numberings of the inner nodes the one with the smaller text (they may be swapped when no edge joins them).
models::CellMatrix canonical(const models::CellMatrix& cell);

/// A cell the search may build: empty diagonal, one direction per pair, nothing left to clean, accepted (or,
/// without `direct_edge`, connected).
bool is_valid(const models::CellMatrix& cell, bool direct_edge = true);

/// Distinct accepted cells after cleaning, by enumeration; `up_to_swaps` counts canonical forms instead.
std::int64_t count_cells(CellType type, bool up_to_swaps = false);

/// All cells of `ops` (at most 15, without zero, which every edge may be), cleaned, ascending, each once; of
/// canonical forms when `up_to_swaps`. `direct_edge`: as SNASNet's rule wants only those with an edge from
/// input to output, else all with a path.
std::vector<models::CellMatrix> enumerate_cells(CellType type, const std::vector<models::CellOp>& ops,
                                                bool direct_edge, bool up_to_swaps);

}  // namespace spikeloop::nas
