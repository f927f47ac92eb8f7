#pragma once
#include "sim/mapping/plan.h"
#include "sim/record.h"
#include "sim/run_result.h"
#include "sim/simulate.h"
#include "sim/stimulus.h"

/// One sample on the simulated chip.
namespace spikeloop::sim {

/// Runs from an idle chip until it is idle again, in a SystemC kernel of its own. `recorder` may be null.
/// Throws InputError naming the chip's file when the chip stops before all results are there (stall.h).
RunResult run_sample(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
                     Engine engine, Recorder* recorder = nullptr);

}  // namespace spikeloop::sim
