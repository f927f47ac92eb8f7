#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "models/data/dataset.h"
#include "models/data/shapes.h"
#include "tests/models/data/helpers.h"

namespace spikeloop::models {
namespace {

Dataset open(const std::string& name, const std::string& dir, bool train = true) {
  DatasetOptions options;
  options.dir = dir;
  options.train = train;
  return open_dataset(name, options);
}

TEST(OpenDataset, UnknownNameOffersTheNearest) {
  EXPECT_TRUE(contains(error_of([] { open("cifra10", ""); }), "did you mean cifar10?"));
  EXPECT_TRUE(contains(error_of([] { open("imagenet", ""); }), "one of cifar10, "));
}

TEST(OpenDataset, FolderMustBeThere) {
  EXPECT_TRUE(contains(error_of([] { open("cifar10", ""); }), "--data: found nothing"));
  EXPECT_TRUE(contains(error_of([] { open("nmnist", "/nowhere"); }), "/nowhere: open: found nothing"));
}

// CIFAR-10

constexpr std::size_t kRecord = 3073, kBytes = 10000 * kRecord;

TEST(Cifar10, MissingFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(error_of([&] { open("cifar10", folder.path()); }), "test_batch.bin"));
}

TEST(Cifar10, FileOneByteShortNamesBytesAndRecords) {
  const TemporaryFolder folder;
  write_bytes(folder.file("test_batch.bin"), std::string(kBytes - 1, '\0'));
  const std::string error = error_of([&] { open("cifar10", folder.path(), false); });
  EXPECT_TRUE(contains(error, "test_batch.bin"));
  EXPECT_TRUE(contains(error, "30729999 bytes (9999 whole records and 3072 bytes)"));
  EXPECT_TRUE(contains(error, "30730000 bytes"));
}

TEST(Cifar10, LabelTenNamesItsRecord) {
  const TemporaryFolder folder;
  std::string bytes(kBytes, '\0');
  bytes[1234 * kRecord] = 10;
  write_bytes(folder.file("test_batch.bin"), bytes);
  const std::string error = error_of([&] { open("cifar10", folder.path(), false); });
  EXPECT_TRUE(contains(error, "record 1234"));
  EXPECT_TRUE(contains(error, "label 10"));
}

TEST(Cifar10, ReadsLabelsAndPixelsOfTheirRecords) {
  const TemporaryFolder folder;
  std::string bytes(kBytes, '\0');
  const std::size_t record = 77 * kRecord, at = 1024 + 32 * 5 + 3;  // green, row 5, column 3
  bytes[record] = 9;
  bytes[record + 1 + at] = static_cast<char>(200);
  write_bytes(folder.file("test_batch.bin"), bytes);
  const Dataset dataset = open("cifar10", folder.path(), false);
  EXPECT_EQ(dataset.test->size(), 10000);
  EXPECT_EQ(dataset.train, nullptr);
  EXPECT_EQ(dataset.test->label(77), 9);
  EXPECT_EQ(dataset.test->label(78), 0);
  const auto pixels = sample_of(dataset, *dataset.test, 77);
  ASSERT_EQ(pixels.size(), 3072U);
  EXPECT_EQ(pixels[at], 200);
  EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), 0), 200);
}

TEST(Cifar10, RealFilesHaveBalancedClasses) {
  if (!std::filesystem::exists(cifar10_folder())) GTEST_SKIP() << "no CIFAR-10 in " << cifar10_folder();
  const Dataset dataset = open("cifar10", cifar10_folder());
  ASSERT_EQ(dataset.train->size(), 50000);
  ASSERT_EQ(dataset.test->size(), 10000);
  std::vector<int> train(10), test(10);
  std::int64_t green = 0;
  for (std::int64_t i = 0; i < 50000; ++i) {
    ++train[static_cast<std::size_t>(dataset.train->label(i))];
    const auto pixels = sample_of(dataset, *dataset.train, i);
    green += std::accumulate(pixels.begin() + 1024, pixels.begin() + 2048, 0);
  }
  for (std::int64_t i = 0; i < 10000; ++i) ++test[static_cast<std::size_t>(dataset.test->label(i))];
  EXPECT_EQ(train, std::vector<int>(10, 5000));
  EXPECT_EQ(test, std::vector<int>(10, 1000));
  EXPECT_NEAR(static_cast<double>(green) / (50000.0 * 1024 * 255), 0.48216, 1e-5);
}

// shapes

TEST(Shapes, PureFunctionOfSeedAndIndexWithBalancedClasses) {
  const Dataset small = make_shapes(50, 20, 7), large = make_shapes(100, 40, 7),
                other = make_shapes(50, 20, 8);
  std::vector<int> count(10);
  for (std::int64_t i = 0; i < 50; ++i) {
    const auto image = sample_of(small, *small.train, i);
    EXPECT_EQ(image, sample_of(large, *large.train, i));
    EXPECT_EQ(image, sample_of(small, *small.train, i)) << "kept";
    EXPECT_NE(image, sample_of(other, *other.train, i));
    EXPECT_NE(image, sample_of(small, *small.test, i % 20));
    for (std::int64_t j = 0; j < i; ++j) EXPECT_NE(image, sample_of(small, *small.train, j));
  }
  for (std::int64_t i = 0; i < 100; ++i) ++count[static_cast<std::size_t>(large.train->label(i))];
  EXPECT_EQ(count, std::vector<int>(10, 10));
}

}  // namespace
}  // namespace spikeloop::models
