#include "nas/limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

TEST(Limits, UnitsConvert) {
  const auto parse = [](Cost cost, const char* text) { return parse_cost(cost, text, "--max"); };
  EXPECT_DOUBLE_EQ(parse(Cost::kMemory, "512B"), 512);
  EXPECT_DOUBLE_EQ(parse(Cost::kMemory, "4KB"), 4000);
  EXPECT_DOUBLE_EQ(parse(Cost::kMemory, "4MB"), 4e6);
  EXPECT_DOUBLE_EQ(parse(Cost::kMemory, "2KiB"), 2048);
  EXPECT_DOUBLE_EQ(parse(Cost::kMemory, "1.5MiB"), 1.5 * 1024 * 1024);
  EXPECT_DOUBLE_EQ(parse(Cost::kArea, "3um2"), 3);
  EXPECT_DOUBLE_EQ(parse(Cost::kArea, "0.5 mm2"), 5e5);
  EXPECT_DOUBLE_EQ(parse(Cost::kLatency, "7ns"), 7);
  EXPECT_DOUBLE_EQ(parse(Cost::kLatency, "7us"), 7e3);
  EXPECT_DOUBLE_EQ(parse(Cost::kLatency, "2.5ms"), 2.5e6);
  EXPECT_DOUBLE_EQ(parse(Cost::kLatency, "1s"), 1e9);
  EXPECT_DOUBLE_EQ(parse(Cost::kEnergy, "1pJ"), 1);
  EXPECT_DOUBLE_EQ(parse(Cost::kEnergy, "1nJ"), 1e3);
  EXPECT_DOUBLE_EQ(parse(Cost::kEnergy, "120uJ"), 1.2e8);
  EXPECT_DOUBLE_EQ(parse(Cost::kEnergy, "1e-3mJ"), 1e6);
}

TEST(Limits, RefusesWhatIsNotAnAmount) {
  for (const char* text :
       {"", "5", "ms", "5 m", "5MS", "-5ms", "0ms", "infms", "nanms", "5ms ", "5  ms", "5,0ms", "5ns2"})
    EXPECT_THROW(parse_cost(Cost::kLatency, text, "--max-latency"), InputError) << '"' << text << '"';
  try {
    parse_cost(Cost::kEnergy, "120", "--max-energy");
    FAIL();
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("--max-energy"), std::string::npos) << text;
    EXPECT_NE(text.find("\"120\""), std::string::npos) << text;
    EXPECT_NE(text.find("pJ, nJ, uJ, mJ"), std::string::npos) << text;
  }
}

Limits limits_from(const std::vector<std::string>& texts) {
  Limits limits;
  for (const std::string& text : texts) add(limits, parse_limit(text, "--limit"), "--limit");
  return limits;
}

