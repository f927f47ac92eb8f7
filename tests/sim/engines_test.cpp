#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/rules/timing.h"
#include "tests/support/engine_runs.h"
#include "tests/support/tiny.h"

/// The fast engine comes to the same events in the same cycles, the same counts and the same energy as the
/// reference engine, which is the definition.
///
/// SPIKELOOP_ENGINE_CASES=N draws N cases instead of the usual ones, SPIKELOOP_ENGINE_SEED=S starts at seed S
/// (with SPIKELOOP_ENGINE_CASES=1: this one only).
namespace spikeloop::sim {
namespace {

using testing::Case;
using testing::Outcome;

Case case_of_seed(std::uint64_t seed) {
  RandomStream random(derive_seed(31, seed));
  return testing::random_case(random);
}

TEST(Engines, HaveTheSameEventsCountsAndEnergyOnRandomChips) {
  const auto first = testing::from_environment("SPIKELOOP_ENGINE_SEED", 0);
  const auto wanted = testing::from_environment("SPIKELOOP_ENGINE_CASES", 600);
  std::uint64_t compared = 0;
  std::size_t events = 0;
  for (auto seed = first; seed < first + wanted; ++seed) {
    const auto c = case_of_seed(seed);
    const auto fast = testing::run_case(c, Engine::kFast);
    const auto reference = testing::run_case(c, Engine::kReference);
    if (testing::difference(fast, reference)) {
      FAIL() << "SPIKELOOP_ENGINE_SEED=" << seed << ": " << testing::report_difference(c, testing::run_case);
    }
    compared += fast.refused.empty() ? 1 : 0;
    events += fast.events.size();
  }
  RecordProperty("compared", std::to_string(compared));
  RecordProperty("events", std::to_string(events));
  EXPECT_GE(compared * 6, wanted * 5) << "too many cases did not fit their chips";
}

/// A fast engine with a fault: with sample and hold, pooling starts one cycle late.
Outcome run_with_fault(const Case& c, Engine engine) {
  auto outcome = testing::run_case(c, engine);
  if (engine == Engine::kFast && c.chip.adc.sample_and_hold) {
    for (auto& e : outcome.events) e.cycle += e.kind == EventKind::kPoolStart ? 1 : 0;
    std::sort(outcome.events.begin(), outcome.events.end());
  }
  return outcome;
}

TEST(Engines, AFaultIsFoundAndItsCaseMadeSmall) {
  const auto differ = [](const Case& c) {
    return testing::difference(run_with_fault(c, Engine::kFast), run_with_fault(c, Engine::kReference));
  };
  std::uint64_t seed = 0;
  while (seed < 100 && !differ(case_of_seed(seed))) ++seed;
  ASSERT_LT(seed, 100U) << "the fault was never drawn";
  const auto small =
      testing::smallest(case_of_seed(seed), [&](const Case& c) { return differ(c).has_value(); });
  // Nothing is left but what the fault needs: sample and hold, and one pooling of one pixel.
  EXPECT_TRUE(small.chip.adc.sample_and_hold);
  EXPECT_EQ(small.recipe.blocks.size(), 1U);
  EXPECT_EQ(small.recipe.height * small.recipe.width, 1);
  EXPECT_EQ(small.recipe.timesteps, 1);
  EXPECT_EQ(small.recipe.rate, 0);
  auto plain = small.chip;
  plain.adc.sample_and_hold = false;
  EXPECT_EQ(testing::describe({plain, small.recipe}).find("plain_chip(),"), std::string::npos)
      << testing::describe(small);
  const auto text = testing::report_difference(small, run_with_fault);
  EXPECT_NE(text.find("adc.sample_and_hold = 1"), std::string::npos) << text;
  EXPECT_NE(text.find("pool start"), std::string::npos) << text;
}

TEST(Engines, EqualRunsAreEqualAndAnEmptyRunIsNoProof) {
  const auto c = case_of_seed(3);
  const auto once = testing::run_case(c, Engine::kReference);
  ASSERT_EQ(once.refused, "");
  EXPECT_FALSE(testing::difference(once, testing::run_case(c, Engine::kReference)));
  for (auto kind : {EventKind::kFetchStart, EventKind::kReadEnd, EventKind::kSumsOut, EventKind::kNodeAddEnd,
                    EventKind::kNeuronStart, EventKind::kDelivered, EventKind::kFlitRouted}) {
    EXPECT_TRUE(std::any_of(once.events.begin(), once.events.end(), [&](const Event& e) {
      return e.kind == kind;
    })) << static_cast<int>(kind);
  }
}

/// Whatever the tile's clock: the link into a router takes a flit at each edge of the network's.
TEST(Engines, LinksTakeOneFlitPerNetworkCycle) {
  int faster_tiles = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const auto c = case_of_seed(seed);
    const auto timing = make_timing(c.chip);
    faster_tiles += timing.tile_period < timing.network_period ? 1 : 0;
    const int host_tile = c.chip.host_port.row * c.chip.mesh.columns + c.chip.host_port.column;
    std::map<int, Cycle> last;
    for (const auto& e : testing::run_case(c, Engine::kFast).events) {
      if (e.kind != EventKind::kFlitInjected || e.place == host_tile) continue;
      const Cycle edge = edge_from(e.cycle, timing.network_period);
      const auto [before, first] = last.emplace(e.place, edge);
      ASSERT_TRUE(first || before->second < edge) << "seed " << seed << ", cycle " << e.cycle;
      before->second = edge;
    }
  }
  EXPECT_GT(faster_tiles, 10);
}

/// The places of each cycle with events at several, in the order in which they came first.
std::map<std::int64_t, std::vector<int>> places_in_order(const Outcome& outcome) {
  std::map<std::int64_t, std::vector<int>> order;
  for (const auto& e : outcome.as_recorded) {
    auto& places = order[e.cycle];
    if (std::find(places.begin(), places.end(), e.place) == places.end()) places.push_back(e.place);
  }
  return order;
}

/// Equal results would prove little if both engines ran the modules of a cycle in the same order.
TEST(Engines, RunTheModulesOfACycleInDifferentOrders) {
  int same = 0;
  int different = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const auto fast = places_in_order(testing::run_case(case_of_seed(seed), Engine::kFast));
    const auto reference = places_in_order(testing::run_case(case_of_seed(seed), Engine::kReference));
    for (const auto& [cycle, places] : fast) {
      if (places.size() > 1) ++(places == reference.at(cycle) ? same : different);
    }
  }
  EXPECT_GT(same + different, 1000);
  EXPECT_GT(different, same / 2) << same;
}

}  // namespace
}  // namespace spikeloop::sim
