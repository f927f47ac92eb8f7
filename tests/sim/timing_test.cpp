#include "sim/rules/timing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

TEST(Timing, NanosecondsCoverWholeCycles) {
  EXPECT_EQ(cycles_of(8.0, 1000), 8);
  EXPECT_EQ(cycles_of(8.01, 1000), 9);
  EXPECT_EQ(cycles_of(0.1, 1000), 1);
  EXPECT_EQ(cycles_of(8.0, 250), 2);
}

TEST(Timing, SampleAndHoldOverlapsReadsWithConversions) {
  Timing t;
  t.read_cycles = 2;
  t.conversion_cycles = t.conversion_interval = 3;
  EXPECT_EQ(crossbar_cycles(t, false, 0, 4), 0);
  EXPECT_EQ(crossbar_cycles(t, false, 2, 4), 2 * (2 + 12));
  EXPECT_EQ(crossbar_cycles(t, true, 2, 4), 2 + 12 + 12);
  t.read_cycles = 20;  // reads are the bottleneck
  EXPECT_EQ(crossbar_cycles(t, true, 3, 4), 20 + 20 + 20 + 12);
}

/// Reads of 2 cycles, 4 conversions of 6 cycles, one started every 2 (3 stages): a pass holds the array for
/// 2 + 4 x 2 cycles, the last conversion ends 6 - 2 cycles after its column was sampled.
TEST(Timing, PipelinedConversions) {
  Timing t;
  t.read_cycles = 2;
  t.conversion_cycles = 6;
  t.conversion_interval = 2;
  EXPECT_EQ(crossbar_cycles(t, false, 1, 4), 2 + 8 + 4);
  EXPECT_EQ(crossbar_cycles(t, false, 2, 4), 10 + 10 + 4);
  EXPECT_EQ(crossbar_cycles(t, true, 2, 4), 2 + 8 + 8 + 4);
  t.read_cycles = 20;  // the second read starts when the first is sampled, and is the bottleneck
  EXPECT_EQ(crossbar_cycles(t, true, 2, 4), 20 + 20 + 8 + 4);
}

TEST(Timing, PassesFollowActiveRows) {
  auto chip = testing::tiny_chip();
  chip.crossbar.max_active_rows = 3;
  EXPECT_EQ(read_passes(chip, 0), 0);
  EXPECT_EQ(read_passes(chip, 1), 1);
  EXPECT_EQ(read_passes(chip, 3), 1);
  EXPECT_EQ(read_passes(chip, 4), 2);
  chip.crossbar.skip_zero = false;
  EXPECT_EQ(read_passes(chip, 0), 1);
}

/// What windows need, by looking at every pixel of every window.
void check_against_definition(const Stage& s, int height, int width) {
  const auto table = make_windows(s, height, width);
  const auto pixels = [&](int oy, int ox) {
    std::vector<int> result;
    for (int ky = 0; ky < s.kernel[0]; ++ky) {
      for (int kx = 0; kx < s.kernel[1]; ++kx) {
        const int y = oy * s.stride[0] - s.padding[0] + ky * s.dilation[0];
        const int x = ox * s.stride[1] - s.padding[1] + kx * s.dilation[1];
        if (y >= 0 && x >= 0 && y < height && x < width) result.push_back(y * width + x);
      }
    }
    return result;
  };
  ASSERT_EQ(table.needed.size(), static_cast<std::size_t>(s.items()));
  for (int p = 0; p < s.items(); ++p) {
    const auto mine = pixels(p / s.width, p % s.width);
    const auto i = static_cast<std::size_t>(p);
    ASSERT_FALSE(mine.empty());
    EXPECT_GE(table.needed[i], mine.back() + 1);
    EXPECT_LE(table.needed[i], height * width);
    EXPECT_EQ(table.in_bounds[i], static_cast<int>(mine.size()));
    int fresh = static_cast<int>(mine.size());
    if (p % s.width > 0) {
      const auto left = pixels(p / s.width, p % s.width - 1);
      for (int pixel : mine) fresh -= std::count(left.begin(), left.end(), pixel) > 0 ? 1 : 0;
    }
    EXPECT_EQ(table.new_items[i], fresh) << "pixel " << p;
    for (int later = p + 1; later < s.items(); ++later) {
      for (int pixel : pixels(later / s.width, later % s.width)) EXPECT_GE(pixel, table.freed[i]);
    }
  }
  EXPECT_EQ(table.freed.back(), height * width);
}

TEST(Timing, WindowsOfManyShapes) {
  for (int kernel : {1, 2, 3, 5}) {
    for (int stride : {1, 2}) {
      for (int dilation : {1, 2}) {
        const int height = 6;
        const int width = 7;
        const int reach = (kernel - 1) * dilation;
        Stage s;
        s.kernel = {kernel, kernel};
        s.stride = {stride, stride};
        s.dilation = {dilation, dilation};
        s.padding = {reach / 2, reach / 2};
        s.height = (height + 2 * s.padding[0] - reach - 1) / stride + 1;
        s.width = (width + 2 * s.padding[1] - reach - 1) / stride + 1;
        SCOPED_TRACE("kernel " + std::to_string(kernel) + " stride " + std::to_string(stride) + " dilation " +
                     std::to_string(dilation));
        check_against_definition(s, height, width);
      }
    }
  }
}

}  // namespace
}  // namespace spikeloop::sim
