#pragma once
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/rules/timing.h"
#include "sim/rules/wait.h"

/// A chip that stops before all results are there.
namespace spikeloop::sim {

/// Cycles after which something must have happened on a chip that still works: all of its timers one after
/// the other. Generous on purpose; it only bounds how long a stopped chip is watched.
Cycle longest_silence(const Plan& plan, const ChipConfig& chip, const Timing& timing);

/// The waits that close a circle, each for the next one's stage and the last for the first's; the shortest
/// way back to the first stage that is on one. Empty when there is none.
std::vector<Wait> circle_of(const Plan& plan, const std::vector<Wait>& waits);

/// Throws InputError naming the chip's file, who waits for whom, and the memory to enlarge when stages wait
/// in a circle for room; std::runtime_error otherwise, as then a rule has forgotten something. `cycle`: in
/// which the last item was finished.
[[noreturn]] void throw_stall(const Plan& plan, const ChipConfig& chip, const std::vector<Wait>& waits,
                              Cycle cycle);

}  // namespace spikeloop::sim
