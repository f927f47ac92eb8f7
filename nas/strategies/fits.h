#pragma once
#include <optional>

#include "nas/strategy.h"

namespace spikeloop::nas {

/// May the candidate meet the limits that the strategy looks at, as far as its closed-form bound tells? One
/// that may not is never proposed, which is a check of the hardware before any score is spent.
inline bool may_fit(const Task& task, const Candidate& candidate) {
  if (!task.bound) return true;
  const std::optional<Costs> least = task.bound(candidate);
  return least && !(task.breaks_limits && task.breaks_limits(*least));
}

}  // namespace spikeloop::nas
