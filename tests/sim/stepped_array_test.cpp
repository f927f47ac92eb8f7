#include "sim/rules/stepped_array.h"

#include <gtest/gtest.h>

#include "tests/support/tiny.h"
#include "traces/support/random.h"

/// Crossbars stepped cycle by cycle end when the closed form says, and count the same events.
namespace spikeloop::sim {
namespace {

struct Drawn {
  ChipConfig chip = testing::tiny_chip();
  Stage stage;
  Window window;
};

Drawn draw(RandomStream& random) {
  const auto between = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
  };
  Drawn d;
  d.chip.crossbar.rows = 16;
  d.chip.crossbar.columns = 16;
  d.chip.crossbar.max_active_rows = between(1, 16);
  d.chip.crossbar.skip_zero = between(0, 1) == 0;
  d.chip.crossbar.read_latency_ns = between(1, 6);
  d.chip.adc.columns_per_adc = between(1, 16);
  d.chip.adc.conversion_latency_ns = between(1, 7);
  d.chip.adc.pipeline_stages = between(1, 4);
  d.chip.adc.sample_and_hold = between(0, 1) == 0;
  d.chip.clock.array_mhz = between(0, 1) * 500;
  if (between(0, 1) == 0) d.chip.weight_encoding = WeightEncoding::kOffset;
  d.stage.kind = StageKind::kMvm;
  const int blocks = between(1, 3);
  for (int column_block = 0; column_block < between(1, 3); ++column_block) {
    for (int b = 0; b < blocks; ++b) {
      Piece p;
      p.column_block = column_block;
      p.row_block = b;
      p.row_begin = 16 * b;
      p.rows = between(1, 16);
      p.outputs = between(1, 4);
      p.columns = between(1, 16);
      d.stage.pieces.push_back(p);
    }
  }
  d.stage.weight_rows = 16 * blocks;
  if (between(0, 1) == 0) {  // read energy by conductance
    for (const auto& p : d.stage.pieces) {
      d.stage.row_energy_aj.emplace_back();
      for (int r = 0; r < p.rows; ++r) d.stage.row_energy_aj.back().push_back(between(1, 1000));
    }
  }
  const double rate = between(0, 3) / 3.0;
  d.window.planes.resize(static_cast<std::size_t>(between(1, 4)));
  for (auto& plane : d.window.planes) {
    plane.assign(1, 0);
    for (int r = 0; r < d.stage.weight_rows; ++r) {
      if (random.unit() < rate) plane[0] |= std::uint64_t{1} << r;
    }
  }
  return d;
}

TEST(SteppedArray, EndsAndCountsAsTheClosedForm) {
  int long_windows = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(77, seed));
    const auto d = draw(random);
    const auto timing = make_timing(d.chip);
    StageCounters grouped_counts;
    StageCounters stepped_counts;
    const auto grouped = make_grouped_array(d.chip, timing, d.stage, grouped_counts);
    const auto stepped = make_stepped_array(d.chip, timing, d.stage, stepped_counts);
    const bool array_first = seed % 2 == 0;  // whether the array has its turn before the tile in the start
    const Cycle start = 3 * timing.array_period;
    const bool told_ahead = seed % 3 == 0;  // as when the signal crosses between clocks
    grouped->begin(0, d.window, start);
    Cycle now = 0;
    if (told_ahead) stepped->begin(0, d.window, start);
    for (; now < start; now += timing.array_period) stepped->evaluate(now);
    if (array_first) stepped->evaluate(start);
    if (!told_ahead) stepped->begin(0, d.window, start);
    if (!array_first) stepped->evaluate(start);
    while (stepped->end(0) == kNever && now < 100000) {
      now += timing.array_period;
      stepped->evaluate(now);
    }
    ASSERT_EQ(stepped->end(0), grouped->end(0));
    EXPECT_LT(now, stepped->end(0)) << "known only when it is too late";
    EXPECT_TRUE(stepped_counts.events == grouped_counts.events);
    EXPECT_EQ(stepped_counts.crossbar_reads, grouped_counts.crossbar_reads);
    EXPECT_EQ(stepped_counts.crossbar_read_aj, grouped_counts.crossbar_read_aj);
    long_windows += stepped->end(0) - start > 50 ? 1 : 0;
  }
  EXPECT_GT(long_windows, 500);
}

/// Two reads of 2 cycles, each with 2 conversions of 3 cycles that start 2 apart. Held by the array:
/// read 0..2, conversions 2..5 and 4..7 (sampled at 6), read 6..8, conversions 8..11 and 10..13.
/// Held by capacitors: read 0..2, conversions 2..5, 4..7; read 2..4 waits for them until 6; 6..9, 8..11.
TEST(SteppedArray, AWindowWorkedByHand) {
  Drawn d;
  d.chip.crossbar.max_active_rows = 1;
  d.chip.crossbar.read_latency_ns = 2;
  d.chip.adc.columns_per_adc = 8;  // one ADC for all
  d.chip.adc.conversion_latency_ns = 3;
  d.chip.adc.pipeline_stages = 2;
  Piece piece;
  piece.rows = 4;
  piece.columns = 2;
  piece.outputs = 1;
  d.stage.pieces = {piece};
  d.window.planes = {{0b1010}};
  for (bool sample_and_hold : {false, true}) {
    d.chip.adc.sample_and_hold = sample_and_hold;
    const auto timing = make_timing(d.chip);
    StageCounters counts;
    const auto array = make_stepped_array(d.chip, timing, d.stage, counts);
    array->begin(0, d.window, 0);
    for (Cycle now = 0; array->end(0) == kNever && now < 100; ++now) array->evaluate(now);
    EXPECT_EQ(array->end(0), sample_and_hold ? 11 : 13);
    EXPECT_EQ(counts.crossbar_reads, 2);
    EXPECT_EQ(counts.events[Component::kCrossbar], 2);
    EXPECT_EQ(counts.events[Component::kAdc], 4);
  }
}

}  // namespace
}  // namespace spikeloop::sim
