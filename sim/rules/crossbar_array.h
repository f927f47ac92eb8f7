#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/rules/stage_counters.h"
#include "sim/rules/timing.h"
#include "sim/rules/window.h"

namespace spikeloop::sim {

/// The crossbars of one crossbar stage of a tile, all copies, with their column multiplexers and ADCs. In the
/// array clock; every start and end lies on one of its edges (a multiple of Timing::array_period).
///
/// The law, for one crossbar (Piece) and one window, in array cycles:
/// - Bit planes go one after the other, bit 0 first. Of a plane's `a` set wordlines of the piece, in row
/// order,
///   `max_active_rows` are driven at a time: ceil(a / max_active_rows) passes. Without a set wordline there
///   is no pass with `skip_zero`, one without. Passes of all planes follow each other without a gap.
/// - Pass p reads from r(p) for `read_cycles`; r(0) = the start. Its columns are then converted: ADC k serves
///   columns k * phases .., one per phase; ceil(columns / adcs_per_crossbar) = phases. Phase i's conversion
///   starts in c(p) + i * conversion_interval and takes conversion_cycles; the interval is ceil(conversion
///   cycles / pipeline stages), so that an ADC has up to pipeline_stages of them under way. An ADC's first
///   stage samples its column: the column is free again an interval after its conversion has started.
/// - Without sample_and_hold the array holds its currents until the last column has been sampled:
///   c(p) = r(p) + read_cycles and r(p + 1) = c(p) + phases * conversion_interval.
/// - With it, all columns are sampled at once in c(p), as soon as the hold capacitors are free:
///   c(p) = max(r(p) + read_cycles, c(p - 1) + phases * conversion_interval) and r(p + 1) = c(p).
/// - The crossbar ends with its last conversion. A crossbar without a pass ends in its start.
/// All crossbars of a copy start together and the slowest ends the window, at least one cycle after the
/// start. Copies work independently of each other.
///
/// The events, per crossbar: every pass counts one crossbar_reads and `Piece::columns` conversions
/// (Component::kColumnMux, kAdc, kShiftAdd); every set wordline that a pass drives counts one kCrossbar and
/// one kWordlineDriver, and Stage::row_energy_aj of its row when the stage has it (crossbar_read_aj). A
/// crossbar that was read at all adds sums_additions() to kAdderTree, once per window. All of them are in the
/// counters at the end of the window at the latest.
class CrossbarArray {
 public:
  virtual ~CrossbarArray() = default;
  /// Copy `copy`, which is idle, starts to read `window` in `start` (an array edge, not before the present).
  /// `window` stays as it is until the end. evaluate(start) may come before or after this call.
  virtual void begin(int copy, const Window& window, Cycle start) = 0;
  /// Cycle in which the copy's window ends; kNever as long as that is not known yet. Known before that cycle
  /// is evaluated, so that it does not matter whether the array or the tile is evaluated first in it.
  virtual Cycle end(int copy) const = 0;
  /// Works one array cycle; called at every array edge by an engine that steps. The grouped array, which
  /// knows the end from the start, needs none.
  virtual void evaluate(Cycle now) = 0;
};

/// How TileCore makes the array of its crossbar stage. `counters` live as long as the array.
using ArrayFactory = std::function<std::unique_ptr<CrossbarArray>(const ChipConfig&, const Timing&,
                                                                  const Stage&, StageCounters& counters)>;

/// Counts set wordlines per piece with popcounts and knows the end of a window from the closed form of the
/// law (crossbar_cycles).
std::unique_ptr<CrossbarArray> make_grouped_array(const ChipConfig& chip, const Timing& timing,
                                                  const Stage& stage, StageCounters& counters);

/// Additions in the adder tree for the sums of a piece that was read: to those of the row block before it on
/// this tile, if there is one, and with offset encoding one subtraction of the reference column's share per
/// output.
std::int64_t sums_additions(const ChipConfig& chip, const Stage& stage, std::size_t piece);

}  // namespace spikeloop::sim
