#include "sim/traffic/mesh.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace spikeloop::sim {

Mesh::Node::Node(Mesh& owner, int at, const ChipConfig& chip, const Timing& timing, Recorder* recorder)
    : mesh(owner),
      tile(at),
      router(owner.plan_, chip, timing, at, *this, recorder),
      credits(chip.router.virtual_channels, chip.router.buffer_flits) {}

void Mesh::Node::send_flit(int port, const Flit& flit, Cycle arrival) {
  mesh.last_move_ = mesh.now_;
  ++mesh.flits_[(static_cast<std::size_t>(tile) * kNumPorts + static_cast<std::size_t>(port)) *
                    static_cast<std::size_t>(mesh.channels_) +
                flit.vc];
  if (port == kLocal) {
    sink.push({flit, arrival});
    return;
  }
  auto& peer = *mesh.nodes_[static_cast<std::size_t>(mesh.neighbour(tile, port))];
  peer.router.put_flit(opposite_port(port), flit, arrival);
  peer.wake = std::min(peer.wake, arrival);
}

void Mesh::Node::send_credit(int port, int returned_vc, Cycle arrival) {
  if (port == kLocal) {
    credits.put(returned_vc, arrival);
    return;
  }
  auto& peer = *mesh.nodes_[static_cast<std::size_t>(mesh.neighbour(tile, port))];
  peer.router.put_credit(opposite_port(port), returned_vc, arrival);
  if (!peer.router.idle()) peer.wake = std::min(peer.wake, arrival);
}

Mesh::Mesh(const ChipConfig& chip, Recorder* recorder)
    : channels_(chip.router.virtual_channels),
      link_(chip.link.latency_cycles),
      // Whatever moves next was started by a move at most a credit's round trip ago.
      patience_(2 * Cycle{chip.link.latency_cycles} + chip.router.latency_cycles + 1) {
  plan_.columns = chip.mesh.columns;
  plan_.rows = chip.mesh.rows;
  for (int t = 0; t < tiles(); ++t) {
    Route route;
    route.tiles = {t};
    plan_.routes.push_back(std::move(route));
  }
  flits_.assign(static_cast<std::size_t>(tiles() * kNumPorts * channels_), 0);
  for (int t = 0; t < tiles(); ++t) {
    nodes_.push_back(std::make_unique<Node>(*this, t, chip, timing_, recorder));
  }
}

int Mesh::neighbour(int tile, int port) const {
  const int column = plan_.tile_column(tile);
  const int row = plan_.tile_row(tile);
  if (port == kNorth && row > 0) return tile - plan_.columns;
  if (port == kSouth && row + 1 < plan_.rows) return tile + plan_.columns;
  if (port == kWest && column > 0) return tile - 1;
  if (port == kEast && column + 1 < plan_.columns) return tile + 1;
  return -1;
}

int Mesh::route_to(std::vector<int> destinations) {
  if (destinations.size() == 1) return destinations[0];
  int route = static_cast<int>(plan_.routes.size());
  if (free_routes_.empty()) {
    plan_.routes.emplace_back();
  } else {
    route = free_routes_.back();
    free_routes_.pop_back();
  }
  plan_.routes[static_cast<std::size_t>(route)].tiles = std::move(destinations);
  return route;
}

void Mesh::send(int tile, std::vector<int> destinations, int flits) {
  if (destinations.empty() || destinations.size() > 64 || flits < 1)
    throw std::logic_error("a packet of " + std::to_string(flits) + " flits to " +
                           std::to_string(destinations.size()) + " tiles");
  auto id = static_cast<std::int64_t>(packets_.size());
  if (free_packets_.empty()) {
    packets_.emplace_back();
  } else {
    id = free_packets_.back();
    free_packets_.pop_back();
  }
  auto& packet = packets_[static_cast<std::size_t>(id)];
  packet.missing = ~std::uint64_t{0} >> (64 - destinations.size());
  packet.source = tile;
  packet.flits = flits;
  packet.created = now_;
  packet.route = route_to(std::move(destinations));
  nodes_[static_cast<std::size_t>(tile)]->queue.push(id);
}

