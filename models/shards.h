#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <exception>
#include <vector>

#include "models/batches.h"
#include "models/evaluate.h"
#include "models/graph_net.h"
#include "models/train_options.h"

namespace spikeloop::models {

/// A network and its equal copies, among which every batch is divided. A batch is always worked on in this
/// many parts, each with BatchNorm statistics of its own, and what they give is added up in a fixed order:
/// the result does not depend on how many of them run at once. Includes torch.
class Shards {
 public:
  static constexpr std::size_t kShards = 2;

  /// The first shard is `net` itself, on its device. `options` must outlive the shards.
  Shards(const GraphNet& net, const Dataset& dataset, const TrainOptions& options, int threads);

  GraphNet& net() { return replicas_[0].net; }
  const std::vector<at::Tensor>& parameters() const { return replicas_[0].parameters; }
  /// After changes to the first shard's parameters, or to its statistics as well: makes the others equal.
  void spread_parameters();
  void spread();

  struct Sums {
    double loss = 0, right = 0;  ///< over the batch
  };
  /// Forward and backward; adds the gradient of loss_scale x the mean loss over `samples`, of which this
  /// batch may be a part. `number`: of the batch in the whole training, which keys its random draws.
  Sums run(const Batch& batch, std::int64_t samples, std::int64_t number, double loss_scale);
  /// Gradients of all runs since the last call; zeros for a parameter that nothing reads.
  std::vector<at::Tensor> take_gradients();

  Evaluation evaluate_on(const Dataset& dataset, const SampleSet& set);

 private:
  struct Replica {
    GraphNet net{nullptr};
    std::vector<at::Tensor> parameters, statistics;
  };
  struct Part {
    double loss = 0, right = 0;
    bool used = false;
    std::exception_ptr error;
  };
  void run_part(Replica& replica, const Batch& batch, std::uint64_t draws, double factor, Part& part) const;
  void average_statistics(const std::array<Part, kShards>& parts);

  const TrainOptions& options_;
  const bool at_once_;
  std::array<Replica, kShards> replicas_;
};

}  // namespace spikeloop::models
