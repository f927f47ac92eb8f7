#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/rules/link_credits.h"
#include "sim/rules/router.h"

namespace spikeloop::sim {

/// The chip's whole mesh without its tiles: at every router a source with a queue without end, which sends a
/// flit a cycle when it may, and a sink that takes a flit a cycle. Time is in cycles of the network clock.
///
/// It is a plain loop over the Router rule, not SystemC: a loaded mesh leaves few cycles to sleep through,
/// and a test can stop it in any cycle. Routers without work are skipped.
class Mesh {
 public:
  struct Delivery {
    int source = 0, destination = 0;
    Cycle created = 0;   ///< when the packet entered its source's queue
    Cycle injected = 0;  ///< when its head entered the router
    Cycle arrived = 0;   ///< when the sink took its tail
    int flits = 0;
  };

  /// Reads the chip's mesh, router and link.
  explicit Mesh(const ChipConfig& chip, Recorder* recorder = nullptr);

  int channels() const { return channels_; }
  int tiles() const { return plan_.columns * plan_.rows; }
  int columns() const { return plan_.columns; }
  int rows() const { return plan_.rows; }
  Cycle now() const { return now_; }

  /// Queues a packet at a tile, which may send it in the coming step(). More than one destination (ascending,
  /// each once, 64 at most): a multicast.
  void send(int tile, std::vector<int> destinations, int flits);
  /// Works one cycle. Throws std::runtime_error when flits are under way and none can move any more, and
  /// std::logic_error when a packet arrives torn, twice or in the wrong place.
  void step();
  /// Of the last step().
  const std::vector<Delivery>& delivered() const { return delivered_; }
  /// Takes back the packets that no flit has left of.
  void drop_waiting();
  /// Nothing is queued or under way, every FIFO is empty and every credit is back at its sender's.
  bool empty() const;

  std::int64_t flits_injected() const { return flits_injected_; }
  std::int64_t flits_delivered() const { return flits_delivered_; }
  std::int64_t flits_to_deliver() const { return flits_to_deliver_; }  ///< injected, at each destination
  /// That left a router through a port (kLocal: to the sink) in a virtual channel, since the start.
  std::int64_t flits(int tile, int port, int vc) const {
    return flits_[(static_cast<std::size_t>(tile) * kNumPorts + static_cast<std::size_t>(port)) *
                      static_cast<std::size_t>(channels_) +
                  static_cast<std::size_t>(vc)];
  }
  /// The tile behind a router's port, -1 when there is none.
  int neighbour(int tile, int port) const;

 private:
  struct Packet {
    int source = 0, route = 0, flits = 0;
    Cycle created = 0, injected = 0;
    std::uint64_t missing = 0;  ///< bit per destination that has not got it
  };
  struct Arriving {
    Flit flit;
    Cycle arrival;
  };
  struct Node : RouterPorts {
    Node(Mesh& owner, int at, const ChipConfig& chip, const Timing& timing, Recorder* recorder);
    void send_flit(int port, const Flit& flit, Cycle arrival) override;
    void send_credit(int port, int vc, Cycle arrival) override;
    Mesh& mesh;
    int tile;
    Router router;
    Cycle wake = kNever;
    LinkCredits credits;  ///< of the source
    Ring<std::int64_t> queue;
    int sent = 0, vc = 0;  ///< of the packet at the front of the queue
    Ring<Arriving> sink;
    std::int64_t receiving = -1;  ///< packet whose head has come
    int received = 0;
  };

  void inject(Node& node);
  void eject(Node& node);
  void arrive(const Node& node, std::int64_t id);
  int route_to(std::vector<int> destinations);

  Plan plan_;  ///< only its routes and the mesh's size: route t < tiles() ends in tile t
  Timing timing_;
  int channels_;
  Cycle link_, patience_;
  Cycle now_ = 0, last_move_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Packet> packets_;
  std::vector<std::int64_t> free_packets_;  ///< numbers to use again
  std::vector<int> free_routes_;
  std::vector<Delivery> delivered_;
  std::vector<std::int64_t> flits_;
  std::int64_t flits_injected_ = 0, flits_delivered_ = 0, flits_to_deliver_ = 0;
};

}  // namespace spikeloop::sim
