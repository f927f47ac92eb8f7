#include "models/data/aedat.h"
#include "models/data/readers.h"
#include "traces/support/error.h"

namespace spikeloop::models {

/// CIFAR10-DVS (H. Li et al., Frontiers in Neuroscience 11:309, 2017) has no split of its own: the last tenth
/// of each class, in the order of the file names, is the test set here.
Dataset open_cifar10_dvs(const DatasetOptions& options) {
  const std::string folder = data_folder(options, "a folder of *.aedat for each class of CIFAR10-DVS");
  const Framing framing = checked(options.framing, 10);
  Dataset dataset;
  dataset.name = "cifar10-dvs";
  dataset.classes = 10;
  dataset.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                         "dog",      "frog",       "horse", "ship", "truck"};
  set_events(dataset, framing, 2, 128, 128);
  std::vector<RecordingSet::File> train, test;
  for (std::size_t label = 0; label < dataset.class_names.size(); ++label) {
    const std::string place = folder + '/' + dataset.class_names[label];
    const std::vector<std::string> files = files_in(place, ".aedat");
    if (files.size() < 10) {
      throw InputError(place, "files", std::to_string(files.size()) + " *.aedat",
                       "at least 10, nine to train with");
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      (i < files.size() - files.size() / 10 ? train : test)
          .push_back({files[i], static_cast<std::int64_t>(label)});
    }
  }
  const auto reader = [](const std::string& path) { return read_aedat2(path, dvs128_layout()); };
  if (options.train) dataset.train = std::make_shared<RecordingSet>(std::move(train), framing, reader);
  if (options.test) dataset.test = std::make_shared<RecordingSet>(std::move(test), framing, reader);
  note_size(dataset, 9000, 1000);
  return dataset;
}

}  // namespace spikeloop::models
