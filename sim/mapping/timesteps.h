#pragma once
#include <string>

#include "sim/mapping/plan.h"

/// Which of a plan's stages work in how many timesteps.
namespace spikeloop::sim {

/// Marks the stages and flows that depend only on an input that is the same at every timestep: they work
/// once. Throws InputError (`network_path`) where something takes such values in every timestep and cannot
/// hold them.
void mark_static(Plan& plan, bool input_static, const std::string& network_path);

/// A stage works through as many timesteps as its receivers need; through a backward edge one fewer.
void count_timesteps(Plan& plan);

}  // namespace spikeloop::sim
