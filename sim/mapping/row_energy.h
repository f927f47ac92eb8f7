#pragma once
#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "traces/network.h"

namespace spikeloop::sim {

/// Fills Stage::row_energy_aj of every crossbar stage, for read_energy "conductance": a driven wordline costs
///   read voltage^2 x sum of the conductances of its cells in the piece's columns x pulse_ns
/// per read (without a pulse_ns, read_latency_ns), rounded to an attojoule. Conductances lie evenly between
/// off (level 0) and on (top level); which levels a weight takes, one without quantisation too (at
/// Stage::weight_bits), is in cells.h. Columns of the crossbar that the piece leaves free are not selected
/// and draw nothing.
void fill_row_energies(Plan& plan, const traces::Network& network, const ChipConfig& chip);

}  // namespace spikeloop::sim
