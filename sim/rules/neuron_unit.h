#pragma once
#include <cstdint>
#include <vector>

#include "sim/rules/ring.h"
#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// Updates the neurons of the tile's nodes, pixel by pixel, nodes with work in turn. An item holds the lanes
/// for ceil(channels / lanes) cycles per LIF layer (twice that for CubaLIF, whose lanes update the current,
/// then the membrane), then passes the pipeline; a node without neurons is read out through a port of the
/// node memory as wide as the node adder, and leaves at once. Items leave in order, each when the packets of
/// the one before are in the output buffer; lanes and pipeline hold latency_cycles + 1 items.
class NeuronUnit {
 public:
  explicit NeuronUnit(TileContext& tile);
  void finish_due(Cycle now);
  void start(Cycle now);
  Cycle next_event(Cycle now) const;
  bool node_ready(const StageWork& w, std::int64_t item) const;

 private:
  struct Result {
    Cycle ready;
    StageWork* work;
    std::int64_t item;
  };
  TileContext& tile_;
  std::vector<StageWork*> nodes_;
  std::size_t last_ = 0;
  bool busy_ = false;  ///< the lanes
  Cycle end_ = 0;
  StageWork* work_ = nullptr;
  std::int64_t item_ = 0;
  Ring<Result> results_;
  Cycle written_ = 0;  ///< when the packets of the last result are in the output buffer
};

}  // namespace spikeloop::sim
