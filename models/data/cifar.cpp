#include <filesystem>
#include <system_error>

#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kPixels = 3 * 32 * 32;

/// How a file of records looks: label bytes, then red, green and blue plane.
struct Layout {
  std::vector<std::int64_t> label_limits;  ///< of each label byte; the last one is the class
  std::int64_t records = 0;                ///< per file; 0: any number
  std::int64_t bytes() const { return static_cast<std::int64_t>(label_limits.size()) + kPixels; }
};

void check_size(const std::string& path, std::int64_t size, const Layout& layout) {
  const std::int64_t whole = size / layout.bytes(), rest = size % layout.bytes();
  if (rest == 0 && (layout.records > 0 ? whole == layout.records : whole > 0)) return;
  const std::string each = "records of " + std::to_string(layout.bytes()) + " bytes";
  throw InputError(path, "size",
                   std::to_string(size) + " bytes (" + std::to_string(whole) + " whole records and " +
                       std::to_string(rest) + " bytes)",
                   layout.records > 0 ? std::to_string(layout.records * layout.bytes()) + " bytes (" +
                                            std::to_string(layout.records) + " " + each + ")"
                                      : "whole " + each);
}

std::shared_ptr<const SampleSet> read_records(const std::vector<std::string>& paths, const Layout& layout) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
  pixels.reserve(paths.size() * static_cast<std::size_t>(layout.records * kPixels));
  for (const std::string& path : paths) {
    const std::string bytes = read_file(path);
    const auto size = static_cast<std::int64_t>(bytes.size());
    check_size(path, size, layout);
    for (std::int64_t i = 0; i < size / layout.bytes(); ++i) {
      const char* record = bytes.data() + i * layout.bytes();
      for (std::size_t k = 0; k < layout.label_limits.size(); ++k) {
        const auto label = static_cast<unsigned char>(record[k]);
        if (label < layout.label_limits[k]) continue;
        const bool coarse = k + 1 < layout.label_limits.size();
        throw InputError(path, "record " + std::to_string(i),
                         (coarse ? "coarse label " : "label ") + std::to_string(label),
                         "a label 0.." + std::to_string(layout.label_limits[k] - 1));
      }
      const char* image = record + layout.label_limits.size();
      labels.push_back(static_cast<unsigned char>(image[-1]));
      pixels.insert(pixels.end(), image, image + kPixels);
    }
  }
  return std::make_shared<MemorySet>(std::move(pixels), std::move(labels));
}

Dataset colour_images(const std::string& name, std::int64_t classes) {
  Dataset dataset;
  dataset.name = name;
  dataset.classes = classes;
  dataset.channels = 3;
  dataset.height = dataset.width = 32;
  return dataset;
}

}  // namespace

Dataset open_cifar10(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "CIFAR-10's binary version") + "/";
  const Layout layout{{10}, 10000};
  Dataset dataset = colour_images("cifar10", 10);
  // The constants SNASNet normalises with (4 digits), not the exact statistics of the training set.
  dataset.mean = {0.4913, 0.4821, 0.4465};
  dataset.std = {0.2470, 0.2434, 0.2615};
  dataset.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                         "dog",      "frog",       "horse", "ship", "truck"};
  if (options.test) dataset.test = read_records({folder + "test_batch.bin"}, layout);
  if (options.train) {
    std::vector<std::string> paths;
    for (int i = 1; i <= 5; ++i) paths.push_back(folder + "data_batch_" + std::to_string(i) + ".bin");
    dataset.train = read_records(paths, layout);
  }
  return dataset;
}

Dataset open_cifar100(const DatasetOptions& options) {
  const std::string folder =
      data_folder(options, "train.bin and test.bin of CIFAR-100's binary version") + "/";
  const Layout layout{{20, 100}, 0};
  Dataset dataset = colour_images("cifar100", 100);
  dataset.mean = {0.5071, 0.4865, 0.4409};
  dataset.std = {0.2673, 0.2564, 0.2762};
  std::error_code error;
  const std::string names = folder + "fine_label_names.txt";
  if (std::filesystem::exists(names, error)) {
    dataset.class_names = read_lines(names);
    if (dataset.class_names.size() != 100) {
      throw InputError(names, "lines", std::to_string(dataset.class_names.size()),
                       "100, a name for each label");
    }
  }
  if (options.train) dataset.train = read_records({folder + "train.bin"}, layout);
  if (options.test) dataset.test = read_records({folder + "test.bin"}, layout);
  note_size(dataset, 50000, 10000);
  return dataset;
}

}  // namespace spikeloop::models
