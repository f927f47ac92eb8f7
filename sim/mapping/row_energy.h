#pragma once
#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "traces/network.h"

namespace spikeloop::sim {

/// Fills Stage::row_energy_aj of every crossbar stage, for read_energy "conductance": a driven wordline costs
///   read voltage^2 x sum of the conductances of its cells in the piece's columns x pulse_ns
/// per read (without a pulse_ns, read_latency_ns), rounded to an attojoule. Conductances lie evenly between
/// off (level 0) and on (top level). Weights are sliced over cells as the encoding says: a differential pair
/// holds the magnitude in one of its two columns and 0 in the other; offset holds w + 2^(bits-1), and its
/// reference column the top level. Weights of a network without quantisation are first rounded to
/// Stage::weight_bits, symmetrically, with one scale per layer. Columns of the crossbar that the piece leaves
/// free are not selected and draw nothing.
void fill_row_energies(Plan& plan, const traces::Network& network, const ChipConfig& chip);

}  // namespace spikeloop::sim
