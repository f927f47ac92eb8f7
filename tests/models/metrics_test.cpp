#include "models/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "helpers.h"
#include "models/train_options.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

std::vector<EpochMetrics> two_epochs() {
  EpochMetrics first{1, 10, 0.1, 2.25, 0.125, {}, {}}, second{2, 20, 1.0 / 3, 1.5, 0.5, 1.75, 0.4375};
  return {first, second};
}

TEST(Metrics, LinesReadBackExactly) {
  const auto before = two_epochs();
  const auto after = metrics_from_jsonl(metrics_jsonl(before));
  ASSERT_EQ(after.size(), 2U);
  EXPECT_EQ(after[1].lr, before[1].lr);
  EXPECT_EQ(after[1].step, 20);
  EXPECT_FALSE(after[0].validation_loss);
  EXPECT_EQ(after[1].validation_accuracy, before[1].validation_accuracy);
  EXPECT_EQ(metrics_jsonl(after), metrics_jsonl(before));
}

TEST(Metrics, CsvLeavesAbsentValuesEmpty) {
  EXPECT_EQ(metrics_csv(two_epochs()),
            "epoch,step,lr,train_loss,train_accuracy,validation_loss,validation_accuracy\n"
            "1,10,0.1,2.25,0.125,,\n"
            "2,20,0.3333333333333333,1.5,0.5,1.75,0.4375\n");
}

TEST(Metrics, PageStandsAloneAndShowsEveryEpoch) {
  const std::string page = training_page("a <b> & c", two_epochs());
  EXPECT_TRUE(contains(page, "<title>a &lt;b&gt; &amp; c</title>"));
  EXPECT_TRUE(contains(page, "validation, epoch 2: 43.75"));
  EXPECT_TRUE(contains(page, "training, epoch 1: 12.5"));
  for (const char* outside : {"http://", "https://", "<script", "nan", "inf"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  EXPECT_TRUE(contains(training_page("one epoch", {two_epochs().front()}), "<polyline"));
  EXPECT_TRUE(contains(training_page("none", {}), "</html>"));
}

TEST(Metrics, FilesOfAResumedRunDropLaterTimes) {
  const TemporaryFolder folder;
  write_metrics(folder.path(), "t", two_epochs());
  EXPECT_EQ(read_file(folder.file("metrics.jsonl")), metrics_jsonl(two_epochs()));
  EXPECT_EQ(read_file(folder.file("metrics.csv")), metrics_csv(two_epochs()));
  for (const std::int64_t epoch : {1, 2, 3, 2}) write_time(folder.path(), epoch, 0.5, 100);
  const std::string times = read_file(folder.file("times.jsonl"));
  EXPECT_TRUE(contains(times, "\"epoch\":2"));
  EXPECT_EQ(times.find("\"epoch\":3"), std::string::npos);
  EXPECT_EQ(std::count(times.begin(), times.end(), '\n'), 2);
}

TEST(TrainOptions, TheFirstDifferenceIsNamed) {
  TrainOptions before, now;
  EXPECT_EQ(first_difference(to_json(before), to_json(now)), "");
  now.lr = 0.25;
  const auto wrapped = [](const TrainOptions& options) { return "{\"training\":" + to_json(options) + "}"; };
  EXPECT_EQ(first_difference(wrapped(before), wrapped(now)), "lr: 0.1 before, 0.25 now");
  EXPECT_EQ(first_difference(R"({"dataset":{"name":"a"}})", R"({"dataset":{"name":"b"}})"),
            "dataset/name: \"a\" before, \"b\" now");
  EXPECT_EQ(first_difference(R"({"a":1,"b":2})", R"({"b":2})"), "a: 1 before, nothing now");
  before = now;
  before.device = "cuda:1";
  now.device = "cuda";
  EXPECT_EQ(first_difference(to_json(before), to_json(now)), "");
}

TEST(TrainOptions, ValuesOutOfRangeAreRefused) {
  const auto refused = [](const std::function<void(TrainOptions&)>& change, const char* text) {
    TrainOptions options;
    change(options);
    EXPECT_TRUE(contains(error_of([&] { check(options); }), text));
  };
  check(TrainOptions{});
  refused([](auto& o) { o.batch = 0; }, "batch: found 0");
  refused([](auto& o) { o.accumulate = 0; }, "accumulate");
  refused([](auto& o) { o.patience = 3; }, "--validation-images");
  refused([](auto& o) { o.optimiser.momentum = 1; }, "momentum");
  refused([](auto& o) { o.lr = std::numeric_limits<double>::quiet_NaN(); }, "lr");
  refused([](auto& o) { o.label_smoothing = 1; }, "label-smoothing");
  refused([](auto& o) { o.optimiser.kind = OptimiserKind::kAdamW, o.optimiser.nesterov = true; }, "nesterov");
  refused([](auto& o) { o.mixed_precision = true; }, "device cpu");
}

}  // namespace
}  // namespace spikeloop::models
