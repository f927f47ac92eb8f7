#pragma once
#include <cstdint>
#include <vector>

#include "sim/rules/packet_register.h"
#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// The node adder adds values to the accumulators of nodes, from the packet register and from the registers
/// between stages of the tile in turn; the adder tree takes partial sums of other tiles out of the packet
/// register. Each works on one item at a time.
class AdderUnits {
 public:
  AdderUnits(TileContext& tile, PacketRegister& packets);
  void finish_due(Cycle now);
  void start(Cycle now);
  Cycle next_event(Cycle now) const;

 private:
  struct Adder {
    bool busy = false;
    Cycle end = 0;
    int flow = 0;
    std::int64_t item = 0;
    bool from_network = false;
  };
  TileContext& tile_;
  PacketRegister& packets_;
  std::vector<int> local_flows_;  ///< of values, into nodes
  Adder node_, tree_;
  std::size_t last_source_ = 0;  ///< 0 is the packet register, 1.. the local ones
};

}  // namespace spikeloop::sim
