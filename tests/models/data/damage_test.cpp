#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/models/data/helpers.h"
#include "tests/models/data/writers.h"
#include "traces/support/random.h"

/// Data sets with one file damaged: opening and reading everything comes back, with samples or an InputError.
/// Set SPIKELOOP_DAMAGE_RUNS for more of them.
namespace spikeloop::models {
namespace {

std::uint64_t damage_runs() {
  const char* text = std::getenv("SPIKELOOP_DAMAGE_RUNS");
  return text == nullptr ? 60 : static_cast<std::uint64_t>(std::atoi(text));
}

/// Some bytes changed (also to what lengths break at), or the end gone, or something added.
std::string damaged(std::string bytes, RandomStream& random) {
  const std::uint64_t how = random.below(8);
  if (how == 0) return bytes.substr(0, random.below(bytes.size() + 1));
  if (how == 1) return bytes + std::string(1 + random.below(40), static_cast<char>(random.below(256)));
  for (std::uint64_t i = 0, count = 1 + random.below(6); i < count && !bytes.empty(); ++i) {
    // The front half of the time: that is where headers are.
    const std::uint64_t range =
        random.below(2) == 0 ? std::min<std::uint64_t>(bytes.size(), 64) : bytes.size();
    char& byte = bytes[random.below(range)];
    const std::uint64_t what = random.below(4);
    if (what == 0) byte = static_cast<char>(random.below(256));
    if (what == 1) byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random.below(8)));
    if (what == 2) byte = '\0';
    if (what == 3) byte = '\xff';
  }
  return bytes;
}

class Damage : public ::testing::TestWithParam<const char*> {};

TEST_P(Damage, EndsInSamplesOrAnInputError) {
  const TemporaryFolder folder;
  const auto files = write_small_dataset(GetParam(), folder.path());
  std::map<std::string, std::uint64_t> ends;
  for (std::uint64_t run = 0; run < damage_runs(); ++run) {
    RandomStream random(derive_seed(4711, run));
    const std::string& file = files[random.below(files.size())];
    const std::string before = read_bytes(file);
    write_bytes(file, damaged(before, random));
    const std::string error = error_of([&] {
      DatasetOptions options;
      options.dir = folder.path();
      const Dataset dataset = open_dataset(GetParam(), options);
      for (const auto& set : {dataset.train, dataset.test}) {
        for (std::int64_t i = 0; i < set->size(); ++i) {
          sample_of(dataset, *set, i);
          EXPECT_LT(set->label(i), dataset.classes);
        }
      }
    });
    ++ends[error.empty() ? "read" : "refused"];
    EXPECT_TRUE(error.empty() || contains(error, folder.path()));
    write_bytes(file, before);
  }
  for (const auto& [end, count] : ends) std::printf("  %6d  %s\n", static_cast<int>(count), end.c_str());
}

INSTANTIATE_TEST_SUITE_P(Datasets, Damage,
                         ::testing::Values("cifar100", "mnist", "tiny-imagenet", "nmnist", "dvs128-gesture",
                                           "cifar10-dvs", "nirdata", "npz-frames"));

}  // namespace
}  // namespace spikeloop::models
