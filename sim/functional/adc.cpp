#include "sim/functional/adc.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

constexpr double kSmallestLsb = 1e-9;  // levels; keeps codes of nonsensical ranges finite

}  // namespace

AdcRange adc_range(const ChipConfig& chip) {
  AdcRange range;
  range.bits = chip.adc.bits;
  range.top_code = (std::int64_t{1} << chip.adc.bits) - 1;
  const auto top = static_cast<double>(range.top_code);
  if (chip.adc.full_scale_levels > 0) range.lsb = std::max(kSmallestLsb, chip.adc.full_scale_levels / top);
  return range;
}

std::int64_t largest_sum(const ChipConfig& chip) {
  const int rows = std::min(chip.crossbar.max_active_rows, chip.crossbar.rows);
  return std::int64_t{rows} * ((1 << chip.crossbar.cell_bits) - 1);
}

bool is_exact(const AdcRange& range, std::int64_t largest) {
  return range.lsb == 1 && range.top_code >= largest;
}

AdcRange exact_adc_range(std::int64_t largest) {
  AdcRange range;
  range.bits = 1;
  while ((std::int64_t{1} << range.bits) - 1 < largest) ++range.bits;
  range.top_code = (std::int64_t{1} << range.bits) - 1;
  return range;
}

}  // namespace spikeloop::sim
