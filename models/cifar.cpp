#include <ATen/ATen.h>

#include <cstring>
#include <vector>

#include "models/dataset.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kRecords = 10000;  // per file
constexpr std::int64_t kPixels = 3 * 32 * 32;
constexpr std::int64_t kRecordBytes = 1 + kPixels;

/// Appends a file's records to `images` and `labels` from record `at` on.
void read_batch(const std::string& path, ImageSet& set, std::int64_t at) {
  const std::string bytes = read_file(path);
  const auto size = static_cast<std::int64_t>(bytes.size());
  if (size != kRecords * kRecordBytes) {
    throw InputError(path, "size",
                     std::to_string(size) + " bytes (" + std::to_string(size / kRecordBytes) +
                         " whole records and " + std::to_string(size % kRecordBytes) + " bytes)",
                     std::to_string(kRecords * kRecordBytes) + " bytes (" + std::to_string(kRecords) +
                         " records of " + std::to_string(kRecordBytes) + " bytes)");
  }
  auto* pixels = set.images.data_ptr<std::uint8_t>() + at * kPixels;
  auto* labels = set.labels.data_ptr<std::int64_t>() + at;
  for (std::int64_t i = 0; i < kRecords; ++i) {
    const char* record = bytes.data() + i * kRecordBytes;
    const auto label = static_cast<unsigned char>(record[0]);
    if (label > 9) {
      throw InputError(path, "record " + std::to_string(i), "label " + std::to_string(label), "a label 0..9");
    }
    labels[i] = label;
    std::memcpy(pixels + i * kPixels, record + 1, static_cast<std::size_t>(kPixels));
  }
}

ImageSet read_batches(const std::string& dir, const std::vector<std::string>& names) {
  const auto records = kRecords * static_cast<std::int64_t>(names.size());
  ImageSet set;
  set.images = at::empty({records, 3, 32, 32}, at::kByte);
  set.labels = at::empty({records}, at::kLong);
  std::int64_t at = 0;
  for (const auto& name : names) {
    read_batch(dir + "/" + name, set, at);
    at += kRecords;
  }
  return set;
}

}  // namespace

Dataset load_cifar10_test(const std::string& dir) {
  if (dir.empty())
    throw InputError("command line", "--data", "nothing", "the folder of CIFAR-10's binary version");
  Dataset dataset;
  dataset.name = "cifar10";
  // The constants SNASNet normalises with (4 digits), not the exact statistics of the training set.
  dataset.mean = {0.4913, 0.4821, 0.4465};
  dataset.std = {0.2470, 0.2434, 0.2615};
  dataset.test = read_batches(dir, {"test_batch.bin"});
  return dataset;
}

Dataset load_cifar10(const std::string& dir) {
  Dataset dataset = load_cifar10_test(dir);
  dataset.train = read_batches(dir, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                     "data_batch_4.bin", "data_batch_5.bin"});
  return dataset;
}

}  // namespace spikeloop::models
