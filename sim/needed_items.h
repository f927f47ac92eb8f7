#pragma once
#include <cstdint>
#include <vector>

#include "sim/mapping/plan.h"

/// What a sample's results wait for. A stage works through its whole map, but a stride or a pooling window
/// may never look at its last rows: of the last timestep, results wait only for the items up to the last one
/// that a window of some receiver needs.
namespace spikeloop::sim {

struct NeededItems {
  std::vector<std::int64_t> of_stage;  ///< items that it must have worked through, all timesteps together
  std::vector<std::int64_t> of_flow;   ///< items that must have come
};

NeededItems needed_items(const Plan& plan);

}  // namespace spikeloop::sim
