#include <zlib.h>

#include <array>
#include <filesystem>
#include <memory>
#include <system_error>

#include "models/data/readers.h"
#include "traces/support/error.h"

/// MNIST and what has its files: IDX, big-endian (http://yann.lecun.com/exdb/mnist), published gzipped.
namespace spikeloop::models {
namespace {

constexpr std::int64_t kSide = 28, kPixels = kSide * kSide;
constexpr std::uint64_t kImageMagic = 0x803, kLabelMagic = 0x801;  // uint8, 3 and 1 dimensions

/// The whole content of a file, plain or gzipped, but no more than `most` bytes and one.
std::string read_plain_or_gzipped(const std::string& path, std::size_t most) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw InputError(path, "open", "nothing that can be read", "a readable file");
  std::string bytes;
  std::array<char, 1U << 16U> buffer{};
  while (bytes.size() <= most) {
    const int count = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    int error = Z_OK;
    const char* text = gzerror(file.get(), &error);
    // A gzip stream that ends too early: Z_BUF_ERROR.
    if (count < 0 || error < 0)
      throw InputError(path, "decompress", text, "a whole IDX file, plain or gzipped");
    if (count == 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return bytes;
}

/// The file of one of its published names: with - or . before "idx", plain or gzipped.
std::string find_file(const std::string& folder, const std::string& name, const std::string& kind) {
  for (const char* separator : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      const std::string path = folder + '/' + name + separator + kind + "-ubyte" + ending;
      std::error_code error;
      if (std::filesystem::exists(path, error)) return path;
    }
  }
  throw InputError(folder, name + '-' + kind + "-ubyte", "no such file", "it, plain or as .gz");
}

/// What follows the header, `item` bytes for each of the items that it announces.
std::string read_idx(const std::string& path, std::uint64_t magic, std::int64_t item) {
  constexpr std::size_t kMostItems = 1U << 20U;  // what a damaged gzip stream may grow to
  const std::size_t header = magic == kImageMagic ? 16 : 8;
  const std::string bytes = read_plain_or_gzipped(path, header + kMostItems * static_cast<std::size_t>(item));
  if (bytes.size() < header) {
    throw InputError(path, "size", std::to_string(bytes.size()) + " bytes",
                     "a header of " + std::to_string(header) + " bytes");
  }
  if (const std::uint64_t found = big_endian(bytes, 0, 4); found != magic) {
    throw InputError(path, "magic number", std::to_string(found), std::to_string(magic));
  }
  if (magic == kImageMagic && (big_endian(bytes, 8, 4) != kSide || big_endian(bytes, 12, 4) != kSide)) {
    throw InputError(
        path, "image size",
        std::to_string(big_endian(bytes, 8, 4)) + " x " + std::to_string(big_endian(bytes, 12, 4)),
        "28 x 28");
  }
  const std::uint64_t items = big_endian(bytes, 4, 4);
  const std::uint64_t expected = header + items * static_cast<std::uint64_t>(item);
  if (items == 0 || bytes.size() != expected) {
    throw InputError(
        path, "size", std::to_string(bytes.size()) + " bytes (decompressed)",
        std::to_string(expected) + " bytes for the " + std::to_string(items) + " items that its header says");
  }
  return bytes.substr(header);
}

std::shared_ptr<const SampleSet> open_half(const std::string& folder, const std::string& half) {
  const std::string image_file = find_file(folder, half + "-images", "idx3");
  const std::string label_file = find_file(folder, half + "-labels", "idx1");
  const std::string pixels = read_idx(image_file, kImageMagic, kPixels),
                    labels = read_idx(label_file, kLabelMagic, 1);
  if (labels.size() * static_cast<std::size_t>(kPixels) != pixels.size()) {
    throw InputError(
        label_file, "number of labels", std::to_string(labels.size()),
        std::to_string(pixels.size() / static_cast<std::size_t>(kPixels)) + " as images in " + image_file);
  }
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    numbers.push_back(static_cast<unsigned char>(labels[i]));
    if (numbers.back() > 9) {
      throw InputError(label_file, "item " + std::to_string(i), "label " + std::to_string(numbers.back()),
                       "a label 0..9");
    }
  }
  return std::make_shared<MemorySet>(std::vector<std::uint8_t>(pixels.begin(), pixels.end()),
                                     std::move(numbers));
}

Dataset open_idx(const DatasetOptions& options, const std::string& name) {
  const std::string folder = data_folder(options, "train-images-idx3-ubyte and the other three IDX files");
  Dataset dataset;
  dataset.name = name;
  dataset.classes = 10;
  dataset.channels = 1;
  dataset.height = dataset.width = kSide;
  if (options.train) dataset.train = open_half(folder, "train");
  if (options.test) dataset.test = open_half(folder, "t10k");
  note_size(dataset, 60000, 10000);
  return dataset;
}

}  // namespace

Dataset open_mnist(const DatasetOptions& options) {
  Dataset dataset = open_idx(options, "mnist");
  dataset.mean = {0.1307};
  dataset.std = {0.3081};
  for (int digit = 0; digit < 10; ++digit) dataset.class_names.push_back(std::to_string(digit));
  return dataset;
}

Dataset open_fashion_mnist(const DatasetOptions& options) {
  Dataset dataset = open_idx(options, "fashion-mnist");
  dataset.mean = {0.2860};
  dataset.std = {0.3530};
  dataset.class_names = {"T-shirt/top", "trouser", "pullover", "dress", "coat",
                         "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
  return dataset;
}

}  // namespace spikeloop::models
