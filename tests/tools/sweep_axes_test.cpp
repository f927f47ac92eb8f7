#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/sweep/axes.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

using Texts = std::vector<std::string>;

/// The text of the InputError that reading these axes throws.
std::string refusal(const Texts& texts) {
  try {
    parse_axes(texts);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SweepAxes, ListsRangesAndWords) {
  EXPECT_EQ(parse_values("64,128,256", ""), (Texts{"64", "128", "256"}));
  EXPECT_EQ(parse_values("4..8", ""), (Texts{"4", "5", "6", "7", "8"}));
  EXPECT_EQ(parse_values("-1..1", ""), (Texts{"-1", "0", "1"}));
  EXPECT_EQ(parse_values("16..64:16", ""), (Texts{"16", "32", "48", "64"}));
  EXPECT_EQ(parse_values("1..6:2,7", ""), (Texts{"1", "3", "5", "7"}));
  EXPECT_EQ(parse_values("5..5", ""), (Texts{"5"}));
  EXPECT_EQ(parse_values("true,false", ""), (Texts{"true", "false"}));
}

TEST(SweepAxes, DecimalsAreExact) {
  // 0.1 added three times is not 0.3 in binary.
  EXPECT_EQ(parse_values("0.1..0.5:0.1", ""), (Texts{"0.1", "0.2", "0.3", "0.4", "0.5"}));
  EXPECT_EQ(parse_values("0..0.2:0.05", ""), (Texts{"0", "0.05", "0.1", "0.15", "0.2"}));
  EXPECT_EQ(parse_values("-0.5..0.5:0.5", ""), (Texts{"-0.5", "0", "0.5"}));
  EXPECT_EQ(parse_values("9.5..11:0.5", ""), (Texts{"9.5", "10", "10.5", "11"}));
}

TEST(SweepAxes, LastVariesFastest) {
  const auto axes = parse_axes({"crossbar.rows=64,128", "adc.bits=4..6"});
  ASSERT_EQ(count_combinations(axes, 6), 6);
  EXPECT_EQ(combination(axes, 0), (Texts{"64", "4"}));
  EXPECT_EQ(combination(axes, 2), (Texts{"64", "6"}));
  EXPECT_EQ(combination(axes, 3), (Texts{"128", "4"}));
  EXPECT_EQ(combination(axes, 5), (Texts{"128", "6"}));
}

TEST(SweepAxes, RefusesWhatNoChipCouldTake) {
  const std::string rows = "command line: --set crossbar.rows: found ";
  EXPECT_EQ(refusal({"crossbar.rowz=64"}),
            "command line: --set crossbar.rowz: found an unknown path, expected \"crossbar.rows\" (the "
            "nearest known)");
  EXPECT_EQ(refusal({"crossbar.rows=64,wide"}), rows + "\"wide\", expected an integer from 1 to 4096");
  EXPECT_EQ(refusal({"crossbar.rows=64,0"}), rows + "0, expected an integer from 1 to 4096");
  EXPECT_EQ(refusal({"crossbar.rows=1..3:0.5"}), rows + "1.5, expected an integer from 1 to 4096");
  EXPECT_EQ(refusal({"crossbar.rows=64,,128"}),
            rows + "\"64,,128\" with an empty value, expected values like 64,128,256 or 4..8");
  EXPECT_EQ(refusal({"crossbar.rows="}),
            rows + "\"\" with an empty value, expected values like 64,128,256 or 4..8");
  EXPECT_EQ(refusal({"crossbar.rows=64,64"}), rows + "64 twice, expected each value once");
  EXPECT_EQ(refusal({"crossbar.rows=8..4"}), rows + "\"8..4\", expected a range that goes up");
  EXPECT_EQ(refusal({"crossbar.rows=4..8:0"}), rows + "\"4..8:0\", expected a step above 0");
  EXPECT_EQ(refusal({"crossbar.rows=4..8:-1"}), rows + "\"4..8:-1\", expected a step above 0");
  EXPECT_EQ(refusal({"link.length_mm=0.1..0.5"}),
            "command line: --set link.length_mm: found \"0.1..0.5\", expected a step too, like 0.1..0.5:0.1");
  for (const char* range :
       {"4..", "4..x", "4...8", "4..8:", "4..1e3", "0x4..8", "4..8:1:1", "1..9999999999999999"})
    EXPECT_NE(refusal({std::string("crossbar.rows=") + range}).find("expected a range of numbers"),
              std::string::npos)
        << range;
  EXPECT_EQ(refusal({"crossbar.rows=1..999999999999999"}),
            rows + "\"1..999999999999999\", expected at most 100,000 values of one key");
  EXPECT_EQ(refusal({"crossbar.rows=1..9.00000000000001:1"}), "accepted");
  EXPECT_EQ(refusal({"crossbar.rows=100000000000000..100000000000000:0.00000000000001"}),
            rows + "\"100000000000000..100000000000000:0.00000000000001\", expected numbers of fewer digits");
  EXPECT_EQ(refusal({"crossbar.rows=64", "crossbar.rows=128"}), rows + "it twice, expected each key once");
}

TEST(SweepAxes, CountsBeforeItMakesThem) {
  Texts texts;
  for (const char* path : {"mesh.columns", "mesh.rows", "tile.pes", "pe.crossbars"})
    texts.push_back(std::string(path) + "=1..8");
  const auto axes = parse_axes(texts);
  EXPECT_EQ(count_combinations(axes, 4096), 4096);
  try {
    count_combinations(axes, 4095);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(
        error.what(),
        "command line: --set: found 4,096 combinations, expected at most 4,095 (--limit N allows more)");
  }
  const Axis many{"x", "", Texts(100'000, "1")};
  EXPECT_THROW(count_combinations(std::vector<Axis>(10, many), 1'000'000), InputError);
}

}  // namespace
}  // namespace spikeloop::tools