void Mesh::inject(Node& node) {
  node.credits.take_arrivals(now_);
  if (node.queue.empty()) return;
  if (node.sent == 0) node.vc = node.credits.freest();
  if (node.credits.available(node.vc) == 0) return;
  const auto id = node.queue.front();
  auto& packet = packets_[static_cast<std::size_t>(id)];
  Flit flit;
  flit.route = packet.route;
  flit.item = id;
  flit.head = node.sent == 0;
  flit.tail = ++node.sent == packet.flits;
  flit.vc = static_cast<std::uint8_t>(node.vc);
  if (flit.head) packet.injected = now_;
  node.credits.take(node.vc);
  ++flits_injected_;
  flits_to_deliver_ +=
      static_cast<std::int64_t>(plan_.routes[static_cast<std::size_t>(packet.route)].tiles.size());
  last_move_ = now_;
  node.router.put_flit(kLocal, flit, now_ + link_);
  node.wake = std::min(node.wake, now_ + link_);
  if (!flit.tail) return;
  node.queue.pop();
  node.sent = 0;
}

void Mesh::eject(Node& node) {
  if (node.sink.empty() || node.sink.front().arrival > now_) return;
  const Flit flit = node.sink.front().flit;
  node.sink.pop();
  ++flits_delivered_;
  last_move_ = now_;
  node.router.put_credit(kLocal, 0, now_ + link_);
  if (!node.router.idle()) node.wake = std::min(node.wake, now_ + link_);
  if (flit.head != (node.receiving < 0) || (!flit.head && flit.item != node.receiving))
    throw std::logic_error("flits of two packets are mixed at tile " + std::to_string(node.tile));
  node.receiving = flit.item;
  ++node.received;
  if (!flit.tail) return;
  arrive(node, flit.item);
  node.receiving = -1;
  node.received = 0;
}

void Mesh::arrive(const Node& node, std::int64_t id) {
  auto& packet = packets_[static_cast<std::size_t>(id)];
  const auto& ends = plan_.routes[static_cast<std::size_t>(packet.route)].tiles;
  const auto place = std::lower_bound(ends.begin(), ends.end(), node.tile);
  const std::uint64_t bit = place == ends.end() || *place != node.tile
                                ? 0
                                : std::uint64_t{1} << static_cast<unsigned>(place - ends.begin());
  if ((packet.missing & bit) == 0 || node.received != packet.flits)
    throw std::logic_error("a packet that tile " + std::to_string(node.tile) + " did not wait for");
  packet.missing &= ~bit;
  delivered_.push_back({packet.source, node.tile, packet.created, packet.injected, now_, packet.flits});
  if (packet.missing != 0) return;
  if (ends.size() > 1) free_routes_.push_back(packet.route);
  free_packets_.push_back(id);
}

void Mesh::step() {
  delivered_.clear();
  for (auto& node : nodes_) {
    inject(*node);
    eject(*node);
    if (node->wake > now_) continue;
    node->wake = kNever;  // what the neighbours tell it is later than its own next work or brings it forward
    const Cycle next = node->router.evaluate(now_);
    node->wake = std::min(node->wake, next);
  }
  if (flits_delivered_ != flits_to_deliver_ && now_ - last_move_ > patience_)
    throw std::runtime_error("the mesh stands still with " +
                             std::to_string(flits_to_deliver_ - flits_delivered_) + " flits to deliver");
  ++now_;
}

void Mesh::drop_waiting() {
  for (auto& node : nodes_) {
    const bool begun = node->sent > 0;
    const std::int64_t current = begun ? node->queue.front() : -1;
    for (; !node->queue.empty(); node->queue.pop()) {
      const auto id = node->queue.front();
      if (id == current) continue;
      const int route = packets_[static_cast<std::size_t>(id)].route;
      if (route >= tiles()) free_routes_.push_back(route);
      free_packets_.push_back(id);
    }
    if (begun) node->queue.push(current);
  }
}

bool Mesh::empty() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) {
    return node->queue.empty() && node->sink.empty() && node->router.idle() && node->credits.all_returned();
  });
}

}  // namespace spikeloop::sim
