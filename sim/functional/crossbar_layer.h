#pragma once
#include <cstdint>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/functional/adc.h"
#include "sim/functional/devices.h"
#include "sim/mapping/cells.h"
#include "sim/mapping/plan.h"
#include "traces/spike_trace.h"

namespace spikeloop::sim {

/// What became of a layer's conversions.
struct ConversionCounts {
  std::int64_t conversions = 0;
  std::int64_t clipped = 0;   ///< column sums outside the ADC's range
  double squared_error = 0;   ///< LSB^2, summed: code - ideal sum / lsb
  std::int64_t largest = -1;  ///< ideal column sum seen, in levels; -1: not looked at
};

/// A convolution or linear layer that computes on the crossbars a plan puts it on.
///
/// Of a window each piece takes its rows' bits, plane by plane. The active wordlines of a plane, in row
/// order, are driven max_active_rows at a time; every pass is one read, and each column is converted on its
/// own, after a dummy column of as many level-0 cells has been subtracted from its current (an ideal one: it
/// neither varies nor is it noisy). Codes are shifted by slice and plane (the top plane of a signed input
/// counts negative), subtracted (differential pair) and added over pieces, all as integers. With offset
/// encoding the reference column's code tells how many wordlines were active; that many times 2^(bits-1) is
/// taken off.
///
/// When cells and ADC are ideal and every possible column sum has a code of its own, all this is the integer
/// product of weights and inputs, and is computed as that.
class CrossbarLayer {
 public:
  struct Options {
    std::uint64_t seed = 0;  ///< of this layer's devices and noise
    bool exact_adc = false;  ///< as many bits as the layer needs to lose nothing, instead of the chip's
    bool column_by_column = false;  ///< no shortcut for ideal devices
  };
  /// `stages`: of the plan, the layer's share of each tile.
  CrossbarLayer(const Plan& plan, const ChipConfig& chip, const std::vector<int>& stages,
                const WeightMatrix& weights, const Options& options);

  /// Read noise of a sample is the same whatever ran before it.
  void start_sample(std::int64_t index);

  /// Computes all windows of a timestep. In timesteps that the chip leaves out (Stage::timesteps) nothing is
  /// counted: what comes out then is nobody's input, and is only there to be compared. `planes`: of the
  /// signal. sums[pixel * outputs + output] in units of integer weight x integer input, exact integers where
  /// nothing was lost.
  void run(const std::vector<traces::PackedBits>& planes, int timestep, std::vector<double>& sums);

  /// From the weights: fewest bits with which no input can lose anything in a conversion.
  int ideal_adc_bits() const { return exact_adc_range(largest_sum_).bits; }
  const AdcRange& adc() const { return adc_; }
  int signal() const { return stage_->signal; }
  bool is_static() const { return stage_->is_static; }
  const ConversionCounts& counts() const { return counts_; }

 private:
  using LevelSum = std::uint16_t;  ///< 4096 rows of 4-bit cells add up to 61440
  struct Copy {
    std::vector<float> beyond;   ///< [rows][stride] conductance beyond the off conductance; empty: the levels
    std::vector<float> squared;  ///< [rows][stride] conductance squared; empty: no read noise
    std::vector<float> offset;   ///< per column, in LSB; empty: none
  };
  struct Cells {
    Piece piece;
    int first_output = 0;
    std::size_t stride = 0;
    std::vector<LevelSum> levels;  ///< [rows][stride]
    std::vector<Copy> copies;
  };
  void find_largest_sum();
  void compute(const std::vector<traces::PackedBits>& planes, int timestep, std::vector<double>& sums);
  void gather_window(const std::vector<traces::PackedBits>& planes, int item,
                     std::vector<traces::PackedBits>& window) const;
  void multiply(double* sums);
  /// One window; `first`: of its outputs in the totals.
  void read(const Cells& cells, const Copy& copy, const std::vector<traces::PackedBits>& window,
            std::size_t first);
  void convert(const Cells& cells, const Copy& copy);
  void add_codes(const Cells& cells, std::int64_t factor, std::size_t first);
  std::int64_t plane_factor(std::size_t plane) const;

  const ChipConfig& chip_;
  const Stage* stage_;  ///< its first
  const Signal& signal_;
  CellLayout layout_;
  Options options_;
  int max_active_ = 1;
  std::vector<Cells> cells_;
  std::int64_t largest_sum_ = 0;  ///< of any column and input, in levels
  AdcRange adc_;
  bool ideal_cells_ = true, shortcut_ = false;
  std::size_t weight_stride_ = 0;
  std::vector<std::int16_t> weights_;  ///< [rows][stride], for the shortcut
  NormalStream noise_{0};
  ConversionCounts counts_;

  // Of the timestep, window and read in work; windows are planes of bits.
  std::vector<std::vector<traces::PackedBits>> windows_;
  std::vector<traces::PackedBits> window_;
  std::vector<int> active_;
  std::vector<LevelSum> level_sum_;
  std::vector<float> beyond_sum_, squared_sum_;
  std::vector<std::int16_t> short_sum_;
  std::vector<double> code_;  ///< before it is rounded and clipped
  std::vector<std::int32_t> codes_, long_sum_;
  std::vector<std::int64_t> code_total_, active_total_;  ///< per window and output
};

}  // namespace spikeloop::sim
