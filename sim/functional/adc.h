#pragma once
#include <cstdint>

#include "sim/config/chip_config.h"

namespace spikeloop::sim {

/// How column sums (in levels, less the baseline: the off current of the driven rows) become codes:
///   code = floor(sum / lsb + 1/2), between 0 and `top_code`.
/// At an lsb of a level the sums of ideal cells lie in the middle between the thresholds of their codes.
struct AdcRange {
  int bits = 0;
  std::int64_t top_code = 0;
  double lsb = 1;  ///< in levels
};

/// The chip's ADC. Its top code lies at adc.full_scale_levels; without that a code is a level.
AdcRange adc_range(const ChipConfig& chip);

/// The largest column sum that cells can add up to in a read: max_active_rows cells at the top level, as in
/// the reference column of the offset encoding.
std::int64_t largest_sum(const ChipConfig& chip);

/// Whether every sum of ideal cells up to `largest` has a code of its own.
bool is_exact(const AdcRange& range, std::int64_t largest);

/// The ADC with the fewest bits (at least 1) that gives every column sum of levels up to `largest` a code of
/// its own.
AdcRange exact_adc_range(std::int64_t largest);

}  // namespace spikeloop::sim
