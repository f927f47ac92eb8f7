#include <filesystem>
#include <map>
#include <system_error>

#include "models/data/jpeg.h"
#include "models/data/readers.h"
#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::int64_t kSide = 64;
using Labels = std::map<std::string, std::int64_t>;

/// wnids.txt: a class a line, numbered in this order.
Labels read_wnids(const std::string& path) {
  Labels labels;
  const std::vector<std::string> lines = read_lines(path);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& wnid = lines[i];
    const bool good = wnid.size() == 9 && wnid[0] == 'n' && whole_number(wnid.substr(1)) >= 0;
    if (!good || !labels.emplace(wnid, static_cast<std::int64_t>(i)).second) {
      throw InputError(path, "line " + std::to_string(i + 1), '"' + wnid + '"',
                       "a WordNet id (n and eight digits) that no other line has");
    }
  }
  if (labels.empty()) throw InputError(path, "lines", "none", "a WordNet id a line");
  return labels;
}

/// words.txt: "n01443537<tab>goldfish, Carassius auratus". Classes that it lacks keep their id.
std::vector<std::string> class_names(const std::string& folder, const Labels& labels) {
  std::vector<std::string> names(labels.size());
  for (const auto& [wnid, label] : labels) names[static_cast<std::size_t>(label)] = wnid;
  std::error_code error;
  if (!std::filesystem::exists(folder + "/words.txt", error)) return names;
  for (const std::string& line : read_lines(folder + "/words.txt")) {
    const auto label = labels.find(line.substr(0, line.find('\t')));
    if (label == labels.end()) continue;
    const std::string words = line.substr(label->first.size() + (line.size() > label->first.size() ? 1 : 0));
    names[static_cast<std::size_t>(label->second)] = words.substr(0, words.find(','));
  }
  return names;
}

struct Images {
  std::vector<std::string> paths;
  std::vector<std::int64_t> labels;
};

std::shared_ptr<const SampleSet> set_of(Images images) {
  return std::make_shared<KeptSet>(std::move(images.labels), 3 * kSide * kSide,
                                   [paths = std::move(images.paths)](std::int64_t index, std::uint8_t* out) {
                                     read_jpeg(paths.at(static_cast<std::size_t>(index)), kSide, kSide, out);
                                   });
}

std::shared_ptr<const SampleSet> open_train(const std::string& folder, const Labels& labels) {
  Images images;
  for (const auto& [wnid, label] : labels) {
    const std::string place = folder + "/train/" + wnid + "/images";
    const std::size_t before = images.paths.size();
    for (const std::string& path : files_in(place, ".JPEG")) images.paths.push_back(path);
    if (images.paths.size() == before) throw InputError(place, "files", "none", "*.JPEG of this class");
    images.labels.resize(images.paths.size(), label);
  }
  return set_of(std::move(images));
}

/// Labelled by val_annotations.txt: "val_0.JPEG<tab>n03444034<tab>0<tab>32<tab>44<tab>62".
std::shared_ptr<const SampleSet> open_validation(const std::string& folder, const Labels& labels) {
  const std::string file = folder + "/val/val_annotations.txt";
  Images images;
  std::map<std::string, std::size_t> seen;
  const std::vector<std::string> lines = read_lines(file);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto fail = [&](const std::string& found, const std::string& expected) {
      throw InputError(file, "line " + std::to_string(i + 1), found, expected);
    };
    const std::size_t tab = lines[i].find('\t');
    if (tab == std::string::npos) fail('"' + lines[i] + '"', "file, tab, WordNet id");
    const std::string name = lines[i].substr(0, tab);
    const std::string wnid = lines[i].substr(tab + 1, lines[i].find('\t', tab + 1) - tab - 1);
    const auto label = labels.find(wnid);
    if (label == labels.end()) fail("class \"" + wnid + '"', "one of wnids.txt");
    if (name.find('/') != std::string::npos) fail("file \"" + name + '"', "the name of a file in val/images");
    if (!seen.emplace(name, i).second) fail("file \"" + name + "\" again", "every file once");
    const std::string path = folder + "/val/images/" + name;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) fail("file \"" + name + '"', "it in val/images");
    images.paths.push_back(path);
    images.labels.push_back(label->second);
  }
  if (images.paths.empty()) throw InputError(file, "lines", "none", "a file and its class a line");
  return set_of(std::move(images));
}

}  // namespace

Dataset open_tiny_imagenet(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "wnids.txt, train/ and val/ of Tiny-ImageNet");
  const Labels labels = read_wnids(folder + "/wnids.txt");
  Dataset dataset;
  dataset.name = "tiny-imagenet";
  dataset.classes = static_cast<std::int64_t>(labels.size());
  dataset.class_names = class_names(folder, labels);
  dataset.channels = 3;
  dataset.height = dataset.width = kSide;
  dataset.mean = {0.4802, 0.4481, 0.3975};  // as commonly used for it
  dataset.std = {0.2770, 0.2691, 0.2821};
  if (labels.size() != 200) {
    dataset.notes.push_back(std::to_string(labels.size()) + " classes, the published tiny-imagenet 200");
  }
  if (options.train) dataset.train = open_train(folder, labels);
  if (options.test) dataset.test = open_validation(folder, labels);
  note_size(dataset, 100000, 10000);
  return dataset;
}

}  // namespace spikeloop::models