std::string refusal_of(const std::string& text, FieldNames names = FieldNames::kKnown) {
  try {
    parse_limit(text, "--limit", names);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Limits, SaysWhichAreExceededAndByHowMuch) {
  Limits limits;
  add(limits, at_most(Cost::kLatency, 2e6), "--max-latency");
  add(limits, at_most(Cost::kMemory, 1000), "--max-memory");
  Costs costs{1000, 9e9, 2e6, 9e9};
  EXPECT_TRUE(exceeded(limits, costs).empty()) << "exactly at the limit meets it";
  costs.latency_ns = 3e6;
  auto excess = exceeded(limits, costs);
  ASSERT_EQ(excess.size(), 1U);
  EXPECT_EQ(excess[0].limit.field, "latency_ns");
  EXPECT_EQ(names(excess), "latency");
  EXPECT_EQ(describe(excess), "latency 3 ms over 2 ms (+50 %)");
  costs.memory_bytes = 1001;
  excess = exceeded(limits, costs);
  EXPECT_EQ(names(excess), "memory,latency");
  costs.latency_ns = std::nan("");
  EXPECT_EQ(names(exceeded(limits, costs)), "memory,latency");
  EXPECT_TRUE(exceeded(Limits{}, costs).empty());
}

TEST(Limits, OnAnyField) {
  const Limits limits = limits_from({"accuracy >= 0.9", "tiles<=64", "energy_pj <=120uJ"});
  ASSERT_EQ(limits.size(), 3U);
  EXPECT_EQ(limits[0].field, "energy_pj") << "the four come first, whatever the order of the options";
  EXPECT_EQ(limits[0].value, 1.2e8);
  EXPECT_EQ(limits[1].field, "accuracy");
  EXPECT_EQ(limits[1].side, Limit::Side::kAtLeast);
  Costs costs{1, 1, 1, 1.2e8, {{"tiles", 70}, {"accuracy", 0.85}}};
  const auto excess = exceeded(limits, costs);
  EXPECT_EQ(describe(excess), "accuracy 0.85 below 0.9 (-5.56 %); tiles 70 over 64 (+9.38 %)");
  EXPECT_EQ(names(excess), "min accuracy,tiles");
  costs.fields.erase("tiles");
  EXPECT_EQ(names(exceeded(limits, costs)), "min accuracy") << "what is not known is not checked";
  EXPECT_EQ(unknown_fields(limits, costs), "tiles");
  costs.fields["accuracy"] = std::nan("");
  EXPECT_EQ(names(exceeded(limits, costs)), "min accuracy");
  EXPECT_EQ(describe(exceeded(limits_from({"tiles<=0"}), {0, 0, 0, 0, {{"tiles", 2}}})), "tiles 2 over 0");
}

TEST(Limits, ALowerBoundSaysNothingOfALeast) {
  const Limits limits = limits_from({"energy_pj>=100", "energy_pj<=200", "tiles>=4"});
  const Costs costs{0, 0, 0, 50, {{"tiles", 2}}};
  EXPECT_EQ(names(exceeded(limits, costs, CostKind::kLowerBound)), "min tiles");
  EXPECT_EQ(names(exceeded(limits, costs, CostKind::kMeasured)), "min energy,min tiles");
  EXPECT_EQ(limit_of(limits, Cost::kEnergy), 200);
  EXPECT_FALSE(limit_of(limits, Cost::kArea));
}

TEST(Limits, TextsReadBack) {
  for (const char* text : {"energy_pj<=3.3333333333333335e-07", "tiles<=64", "accuracy>=0.9",
                           "area.adc<=1e+300", "their.own-field<=-3"})
    EXPECT_EQ(to_text(parse_limit(text, "--limit", FieldNames::kAny)), text);
}

TEST(Limits, RefusesWhatIsNoLimit) {
  for (const char* text : {"", "tiles", "tiles<64", "tiles=64", "tiles==64", "tiles=<64", "<=64",
                           "tiles<=", "tiles<=many", "tiles<=64 KB", "tiles<=inf", "tiles<=nan", "tiles<==64",
                           "energy_pj<=5W", "energy_pj<=", "accuracy>=90", "accuracy>=-0.1", "two words<=3"})
    EXPECT_NE(refusal_of(text), "") << '"' << text << '"';
  EXPECT_NE(refusal_of("crosbars<=3").find("expected crossbars"), std::string::npos)
      << refusal_of("crosbars<=3");
  EXPECT_NE(refusal_of("zebra<=3").find("zebra"), std::string::npos);
  EXPECT_EQ(refusal_of("zebra<=3", FieldNames::kAny), "") << "an evaluator of another origin may say it";
  EXPECT_THROW(limits_from({"tiles<=3", "tiles <= 4"}), InputError);
  EXPECT_NO_THROW(limits_from({"tiles<=3", "tiles>=2"}));
}

TEST(Limits, KeepsTheFourAndWhatIsNamed) {
  const Costs costs{1, 2, 3, 4, {{"tiles", 5}, {"weights", 6}}};
  const Costs kept = keep_named(costs, limits_from({"tiles<=9", "crossbars<=9"}));
  EXPECT_EQ(kept.fields, (std::map<std::string, double>{{"tiles", 5}}));
  EXPECT_EQ(kept.energy_pj, 4);
  EXPECT_EQ(kept.find("tiles"), 5);
  EXPECT_EQ(kept.find("area_um2"), 2);
  EXPECT_FALSE(kept.find("weights"));
}

TEST(Limits, RelativeExcess) {
  EXPECT_DOUBLE_EQ(relative_excess(at_most(Cost::kEnergy, 200), 300), 0.5);
  EXPECT_DOUBLE_EQ(relative_excess(at_most(Cost::kEnergy, 200), 100), -0.5);
  EXPECT_DOUBLE_EQ(relative_excess({"accuracy", Limit::Side::kAtLeast, 0.8}, 0.6), 0.25);
  EXPECT_DOUBLE_EQ(relative_excess({"tiles", Limit::Side::kAtMost, 0}, 3), 3);
}

TEST(Limits, FormatsInTheLargestFittingUnit) {
  EXPECT_EQ(format_cost(Cost::kLatency, 999), "999 ns");
  EXPECT_EQ(format_cost(Cost::kLatency, 1500), "1.5 us");
  EXPECT_EQ(format_cost(Cost::kEnergy, 1.234567e8), "123.5 uJ");
  EXPECT_EQ(format_cost(Cost::kArea, 2.5e6), "2.5 mm2");
  EXPECT_EQ(format_cost(Cost::kMemory, 0), "0 B");
}

}  // namespace
}  // namespace spikeloop::nas
