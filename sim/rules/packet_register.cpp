#include "sim/rules/packet_register.h"

namespace spikeloop::sim {

PacketRegister::PacketRegister(TileContext& tile) : tile_(tile), flows_here_(tile.plan.routes.size()) {
  for (std::size_t r = 0; r < tile.plan.routes.size(); ++r) {
    for (int f : tile.plan.routes[r].flows) {
      if (tile.lives_here(tile.flow(f).consumer)) flows_here_[r].push_back(f);
    }
  }
}

void PacketRegister::taken() {
  if (++next_ == pending_.size()) {
    pending_.clear();
    next_ = 0;
  }
  tile_.changed = true;
}

void PacketRegister::take_flit(Cycle now) {
  if (ejection_.empty() || ejection_.front().ready > now || !pending_.empty()) return;
  const Flit flit = ejection_.front().flit;
  ejection_.pop();
  ++flits_;
  const auto& t = tile_.timing;
  tile_.ports.return_credit(now + tile_.chip.link.latency_cycles * t.network_period + t.crossing_to_network);
  tile_.record(now, EventKind::kFlitEjected, flit.route, flit.item);
  tile_.changed = true;
  if (!flit.tail) return;
  item_ = flit.item;
  for (int f : flows_here_[static_cast<std::size_t>(flit.route)]) {
    if (tile_.stage_of(tile_.flow(f).consumer).kind == StageKind::kPool) {
      tile_.deliver_bits(f, flit.item, now);
    } else {
      pending_.push_back(f);
    }
  }
}

}  // namespace spikeloop::sim
