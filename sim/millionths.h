#pragma once
#include <algorithm>
#include <cstdint>

/// Sums of attojoule (1e-6 pJ) and nm2 (1e-6 um2) in 64 bits: exact, or refused.
namespace spikeloop::sim {

inline constexpr std::int64_t kMostMillionths = 9'000'000'000'000'000'000;

/// a + b, where 64 bits of attojoule (9.2 J) or nm2 (9.2 m2) hold it. Throws InputError: numbers that are
/// allowed one by one can be absurd together.
std::int64_t add_millionths(std::int64_t a, double b);

/// a + b of numbers from 0 up, at most kMostMillionths, which add_millionths then refuses: for sums inside a
/// simulation, where an exception has no way out.
inline std::int64_t add_up_to_most(std::int64_t a, std::int64_t b) {
  return a + std::min(b, kMostMillionths - a);
}

}  // namespace spikeloop::sim
