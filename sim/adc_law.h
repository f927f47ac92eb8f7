#pragma once
#include <cmath>

#include "sim/config/chip_config.h"

/// How an ADC's latency, energy, area and leakage follow from its resolution, given at `reference_bits`.
///
/// SAR: a sampling step and a step per bit, so latency grows as bits + 1 (NeuroSim, SarADC.cpp:131). Power
/// grows as bits + 8: NeuroSim's power per column is 0.538 b + 4.375 uW at 22 nm, 1.129 b + 8.900 at 32 nm,
/// 2.169 b + 16.69 at 45 nm, 3.751 b + 25.84 at 65 nm (SarADC.cpp:199-239, LSTP), offset / slope
/// = 8.13, 7.88, 7.69, 6.89; energy is power x latency. Area of the same tables grows as bits + 1.65; leakage
/// follows area.
/// From any resolution of 3 to 8 bits to any other the law is within 3.6 % of those energies and 0.8 % of the
/// areas; of the tables that count the column's own current as the ADC's energy, within 17 %.
///
/// Flash: 2^bits - 1 comparators that decide at once: latency stays, everything else follows their number.
namespace spikeloop::sim {

inline double flash_scale(const ChipConfig::Adc& adc) {
  return (std::exp2(adc.bits) - 1) / (std::exp2(adc.reference_bits) - 1);
}

inline double adc_latency_ns(const ChipConfig::Adc& adc) {
  if (adc.kind == AdcKind::kFlash) return adc.conversion_latency_ns;
  return adc.conversion_latency_ns * (adc.bits + 1) / (adc.reference_bits + 1);
}

inline double adc_energy_pj(const ChipConfig::Adc& adc) {
  if (adc.kind == AdcKind::kFlash) return adc.energy_pj_per_conversion * flash_scale(adc);
  const auto law = [](double bits) { return (bits + 1) * (bits + 8); };
  return adc.energy_pj_per_conversion * law(adc.bits) / law(adc.reference_bits);
}

/// Of area and leakage.
inline double adc_size_scale(const ChipConfig::Adc& adc) {
  if (adc.kind == AdcKind::kFlash) return flash_scale(adc);
  return (adc.bits + 1.65) / (adc.reference_bits + 1.65);
}

}  // namespace spikeloop::sim
