#include "sim/rules/host_port.h"

#include <algorithm>

#include "sim/rules/packet_size.h"

namespace spikeloop::sim {
namespace {

std::vector<int> flows_of_inputs(const Plan& plan) {
  std::vector<int> flows;
  for (std::size_t f = 0; f < plan.flows.size(); ++f) {
    if (plan.stages[static_cast<std::size_t>(plan.flows[f].producer)].kind == StageKind::kHostInput) {
      flows.push_back(static_cast<int>(f));
    }
  }
  return flows;
}

/// In the order of their first flows.
std::vector<int> routes_of(const Plan& plan, const std::vector<int>& flows) {
  std::vector<int> routes;
  for (int f : flows) {
    const int route = plan.flows[static_cast<std::size_t>(f)].route;
    if (std::find(routes.begin(), routes.end(), route) == routes.end()) routes.push_back(route);
  }
  return routes;
}

}  // namespace

HostPort::HostPort(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
                   TilePorts& ports, Recorder* recorder)
    : plan_(plan),
      chip_(chip),
      timing_(timing),
      stimulus_(stimulus),
      ports_(ports),
      recorder_(recorder),
      tile_(chip.host_port.row * plan.columns + chip.host_port.column),
      period_(timing.network_period),
      link_(chip.link.latency_cycles * timing.network_period),
      input_routes_(routes_of(plan, flows_of_inputs(plan))),
      limits_(plan, flows_of_inputs(plan)),
      sent_(plan.routes.size(), 0),
      route_flits_(plan.routes.size(), 0),
      arrived_(plan.flows.size()),
      counters_(plan.stages.size()),
      stage_done_(plan.stages.size(), 0),
      credits_(chip.router.virtual_channels, chip.router.buffer_flits),
      released_timesteps_(chip.schedule == Schedule::kTimestepSequential ? 1 : plan.timesteps) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (plan.stages[s].kind == StageKind::kHostOutput) output_stages_.push_back(static_cast<int>(s));
  }
}

void HostPort::put_limit(int flow_id, std::int64_t limit, Cycle arrival) {
  limits_.put(flow_id, limit, arrival);
}

void HostPort::record(EventKind kind, const Flit& flit, Cycle now) const {
  if (recorder_ != nullptr) recorder_->record({now, kind, tile_, flit.route, flit.item});
}

/// The next input route in turn that has an item and windows for it at all of its receivers.
bool HostPort::start_packet(Cycle now) {
  for (std::size_t step = 1; step <= input_routes_.size(); ++step) {
    const std::size_t pick = (last_route_ + step) % input_routes_.size();
    const int r = input_routes_[pick];
    const auto& fl = flow(route(r).flows.at(0));  // its flows carry the same items
    const auto item = sent_[static_cast<std::size_t>(r)];
    if (item >= std::int64_t{fl.timesteps} * fl.items || item / fl.items >= released_timesteps_) continue;
    if (!std::all_of(route(r).flows.begin(), route(r).flows.end(),
                     [&](int f) { return limits_.may_send(f, item, now); }))
      continue;
    last_route_ = pick;
    current_route_ = r;
    current_sent_ = 0;
    current_flits_ = packet_size(plan_, chip_, stimulus_, fl, item);
    route_flits_[static_cast<std::size_t>(r)] += current_flits_;
    ++packets_;
    auto& c = counters_[static_cast<std::size_t>(fl.producer)];
    c.events[Component::kHostPort] += std::int64_t{current_flits_} * chip_.mesh.flit_bits;
    c.first_cycle = std::min(c.first_cycle, now);
    return true;
  }
  return false;
}

void HostPort::inject(Cycle now) {
  if (current_route_ < 0) {
    current_vc_ = credits_.freest();
    if (credits_.available(current_vc_) == 0 || input_routes_.empty() || !start_packet(now)) return;
  }
  if (credits_.available(current_vc_) == 0) return;
  Flit flit;
  flit.route = current_route_;
  flit.item = sent_[static_cast<std::size_t>(current_route_)];
  flit.head = current_sent_ == 0;
  flit.tail = ++current_sent_ == current_flits_;
  flit.vc = static_cast<std::uint8_t>(current_vc_);
  credits_.take(current_vc_);
  ++flits_injected_;
  changed_ = true;
  record(EventKind::kFlitInjected, flit, now);
  ports_.inject_flit(flit, now + link_);
  if (!flit.tail) return;
  ++sent_[static_cast<std::size_t>(current_route_)];
  const int producer = flow(route(current_route_).flows.at(0)).producer;
  current_route_ = -1;
  std::int64_t items = kNever;
  for (int f : plan_.stages[static_cast<std::size_t>(producer)].outputs) {
    items = std::min(items, sent_[static_cast<std::size_t>(flow(f).route)]);
  }
  counters_[static_cast<std::size_t>(producer)].last_cycle = now;
  finish_timesteps(producer, items, now);
}

