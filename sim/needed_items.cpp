#include "sim/needed_items.h"

#include <algorithm>

#include "sim/rules/timing.h"

namespace spikeloop::sim {
namespace {

/// Items of a flow's last timestep that its consumer needs to get through `last` items of its own.
std::int64_t needed_of(const Plan& plan, const Flow& flow, std::int64_t last) {
  const auto& to = plan.stages[static_cast<std::size_t>(flow.consumer)];
  if (last == 0) return 0;
  const bool windows = (to.kind == StageKind::kMvm && flow.payload != Flow::Payload::kPartialSums) ||
                       to.kind == StageKind::kPool;
  if (!windows) return last;
  const auto& from = plan.stages[static_cast<std::size_t>(flow.producer)];
  const auto* signal =
      to.kind == StageKind::kMvm ? &plan.signals[static_cast<std::size_t>(to.signal)] : nullptr;
  const auto table = make_windows(to, signal != nullptr ? signal->height : from.height,
                                  signal != nullptr ? signal->width : from.width);
  return *std::max_element(table.needed.begin(), table.needed.begin() + static_cast<std::ptrdiff_t>(last));
}

}  // namespace

NeededItems needed_items(const Plan& plan) {
  std::vector<std::int64_t> last(plan.stages.size(), 0);  // per stage: items of its last timestep
  std::vector<std::int64_t> flow_last(plan.flows.size(), 0);
  for (std::size_t s = 0; s < plan.stages.size(); ++s)
    if (plan.stages[s].kind == StageKind::kHostOutput) last[s] = plan.stages[s].items();
  bool changed = true;
  while (changed) {  // numbers only grow; a backward edge takes another round
    changed = false;
    for (std::size_t i = 0; i < plan.flows.size(); ++i) {
      const auto& flow = plan.flows[i];
      const auto& from = plan.stages[static_cast<std::size_t>(flow.producer)];
      const auto& to = plan.stages[static_cast<std::size_t>(flow.consumer)];
      // What is sent once serves every timestep: all of it is looked at before the last.
      const bool all = flow.is_static && to.timesteps > 1;
      flow_last[i] = all ? flow.items : needed_of(plan, flow, last[static_cast<std::size_t>(flow.consumer)]);
      if (flow.timesteps < from.timesteps) continue;  // the producer's last timestep is for others
      auto& own = last[static_cast<std::size_t>(flow.producer)];
      if (flow_last[i] <= own) continue;
      own = flow_last[i];
      changed = true;
    }
  }
  NeededItems needed;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto& stage = plan.stages[s];
    needed.of_stage.push_back(std::int64_t{std::max(0, stage.timesteps - 1)} * stage.items() + last[s]);
  }
  for (std::size_t i = 0; i < plan.flows.size(); ++i) {
    const auto& flow = plan.flows[i];
    needed.of_flow.push_back(std::int64_t{std::max(0, flow.timesteps - 1)} * flow.items + flow_last[i]);
  }
  return needed;
}

}  // namespace spikeloop::sim
