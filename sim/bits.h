#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

/// Ranges of bits in packed words (bit i is words[i / 64] >> (i % 64) & 1).
namespace spikeloop::sim {

inline int popcount64(std::uint64_t word) { return __builtin_popcountll(word); }

/// Number of set bits in [begin, end).
inline int popcount_range(const std::vector<std::uint64_t>& words, std::int64_t begin, std::int64_t end) {
  int count = 0;
  while (begin < end) {
    const auto word = static_cast<std::size_t>(begin / 64);
    const int offset = static_cast<int>(begin % 64);
    const std::int64_t take = std::min<std::int64_t>(64 - offset, end - begin);
    std::uint64_t value = words[word] >> offset;
    if (take < 64) value &= (std::uint64_t{1} << take) - 1;
    count += popcount64(value);
    begin += take;
  }
  return count;
}

inline bool any_in_range(const std::vector<std::uint64_t>& words, std::int64_t begin, std::int64_t end) {
  return popcount_range(words, begin, end) != 0;
}

/// Ors `count` bits of `from` at `begin` into `to` at `at`.
inline void copy_bits(const std::vector<std::uint64_t>& from, std::int64_t begin, std::int64_t count,
                      std::vector<std::uint64_t>& to, std::int64_t at) {
  while (count > 0) {
    const int from_offset = static_cast<int>(begin % 64);
    const int to_offset = static_cast<int>(at % 64);
    const std::int64_t take = std::min<std::int64_t>({64 - from_offset, 64 - to_offset, count});
    std::uint64_t value = from[static_cast<std::size_t>(begin / 64)] >> from_offset;
    if (take < 64) value &= (std::uint64_t{1} << take) - 1;
    to[static_cast<std::size_t>(at / 64)] |= value << to_offset;
    begin += take;
    at += take;
    count -= take;
  }
}

}  // namespace spikeloop::sim
