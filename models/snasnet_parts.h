#pragma once
#include <torch/nn/modules/batchnorm.h>

#include <array>
#include <string>
#include <vector>

#include "models/lif.h"
#include "models/snasnet.h"

/// What Snasnet is built of; seen by its own files only (forward, export).
namespace spikeloop::models {

/// Weight and optional bias of a convolution or linear layer. Not torch::nn::Conv2d, whose constructor draws
/// from the global generator.
struct WeightsImpl : torch::nn::Module {
  WeightsImpl(const std::vector<std::int64_t>& shape, bool with_bias);
  at::Tensor weight, bias;
};
TORCH_MODULE(Weights);

/// One edge of a cell; modules are empty unless it is a convolution.
struct CellEdge {
  Op op = Op::kZero;
  std::string lif_name;  ///< as in the released code
  Weights conv = nullptr;
  torch::nn::BatchNorm2d bn = nullptr;
};

struct Cell {
  std::array<std::array<CellEdge, 4>, 4> edges;  ///< [from][to]
  bool feedback = false;                         ///< any backward edge
};

struct SnasnetImpl::State {
  Weights stem = nullptr, reduce = nullptr, fc1 = nullptr, fc2 = nullptr;
  torch::nn::BatchNorm2d stem_bn = nullptr, reduce_bn_in = nullptr, reduce_bn_out = nullptr,
                         last_bn = nullptr;
  std::array<Cell, 2> cells;

  /// Membranes (before reset) and feedback, which live from step to step.
  struct CellMemory {
    std::array<at::Tensor, 4> membrane, feedback;
  };
  std::array<CellMemory, 2> cell_memory;
  at::Tensor reduce_membrane, last_membrane, classifier_membrane;
  at::Tensor dropout_mask;

  std::vector<Weights> all_weights;  ///< in the order of the released module's parameters
};

}  // namespace spikeloop::models
