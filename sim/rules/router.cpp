#include "sim/rules/router.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

/// Whether the XY path of a multicast to (column, row), which has come in through `port` of the router at
/// (here_column, here_row), goes on from here.
bool lies_ahead(int port, int column, int row, int here_column, int here_row) {
  switch (port) {
    case kWest:
      return column >= here_column;
    case kEast:
      return column <= here_column;
    case kNorth:
      return column == here_column && row >= here_row;
    case kSouth:
      return column == here_column && row <= here_row;
    default:
      return true;  // from the source
  }
}

/// Steps from `last` to `index` in a round of `size`: 1 for the next one, `size` for `last` itself.
int round_robin_distance(int index, int last, int size) { return (index - last + size - 1) % size + 1; }

}  // namespace

Router::Router(const Plan& plan, const ChipConfig& chip, const Timing& timing, int tile, RouterPorts& ports,
               Recorder* recorder)
    : plan_(plan),
      channels_(chip.router.virtual_channels),
      tile_(tile),
      column_(plan.tile_column(tile)),
      row_(plan.tile_row(tile)),
      adaptive_(chip.router.routing == Routing::kWestFirst),
      period_(timing.network_period),
      latency_(chip.router.latency_cycles * timing.network_period),
      link_(chip.link.latency_cycles * timing.network_period),
      to_tile_(timing.crossing_to_tile_from_network),
      ports_(ports),
      recorder_(recorder),
      inputs_(static_cast<std::size_t>(kNumPorts * channels_)) {
  for (int port = 0; port < kNumPorts; ++port) {
    outputs_.emplace_back(port == kLocal || port == kHost ? 1 : channels_, chip.router.buffer_flits);
    outputs_.back().last_input = kNumPorts * channels_ - 1;
  }
  last_channel_.fill(channels_ - 1);
}

void Router::put_flit(int port, const Flit& flit, Cycle arrival) {
  inputs_[static_cast<std::size_t>(port * channels_ + flit.vc)].fifo.push({flit, edge(arrival) + latency_});
  ++flits_here_;
}

void Router::put_credit(int port, int vc, Cycle arrival) {
  outputs_[static_cast<std::size_t>(port)].credits.put(vc, edge(arrival));
}

int Router::xy_port(int tile) const {
  const int column = plan_.tile_column(tile);
  const int row = plan_.tile_row(tile);
  if (column > column_) return kEast;
  if (column < column_) return kWest;
  if (row > row_) return kSouth;
  if (row < row_) return kNorth;
  return kLocal;
}

int Router::unicast_port(const Route& way) const {
  const int x = xy_port(way.tiles[0]);
  if (x == kLocal) return way.to_host ? kHost : kLocal;
  const int row = plan_.tile_row(way.tiles[0]);
  if (!adaptive_ || x != kEast || row == row_) return x;
  const int y = row > row_ ? kSouth : kNorth;
  return free_credits(y) > free_credits(x) ? y : x;
}

void Router::find_branches(Input& input, int port) const {
  const auto& way = plan_.routes[static_cast<std::size_t>(input.fifo.front().flit.route)];
  input.num_branches = 0;
  if (way.tiles.size() == 1) {
    input.branches[0] = {};
    input.branches[0].port = unicast_port(way);
    input.num_branches = 1;
    return;
  }
  std::array<bool, kNumPorts> taken{};
  for (int tile : way.tiles) {
    if (lies_ahead(port, plan_.tile_column(tile), plan_.tile_row(tile), column_, row_)) {
      taken[static_cast<std::size_t>(xy_port(tile))] = true;
    }
  }
  for (int out = 0; out < kNumPorts; ++out) {
    if (!taken[static_cast<std::size_t>(out)]) continue;
    auto& branch = input.branches[static_cast<std::size_t>(input.num_branches++)];
    branch = {};
    branch.port = out;
  }
}

/// A channel for a new packet, or -1.
int Router::free_channel(int port) const {
  const auto& out = outputs_[static_cast<std::size_t>(port)];
  int best = -1;
  for (int vc = 0; vc < out.credits.channels(); ++vc) {
    if (out.held[static_cast<std::size_t>(vc)] != 0 || out.credits.available(vc) == 0) continue;
    if (best < 0 || out.credits.available(vc) > out.credits.available(best)) best = vc;
  }
  return best;
}

int Router::free_credits(int port) const {
  const auto& out = outputs_[static_cast<std::size_t>(port)];
  int sum = 0;
  for (int vc = 0; vc < out.credits.channels(); ++vc) {
    if (out.held[static_cast<std::size_t>(vc)] == 0) sum += out.credits.available(vc);
  }
  return sum;
}

/// Steps 1 and 2: the pick of each open output, of those that ask for it from ports that can be read.
void Router::pick(Cycle now) {
  const int size = static_cast<int>(inputs_.size());
  for (int i = 0; i < size; ++i) {
    auto& input = inputs_[static_cast<std::size_t>(i)];
    if (input.fifo.empty() || input.fifo.front().ready > now) continue;
    const auto& already = reads_[static_cast<std::size_t>(i / channels_)];
    if (already.input >= 0 && already.input != i) continue;
    const bool chooses = adaptive_ && input.num_branches == 1 && input.branches[0].vc < 0;
    if (input.num_branches == 0 || chooses) find_branches(input, i / channels_);
    for (int b = 0; b < input.num_branches; ++b) {
      const auto& branch = input.branches[static_cast<std::size_t>(b)];
      if (!open_[static_cast<std::size_t>(branch.port)]) continue;
      if (already.input == i && already.position != branch.position) continue;
      if (branch.done || branch.position >= input.fifo.size() || input.fifo[branch.position].ready > now)
        continue;
      const auto& out = outputs_[static_cast<std::size_t>(branch.port)];
      if (branch.vc < 0 ? free_channel(branch.port) < 0 : out.credits.available(branch.vc) == 0) continue;
      auto& grant = grants_[static_cast<std::size_t>(branch.port)];
      if (grant.input < 0 || round_robin_distance(i, out.last_input, size) <
                                 round_robin_distance(grant.input, out.last_input, size)) {
        grant = {i, b, false};
      }
    }
  }
}

