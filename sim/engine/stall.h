#pragma once
#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/rules/timing.h"

/// A chip that stops before all results are there.
namespace spikeloop::sim {

class ChipModule;

/// Cycles after which something must have happened on a chip that still works: all of its timers one after
/// the other. Generous on purpose; it only bounds how long a stopped chip is watched.
Cycle longest_silence(const Plan& plan, const ChipConfig& chip, const Timing& timing);

/// Throws InputError naming the chip's file: who waits for whom.
[[noreturn]] void throw_stall(const Plan& plan, const ChipConfig& chip, ChipModule& module);

}  // namespace spikeloop::sim
