#include "sim/stimulus.h"

#include <gtest/gtest.h>

#include "sim/bits.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::TemporaryFolder;
using testing::tiny_chip;

class StimulusTest : public ::testing::Test {
 protected:
  StimulusTest()
      : network(NetworkBuilder({2, 4, 4}, 4)
                    .conv("c", "input", 2, 1)
                    .lif("l", {"c"})
                    .pool("p", "l", 2, 2)
                    .conv("d", "p", 2, 1)
                    .lif("m", {"d"})
                    .output("m", {2, 2, 2}, 2)),
        trace(testing::random_trace(network, 1, 0.4, 3)),
        plan(make_plan(network, tiny_chip(), 2, 1, "net")) {}
  Stimulus read() {
    traces::write_trace(folder.file("t.h5"), trace);
    return read_stimulus(plan, traces::TraceReader(folder.file("t.h5")), 0);
  }
  static int bit(const traces::PackedBits& bits, std::int64_t i) {
    return static_cast<int>(bits[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1U);
  }
  TemporaryFolder folder;
  traces::Network network;
  traces::SpikeTrace trace;
  Plan plan;
};

TEST_F(StimulusTest, CountsOutOfPoolingEqualTheSpikesInTheWindow) {
  const auto stimulus = read();
  const auto& spikes = trace.nodes.at("l").spikes[0];
  int pool = -1;
  for (std::size_t i = 0; i < plan.signals.size(); ++i)
    if (plan.signals[i].name == "p") pool = static_cast<int>(i);
  ASSERT_GE(pool, 0);
  ASSERT_EQ(plan.signals[static_cast<std::size_t>(pool)].bits, 3) << "0 to 4 spikes";
  for (int t = 0; t < 2; ++t) {
    for (int y = 0; y < 2; ++y) {
      for (int x = 0; x < 2; ++x) {
        for (int c = 0; c < 2; ++c) {
          int expected = 0;
          for (int dy = 0; dy < 2; ++dy)
            for (int dx = 0; dx < 2; ++dx)
              expected += bit(spikes[static_cast<std::size_t>(t)], ((y * 2 + dy) * 4 + x * 2 + dx) * 2 + c);
          int found = 0;
          for (int b = 0; b < 3; ++b)
            found += bit(stimulus.at(plan, pool, t)[static_cast<std::size_t>(b)], (y * 2 + x) * 2 + c) << b;
          EXPECT_EQ(found, expected);
        }
      }
    }
  }
}

TEST_F(StimulusTest, InputIntegersBecomeTwosComplementPlanes) {
  trace.input.data.assign(32, 0);
  trace.input.data[5] = -3;  // 1101 in four bits
  const auto stimulus = read();
  const auto& planes = stimulus.at(plan, 0, 1);
  ASSERT_EQ(planes.size(), 4U);
  EXPECT_EQ(bit(planes[0], 5), 1);
  EXPECT_EQ(bit(planes[1], 5), 0);
  EXPECT_EQ(bit(planes[2], 5), 1);
  EXPECT_EQ(bit(planes[3], 5), 1);
  EXPECT_EQ(stimulus.item_ones(plan, 0, 0, 2), 1) << "channels 4 and 5; three bits of channel 5";
  EXPECT_EQ(stimulus.item_ones(plan, 0, 0, 3), 0);
}

TEST_F(StimulusTest, SaysWhatTheTraceLacks) {
  trace.nodes.erase("m");
  try {
    read();
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("no spikes of node m"), std::string::npos) << e.what();
  }
}

TEST_F(StimulusTest, RefusesTheTraceOfAnotherNetwork) {
  traces::write_trace(folder.file("t.h5"), trace);
  auto other = network;
  other.nodes[static_cast<std::size_t>(other.find("c"))].as<traces::Conv2dParams>()->weight.data[0] = 7;
  try {
    check_trace(other, traces::TraceReader(folder.file("t.h5")), "other.nir");
    FAIL() << "no error";
  } catch (const InputError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("t.h5: network_sha256: found a trace of network"), std::string::npos) << text;
    EXPECT_NE(text.find("expected a trace of other.nir"), std::string::npos) << text;
  }
  auto longer = network;
  longer.timesteps = 7;
  EXPECT_THROW(check_trace(longer, traces::TraceReader(folder.file("t.h5")), "longer.nir"), InputError);
}

TEST_F(StimulusTest, RefusesInputIntegersBeyondTheirBits) {
  trace.input.data.assign(32, 0);
  trace.input.data[3] = 8;  // four bits hold -8 to 7
  try {
    read();
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("value 3: found 8, expected -8 to 7"), std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace spikeloop::sim
