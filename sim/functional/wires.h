#pragma once
#include <vector>

namespace spikeloop::sim {

/// How good the approximation below is depends on the share s that the wires take of what a line of cells
/// would conduct: the largest of all wordlines and bitlines. Against the solution of the whole circuit, for
/// 16 to 128 lines, on resistances of 1 and 100 kohm, on/off 17 and 1000, dense, sparse and lopsided cells,
/// the error of a column current relative to itself, or to the read's mean where that is larger, is
/// (wires_test)
///   s <= 0.1: 0.25 % on average, 0.6 % at most;  0.2: 1 %, 2.5 %;  0.3: 2.2 %, 6 %;
/// and it grows as s^2, so beyond 0.3 it is not to be used.
constexpr double kLargestWireShare = 0.3;

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
/// this leaves out, current that enters one bitline through the wordline of another, is second order.
///
/// `conductance`: [rows][columns] in siemens, of the whole crossbar; replaced by the effective ones. Returns
/// s.
double apply_wire_resistance(std::vector<double>& conductance, int rows, int columns, double ohm);

}  // namespace spikeloop::sim
