#include "models/batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "helpers.h"
#include "models/data/shapes.h"

namespace spikeloop::models {
namespace {

/// Samples whose bytes tell record, frame, channel, row and column apart.
class Numbered : public SampleSet {
 public:
  explicit Numbered(std::int64_t size, std::int64_t bytes) : size_(size), bytes_(bytes) {}
  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override { return index; }
  void read(std::int64_t index, std::uint8_t* out) const override {
    if (index == broken) throw InputError("file", "sample", "damage", "none");
    for (std::int64_t i = 0; i < bytes_; ++i)
      out[i] = static_cast<std::uint8_t>((index * 31 + i * 7) % 255 + 1);
  }
  std::int64_t broken = -1;

 private:
  std::int64_t size_, bytes_;
};

Dataset numbered(bool events, std::int64_t records = 37) {
  Dataset dataset;
  dataset.name = "numbered";
  dataset.frames = events ? 3 : 1;
  dataset.channels = 2;
  dataset.height = 5;
  dataset.width = 6;
  dataset.classes = records;
  dataset.mean = {0.25, 0.5};
  dataset.std = {0.5, 0.125};
  dataset.events = events;
  dataset.train = std::make_shared<Numbered>(records, dataset.sample_bytes());
  return dataset;
}

BatchLoader::Options options_of(int threads) {
  BatchLoader::Options options;
  options.batch = 8;
  options.threads = threads;
  options.augmentation = {2, true, 3, 1.0};
  return options;
}

std::vector<Batch> all(const Dataset& dataset, const BatchLoader::Options& options) {
  BatchLoader loader(dataset, dataset.train, options);
  std::vector<Batch> batches(1);
  while (loader.next(batches.back())) batches.emplace_back();
  batches.pop_back();
  return batches;
}

bool same(const Batch& a, const Batch& b) {
  return at::equal(a.input, b.input) && at::equal(a.labels, b.labels) && at::equal(a.labels2, b.labels2) &&
         at::equal(a.share, b.share);
}

TEST(ReadBatch, NormalisesImagesAndLeavesCounts) {
  const Dataset images = numbered(false), events = numbered(true);
  const Batch batch = read_batch(images, *images.train, {4, 2});
  ASSERT_EQ(batch.input.sizes(), at::IntArrayRef({2, 2, 5, 6}));
  EXPECT_EQ(batch.labels[0].item<int>(), 4);
  const int byte = (2 * 31 + (30 + 6 * 3 + 1) * 7) % 255 + 1;  // record 2, channel 1, row 3, column 1
  EXPECT_FLOAT_EQ(batch.input[1][1][3][1].item<float>(), (static_cast<float>(byte) / 255 - 0.5F) / 0.125F);
  EXPECT_FALSE(batch.share.defined());
  const Batch frames = read_batch(events, *events.train, 35, 9);
  ASSERT_EQ(frames.input.sizes(), at::IntArrayRef({3, 2, 2, 5, 6}));
  EXPECT_EQ(frames.input[2][1][0][4][5].item<float>(), (36 * 31 + (2 * 60 + 29) * 7) % 255 + 1);
  EXPECT_TRUE(contains(error_of([&] { read_batch(images, *images.train, {37}); }), "sample: found 37"));
}

TEST(BatchLoader, SameBytesWhateverTheThreads) {
  for (const bool events : {false, true}) {
    const Dataset dataset = numbered(events);
    const auto expected = all(dataset, options_of(0));
    ASSERT_EQ(expected.size(), 5U);
    EXPECT_EQ(expected.back().labels.size(0), 5);
    for (const int threads : {1, 2, 4}) {
      const auto found = all(dataset, options_of(threads));
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_TRUE(same(found[i], expected[i])) << threads << ' ' << i;
    }
  }
}

TEST(BatchLoader, SeedAndEpochDecideAndResumeStartsInTheMiddle) {
  const Dataset dataset = numbered(false);
  const auto first = all(dataset, options_of(0));
  BatchLoader::Options options = options_of(1);
  options.epoch = 1;
  EXPECT_FALSE(same(first[0], all(dataset, options)[0]));
  options = options_of(1);
  options.seed = 2;
  EXPECT_FALSE(same(first[0], all(dataset, options)[0]));
  options = options_of(2);
  options.first_batch = 3;
  const auto rest = all(dataset, options);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_TRUE(same(rest[0], first[3]));
  EXPECT_TRUE(same(rest[1], first[4]));
}

TEST(BatchLoader, ChoosesWithoutRepeats) {
  const Dataset dataset = numbered(false);
  BatchLoader::Options options = options_of(0);
  options.max_records = 20;
  std::set<std::int64_t> seen;
  for (const Batch& batch : all(dataset, options)) {
    for (std::int64_t i = 0; i < batch.labels.size(0); ++i) seen.insert(batch.labels[i].item<std::int64_t>());
  }
  EXPECT_EQ(seen.size(), 20U);
  options.shuffle = false;
  EXPECT_EQ(all(dataset, options)[1].labels[0].item<int>(), 8);
}

TEST(BatchLoader, CropAndMirrorMoveAllFramesAlike) {
  const Dataset dataset = numbered(true);
  BatchLoader::Options options = options_of(0);
  options.augmentation = {2, true, 0, 0};
  int moved = 0, mirrored = 0;
  for (const Batch& batch : all(dataset, options)) {
    const auto count = batch.labels.size(0);
    for (std::int64_t i = 0; i < count; ++i) {
      const at::Tensor plain =
          read_batch(dataset, *dataset.train, {batch.labels[i].item<std::int64_t>()}).input;
      const at::Tensor padded = at::constant_pad_nd(plain.select(1, 0), {2, 2, 2, 2});
      const at::Tensor found = batch.input.select(1, i);
      bool matched = false;
      for (std::int64_t y = 0; y < 5; ++y) {
        for (std::int64_t x = 0; x < 5; ++x) {
          const at::Tensor crop = padded.narrow(2, y, 5).narrow(3, x, 6);
          const bool straight = at::equal(found, crop), flipped = at::equal(found, crop.flip({3}));
          matched = matched || straight || flipped;
          moved += straight || flipped ? (y != 2 || x != 2 ? 1 : 0) : 0;
          mirrored += flipped ? 1 : 0;
        }
      }
      EXPECT_TRUE(matched) << i;
    }
  }
  EXPECT_GT(moved, 25);
  EXPECT_GT(mirrored, 10);
  EXPECT_LT(mirrored, 28);
}

TEST(BatchLoader, CutoutSetsASquareToTheMean) {
  const Dataset dataset = numbered(false);
  BatchLoader::Options options = options_of(0);
  options.augmentation = {0, false, 3, 0};
  options.shuffle = false;
  std::set<std::int64_t> areas;
  for (const Batch& batch : all(dataset, options)) {
    const at::Tensor plain =
        read_batch(dataset, *dataset.train, batch.labels[0].item<std::int64_t>(), 8).input;
    const at::Tensor zero = batch.input.eq(0), changed = batch.input.ne(plain);
    EXPECT_TRUE(zero.logical_or(changed.logical_not()).all().item<bool>());
    for (std::int64_t i = 0; i < batch.labels.size(0); ++i) {
      areas.insert(zero[i][0].sum().item<std::int64_t>());
      EXPECT_TRUE(at::equal(zero[i][0].logical_and(changed[i][0]), changed[i][0]));
    }
  }
  EXPECT_EQ(*areas.rbegin(), 9);
  EXPECT_LT(*areas.begin(), 9);  // cut off at the border
}

TEST(RateCode, PixelsAreProbabilitiesAndRecordsHaveSpikesOfTheirOwn) {
  Dataset dataset = numbered(false);
  dataset.rate_steps = 200;
  const Batch batch = read_batch(dataset, *dataset.train, {4, 2});
  ASSERT_EQ(batch.input.sizes().vec(), (std::vector<std::int64_t>{200, 2, 2, 5, 6}));
  EXPECT_TRUE(at::equal(batch.input * batch.input, batch.input));
  Dataset pixels = numbered(false);
  pixels.mean = {0, 0};
  pixels.std = {1, 1};
  const at::Tensor expected = read_batch(pixels, *pixels.train, {4, 2}).input;
  EXPECT_LT((batch.input.mean(0) - expected).abs().max().item<double>(), 0.2);
  EXPECT_LT((batch.input.mean() - expected.mean()).abs().item<double>(), 0.01);
  // Whatever else is in the batch.
  const Batch alone = read_batch(dataset, *dataset.train, 2, 1);
  EXPECT_TRUE(at::equal(alone.input.select(1, 0), batch.input.select(1, 1)));
  EXPECT_FALSE(at::equal(batch.input.select(1, 0), batch.input.select(1, 1)));
}

TEST(RateCode, TrainingDrawsBySeedAndEpochWhateverTheThreads) {
  Dataset dataset = numbered(false);
  dataset.rate_steps = 3;
  BatchLoader::Options options = options_of(0);
  const std::vector<Batch> batches = all(dataset, options), threaded = all(dataset, options_of(3));
  ASSERT_EQ(batches.size(), threaded.size());
  for (std::size_t i = 0; i < batches.size(); ++i) EXPECT_TRUE(same(batches[i], threaded[i]));
  options.augmentation = {};
  options.shuffle = false;
  const at::Tensor first = all(dataset, options).front().input;
  options.epoch = 1;
  EXPECT_FALSE(at::equal(all(dataset, options).front().input, first));
}

TEST(BatchLoader, CutMixTakesTheSmallestBeta) {
  const Dataset dataset = numbered(false);
  for (const double a : {1e-300, 1e-9, 0.01, 100.0}) {
    BatchLoader::Options options = options_of(0);
    options.augmentation.cutmix = a;
    for (const Batch& batch : all(dataset, options)) {
      EXPECT_TRUE(batch.share.ge(0).logical_and(batch.share.le(1)).all().item<bool>()) << a;
      EXPECT_TRUE(batch.input.isfinite().all().item<bool>()) << a;
    }
  }
}

TEST(BatchLoader, CutMixSharesAreTheAreas) {
  const Dataset dataset = make_shapes(64, 0, 1);
  BatchLoader::Options options;
  options.batch = 64;
  options.threads = 0;
  options.augmentation.cutmix = 1;
  const Batch batch = all(dataset, options).front();
  std::vector<std::int64_t> order;
  options.augmentation.cutmix = 0;
  const Batch plain = all(dataset, options).front();
  EXPECT_TRUE(at::equal(batch.labels, plain.labels));
  double shares = 0;
  for (std::int64_t i = 0; i < 64; ++i) {
    const double share = batch.share[i].item<double>();
    const auto changed = batch.input[i].ne(plain.input[i]).any(0).sum().item<std::int64_t>();
    EXPECT_LE(static_cast<double>(changed), (1 - share) * 1024 + 1e-3);
    EXPECT_GE(static_cast<double>(changed), (1 - share) * 1024 * 0.9 - 1)
        << "noise differs nearly everywhere";
    shares += share / 64;
  }
  // A box of 1 - lambda, lambda uniform, loses at the border: mean share above 1/2.
  EXPECT_GT(shares, 0.5);
  EXPECT_LT(shares, 0.85);
}

TEST(BatchLoader, AnErrorComesAtItsBatch) {
  Dataset dataset = numbered(false);
  auto broken = std::make_shared<Numbered>(37, dataset.sample_bytes());
  broken->broken = 20;
  dataset.train = broken;
  BatchLoader::Options options = options_of(2);
  options.shuffle = false;
  BatchLoader loader(dataset, dataset.train, options);
  Batch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_TRUE(loader.next(batch));
  EXPECT_TRUE(contains(error_of([&] { loader.next(batch); }), "file: sample: found damage"));
}

TEST(BatchLoader, CanBeLeftAtAnyTime) {
  const Dataset dataset = make_shapes(500, 0, 1);
  for (const int taken : {0, 1, 3}) {
    BatchLoader loader(dataset, dataset.train, options_of(3));
    Batch batch;
    for (int i = 0; i < taken; ++i) EXPECT_TRUE(loader.next(batch));
  }
}

TEST(BatchLoader, BadOptionsAreRefused) {
  const Dataset dataset = numbered(false);
  BatchLoader::Options options = options_of(0);
  options.batch = 0;
  EXPECT_TRUE(contains(error_of([&] { BatchLoader(dataset, dataset.train, options); }), "batch: found 0"));
  EXPECT_TRUE(contains(error_of([&] { BatchLoader(dataset, nullptr, options_of(0)); }), "samples: found 0"));
}

}  // namespace
}  // namespace spikeloop::models
