#include "nas/limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

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

TEST(Limits, SaysWhichAreExceededAndByHowMuch) {
  Limits limits;
  limits.set(Cost::kLatency, 2e6);
  limits.set(Cost::kMemory, 1000);
  Costs costs{1000, 9e9, 2e6, 9e9};
  EXPECT_TRUE(exceeded(limits, costs).empty()) << "exactly at the limit meets it";
  costs.latency_ns = 3e6;
  auto excess = exceeded(limits, costs);
  ASSERT_EQ(excess.size(), 1U);
  EXPECT_EQ(excess[0].cost, Cost::kLatency);
  EXPECT_EQ(names(excess), "latency");
  EXPECT_EQ(describe(excess), "latency 3 ms over 2 ms (+50 %)");
  costs.memory_bytes = 1001;
  excess = exceeded(limits, costs);
  EXPECT_EQ(names(excess), "memory,latency");
  costs.latency_ns = std::nan("");
  EXPECT_EQ(names(exceeded(limits, costs)), "memory,latency");
  EXPECT_TRUE(exceeded(Limits{}, costs).empty());
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
