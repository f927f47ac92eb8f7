#include "models/schedule.h"

#include <gtest/gtest.h>

#include "helpers.h"

namespace spikeloop::models {
namespace {

Schedule schedule(ScheduleKind kind, std::int64_t warmup, std::int64_t steps) {
  Schedule schedule;
  schedule.kind = kind;
  schedule.lr = 0.5;
  schedule.min_lr = 0.1;
  schedule.warmup_steps = warmup;
  schedule.steps = steps;
  return schedule;
}

TEST(Schedule, CosineGoesFromTheHighestToTheLowestRate) {
  const Schedule cosine = schedule(ScheduleKind::kCosine, 0, 8);
  EXPECT_DOUBLE_EQ(learning_rate(cosine, 0), 0.5);
  EXPECT_NEAR(learning_rate(cosine, 2), 0.1 + 0.2 * (1 + 0.70710678118654752), 1e-15);
  EXPECT_NEAR(learning_rate(cosine, 4), 0.3, 1e-15);
  EXPECT_NEAR(learning_rate(cosine, 7), 0.1 + 0.2 * (1 - 0.92387953251128674), 1e-15);
  EXPECT_NEAR(learning_rate(cosine, 8), 0.1, 1e-15);  // one after the last
}

TEST(Schedule, WarmUpIsLinearAndShortensTheCosine) {
  const Schedule warm = schedule(ScheduleKind::kCosine, 4, 12);
  EXPECT_DOUBLE_EQ(learning_rate(warm, 0), 0.125);
  EXPECT_DOUBLE_EQ(learning_rate(warm, 1), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(warm, 3), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(warm, 4), 0.5);
  EXPECT_NEAR(learning_rate(warm, 8), 0.3, 1e-15);
}

TEST(Schedule, OneCycleRisesThenFalls) {
  const Schedule cycle = schedule(ScheduleKind::kOneCycle, 0, 100);
  EXPECT_NEAR(learning_rate(cycle, 0), 0.02, 1e-15);
  EXPECT_NEAR(learning_rate(cycle, 15), 0.26, 1e-12);
  EXPECT_NEAR(learning_rate(cycle, 30), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(cycle, 65), 0.3, 1e-12);
  EXPECT_NEAR(learning_rate(cycle, 100), 0.1, 1e-12);
}

TEST(Schedule, ConstantStaysAndAWarmUpLongerThanTheTrainingOnlyRises) {
  const Schedule constant = schedule(ScheduleKind::kConstant, 0, 10);
  EXPECT_EQ(learning_rate(constant, 9), 0.5);
  const Schedule short_one = schedule(ScheduleKind::kCosine, 10, 5);
  EXPECT_DOUBLE_EQ(learning_rate(short_one, 4), 0.25);
}

TEST(Schedule, AMisspeltKindIsRefusedWithTheNearest) {
  EXPECT_EQ(parse_schedule_kind("onecycle", "--schedule"), ScheduleKind::kOneCycle);
  EXPECT_TRUE(contains(error_of([] { parse_schedule_kind("cosin", "--schedule"); }), "did you mean cosine?"));
}

}  // namespace
}  // namespace spikeloop::models