void HostPort::collect(Cycle now) {
  if (ejection_.empty() || ejection_.front().ready > now) return;
  const Flit flit = ejection_.front().flit;
  ejection_.pop();
  ++flits_ejected_;
  changed_ = true;
  record(EventKind::kFlitEjected, flit, now);
  ports_.return_credit(now + link_);
  const int f = route(flit.route).flows.at(0);
  const int consumer = flow(f).consumer;
  auto& c = counters_[static_cast<std::size_t>(consumer)];
  c.events[Component::kHostPort] += chip_.mesh.flit_bits;
  if (!flit.tail) return;
  arrived_[static_cast<std::size_t>(f)].add(flit.item);
  last_arrival_ = now;
  c.first_cycle = std::min(c.first_cycle, now);
  c.last_cycle = now;
  std::int64_t items = kNever;
  for (int in : plan_.stages[static_cast<std::size_t>(consumer)].inputs) {
    items = std::min(items, arrived_[static_cast<std::size_t>(in)].prefix());
  }
  finish_timesteps(consumer, items, now);
}

void HostPort::finish_timesteps(int stage, std::int64_t items, Cycle now) {
  counters_[static_cast<std::size_t>(stage)].items = items;
  auto& done = stage_done_[static_cast<std::size_t>(stage)];
  while (items >= (done + 1) * plan_.stages[static_cast<std::size_t>(stage)].items()) {
    ports_.timestep_done(stage, static_cast<int>(done),
                         now + period_ + timing_.crossing_to_tile_from_network);
    ++done;
  }
}

Cycle HostPort::evaluate(Cycle now) {
  changed_ = false;
  credits_.take_arrivals(now);
  while (!coming_releases_.empty() && coming_releases_.front().arrival <= now) {
    released_timesteps_ = coming_releases_.front().timesteps;
    coming_releases_.pop();
  }
  limits_.take_arrivals(now);  // start_packet looks at every window anyway
  inject(now);
  collect(now);
  if (changed_) return now + period_;
  Cycle next = std::min(limits_.next_arrival(), credits_.next_arrival());
  if (!coming_releases_.empty()) next = std::min(next, coming_releases_.front().arrival);
  if (!ejection_.empty()) next = std::min(next, std::max(now + period_, ejection_.front().ready));
  return next;
}

bool HostPort::finished() const {
  for (int s : output_stages_) {
    if (stage_done_[static_cast<std::size_t>(s)] < plan_.stages[static_cast<std::size_t>(s)].timesteps)
      return false;
  }
  return true;
}

std::vector<Wait> HostPort::waits() const {
  std::vector<Wait> waits;
  for (int r : input_routes_) {
    const auto& first = flow(route(r).flows.at(0));
    const auto item = sent_[static_cast<std::size_t>(r)];
    if (item >= std::int64_t{first.timesteps} * first.items) continue;
    if (item / first.items >= released_timesteps_)
      waits.push_back({first.producer, Wait::For::kTimestep, -1, -1});
    for (int f : route(r).flows) {
      if (item >= limits_.limit(f)) waits.push_back({first.producer, Wait::For::kRoom, flow(f).consumer, f});
    }
  }
  for (int s : output_stages_) {
    const auto& stage = plan_.stages[static_cast<std::size_t>(s)];
    if (stage_done_[static_cast<std::size_t>(s)] >= stage.timesteps) continue;
    for (int f : stage.inputs) {
      const auto arrived = arrived_[static_cast<std::size_t>(f)].prefix();
      if (arrived < std::int64_t{stage.timesteps} * stage.items())
        waits.push_back({s, Wait::For::kItems, flow(f).producer, f});
    }
  }
  return waits;
}

}  // namespace spikeloop::sim
