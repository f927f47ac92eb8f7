#pragma once
#include <cstdint>

#include "sim/config/chip_config.h"

namespace spikeloop::sim {

/// How column sums (in levels, the off currents of the driven cells among them) become codes:
///   code = floor(sum / lsb + 1/2), between 0 and `top_code`.
struct AdcRange {
  int bits = 0;
  std::int64_t top_code = 0;
  double lsb = 1;  ///< in levels
};

/// The chip's ADC. Its top code lies at adc.full_scale_levels; without that at the largest possible column
/// sum, max_active_rows cells at the top level, but a code is then never less than a level.
AdcRange adc_range(const ChipConfig& chip);

/// The ADC with the fewest bits (at least 1) that gives every column sum of levels up to `largest` a code of
/// its own.
AdcRange exact_adc_range(std::int64_t largest);

}  // namespace spikeloop::sim
