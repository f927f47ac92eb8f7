#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "sim/record.h"
#include "sim/rules/link_credits.h"
#include "sim/rules/ring.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// Ports of a router: its tile, the four neighbours, and the host beside it (on the host port's router only).
enum Port : std::uint8_t { kLocal, kNorth, kEast, kSouth, kWest, kHost };
inline constexpr int kNumPorts = 6;

/// The port at the other end of a router's link.
inline int opposite_port(int port) {
  switch (port) {
    case kNorth:
      return kSouth;
    case kSouth:
      return kNorth;
    case kEast:
      return kWest;
    case kWest:
      return kEast;
    default:
      return port;
  }
}

/// One link transfer. A packet is one item on one route; in a virtual channel its flits follow each other
/// without a gap from another packet.
struct Flit {
  std::int32_t route = 0;  ///< Plan::routes
  std::int64_t item = 0;
  bool head = false, tail = false;
  std::uint8_t vc = 0;  ///< of the link that it is on: which FIFO takes it
};

/// Where a router's sends go. An arrival is always at least one network cycle after the call.
class RouterPorts {
 public:
  virtual ~RouterPorts() = default;
  virtual void send_flit(int port, const Flit& flit, Cycle arrival) = 0;
  virtual void send_credit(int port, int vc, Cycle arrival) = 0;  ///< for a place in this input's FIFO
};

/// Wormhole router with virtual channels, on edges of the network clock.
///
/// Every input port has `router.virtual_channels` FIFOs of `router.buffer_flits`; every output knows the free
/// places of each FIFO at its other end (credits). The outputs to the tile and to the host have one channel:
/// there, packets do not interleave. A flit that arrives in network cycle a may leave in cycle a +
/// latency_cycles at the earliest; it is in the next FIFO link cycles later, and the credit for its own place
/// is at its sender then. So a FIFO of B flits carries at most B flits in 2 * link + latency cycles.
///
/// A cycle, on the state that the last one left and the credits that have come:
///  1. Request. The flit at the front of each FIFO, when it is ready, asks for its output; a head needs a
///     channel there that no packet holds and that has a credit (of several: the most credits, the lowest),
///     other flits a credit of the channel that their packet holds.
///  2. Output. Each output picks one of the FIFOs that ask for it: round-robin in the order input * channels
///     + channel, the first one after the FIFO that it took a flit from last.
///  3. Input. A port reads one flit a cycle. Where outputs picked several of its FIFOs, it takes the first
///     FIFO after the one that it read last, in a round.
/// Outputs whose pick was not read repeat this with the ports that are left, until none is: as iSLIP
/// (McKeown, IEEE/ACM Trans. Networking 7(2), 1999). Only what was picked and read at once counts as taken
/// last; so who is passed over stays first in its round, and every FIFO that keeps asking is served. With one
/// channel an input asks for one output, and one round does it all.
///
/// Routing: `xy` columns first. `west_first`: what has to go west goes there first; then the one of the (at
/// most two) directions that lead closer whose unheld channels have more credits in all, X if equal; chosen
/// anew every cycle until the head leaves. Both only allow turns of the west-first model (no turn into west;
/// Glass and Ni, ISCA 1992), so a FIFO only waits for FIFOs that follow it in an order without cycles,
/// whatever channels packets take, and the FIFOs at the end are always emptied (a packet is sent only when
/// its receiver keeps a place).
///
/// Multicast: a packet whose route has several tiles goes to every output of the tree of XY paths to them.
/// Each branch reads the FIFO at a position of its own; in one cycle the port reads one position, the one
/// furthest behind of those picked, for all branches there that are picked. A place is free, and its credit
/// returned, once all branches have read it.
///   No deadlock. The planner admits only multicast packets that fit a FIFO whole (p <= B flits). While a
/// packet is at the front of a FIFO, all B places are its own, so all of its flits can come even if one
/// branch never reads: by induction along the path from the source, which holds the packet whole, no branch
/// waits for a sibling. A branch then waits only for the FIFO downstream: for the packet that holds its
/// channel, whose remaining flits come by the same argument (or, for a longer unicast packet, as fast as that
/// FIFO empties), and for places, which get free as the packets before it leave. So FIFOs wait only for FIFOs
/// downstream; XY turns are west-first turns, hence the order is the acyclic one above, also with adaptive
/// unicast packets in the same FIFOs. From the ends upwards every front packet leaves.
class Router {
 public:
  /// `recorder` may be null.
  Router(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile, RouterPorts& ports,
         Recorder* recorder = nullptr);

  /// An arrival between two edges is seen at the next one.
  void put_flit(int port, const Flit& flit, Cycle arrival);
  void put_credit(int port, int vc, Cycle arrival);
  /// Works one network cycle; `now` is an edge. Returns the next edge at which it may have work without being
  /// told of anything new.
  Cycle evaluate(Cycle now);

  std::int64_t flits() const { return flits_; }  ///< that left; of a multicast flit, each branch
  std::int64_t link_flits() const { return link_flits_; }
  bool idle() const { return flits_here_ == 0; }  ///< no flit is here or on its way here: credits can wait

 private:
  struct Waiting {
    Flit flit;
    Cycle ready;
  };
  /// A way that the packet at the front takes out of here.
  struct Branch {
    int port = kLocal;
    int vc = -1;  ///< of the output, that it holds; -1 before its head has left
    bool done = false;
    std::size_t position = 0;  ///< in the FIFO, of the next flit to read
  };
  struct Input {
    Ring<Waiting> fifo;
    std::array<Branch, kNumPorts> branches;
    int num_branches = 0;  ///< of the packet at the front; 0 before it was looked at
  };
  struct Output {
    Output(int channels, int fifo_flits)
        : credits(channels, fifo_flits), held(static_cast<std::size_t>(channels), 0) {}
    LinkCredits credits;
    std::vector<char> held;  ///< per channel: by a packet under way
    int last_input = 0;      ///< FIFO that it took a flit from last
  };
  struct Grant {
    int input = -1;  ///< FIFO, -1 none
    int branch = 0;
    bool at_once = false;  ///< read in the first round
  };
  struct Read {
    int input = -1;  ///< FIFO, -1 none
    std::size_t position = 0;
  };

  void find_branches(Input& input, int port) const;
  int unicast_port(const Route& way) const;
  int xy_port(int tile) const;
  int free_channel(int port) const;
  int free_credits(int port) const;
  Cycle edge(Cycle arrival) const { return (arrival + period_ - 1) / period_ * period_; }
  void pick(Cycle now);
  bool read(bool first_round);
  void send(const Grant& grant, int port, Cycle now);
  Cycle next_event(Cycle now, bool moved) const;

  const Plan& plan_;
  int channels_, tile_, column_, row_;
  bool adaptive_;
  Cycle period_, latency_, link_, to_tile_;
  RouterPorts& ports_;
  Recorder* recorder_;
  std::vector<Input> inputs_;  ///< port * channels + channel
  std::vector<Output> outputs_;
  std::array<Grant, kNumPorts> grants_{};      ///< of this cycle, per output
  std::array<Read, kNumPorts> reads_{};        ///< of this cycle, per input port
  std::array<bool, kNumPorts> open_{};         ///< outputs that may still get a flit in this cycle
  std::array<int, kNumPorts> last_channel_{};  ///< per input port: read last
  std::int64_t flits_here_ = 0, flits_ = 0, link_flits_ = 0;
};

}  // namespace spikeloop::sim
