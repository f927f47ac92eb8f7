#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/graph_net.h"
#include "models/metrics.h"
#include "models/optimiser.h"

/// Networks and unfinished trainings as files. Includes torch.
namespace spikeloop::models {

/// Sums over the samples of an epoch so far.
struct EpochSums {
  double loss = 0, right = 0, lr = 0;  ///< lr: of the last step
  std::int64_t seen = 0;
};

/// What a training needs, besides the network, to go on exactly where it was. Random draws need no state:
/// they are keyed by seed, epoch, step and sample.
struct TrainState {
  std::string identity;    ///< JSON: options, dataset and network, for comparison on resume
  std::int64_t epoch = 0;  ///< done
  std::int64_t batch = 0;  ///< done in the epoch that runs; a whole number of steps
  bool finished = false;   ///< the network is the result
  EpochSums sums;
  OptimiserState optimiser;
  LossScale loss_scale;
  std::vector<EpochMetrics> metrics;
  std::int64_t best_epoch = 0;  ///< 0: none; by validation accuracy
  double best_accuracy = 0;
  std::vector<at::Tensor> best;  ///< its parameters and buffers; empty without early stopping
};

struct Checkpoint {
  GraphNet net{nullptr};
  std::string dataset;     ///< its name
  std::string input_code;  ///< as Network::input_code
  std::string qat;         ///< the network computes with weights quantised so; "": as they are
  std::optional<TrainState> training;
};

/// Architecture, weights and BatchNorm statistics, the dataset's name and the training's state, through a
/// temporary name. Equal content gives equal bytes.
void save_checkpoint(const std::string& path, const GraphNet& net, const std::string& dataset,
                     const TrainState* training = nullptr);
/// The network is in evaluation mode. Throws InputError naming the file and what is wrong in it.
Checkpoint load_checkpoint(const std::string& path);

/// Parameters and floating-point buffers (BatchNorm's statistics), in the module's order.
std::vector<at::Tensor> weights_and_statistics(const GraphNet& net);

}  // namespace spikeloop::models
