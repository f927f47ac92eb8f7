#include <chrono>
#include <cstdio>
#include <string>

#include "models/batches.h"
#include "models/data/dataset.h"
#include "traces/support/error.h"

/// How many samples a second BatchLoader gives, with crop, mirror, Cutout and CutMix.
/// usage: loader_speed NAME DIR [SAMPLES]     two epochs each: files are read and decoded in the first one
int main(int argc, char** argv) {
  using namespace spikeloop::models;
  if (argc < 3) return 2;
  try {
    DatasetOptions options;
    options.dir = argv[2];
    for (const int threads : {0, 1, 2}) {
      const Dataset dataset = open_dataset(argv[1], options);  // again: nothing is decoded yet
      for (int epoch = 0; epoch < 2; ++epoch) {
        BatchLoader::Options loading;
        loading.max_records = argc > 3 ? std::stoll(argv[3]) : 0;
        loading.augmentation = {4, true, 8, 1.0};
        loading.epoch = epoch;
        loading.threads = threads;
        const auto start = std::chrono::steady_clock::now();
        BatchLoader loader(dataset, dataset.train, loading);
        Batch batch;
        while (loader.next(batch)) {
        }
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::printf("%s, %d threads, epoch %d: %.0f samples/s\n", argv[1], threads, epoch + 1,
                    static_cast<double>(loader.records()) / seconds);
      }
    }
  } catch (const spikeloop::InputError& error) {
    std::fprintf(stderr, "loader_speed: %s\n", error.what());
    return 2;
  }
}
