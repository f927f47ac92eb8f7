#include "sim/rules/host_port.h"

#include <algorithm>

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

}  // namespace

HostPort::HostPort(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
                   TilePorts& ports)
    : plan_(plan),
      chip_(chip),
      timing_(timing),
      stimulus_(stimulus),
      ports_(ports),
      input_flows_(flows_of_inputs(plan)),
      limits_(plan, input_flows_),
      sent_(plan.flows.size(), 0),
      arrived_(plan.flows.size(), 0),
      flow_flits_(plan.flows.size(), 0),
      counters_(plan.stages.size()),
      stage_done_(plan.stages.size(), 0),
      released_timesteps_(chip.schedule == Schedule::kTimestepSequential ? 1 : plan.timesteps),
      credits_(chip.router.buffer_flits) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (plan.stages[s].kind == StageKind::kHostOutput) output_stages_.push_back(static_cast<int>(s));
  }
}

void HostPort::put_limit(int flow_id, std::int64_t limit, Cycle arrival) {
  limits_.put(flow_id, limit, arrival);
}

/// The next input flow in turn that has an item and a window for it.
bool HostPort::start_packet(Cycle now) {
  for (std::size_t step = 1; step <= input_flows_.size(); ++step) {
    const std::size_t pick = (last_flow_ + step) % input_flows_.size();
    const int f = input_flows_[pick];
    const auto& fl = flow(f);
    const auto item = sent_[static_cast<std::size_t>(f)];
    if (item >= std::int64_t{fl.timesteps} * fl.items || item / fl.items >= released_timesteps_) continue;
    if (!limits_.may_send(f, item, now)) continue;
    last_flow_ = pick;
    current_flow_ = f;
    current_sent_ = 0;
    const bool active = stimulus_.item_active(plan_, fl.signal, static_cast<int>(item / fl.items),
                                              static_cast<int>(item % fl.items));
    current_flits_ = active ? packet_flits(chip_, fl.item_bits) : timing_.empty_packet_flits;
    flow_flits_[static_cast<std::size_t>(f)] += current_flits_;
    ++packets_;
    auto& c = counters_[static_cast<std::size_t>(fl.producer)];
    c.events[Component::kHostPort] += std::int64_t{current_flits_} * chip_.mesh.flit_bits;
    c.first_cycle = std::min(c.first_cycle, now);
    return true;
  }
  return false;
}

void HostPort::collect(Cycle now) {
  if (ejection_.empty() || ejection_.front().ready > now) return;
  const Flit flit = ejection_.front().flit;
  ejection_.pop();
  ++flits_ejected_;
  changed_ = true;
  ports_.return_credit(now + chip_.link.latency_cycles);
  const int f = plan_.routes[static_cast<std::size_t>(flit.route)].flows.at(0);
  const auto& fl = flow(f);
  auto& c = counters_[static_cast<std::size_t>(fl.consumer)];
  c.events[Component::kHostPort] += chip_.mesh.flit_bits;
  if (!flit.tail) return;
  ++arrived_[static_cast<std::size_t>(f)];
  last_arrival_ = now;
  c.first_cycle = std::min(c.first_cycle, now);
  c.last_cycle = now;
  const auto& stage = plan_.stages[static_cast<std::size_t>(fl.consumer)];
  std::int64_t items = kNever;
  for (int in : stage.inputs) items = std::min(items, arrived_[static_cast<std::size_t>(in)]);
  c.items = items;
  auto& done = stage_done_[static_cast<std::size_t>(fl.consumer)];
  while (items >= (done + 1) * stage.items()) {
    ports_.timestep_done(fl.consumer, static_cast<int>(done), now + 1);
    ++done;
  }
}

Cycle HostPort::evaluate(Cycle now) {
  changed_ = false;
  while (!coming_credits_.empty() && coming_credits_.front() <= now) {
    coming_credits_.pop();
    ++credits_;
  }
  while (!coming_releases_.empty() && coming_releases_.front().arrival <= now) {
    released_timesteps_ = coming_releases_.front().timesteps;
    coming_releases_.pop();
  }
  limits_.take_arrivals(now);  // start_packet looks at every window anyway
  if (credits_ > 0 && (current_flow_ >= 0 || (!input_flows_.empty() && start_packet(now)))) {
    Flit flit;
    flit.route = flow(current_flow_).route;
    flit.item = sent_[static_cast<std::size_t>(current_flow_)];
    flit.head = current_sent_ == 0;
    flit.tail = ++current_sent_ == current_flits_;
    --credits_;
    ++flits_injected_;
    changed_ = true;
    ports_.inject_flit(flit, now + chip_.link.latency_cycles);
    if (flit.tail) {
      const auto& fl = flow(current_flow_);
      const auto& stage = plan_.stages[static_cast<std::size_t>(fl.producer)];
      ++sent_[static_cast<std::size_t>(current_flow_)];
      current_flow_ = -1;
      std::int64_t items = kNever;
      for (int f : stage.outputs) items = std::min(items, sent_[static_cast<std::size_t>(f)]);
      auto& c = counters_[static_cast<std::size_t>(fl.producer)];
      c.items = items;
      c.last_cycle = now;
      auto& done = stage_done_[static_cast<std::size_t>(fl.producer)];
      while (items >= (done + 1) * stage.items()) {
        ports_.timestep_done(fl.producer, static_cast<int>(done), now + 1);
        ++done;
      }
    }
  }
  collect(now);
  if (changed_) return now + 1;
  Cycle next = limits_.next_arrival();
  if (!coming_credits_.empty()) next = std::min(next, coming_credits_.front());
  if (!coming_releases_.empty()) next = std::min(next, coming_releases_.front().arrival);
  if (!ejection_.empty()) next = std::min(next, std::max(now + 1, ejection_.front().ready));
  return next;
}

bool HostPort::finished() const {
  for (int s : output_stages_) {
    if (stage_done_[static_cast<std::size_t>(s)] < plan_.stages[static_cast<std::size_t>(s)].timesteps)
      return false;
  }
  return true;
}

std::string HostPort::describe() const {
  std::string text;
  for (int s : output_stages_) {
    text += "  " + plan_.stages[static_cast<std::size_t>(s)].name + ": " +
            std::to_string(stage_done_[static_cast<std::size_t>(s)]) + " of " +
            std::to_string(plan_.stages[static_cast<std::size_t>(s)].timesteps) + " timesteps collected\n";
  }
  return text;
}

}  // namespace spikeloop::sim
