#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "models/batches.h"
#include "models/data/dataset.h"
#include "models/graph_net.h"

/// How well a network does on samples as they are. Includes torch.
namespace spikeloop::models {

struct Evaluation {
  std::int64_t samples = 0, right = 0;
  double loss = 0;  ///< mean cross-entropy of the output's mean over timesteps
  std::vector<std::vector<std::int64_t>> confusion;  ///< [label][prediction], classes x classes
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(samples); }
};

struct EvaluateOptions {
  std::int64_t batch = 100;
  bool quiet = true;
  int threads = 1;  ///< of test_network and accuracy of a traces::Network; never changes the result
};

/// From a batch to [B, classes]. Each is called by one thread at a time.
using Classifier = std::function<at::Tensor(const Batch&)>;

/// Batch b goes to worker b % n, all workers at once; the result does not depend on n when they are equal.
/// Throws InputError without samples and for an output that is not one number per class.
Evaluation evaluate(const std::vector<Classifier>& workers, const Dataset& dataset, const SampleSet& set,
                    const EvaluateOptions& options = {});

/// In evaluation mode; the mode comes back afterwards.
Evaluation evaluate(GraphNet& net, const Dataset& dataset, const SampleSet& set,
                    const EvaluateOptions& options = {});

/// A network's input and output on its own device and with its own precision. The network must outlive it.
Classifier classifier(GraphNet& net);

}  // namespace spikeloop::models
