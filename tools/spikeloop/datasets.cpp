#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "nas/candidate.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop datasets [NAME --data DIR] [options]\n\n"
    "Without NAME lists the data sets and the files that belong in their folders. With NAME reads every\n"
    "sample, so that damage is found before a training, and says what is there.";

/// What reading all samples of a half tells.
struct Facts {
  std::vector<std::int64_t> per_class;
  std::vector<double> sum, squares;  ///< per channel, of bytes
  double values = 0;                 ///< per channel
  std::int64_t least = 0, most = 0;  ///< events in a sample
  double events = 0, set = 0;        ///< events, and values that are not 0
  std::int64_t saturated = 0;        ///< values of 255
};

Facts read_all(const models::Dataset& dataset, const models::SampleSet& set, const std::string& half,
               bool quiet) {
  Facts facts;
  const auto channels = static_cast<std::size_t>(dataset.channels);
  facts.per_class.resize(static_cast<std::size_t>(dataset.classes));
  facts.sum.resize(channels);
  facts.squares.resize(channels);
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(dataset.sample_bytes()));
  const std::int64_t plane = dataset.height * dataset.width;
  Progress progress(dataset.name + ' ' + half, set.size(), "samples", quiet);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.read(i, sample.data());
    ++facts.per_class.at(static_cast<std::size_t>(set.label(i)));
    std::int64_t events = 0;
    for (std::size_t at = 0; at < sample.size(); ++at) {
      const std::int64_t value = sample[at];
      const std::size_t c = at / static_cast<std::size_t>(plane) % channels;
      facts.sum[c] += static_cast<double>(value);
      facts.squares[c] += static_cast<double>(value * value);
      events += value;
      facts.set += value > 0 ? 1 : 0;
      facts.saturated += value == 255 ? 1 : 0;
    }
    facts.least = i == 0 ? events : std::min(facts.least, events);
    facts.most = std::max(facts.most, events);
    facts.events += static_cast<double>(events);
    progress.advance();
  }
  facts.values = static_cast<double>(set.size() * dataset.frames * plane);
  progress.finish();
  return facts;
}

void print_values(const char* what, const std::vector<double>& measured, const std::vector<double>& used) {
  std::printf("  %s", what);
  for (const double value : measured) std::printf(" %.4f", value);
  std::printf("   (normalised with");
  for (const double value : used) std::printf(" %.4f", value);
  std::printf(")\n");
}

void print(const models::Dataset& dataset, const models::SampleSet& set, const std::string& half,
           const Facts& facts) {
  const auto [least, most] = std::minmax_element(facts.per_class.begin(), facts.per_class.end());
  std::printf("%s: %lld samples, ", half.c_str(), static_cast<long long>(set.size()));
  if (*least == *most) {
    std::printf("%lld of each class\n", static_cast<long long>(*least));
  } else {
    std::printf("per class:");
    for (const std::int64_t count : facts.per_class) std::printf(" %lld", static_cast<long long>(count));
    std::printf("\n");
  }
  if (dataset.events) {
    const auto samples = static_cast<double>(set.size());
    std::printf("  events in a sample %.1f (%lld to %lld)\n", facts.events / samples,
                static_cast<long long>(facts.least), static_cast<long long>(facts.most));
    std::printf("  pixels with an event in a frame %.2f %%, values at the limit of 255: %lld\n",
                100 * facts.set / (facts.values * static_cast<double>(dataset.channels)),
                static_cast<long long>(facts.saturated));
    return;
  }
  std::vector<double> mean, deviation;
  for (std::size_t c = 0; c < facts.sum.size(); ++c) {
    mean.push_back(facts.sum[c] / facts.values / 255);
    deviation.push_back(
        std::sqrt(std::max(0.0, facts.squares[c] / facts.values / 65025 - mean[c] * mean[c])));
  }
  print_values("mean              ", mean, dataset.mean);
  print_values("standard deviation", deviation, dataset.std);
}

}  // namespace

int datasets_command(const std::vector<std::string>& arguments) {
  DataOptions data;
  std::int64_t frames = 0;
  bool quiet = false;
  CommandLine line;
  line.usage = kUsage;
  add_data_options(line.options, data);
  line.options.add_options()("frames", po::value(&frames)->value_name("N")->default_value(0),
                             "of an event recording; 0: as usual for it")("quiet,q", po::bool_switch(&quiet),
                                                                          "no progress");
  line.positional.add("dataset", 1);
  if (!line.parse(arguments)) return 0;
  if (data.dataset.empty()) {
    for (const models::DatasetKind& kind : models::dataset_kinds())
      std::printf("%-16s %s\n", kind.name, kind.files);
    return 0;
  }
  if (frames < 0) throw InputError("command line", "--frames", std::to_string(frames), "0 or more");
  models::DatasetOptions options;
  options.dir = data.dir;
  options.framing = data.framing(frames);
  options.seed = nas::kShapesSeed;
  const models::Dataset dataset = models::open_dataset(data.dataset, options);
  std::printf("%s: %lld classes, samples of %lld x %lld x %lld", dataset.name.c_str(),
              static_cast<long long>(dataset.classes), static_cast<long long>(dataset.channels),
              static_cast<long long>(dataset.height), static_cast<long long>(dataset.width));
  if (dataset.events) std::printf(" in %lld frames", static_cast<long long>(dataset.frames));
  std::printf("\n");
  for (const std::string& note : dataset.notes) std::printf("note: %s\n", note.c_str());
  for (const auto& [half, set] : {std::pair("train", dataset.train), std::pair("test", dataset.test)}) {
    print(dataset, *set, half, read_all(dataset, *set, half, quiet));
  }
  return 0;
}

}  // namespace spikeloop::tools
