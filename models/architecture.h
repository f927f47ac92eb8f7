#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "models/neuron_spec.h"

/// A network that can be trained, as plain data: a graph of layers before its weights exist. Plain C++, no
/// LibTorch. SNASNet, VGG9, LightSNN's and imported networks are all this; one class (GraphNet) trains,
/// quantises and exports them.
namespace spikeloop::models::layer {

enum class InputCode { kDirect, kRate, kEvents };  ///< same value each step; Bernoulli spikes; frames

struct Input {
  std::array<std::int64_t, 3> shape{3, 32, 32};  ///< [C, H, W]
  InputCode code = InputCode::kDirect;
};
struct Conv {
  std::int64_t out_channels = 0, kernel = 3, stride = 1, padding = 1, groups = 1;
  bool bias = false;
  double init_a = 2;  ///< Kaiming uniform: bound = sqrt(6 / ((1 + a^2) fan_in)); the released SNASNet's a is 2
};
struct BatchNorm {};  ///< of its only input's channels, affine, eps 1e-5, momentum 0.1
struct Neuron {
  NeuronSpec spec;
};
struct Pool {
  enum class Kind { kAverage, kSum, kMax } kind = Kind::kAverage;
  std::int64_t kernel = 2, stride = 2, padding = 0;
};
struct Flatten {};
struct Linear {
  std::int64_t out = 0;
  bool bias = true;
  double init_deviation = 0.01;  ///< normal
};
struct Dropout {
  double probability = 0.5;  ///< one mask for all timesteps of a forward
};
struct Sum {};  ///< a node of a cell: the sum of its inputs (zeros when only backward edges come in and t = 0)
struct Vote {
  std::int64_t votes = 1;  ///< [N * votes] -> [N], mean of neighbours
};
struct Output {};  ///< mean over timesteps

using Params = std::variant<Input, Conv, BatchNorm, Neuron, Pool, Flatten, Linear, Dropout, Sum, Vote, Output>;

}  // namespace spikeloop::models::layer

namespace spikeloop::models {

struct Layer {
  std::string name;    ///< of the exported node
  layer::Params params;
  std::string module;  ///< name of its parameters ("stem.0"); empty: `name`
  template <class T>
  const T* as() const {
    return std::get_if<T>(&params);
  }
};

struct LayerEdge {
  int from = 0, to = 0;
  bool backward = false;  ///< carries the previous timestep's value
};

struct Architecture {
  std::string kind;      ///< "snasnet", "vgg9", "lightsnn", "imported"
  std::string genotype;  ///< canonical text, "" = none
  int timesteps = 4;
  std::vector<Layer> layers;
  std::vector<LayerEdge> edges;
};

/// Throws InputError ("network", layer) for a graph that cannot be: names not unique, no or two Inputs or
/// Outputs, a forward cycle, sizes that do not fit.
void check(const Architecture& architecture);
/// Output shape of every layer, [C, H, W] or [N].
std::vector<std::vector<std::int64_t>> layer_shapes(const Architecture& architecture);
/// One JSON object and back (checkpoints hold it). Throws InputError naming `file`.
std::string to_json(const Architecture& architecture);
Architecture architecture_from_json(const std::string& json, const std::string& file);

}  // namespace spikeloop::models
