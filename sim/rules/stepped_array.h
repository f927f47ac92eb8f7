#pragma once
#include "sim/rules/crossbar_array.h"

namespace spikeloop::sim {

/// The law of crossbar_array.h, one array cycle after the other: every crossbar by itself drives its
/// wordlines bit by bit, pass by pass, and its ADCs convert column by column. For the reference engine.
std::unique_ptr<CrossbarArray> make_stepped_array(const ChipConfig& chip, const Timing& timing,
                                                  const Stage& stage, StageCounters& counters);

}  // namespace spikeloop::sim
