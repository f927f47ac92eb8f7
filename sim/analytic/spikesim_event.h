#pragma once
#include "sim/analytic/spikesim.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"

/// Where SpikeSim's formulas meet a plan of this chip.
namespace spikeloop::sim::spikesim {

/// A convolution's layer as the formulas take it; `stage` is any of its tiles' shares.
Layer layer_of(const Plan& plan, const Stage& stage);

/// Windows with spikes of one sample. A row is active in a timestep when any bit of its input is set: the
/// formulas know no bit planes. As in the formula, every one of the plan's timesteps counts, a static input's
/// too.
Activity count_activity(const Plan& plan, const Stage& stage, std::int64_t crossbar_side,
                        const Stimulus& stimulus);

}  // namespace spikeloop::sim::spikesim
