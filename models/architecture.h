#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "models/neuron_spec.h"

/// A network that can be trained, as plain data: a graph of layers before its weights exist. Plain C++, no
/// LibTorch. SNASNet, VGG9, LightSNN's and imported networks are all this; one class (GraphNet) trains them.
namespace spikeloop::models::layer {

enum class InputCode {
  kDirect,
  kRate,
  kEvents
};  ///< same value each step; frames of random spikes; of events

struct Input {
  std::array<std::int64_t, 3> shape{3, 32, 32};  ///< [C, H, W]
  InputCode code = InputCode::kDirect;
};
/// How initial weights are drawn; fan_in: inputs of one output, fan_out: outputs of one input.
struct Init {
  enum class Kind {
    kKaiming,  ///< uniform, bound sqrt(6 / ((1 + value^2) fan_in)); the released SNASNet's value is 2
    kXavier,   ///< uniform, bound value sqrt(6 / (fan_in + fan_out)); SpikeSim's value is 5
    kNormal    ///< deviation value
  } kind = Kind::kKaiming;
  double value = 2;
};
struct Conv {
  std::int64_t out_channels = 0, kernel = 3, stride = 1, padding = 1, groups = 1;
  bool bias = false;
  Init init;
};
struct BatchNorm {};  ///< per channel, affine, eps 1e-5, momentum 0.1
/// y = weight[c] x + bias[c]: what is left of a BatchNorm in a network that was read from a file.
struct Affine {
  bool bias = true;
};
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
  Init init{Init::Kind::kNormal, 0.01};
};
struct Dropout {
  double probability = 0.5;  ///< one mask for all timesteps of a forward
};
/// A node of a cell: the sum of its inputs.
struct Sum {
  std::vector<std::int64_t>
      shape;  ///< for a node that nothing reaches (it is zero); empty: that of its inputs
};
struct Vote {
  std::int64_t votes = 1;  ///< [N * votes] -> [N], mean of neighbours
};
struct Output {};  ///< mean over timesteps

using Params =
    std::variant<Input, Conv, BatchNorm, Neuron, Pool, Flatten, Linear, Dropout, Sum, Vote, Output, Affine>;

}  // namespace spikeloop::models::layer

namespace spikeloop::models {

struct Layer {
  std::string name;  ///< of the exported node
  layer::Params params;
  std::string module;  ///< name of its parameters ("stem.0"); empty: `name`
  template <class T>
  const T* as() const {
    return std::get_if<T>(&params);
  }
};

/// Several edges into a layer add up: the forward ones, then the backward ones, each in the order of `edges`.
/// What only backward edges enter is zero at the first timestep.
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
/// Outputs, a forward cycle, sizes that do not fit, numbers out of range.
void check(const Architecture& architecture);
/// Layers in an order in which every forward edge goes from earlier to later; ties by index.
std::vector<int> forward_order(const Architecture& architecture);
/// Output shape of every layer, [C, H, W] or [N].
std::vector<std::vector<std::int64_t>> layer_shapes(const Architecture& architecture);
/// One JSON object and back (checkpoints hold it). Throws InputError naming `file`.
std::string to_json(const Architecture& architecture);
Architecture architecture_from_json(const std::string& json, const std::string& file);

}  // namespace spikeloop::models
