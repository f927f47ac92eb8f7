#include "sim/bits.h"

#include <gtest/gtest.h>

#include "traces/support/random.h"

namespace spikeloop::sim {
namespace {

std::vector<std::uint64_t> random_words(RandomStream& random, std::size_t words) {
  std::vector<std::uint64_t> result(words);
  for (auto& w : result) w = random.next();
  return result;
}

bool bit(const std::vector<std::uint64_t>& words, std::int64_t i) {
  return (words[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1U) != 0;
}

TEST(Bits, PopcountOfARangeEqualsCountingBits) {
  RandomStream random(7);
  const auto words = random_words(random, 5);
  for (int trial = 0; trial < 500; ++trial) {
    const auto a = static_cast<std::int64_t>(random.below(321));
    const auto b = static_cast<std::int64_t>(random.below(321));
    int expected = 0;
    for (auto i = std::min(a, b); i < std::max(a, b); ++i) expected += bit(words, i) ? 1 : 0;
    EXPECT_EQ(popcount_range(words, std::min(a, b), std::max(a, b)), expected);
  }
}

TEST(Bits, CopyMovesExactlyTheRange) {
  RandomStream random(8);
  const auto from = random_words(random, 4);
  for (int trial = 0; trial < 500; ++trial) {
    const auto begin = static_cast<std::int64_t>(random.below(150));
    const auto count = static_cast<std::int64_t>(random.below(100));
    const auto at = static_cast<std::int64_t>(random.below(150));
    std::vector<std::uint64_t> to(4, 0);
    copy_bits(from, begin, count, to, at);
    for (std::int64_t i = 0; i < 256; ++i) {
      const bool inside = i >= at && i < at + count;
      EXPECT_EQ(bit(to, i), inside && bit(from, begin + i - at));
    }
  }
}

}  // namespace
}  // namespace spikeloop::sim
