#pragma once
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/metrics.h"
#include "models/train_options.h"

/// Training by backpropagation through time. Includes torch.
namespace spikeloop::models {

/// Where and how fast a training runs: nothing of this changes its result.
struct TrainRun {
  int threads = 1;  ///< parts of a batch that run at once (2 at most); above 1 batches are read ahead
  std::string
      checkpoint;  ///< file; "": none. Written after every epoch, every `checkpoint_minutes` and at the end
  double checkpoint_minutes = 10;
  bool restart = false;  ///< forget a checkpoint that is there
  std::string metrics;   ///< folder of write_metrics and write_time; "": none
  bool quiet = false;
};

struct TrainResult {
  std::vector<EpochMetrics> epochs;
  std::int64_t best_epoch = 0;  ///< whose weights the network has, with early stopping; 0: the last
  bool stopped_early = false;
  bool was_finished = false;  ///< nothing was left to do: all was in the checkpoint
  double seconds = 0;         ///< wall time of this run; never part of a deterministic output
};

/// Trains the network in place and leaves it in evaluation mode, on the CPU.
///
/// Every batch is worked on in two parts with BatchNorm statistics of their own, whose gradients are added
/// and whose running statistics are averaged in a fixed order, so that on the CPU the result depends on
/// options and seed only, bit for bit, not on threads.
///
/// With TrainRun::checkpoint a training goes on where an earlier one with the same options, dataset and
/// initial network stopped, however it ended, and comes to the same result; after one that finished nothing
/// is left to do. Throws InputError naming the difference when the checkpoint is of another training, and
/// std::runtime_error when loss or gradients are no longer finite (the last good checkpoint stays).
TrainResult train(GraphNet& net, const Dataset& dataset, const TrainOptions& options,
                  const TrainRun& run = {});

}  // namespace spikeloop::models
