#include "sim/mapping/timesteps.h"

#include <algorithm>

#include "traces/support/error.h"

namespace spikeloop::sim {

void mark_static(Plan& plan, bool input_static, const std::string& network_path) {
  if (plan.timesteps == 1) return;  // nothing has to be held
  bool changed = true;
  while (changed) {  // stages are few; a stage is static when all that it takes is
    changed = false;
    for (auto& s : plan.stages) {
      bool is_static = s.kind == StageKind::kHostInput
                           ? input_static
                           : s.kind != StageKind::kHostOutput && s.lifs.empty() && !s.inputs.empty();
      for (int f : s.inputs) {
        const auto& flow = plan.flows[static_cast<std::size_t>(f)];
        const bool same_layer = flow.payload == Flow::Payload::kPartialSums;
        is_static = is_static && !flow.backward &&
                    (same_layer || plan.stages[static_cast<std::size_t>(flow.producer)].is_static);
      }
      if (is_static && !s.is_static) {
        s.is_static = true;
        changed = true;
      }
    }
  }
  // A backward edge, and whatever is not a sum, takes new items in every timestep: what sends there repeats
  // itself.
  changed = true;
  while (changed) {
    changed = false;
    for (const auto& f : plan.flows) {
      auto& from = plan.stages[static_cast<std::size_t>(f.producer)];
      const auto& to = plan.stages[static_cast<std::size_t>(f.consumer)];
      const bool holds = to.is_static || (to.kind == StageKind::kNode && !f.backward);
      if (!from.is_static || holds) continue;
      if (from.kind == StageKind::kHostInput) {
        throw InputError(network_path, "node " + to.name, "an input that is the same at every timestep",
                         "static values to meet in a Scale or LIF node first");
      }
      from.is_static = false;
      changed = true;
    }
  }
  for (auto& f : plan.flows) f.is_static = plan.stages[static_cast<std::size_t>(f.producer)].is_static;
}

void count_timesteps(Plan& plan) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (auto& s : plan.stages) {
      int needed = s.kind == StageKind::kHostOutput ? plan.timesteps : 0;
      for (int f : s.outputs) {
        auto& flow = plan.flows[static_cast<std::size_t>(f)];
        const auto& to = plan.stages[static_cast<std::size_t>(flow.consumer)];
        int steps = to.timesteps - (flow.backward ? 1 : 0);
        if (s.is_static) steps = std::min(steps, 1);
        flow.timesteps = std::max(flow.timesteps, steps);
        needed = std::max(needed, flow.timesteps);
      }
      if (needed > s.timesteps) {
        s.timesteps = needed;
        changed = true;
      }
    }
  }
}

}  // namespace spikeloop::sim
