#pragma once
#include <cstdint>
#include <vector>

#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// Pools out of the line buffers, an item at a time, pooling stages with work in turn:
/// ceil(channels x pixels of the window / lanes) cycles. An item leaves when the packets of the one before
/// are in the output buffer; until then it holds the unit.
class PoolingUnit {
 public:
  explicit PoolingUnit(TileContext& tile);
  void finish_due(Cycle now);
  void start(Cycle now);
  Cycle next_event(Cycle now) const;

 private:
  TileContext& tile_;
  std::vector<StageWork*> pools_;
  std::size_t last_ = 0;
  bool busy_ = false, held_ = false;  ///< held: done, but its result waits for the output buffer's port
  Cycle end_ = 0;
  StageWork* work_ = nullptr;
  std::int64_t item_ = 0;
  Cycle written_ = 0;
};

}  // namespace spikeloop::sim
