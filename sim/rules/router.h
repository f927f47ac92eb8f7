#pragma once
#include <array>
#include <cstdint>

#include "sim/rules/ring.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// Ports of a router: its tile, the four neighbours, and the host beside it (on the host port's router only).
enum Port : std::uint8_t { kLocal, kNorth, kEast, kSouth, kWest, kHost };
inline constexpr int kNumPorts = 6;

/// One link transfer. A packet is one item on one route; in a virtual channel its flits follow each other
/// without a gap from another packet.
struct Flit {
  std::int32_t route = 0;  ///< Plan::routes
  std::int64_t item = 0;
  bool head = false, tail = false;
};

/// Where a router's sends go. An arrival is always at least one cycle after the call.
class RouterPorts {
 public:
  virtual ~RouterPorts() = default;
  virtual void send_flit(int port, const Flit& flit, Cycle arrival) = 0;
  virtual void send_credit(int port, Cycle arrival) = 0;
};

/// Wormhole router: an input FIFO per port, XY routing, one packet at a time per output, round-robin among
/// inputs, credits for every FIFO slot downstream.
///
/// In every cycle each output with a credit takes at most one flit, and each input gives at most one. A flit
/// that arrives in cycle a may leave in cycle a + latency_cycles at the earliest; it is in the next FIFO link
/// cycles later.
class Router {
 public:
  Router(const Plan& plan, const ChipConfig& chip, int tile, RouterPorts& ports);

  void put_flit(int port, const Flit& flit, Cycle arrival);
  void put_credit(int port, Cycle arrival);
  /// Works one cycle. Returns the next cycle in which it may have work without being told of anything new.
  Cycle evaluate(Cycle now);

  std::int64_t flits() const { return flits_; }
  std::int64_t link_flits() const { return link_flits_; }
  bool idle() const;

 private:
  struct Waiting {
    Flit flit;
    Cycle ready;
  };
  int route(const Flit& flit) const;

  const Plan& plan_;
  int column_, row_, latency_cycles_, link_cycles_;
  int host_tile_;
  int tile_;
  RouterPorts& ports_;
  std::array<Ring<Waiting>, kNumPorts> fifo_;
  std::array<int, kNumPorts> credits_{};
  std::array<Ring<Cycle>, kNumPorts> coming_credits_;
  std::array<int, kNumPorts> owner_{};       ///< input that holds the output, -1 free
  std::array<int, kNumPorts> last_grant_{};  ///< round-robin pointer
  std::int64_t flits_ = 0, link_flits_ = 0;
};

}  // namespace spikeloop::sim
