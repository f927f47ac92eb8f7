#include "sim/rules/router.h"

#include <algorithm>

namespace spikeloop::sim {

Router::Router(const Plan& plan, const ChipConfig& chip, int tile, RouterPorts& ports)
    : plan_(plan),
      column_(plan.tile_column(tile)),
      row_(plan.tile_row(tile)),
      latency_cycles_(chip.router.latency_cycles),
      link_cycles_(chip.link.latency_cycles),
      host_tile_(chip.host_port.row * plan.columns + chip.host_port.column),
      tile_(tile),
      ports_(ports) {
  credits_.fill(chip.router.buffer_flits);
  owner_.fill(-1);
  last_grant_.fill(kNumPorts - 1);
}

int Router::route(const Flit& flit) const {
  const auto& way = plan_.routes[static_cast<std::size_t>(flit.route)];
  const int column = plan_.tile_column(way.tiles[0]);
  const int row = plan_.tile_row(way.tiles[0]);
  if (column > column_) return kEast;
  if (column < column_) return kWest;
  if (row > row_) return kSouth;
  if (row < row_) return kNorth;
  return way.to_host ? kHost : kLocal;
}

void Router::put_flit(int port, const Flit& flit, Cycle arrival) {
  fifo_[static_cast<std::size_t>(port)].push({flit, arrival + latency_cycles_});
}

void Router::put_credit(int port, Cycle arrival) {
  coming_credits_[static_cast<std::size_t>(port)].push(arrival);
}

Cycle Router::evaluate(Cycle now) {
  std::array<int, kNumPorts> wants{};  // output that each input's front flit may take now, -1 none
  for (std::size_t p = 0; p < kNumPorts; ++p) {
    while (!coming_credits_[p].empty() && coming_credits_[p].front() <= now) {
      coming_credits_[p].pop();
      ++credits_[p];
    }
    wants[p] = !fifo_[p].empty() && fifo_[p].front().ready <= now ? route(fifo_[p].front().flit) : -1;
  }
  for (std::size_t out = 0; out < kNumPorts; ++out) {
    if (credits_[out] == 0) continue;
    int in = owner_[out];
    if (in < 0) {
      for (int step = 1; step <= kNumPorts; ++step) {
        const int candidate = (last_grant_[out] + step) % kNumPorts;
        if (wants[static_cast<std::size_t>(candidate)] == static_cast<int>(out)) {
          in = candidate;
          break;
        }
      }
      if (in < 0) continue;
      last_grant_[out] = in;
    } else if (wants[static_cast<std::size_t>(in)] != static_cast<int>(out)) {
      continue;
    }
    auto& fifo = fifo_[static_cast<std::size_t>(in)];
    const Flit flit = fifo.front().flit;
    fifo.pop();
    wants[static_cast<std::size_t>(in)] = -1;  // one flit per input and cycle
    owner_[out] = flit.tail ? -1 : in;
    --credits_[out];
    ++flits_;
    if (out != kLocal && out != kHost) ++link_flits_;
    ports_.send_flit(static_cast<int>(out), flit, now + link_cycles_);
    ports_.send_credit(in, now + link_cycles_);
  }
  Cycle next = kNever;
  for (std::size_t p = 0; p < kNumPorts; ++p) {
    if (!coming_credits_[p].empty()) next = std::min(next, coming_credits_[p].front());
    if (fifo_[p].empty()) continue;
    const auto& front = fifo_[p].front();
    if (front.ready > now) {
      next = std::min(next, front.ready);
    } else if (credits_[static_cast<std::size_t>(route(front.flit))] > 0) {
      next = std::min(next, now + 1);  // lost arbitration; without a credit, the credit's arrival wakes it
    }
  }
  return next;
}

bool Router::idle() const {
  return std::all_of(fifo_.begin(), fifo_.end(), [](const auto& f) { return f.empty(); });
}

}  // namespace spikeloop::sim
