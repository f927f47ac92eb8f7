#include "sim/rules/flow_limits.h"

#include <algorithm>
#include <functional>

namespace spikeloop::sim {

FlowLimits::FlowLimits(const Plan& plan, const std::vector<int>& flows) : index_(plan.flows.size(), -1) {
  for (int f : flows) {
    index_[static_cast<std::size_t>(f)] = static_cast<int>(states_.size());
    const auto& flow = plan.flows[static_cast<std::size_t>(f)];
    states_.emplace_back();
    // A backward flow's item belongs to the next timestep: its place is free once this timestep's was used.
    states_.back().limit = flow.backward ? 0 : flow.depth;
  }
}

void FlowLimits::put(int flow, std::int64_t limit, Cycle arrival) {
  states_[static_cast<std::size_t>(index_[static_cast<std::size_t>(flow)])].coming.push({arrival, limit});
  arrivals_.push_back(arrival);
  std::push_heap(arrivals_.begin(), arrivals_.end(), std::greater<>());
}

bool FlowLimits::take_arrivals(Cycle now) {
  bool any = false;
  while (!arrivals_.empty() && arrivals_.front() <= now) {
    std::pop_heap(arrivals_.begin(), arrivals_.end(), std::greater<>());
    arrivals_.pop_back();
    any = true;
  }
  return any;
}

bool FlowLimits::may_send(int flow, std::int64_t item, Cycle now) {
  auto& state = states_[static_cast<std::size_t>(index_[static_cast<std::size_t>(flow)])];
  while (!state.coming.empty() && state.coming.front().arrival <= now) {
    state.limit = std::max(state.limit, state.coming.front().limit);
    state.coming.pop();
  }
  return item < state.limit;
}

std::int64_t FlowLimits::limit(int flow) const {
  return states_[static_cast<std::size_t>(index_[static_cast<std::size_t>(flow)])].limit;
}

}  // namespace spikeloop::sim
