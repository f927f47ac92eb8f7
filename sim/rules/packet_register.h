#pragma once
#include <cstdint>
#include <vector>

#include "sim/rules/ring.h"
#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// Takes packets from the router, a flit a cycle, one packet at a time. A whole packet stays until every flow
/// of its route that ends in this tile has taken its item, in the order of the flows: an input buffer that
/// writes it, an adder that adds it. A pooling memory takes it with the last flit.
class PacketRegister {
 public:
  explicit PacketRegister(TileContext& tile);
  void put_flit(const Flit& flit, Cycle arrival) { ejection_.push({flit, arrival}); }

  /// The flow whose turn it is to take the packet, -1 when there is none.
  int flow() const { return pending_.empty() ? -1 : pending_[next_]; }
  std::int64_t item() const { return item_; }
  void taken();  ///< by flow()

  void take_flit(Cycle now);
  Cycle next_event(Cycle now) const {
    return ejection_.empty() || ejection_.front().ready <= now ? kNever : ejection_.front().ready;
  }
  std::int64_t flits() const { return flits_; }

 private:
  struct Waiting {
    Flit flit;
    Cycle ready;
  };
  TileContext& tile_;
  std::vector<std::vector<int>> flows_here_;  ///< per route: its flows that end in this tile
  Ring<Waiting> ejection_;
  std::vector<int> pending_;  ///< flows that take the packet; empty while it is not whole
  std::size_t next_ = 0;
  std::int64_t item_ = 0, flits_ = 0;
};

}  // namespace spikeloop::sim
