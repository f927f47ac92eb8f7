#include "nas/strategy.h"

#include "traces/support/random.h"

namespace spikeloop::nas {

CandidateCells propose_random(std::uint64_t study_seed, std::int64_t draw, CellType type, bool shared_cell) {
  RandomStream random(derive_seed(study_seed, static_cast<std::uint64_t>(draw)));
  CandidateCells cells;
  cells.cell1 = canonical(sample_cell(random, type));
  cells.cell2 = shared_cell ? cells.cell1 : canonical(sample_cell(random, type));
  return cells;
}

}  // namespace spikeloop::nas
