#include "models/data/dataset.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

namespace fs = std::filesystem;

struct Kind {
  DatasetKind kind;
  Dataset (*open)(const DatasetOptions&);
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      {{"cifar10", "data_batch_1.bin to data_batch_5.bin, test_batch.bin (binary version)"}, open_cifar10},
      {{"cifar100", "train.bin, test.bin (binary version); fine_label_names.txt if there"}, open_cifar100},
      {{"tiny-imagenet",
        "wnids.txt, train/<wnid>/images/*.JPEG, val/images/*.JPEG with val/val_annotations.txt"},
       open_tiny_imagenet},
      {{"mnist", "{train,t10k}-{images-idx3,labels-idx1}-ubyte, each also as .gz"}, open_mnist},
      {{"fashion-mnist", "the same files as mnist"}, open_fashion_mnist},
      {{"nmnist", "Train/<digit>/<number>.bin, Test/<digit>/<number>.bin"}, open_nmnist},
      {{"dvs128-gesture",
        "trials_to_train.txt, trials_to_test.txt, <user>_<light>.aedat with <user>_<light>_labels.csv"},
       open_dvs128_gesture},
      {{"cifar10-dvs",
        "<class>/*.aedat (AEDAT 2.0), ten classes; the last tenth of each class is the test set"},
       open_cifar10_dvs},
      {{"nirdata", "train.h5, test.h5 (NIRData: spikes of one node; /labels says the classes)"},
       open_nirdata},
      {{"npz-frames", "train/<class>/*.npz, test/<class>/*.npz (SpikingJelly's frames)"}, open_npz_frames},
      {{"shapes", "no files: ten classes of procedural images"}, open_shapes},
  };
  return kKinds;
}

class FirstOf : public SampleSet {
 public:
  FirstOf(std::shared_ptr<const SampleSet> set, std::int64_t size) : set_(std::move(set)), size_(size) {}
  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override { return set_->label(index); }
  void read(std::int64_t index, std::uint8_t* out) const override { set_->read(index, out); }

 private:
  std::shared_ptr<const SampleSet> set_;
  std::int64_t size_;
};

/// What lies in a folder and passes `wanted`, in the order of the names.
template <class Wanted>
std::vector<std::string> entries(const std::string& folder, const std::string& expected, Wanted wanted) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  std::vector<std::string> paths;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (wanted(*entry)) paths.push_back(folder + '/' + entry->path().filename().string());
  }
  if (error) throw InputError(folder, "open", error.message(), expected);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::shared_ptr<const SampleSet> first_of(std::shared_ptr<const SampleSet> set, std::int64_t count) {
  if (count <= 0 || count >= size_of(set)) return set;
  return std::make_shared<FirstOf>(std::move(set), count);
}

const char* to_string(Framing::By by) { return by == Framing::By::kTime ? "time" : "count"; }

Framing::By parse_framing(const std::string& text, const std::string& place) {
  for (const Framing::By by : {Framing::By::kTime, Framing::By::kCount}) {
    if (text == to_string(by)) return by;
  }
  throw InputError("command line", place, '"' + text + '"', "time or count");
}

std::string to_text(const Framing& framing) {
  std::string text = to_string(framing.by);
  if (framing.frame_us > 0) text += ",frame-us=" + std::to_string(framing.frame_us);
  if (framing.from_first_event) text += ",from-first-event";
  if (framing.binary) text += ",binary";
  return text;
}

Framing framing_of(const std::string& text, const std::string& file) {
  Framing framing;
  const std::string us = "frame-us=";
  std::istringstream words(text);
  bool first = true, good = !text.empty();
  for (std::string word; std::getline(words, word, ','); first = false) {
    if (first && (word == "time" || word == "count")) {
      framing.by = parse_framing(word, "");
    } else if (!first && word.rfind(us, 0) == 0) {
      framing.frame_us = whole_number(word.substr(us.size()));
      good = good && framing.frame_us > 0;
    } else if (!first && word == "from-first-event") {
      framing.from_first_event = true;
    } else if (!first && word == "binary") {
      framing.binary = true;
    } else {
      good = false;
    }
  }
  if (!good || to_text(framing) != text)
    throw InputError(file, "framing of events", '"' + text + '"', "such as \"time\" or \"count,binary\"");
  return framing;
}

void MemorySet::read(std::int64_t index, std::uint8_t* out) const {
  const std::size_t size = bytes_.size() / labels_.size();
  std::memcpy(out, bytes_.data() + static_cast<std::size_t>(index) * size, size);
}

KeptSet::KeptSet(std::vector<std::int64_t> labels, std::int64_t sample_bytes, Decode decode)
    : labels_(std::move(labels)),
      bytes_(static_cast<std::size_t>(sample_bytes)),
      decode_(std::move(decode)),
      kept_(labels_.size()) {}

KeptSet::~KeptSet() {
  for (auto& sample : kept_) delete[] sample.load();
}

void KeptSet::read(std::int64_t index, std::uint8_t* out) const {
  auto& kept = kept_.at(static_cast<std::size_t>(index));
  const std::uint8_t* sample = kept.load(std::memory_order_acquire);
  if (sample == nullptr) {
    auto decoded = std::make_unique<std::uint8_t[]>(bytes_);
    decode_(index, decoded.get());
    std::uint8_t* none = nullptr;  // another thread may have been faster
    sample = kept.compare_exchange_strong(none, decoded.get()) ? decoded.release() : none;
  }
  std::memcpy(out, sample, bytes_);
}

void RecordingSet::read(std::int64_t index, std::uint8_t* out) const {
  const Recording recording = reader_(files_.at(static_cast<std::size_t>(index)).path);
  std::memset(out, 0, static_cast<std::size_t>(framing_.frames * 2 * recording.height * recording.width));
  bin_events(recording, framing_, out);
}

