#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/component.h"
#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"

/// This chip in closed form, without simulating when anything happens (on bounds.h).
///
/// Events follow from the mapping and the bits alone, whatever the contention: windows x pieces x passes,
/// items x channels, packets x flits x links. So the closed form's events and dynamic energy *equal* the
/// measured ones, layer by layer. Time does not: least_ns says how long the busiest resource works, which the
/// measurement never beats; what it takes longer is waiting. Energy is events x energy per event,
/// and of a crossbar's read_energy "conductance" the sum over the rows that are driven.
namespace spikeloop::sim {

struct ClosedForm {
  struct Layer {
    std::string name, kind;
    EventCounts events;
    std::int64_t crossbar_reads = 0;
    double dynamic_pj = 0;
    double least_ns = 0;  ///< from the layer's first start to its last end, at least
  };
  std::vector<Layer> layers;  ///< as Plan::layers
  double dynamic_pj = 0;
  double least_ns = 0;  ///< latency of a sample, at least
};

/// For the bits of one sample.
ClosedForm closed_form(const Plan& plan, const ChipConfig& chip, const Stimulus& stimulus);
/// With every spike and every bit of the input set. Not the most events of all inputs: where spikes were
/// pooled, counts of 4 have one set bit plane, counts of 3 two.
ClosedForm dense_closed_form(const Plan& plan, const ChipConfig& chip);
/// With no bit set: the fewest events, and a latency that no input beats.
ClosedForm least_closed_form(const Plan& plan, const ChipConfig& chip);

}  // namespace spikeloop::sim
