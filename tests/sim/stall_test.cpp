#include "sim/engine/stall.h"

#include <gtest/gtest.h>

#include "sim/engine/run.h"
#include "tests/support/engine_runs.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;

/// Stages with names only, on tile 0 of a one-tile chip.
Plan plan_of(int stages) {
  Plan plan;
  plan.columns = plan.rows = 1;
  for (int s = 0; s < stages; ++s) {
    plan.stages.emplace_back();
    plan.stages.back().name = std::string(1, static_cast<char>('a' + s));
    plan.stages.back().tile = 0;
  }
  return plan;
}
Wait items(int stage, int on) { return {stage, Wait::For::kItems, on, 0}; }

TEST(Stall, FindsTheCircleAmongTheWaits) {
  const auto plan = plan_of(6);
  EXPECT_TRUE(circle_of(plan, {}).empty());
  EXPECT_TRUE(circle_of(plan, {items(0, 1), items(1, 2), items(0, 2)}).empty()) << "a dead end";
  // a waits for b, b for c and d, d for b: the circle is b, d. Stage f, beside it, waits for a.
  const auto circle = circle_of(plan, {items(5, 0), items(0, 1), items(1, 2), items(1, 3), items(3, 1)});
  ASSERT_EQ(circle.size(), 2U);
  EXPECT_EQ(circle[0].stage, 1);
  EXPECT_EQ(circle[0].on, 3);
  EXPECT_EQ(circle[1].stage, 3);
  EXPECT_EQ(circle[1].on, 1);
  const auto itself = circle_of(plan, {items(4, 4)});
  ASSERT_EQ(itself.size(), 1U);
  EXPECT_EQ(itself[0].on, 4);
}

TEST(Stall, WithoutAMemoryInTheCircleItIsTheSimulatorsFault) {
  EXPECT_THROW(throw_stall(plan_of(3), testing::tiny_chip(), {items(0, 1), items(1, 0)}, 7),
               std::runtime_error);
  try {
    throw_stall(plan_of(3), testing::tiny_chip(), {items(0, 1)}, 7);
  } catch (const InputError&) {
    FAIL() << "the user is not to blame";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("a (tile 0, 0) waits for items from b (tile 0, 0)"),
              std::string::npos)
        << e.what();
  }
}

/// Two 3x3 convolutions over 4 x 4 pixels. The input buffer of the second is made too small on purpose: it
/// holds five pixels, but the first window needs the six of two rows up to (1, 1). So the second waits for
/// items from the first neurons, and those for room at the second.
TEST(Stall, AWindowThatDoesNotFitIsReportedByBothEngines) {
  const auto network = NetworkBuilder({1, 4, 4})
                           .conv("conv1", "input", 1, 3)
                           .lif("lif1", {"conv1"})
                           .conv("conv2", "lif1", 1, 3)
                           .output("conv2", {1, 4, 4}, 2);
  auto chip = testing::tiny_chip();
  chip.path = "chip.json";
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.5, 1));
  const traces::TraceReader trace(folder.file("t.h5"));
  auto plan = make_plan(network, chip, 2, 1, "network");
  const auto stimulus = read_stimulus(plan, trace, 0);
  const auto timing = make_timing(chip);
  EXPECT_NO_THROW(run_sample(plan, chip, timing, stimulus, Engine::kFast));
  EXPECT_NO_THROW(run_sample(plan, chip, timing, stimulus, Engine::kReference));
  for (auto& flow : plan.flows) {
    if (plan.stages[static_cast<std::size_t>(flow.consumer)].name == "conv2") flow.depth = 5;
  }
  std::string messages[2];
  for (auto engine : {Engine::kFast, Engine::kReference}) {
    try {
      run_sample(plan, chip, timing, stimulus, engine);
      FAIL() << "it ran";
    } catch (const InputError& e) {
      messages[engine == Engine::kFast ? 0 : 1] = e.what();
    }
  }
  EXPECT_EQ(messages[0], messages[1]);
  const auto& text = messages[0];
  EXPECT_EQ(text.rfind("chip.json: input_buffer.capacity_bits: found a chip that stops after cycle", 0), 0U)
      << text;
  for (const char* part : {"lif1 (tile 0, 0) waits for room at conv2 (tile 1, 0), which holds 5 of its items",
                           "conv2 (tile 1, 0) waits for items from lif1 (tile 0, 0)",
                           "expected input_buffer.capacity_bits above 16384"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

/// Chips with memories at the edge of what a network needs either are refused before they run or finish.
/// SPIKELOOP_STALL_CASES=N draws N.
TEST(Stall, NoAcceptedChipStops) {
  int ran = 0;
  int refused = 0;
  const auto cases = testing::from_environment("SPIKELOOP_STALL_CASES", 300);
  for (std::uint64_t seed = 0; seed < cases; ++seed) {
    RandomStream random(derive_seed(41, seed));
    auto c = testing::random_case(random);
    const auto tight = [&](std::int64_t low, std::int64_t high) {
      return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low)));
    };
    if (random.below(2) == 0) c.chip.input_buffer.capacity_bits = tight(8, 400);
    if (random.below(2) == 0) c.chip.output_buffer.capacity_bits = tight(16, 600);
    if (random.below(2) == 0) c.chip.pooling_memory.capacity_bits = tight(8, 600);
    if (random.below(3) == 0) c.chip.node_memory.capacity_bits = tight(100, 3000);
    if (random.below(2) == 0) c.chip.router.buffer_flits = static_cast<int>(tight(1, 3));
    const auto outcome = testing::run_case(c, Engine::kFast);
    ASSERT_EQ(outcome.refused.find("a chip that stops"), std::string::npos)
        << "seed " << seed << ": " << outcome.refused << "\n"
        << describe(testing::smallest(c, [](const testing::Case& smaller) {
             return testing::run_case(smaller, Engine::kFast).refused.find("a chip that stops") !=
                    std::string::npos;
           }));
    (outcome.refused.empty() ? ran : refused) += 1;
  }
  EXPECT_GT(ran, static_cast<int>(cases / 4));
  EXPECT_GT(refused, static_cast<int>(cases / 20));
}

}  // namespace
}  // namespace spikeloop::sim
