#pragma once
#include <cstdint>
#include <limits>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"

/// The component rules: plain objects that are told the cycle, so that every engine shares them.
namespace spikeloop::sim {

/// The chip's finest time grid: every clock's edges lie on it. With one clock, a cycle of that clock.
using Cycle = std::int64_t;
inline constexpr Cycle kNever = std::numeric_limits<Cycle>::max();

/// Durations of a chip's components, in cycles of the clock named in the comment.
struct Timing {
  double grid_mhz = 0;       ///< of Cycle: the smallest frequency that every clock divides
  Cycle tile_period = 1;     ///< of the tiles' clock, in Cycle
  Cycle array_period = 1;    ///< of crossbars and ADCs
  Cycle network_period = 1;  ///< of routers, links and the host port
  /// In Cycle, on top of a signal from one clock domain to another; 0 between equal clocks.
  Cycle crossing_to_tile_from_network = 0, crossing_to_tile_from_array = 0, crossing_to_network = 0,
        crossing_to_array = 0;
  int read_cycles = 1;          ///< one crossbar read; array clock
  int conversion_cycles = 1;    ///< one ADC conversion; array clock
  int conversion_interval = 1;  ///< from one conversion's start to the next on the same ADC; array clock
  int adcs_per_crossbar = 1;
  int empty_packet_flits = 1;  ///< a header alone
};
Timing make_timing(const ChipConfig& chip);

/// Smallest number of whole cycles that covers a time.
int cycles_of(double time_ns, double frequency_mhz);

/// The first edge of a clock with this period that is not before `at`.
inline Cycle edge_from(Cycle at, Cycle period) { return (at + period - 1) / period * period; }

/// Lowers `next` to an event that is still to come.
inline void consider(Cycle& next, Cycle event, Cycle now) {
  if (event > now && event < next) next = event;
}

/// From a receiver that frees memory to the sender of the flow, over wires beside the mesh: a tile cycle, a
/// network cycle per hop, and the crossings into the network's clock and, to a tile, out of it. Within a tile
/// it is the tile cycle alone.
Cycle limit_delay(const Timing& timing, const Flow& flow, bool sender_is_host);

/// Array cycles that one crossbar works for `passes` reads whose columns take `phases` conversions each on an
/// ADC: the closed form of the law in crossbar_array.h.
///   without sample and hold: passes x (read + phases x interval) + (conversion - interval)
///   with it:  read + (passes - 1) x max(read, phases x interval) + phases x interval + (conversion -
///   interval)
Cycle crossbar_cycles(const Timing& timing, bool sample_and_hold, std::int64_t passes, int phases);

/// Reads needed for `active` set wordlines.
std::int64_t read_passes(const ChipConfig& chip, int active);

/// How a stage's windows lie in its input map, per output pixel in raster order.
struct WindowTable {
  std::vector<int> needed;     ///< input items that must have arrived, counted from the timestep's start
  std::vector<int> new_items;  ///< input items not in the window before it (in the same row)
  std::vector<int> in_bounds;  ///< input items in the window, padding left out
  std::vector<int> freed;      ///< input items that no later window of the timestep uses
};
WindowTable make_windows(const Stage& stage, int input_height, int input_width);

}  // namespace spikeloop::sim
