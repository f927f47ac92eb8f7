#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/dataset.h"
#include "models/graph_net.h"

namespace spikeloop::models {

struct TrainOptions {
  std::int64_t epochs = 2;
  std::int64_t batch = 64;
  std::int64_t max_train_images = 0;  ///< per epoch, a seeded choice without repeats; 0 = all
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4, min_lr = 1e-3;  ///< cosine per step from lr to min_lr
  bool augment = true;  ///< random crop (pad 4) and horizontal flip
  std::uint64_t seed = 1;
  int threads = 1;  ///< how many parts of a batch run at once (2 at most); never changes the result
  bool quiet = false;
};

struct EpochStats {
  double train_loss = 0, train_accuracy = 0;
};

struct TrainResult {
  std::vector<EpochStats> epochs;
  double seconds = 0;  ///< wall time; never part of a deterministic output
};

/// SGD with momentum and (working) weight decay on convolution and linear weights. The result depends on the
/// seed only, not on threads. Progress on stderr.
TrainResult train(GraphNet& net, const Dataset& dataset, const TrainOptions& options);

/// Fraction of `images` classified right, in eval mode.
double accuracy(GraphNet& net, const Dataset& dataset, const ImageSet& images, std::int64_t batch = 100,
                bool quiet = true);

/// Weights, BatchNorm statistics, spec and dataset name; through a temporary name. read throws InputError.
void save_checkpoint(const std::string& path, const GraphNet& net, const Dataset& dataset);
GraphNet load_checkpoint(const std::string& path, std::string* dataset_name = nullptr);

}  // namespace spikeloop::models
