#pragma once
#include <cstdint>

#include "models/snasnet_spec.h"
#include "nas/genotype.h"

namespace spikeloop::nas {

struct CandidateCells {
  models::CellMatrix cell1{}, cell2{};
};

/// Random search: what draw number `draw` of a study proposes, in canonical form. A pure function, so there
/// is no state to checkpoint. Different draws may propose the same candidate.
CandidateCells propose_random(std::uint64_t study_seed, std::int64_t draw, CellType type, bool shared_cell);

}  // namespace spikeloop::nas