std::string data_folder(const DatasetOptions& options, const std::string& expected) {
  if (options.dir.empty()) throw InputError("command line", "--data", "nothing", "a folder with " + expected);
  std::error_code error;
  if (!fs::is_directory(options.dir, error)) {
    throw InputError(options.dir, "open", fs::exists(options.dir, error) ? "a file" : "nothing",
                     "a folder with " + expected);
  }
  return options.dir;
}

std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
  return entries(folder, "a folder of files *" + ending, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name.size() > ending.size() && name[0] != '.' &&
           name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
  });
}

std::vector<std::string> folders_in(const std::string& folder) {
  return entries(folder, "a folder", [](const fs::directory_entry& entry) {
    std::error_code error;
    return entry.path().filename().string()[0] != '.' && entry.is_directory(error);
  });
}

std::vector<std::string> read_lines(const std::string& path) {
  std::istringstream text(read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::int64_t whole_number(const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return -1;
  return std::stoll(text);
}

std::uint64_t big_endian(const std::string& text, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8U | static_cast<unsigned char>(text.at(at + i));
  return value;
}

std::uint64_t little_endian(const std::string& text, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes; i-- > 0;) value = value << 8U | static_cast<unsigned char>(text.at(at + i));
  return value;
}

std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }

void sort_by_time(Recording& recording) {
  const auto earlier = [](const Event& a, const Event& b) { return a.time_us < b.time_us; };
  auto& events = recording.events;
  if (!std::is_sorted(events.begin(), events.end(), earlier)) {
    std::stable_sort(events.begin(), events.end(), earlier);
  }
}

Framing checked(Framing framing, std::int64_t default_frames) {
  if (framing.frames == 0) framing.frames = default_frames;
  if (framing.frames < 1 || framing.frames > kMaxFrames) {
    throw InputError("event frames", "number in a sample", std::to_string(framing.frames),
                     "1 to " + std::to_string(kMaxFrames));
  }
  if (framing.frame_us < 0) {
    throw InputError("command line", "--frame-us", std::to_string(framing.frame_us),
                     "0 or more microseconds");
  }
  if (framing.by == Framing::By::kCount && framing.frame_us > 0) {
    throw InputError("command line", "--frame-us", std::to_string(framing.frame_us),
                     "none with frames of equal numbers of events");
  }
  if (framing.from_first_event && framing.frame_us == 0) {
    throw InputError("command line", "--from-first-event", "no --frame-us",
                     "a frame's length: without one the frames start at the first event anyway");
  }
  return framing;
}

void refuse_cutting(const Framing& framing, const std::string& dataset, const std::string& have) {
  const auto refuse = [&](bool given, const char* option) {
    if (given) throw InputError("command line", option, "given for " + dataset, "none: it has " + have);
  };
  refuse(framing.by == Framing::By::kCount, "--frames-by");
  refuse(framing.frame_us != 0, "--frame-us");
  refuse(framing.from_first_event, "--from-first-event");
}

void set_events(Dataset& dataset, const Framing& framing, std::int64_t channels, std::int64_t height,
                std::int64_t width) {
  dataset.events = true;
  dataset.framing = framing;
  dataset.frames = framing.frames;
  dataset.channels = channels;
  dataset.height = height;
  dataset.width = width;
  dataset.mean.assign(static_cast<std::size_t>(channels), 0);
  dataset.std.assign(static_cast<std::size_t>(channels), 1.0 / 255);
}

void note_size(Dataset& dataset, std::int64_t train, std::int64_t test) {
  const auto note = [&](const char* half, const SampleSet* set, std::int64_t published) {
    if (set == nullptr || set->size() == published) return;
    dataset.notes.push_back(std::string(half) + " has " + std::to_string(set->size()) +
                            " samples, the published " + dataset.name + " " + std::to_string(published));
  };
  note("train", dataset.train.get(), train);
  note("test", dataset.test.get(), test);
}

void check_dataset_name(const std::string& name) {
  std::vector<std::string> names;
  std::string list;
  for (const Kind& kind : kinds()) {
    if (name == kind.kind.name) return;
    names.emplace_back(kind.kind.name);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  const std::string nearest = nearest_word(name, names);
  throw InputError("command line", "--dataset", '"' + name + '"',
                   "one of " + list + (nearest.empty() ? "" : " (did you mean " + nearest + "?)"));
}

Dataset open_dataset(const std::string& name, const DatasetOptions& options) {
  check_dataset_name(name);
  const auto& all = kinds();
  const auto kind = std::find_if(all.begin(), all.end(), [&](const Kind& k) { return name == k.kind.name; });
  Dataset dataset = kind->open(options);
  if (!dataset.events) {
    refuse_cutting(options.framing, name, "still images");
    if (options.framing.binary)
      throw InputError("command line", "--binary-events", "given for " + name, "none: it has still images");
  }
  return dataset;
}

void fit_input(Dataset& dataset, const std::string& input_code, std::int64_t timesteps,
               const std::string& file) {
  if (input_code != kRateCode) return;
  if (dataset.events)
    throw InputError(file, "input", "rate coding of images",
                     "a network for the events of " + dataset.name + ", or a data set of images");
  dataset.rate_steps = timesteps;
}

const std::vector<DatasetKind>& dataset_kinds() {
  static const std::vector<DatasetKind> kList = [] {
    std::vector<DatasetKind> list;
    for (const Kind& kind : kinds()) list.push_back(kind.kind);
    return list;
  }();
  return kList;
}

}  // namespace spikeloop::models
