#include "sim/rules/crossbar_array.h"

#include <algorithm>

#include "sim/bits.h"
#include "sim/millionths.h"

namespace spikeloop::sim {
namespace {

class GroupedArray : public CrossbarArray {
 public:
  GroupedArray(const ChipConfig& chip, const Timing& timing, const Stage& stage, StageCounters& counters)
      : chip_(chip),
        timing_(timing),
        stage_(stage),
        counters_(counters),
        end_(static_cast<std::size_t>(stage.copies), kNever) {}

  void begin(int copy, const Window& window, Cycle start) override {
    end_[static_cast<std::size_t>(copy)] = start + read(window) * timing_.array_period;
  }
  Cycle end(int copy) const override { return end_[static_cast<std::size_t>(copy)]; }
  void evaluate(Cycle /*now*/) override {}

 private:
  static std::int64_t driven_rows_aj(const traces::PackedBits& bits, const Piece& piece,
                                     const std::vector<std::int64_t>& row_aj) {
    std::int64_t sum = 0;
    for (int r = 0; r < piece.rows; ++r) {
      const auto bit = static_cast<std::size_t>(piece.row_begin + r);
      if ((bits[bit / 64] >> (bit % 64) & 1U) != 0)
        sum = add_up_to_most(sum, row_aj[static_cast<std::size_t>(r)]);
    }
    return sum;
  }

  /// Charges all reads of a window; array cycles until the slowest crossbar is done.
  Cycle read(const Window& window) {
    Cycle longest = 1;  // a window without a spike still takes its turn
    auto& events = counters_.events;
    for (std::size_t i = 0; i < stage_.pieces.size(); ++i) {
      const auto& piece = stage_.pieces[i];
      std::int64_t passes = 0;
      std::int64_t active_rows = 0;
      for (const auto& bits : window.planes) {
        const int active = popcount_range(bits, piece.row_begin, piece.row_begin + piece.rows);
        active_rows += active;
        passes += read_passes(chip_, active);
        if (active > 0 && !stage_.row_energy_aj.empty())
          counters_.crossbar_read_aj = add_up_to_most(counters_.crossbar_read_aj,
                                                      driven_rows_aj(bits, piece, stage_.row_energy_aj[i]));
      }
      if (passes == 0) continue;
      const std::int64_t conversions = passes * piece.columns;
      counters_.crossbar_reads += passes;
      events[Component::kCrossbar] += active_rows;
      events[Component::kWordlineDriver] += active_rows;
      events[Component::kColumnMux] += conversions;
      events[Component::kAdc] += conversions;
      events[Component::kShiftAdd] += conversions;
      events[Component::kAdderTree] += sums_additions(chip_, stage_, i);
      const int phases = (piece.columns + timing_.adcs_per_crossbar - 1) / timing_.adcs_per_crossbar;
      longest = std::max(longest, crossbar_cycles(timing_, chip_.adc.sample_and_hold, passes, phases));
    }
    return longest;
  }

  const ChipConfig& chip_;
  const Timing& timing_;
  const Stage& stage_;
  StageCounters& counters_;
  std::vector<Cycle> end_;  ///< per copy
};

}  // namespace

std::unique_ptr<CrossbarArray> make_grouped_array(const ChipConfig& chip, const Timing& timing,
                                                  const Stage& stage, StageCounters& counters) {
  return std::make_unique<GroupedArray>(chip, timing, stage, counters);
}

std::int64_t sums_additions(const ChipConfig& chip, const Stage& stage, std::size_t piece) {
  const auto& p = stage.pieces[piece];
  const bool first_of_block = piece == 0 || stage.pieces[piece - 1].column_block != p.column_block;
  return std::int64_t{p.outputs} * ((first_of_block ? 0 : 1) + reference_columns(chip));
}

}  // namespace spikeloop::sim
