#include "models/dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "helpers.h"

namespace spikeloop::models {
namespace {

constexpr std::size_t kRecord = 3073, kBytes = 10000 * kRecord;

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Spec, TextRoundTripsAndOneCellStandsForBoth) {
  CellMatrix a{}, b{};
  parse_cells("0303/0030/2002/0200|0001/0000/0000/0000", "--cell", a, b);
  EXPECT_EQ(a[0][1], Op::kConv3x3);
  EXPECT_EQ(a[2][0], Op::kConv1x1);
  EXPECT_EQ(b[0][3], Op::kSkip);
  EXPECT_EQ(to_text(a, b), "0303/0030/2002/0200|0001/0000/0000/0000");
  parse_cells("0004/0000/0000/0000", "--cell", a, b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(to_text(a, b), "0004/0000/0000/0000|0004/0000/0000/0000");
}

TEST(Spec, BadTextNamesThePlaceAndTheFault) {
  CellMatrix a{}, b{};
  const auto error = [&](const char* text) { return error_of([&] { parse_cells(text, "--cell", a, b); }); };
  for (const char* text : {"", "0303", "0303/0030/2002/020", "0303/0030/2002/0200|", "0303-0030/2002/0200"}) {
    EXPECT_TRUE(contains(error(text), "--cell")) << text;
  }
  EXPECT_TRUE(contains(error("0305/0030/2002/0200"), "operation '5'"));
  EXPECT_TRUE(contains(error("1303/0030/2002/0200"), "from node 0 to itself"));
}

TEST(Cifar10, MissingFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(error_of([&] { load_cifar10(folder.path()); }), "test_batch.bin"));
}

TEST(Cifar10, FileOneByteShortNamesBytesAndRecords) {
  const TemporaryFolder folder;
  write_bytes(folder.file("test_batch.bin"), std::string(kBytes - 1, '\0'));
  const std::string error = error_of([&] { load_cifar10_test(folder.path()); });
  EXPECT_TRUE(contains(error, "test_batch.bin"));
  EXPECT_TRUE(contains(error, "30729999 bytes (9999 whole records and 3072 bytes)"));
  EXPECT_TRUE(contains(error, "30730000 bytes"));
}

TEST(Cifar10, LabelTenNamesItsRecord) {
  const TemporaryFolder folder;
  std::string bytes(kBytes, '\0');
  bytes[1234 * kRecord] = 10;
  write_bytes(folder.file("test_batch.bin"), bytes);
  const std::string error = error_of([&] { load_cifar10_test(folder.path()); });
  EXPECT_TRUE(contains(error, "record 1234"));
  EXPECT_TRUE(contains(error, "label 10"));
}

TEST(Cifar10, ReadsLabelsAndPixelsOfTheirRecords) {
  const TemporaryFolder folder;
  std::string bytes(kBytes, '\0');
  const std::size_t record = 77 * kRecord;
  bytes[record] = 9;
  bytes[record + 1 + 1024 + 32 * 5 + 3] = static_cast<char>(200);  // green, row 5, column 3
  write_bytes(folder.file("test_batch.bin"), bytes);
  const Dataset dataset = load_cifar10_test(folder.path());
  EXPECT_EQ(dataset.test.size(), 10000);
  EXPECT_EQ(dataset.train.size(), 0);
  EXPECT_EQ(dataset.test.labels[77].item<int>(), 9);
  EXPECT_EQ(dataset.test.images[77][1][5][3].item<int>(), 200);
  EXPECT_EQ(dataset.test.images.sum().item<int>(), 200);
  const at::Tensor x = normalise(dataset.test.images.narrow(0, 77, 1), dataset);
  EXPECT_NEAR(x[0][1][5][3].item<double>(), (200 / 255.0 - 0.4821) / 0.2434, 1e-6);
  EXPECT_NEAR(x[0][2][0][0].item<double>(), -0.4465 / 0.2615, 1e-6);
}

TEST(Cifar10, RealFilesHaveBalancedClasses) {
  if (!std::filesystem::exists(cifar10_folder())) GTEST_SKIP() << "no CIFAR-10 in " << cifar10_folder();
  const Dataset dataset = load_dataset("cifar10", cifar10_folder(), 1);
  ASSERT_EQ(dataset.train.size(), 50000);
  ASSERT_EQ(dataset.test.size(), 10000);
  for (std::int64_t label = 0; label < 10; ++label) {
    EXPECT_EQ(dataset.train.labels.eq(label).sum().item<int>(), 5000);
    EXPECT_EQ(dataset.test.labels.eq(label).sum().item<int>(), 1000);
  }
  EXPECT_NEAR(dataset.train.images.select(1, 0).to(at::kDouble).mean().item<double>() / 255, 0.49140, 1e-5);
}

TEST(Shapes, PureFunctionOfSeedAndIndexWithBalancedClasses) {
  const Dataset small = make_shapes(50, 20, 7), large = make_shapes(100, 40, 7),
                other = make_shapes(50, 20, 8);
  EXPECT_TRUE(at::equal(small.train.images, large.train.images.narrow(0, 0, 50)));
  EXPECT_TRUE(at::equal(small.test.images, large.test.images.narrow(0, 0, 20)));
  EXPECT_FALSE(at::equal(small.train.images, other.train.images));
  EXPECT_FALSE(at::equal(small.train.images.narrow(0, 0, 20), small.test.images));
  for (std::int64_t label = 0; label < 10; ++label) {
    EXPECT_EQ(large.train.labels.eq(label).sum().item<int>(), 10);
    EXPECT_EQ(large.test.labels.eq(label).sum().item<int>(), 4);
  }
}

TEST(Shapes, NoTwoImagesAreEqual) {
  const Dataset set = make_shapes(60, 0, 1);
  for (std::int64_t i = 0; i < 60; ++i) {
    for (std::int64_t j = 0; j < i; ++j) EXPECT_FALSE(at::equal(set.train.images[i], set.train.images[j]));
  }
}

TEST(LoadDataset, UnknownNameOffersTheNearest) {
  EXPECT_TRUE(contains(error_of([] { load_dataset("cifra10", "", 1); }), "did you mean cifar10?"));
  EXPECT_TRUE(contains(error_of([] { load_dataset("mnist", "", 1); }), "one of cifar10, shapes"));
}

}  // namespace
}  // namespace spikeloop::models
