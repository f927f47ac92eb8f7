#pragma once
#include <vector>

namespace spikeloop::sim {

/// Resistance of the wires of a crossbar (IR drop), as the conductance that each cell seems to have.
///
/// The circuit: every wordline is driven at its column 0 end through one wire segment of `ohm`, with the read
/// voltage when active and 0 V when not; every bitline ends beside row 0 through one segment in an ideal
/// sense amplifier (0 V); cells lie `ohm` apart along both. All lines are driven, so the network is linear
/// and the same for every read: bitline currents are the sum over active rows of fixed effective
/// conductances, and no read needs a solve of its own.
///
/// The effective conductances are approximated by two ladders per cell: how much of the read voltage is left
/// at the cell (wordline with its cells as loads, bitlines at 0 V), times how much of the cell's current
/// reaches the sense amplifier (by reciprocity the same ladder along the bitline, wordlines at 0 V). What
/// this leaves out, current that enters one bitline through the wordline of another, is second order: see
/// sim/README.md for the error against the exact solution.
///
/// `conductance`: [rows][columns] in siemens, of the whole crossbar; replaced by the effective ones.
void apply_wire_resistance(std::vector<double>& conductance, int rows, int columns, double ohm);

}  // namespace spikeloop::sim
