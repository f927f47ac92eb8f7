#include "sim/millionths.h"

#include <cmath>

#include "traces/support/error.h"

namespace spikeloop::sim {

std::int64_t add_millionths(std::int64_t a, double b) {
  if (static_cast<double>(a) + b < static_cast<double>(kMostMillionths)) return a + std::llround(b);
  throw InputError("chip", "energy or area", "9 J or 9 m2 and more", "numbers of a chip");
}

}  // namespace spikeloop::sim
