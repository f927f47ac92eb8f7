#pragma once
#include <cstdint>

namespace spikeloop {

/// splitmix64 as a counter-based generator: output k of the stream with this seed (k = 0, 1, ...).
/// Source: S. Vigna, splitmix64.c; the same stream as refs/snasnet uses for weights.
inline std::uint64_t splitmix64(std::uint64_t seed, std::uint64_t k) {
  std::uint64_t z = seed + (k + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

/// Uniform in [0, 1) with 24 bits, from output k of the stream.
inline double unit(std::uint64_t seed, std::uint64_t k) {
  return static_cast<double>(splitmix64(seed, k) >> 40) * 0x1p-24;
}

/// A new stream's seed for item `item` of the stream `seed`: streams of different items do not overlap in
/// practice.
inline std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t item) {
  return splitmix64(splitmix64(seed, 0) ^ 0xD1B54A32D192ED03ULL, item);
}

/// Sequential view of one stream. Every draw is `splitmix64(seed, k++)`.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t next() { return splitmix64(seed_, k_++); }
  /// Uniform integer in [0, n); n >= 1. Multiply-shift (bias below 2^-32 for n < 2^32).
  std::uint64_t below(std::uint64_t n) { return ((next() >> 32) * n) >> 32; }
  double unit() { return static_cast<double>(next() >> 40) * 0x1p-24; }

 private:
  std::uint64_t seed_;
  std::uint64_t k_ = 0;
};

}  // namespace spikeloop