/// Step 3: which of its picked FIFOs each port reads, and where. The other picks are dropped; returns whether
/// there were any.
bool Router::read(bool first_round) {
  const auto position = [&](const Grant& grant) {
    return inputs_[static_cast<std::size_t>(grant.input)]
        .branches[static_cast<std::size_t>(grant.branch)]
        .position;
  };
  const auto key = [&](int input, std::size_t at) {
    const int last = last_channel_[static_cast<std::size_t>(input / channels_)];
    return std::make_pair(round_robin_distance(input % channels_, last, channels_), at);
  };
  for (std::size_t out = 0; out < kNumPorts; ++out) {
    const auto& grant = grants_[out];
    if (!open_[out] || grant.input < 0) continue;
    auto& chosen = reads_[static_cast<std::size_t>(grant.input / channels_)];
    if (chosen.input < 0 || key(grant.input, position(grant)) < key(chosen.input, chosen.position)) {
      chosen = {grant.input, position(grant)};
    }
  }
  bool dropped = false;
  for (std::size_t out = 0; out < kNumPorts; ++out) {
    auto& grant = grants_[out];
    if (!open_[out]) continue;
    const bool asked = grant.input >= 0;
    const auto& chosen = reads_[static_cast<std::size_t>(asked ? grant.input / channels_ : 0)];
    if (asked && (chosen.input != grant.input || chosen.position != position(grant))) {
      grant = {};
      dropped = true;
    } else {
      open_[out] = false;
      grant.at_once = first_round;
    }
  }
  return dropped;
}

void Router::send(const Grant& grant, int port, Cycle now) {
  auto& out = outputs_[static_cast<std::size_t>(port)];
  auto& input = inputs_[static_cast<std::size_t>(grant.input)];
  auto& branch = input.branches[static_cast<std::size_t>(grant.branch)];
  Flit flit = input.fifo[branch.position++].flit;
  if (flit.head) {
    branch.vc = free_channel(port);
    out.held[static_cast<std::size_t>(branch.vc)] = 1;
  }
  flit.vc = static_cast<std::uint8_t>(branch.vc);
  out.credits.take(branch.vc);
  if (grant.at_once) {
    out.last_input = grant.input;
    last_channel_[static_cast<std::size_t>(grant.input / channels_)] = grant.input % channels_;
  }
  if (flit.tail) {
    out.held[static_cast<std::size_t>(branch.vc)] = 0;
    branch.done = true;
  }
  ++flits_;
  if (port != kLocal && port != kHost) ++link_flits_;
  if (recorder_ != nullptr)
    recorder_->record({now, EventKind::kFlitRouted, tile_, flit.route * 8 + port, flit.item});
  ports_.send_flit(port, flit, now + link_ + (port == kLocal ? to_tile_ : 0));
  if (std::any_of(input.branches.begin(), input.branches.begin() + input.num_branches,
                  [](const Branch& b) { return b.position == 0; }))
    return;
  // All branches have read the front flit.
  if (input.fifo.front().flit.tail) {
    input.num_branches = 0;
  } else {
    for (int b = 0; b < input.num_branches; ++b) --input.branches[static_cast<std::size_t>(b)].position;
  }
  input.fifo.pop();
  --flits_here_;
  const int in = grant.input / channels_;
  ports_.send_credit(in, grant.input % channels_, now + link_ + (in == kLocal ? to_tile_ : 0));
}

Cycle Router::evaluate(Cycle now) {
  if (idle()) return kNever;
  for (auto& out : outputs_) out.credits.take_arrivals(now);
  grants_.fill({});
  reads_.fill({});
  open_.fill(true);
  pick(now);
  for (bool again = read(true); again; again = read(false)) pick(now);
  bool moved = false;
  for (int port = 0; port < kNumPorts; ++port) {
    const Grant grant = grants_[static_cast<std::size_t>(port)];
    if (grant.input < 0) continue;
    send(grant, port, now);
    moved = true;
  }
  return next_event(now, moved);
}

Cycle Router::next_event(Cycle now, bool moved) const {
  Cycle next = kNever;
  for (const auto& out : outputs_) next = std::min(next, out.credits.next_arrival());
  const auto waits = [&](const Waiting& waiting) {
    if (waiting.ready > now) {
      next = std::min(next, waiting.ready);
    } else if (moved) {
      next = std::min(next, now + period_);
    }  // else it could not even ask: the credit that it waits for is told
  };
  for (const auto& input : inputs_) {
    if (input.fifo.empty()) continue;
    if (input.num_branches == 0) waits(input.fifo.front());
    for (int b = 0; b < input.num_branches; ++b) {
      const auto& branch = input.branches[static_cast<std::size_t>(b)];
      if (!branch.done && branch.position < input.fifo.size()) waits(input.fifo[branch.position]);
    }
  }
  return next;
}

}  // namespace spikeloop::sim
