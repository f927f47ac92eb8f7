#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "models/snasnet_spec.h"

/// The fixed and the searched networks, as architectures.
namespace spikeloop::models {

/// SNASNet's macro-architecture with two cells (Kim et al., ECCV 2022, model_snn.py); module names as
/// released. Edges out of one cell node share one neuron layer (their LIFs have the same input, hence the
/// same spikes). With max_pool the network is LightSNN's (kind "lightsnn"); its MaxPool of real values cannot
/// be exported. Throws InputError ("network", ...) for a spec that cannot be.
Architecture snasnet(const SnasnetSpec& spec);

/// A LIF module of the released code and the layer of snasnet(spec) that stands for it.
struct ReleasedLif {
  std::string module;  ///< "cell1.cell_architecture.0.0", "downconv1.1", "last_act.1", "classifier.2"
  std::string layer;   ///< "cell1.lif0", ...
};
/// One timestep's LIF calls of the released code, in its order. It has a LIF for every convolution of a cell.
std::vector<ReleasedLif> released_lifs(const SnasnetSpec& spec);

struct Vgg9Spec {
  std::int64_t input_channels = 3, input_size = 32, classes = 10, hidden = 1024, votes = 1;
  double width = 1.0;  ///< factor on all channels
  int timesteps = 5;
  /// SpikeSim's: v <- v / 2 + x / 2 (leak 0.5), soft reset, triangle of height 0.3. Its spike is v > 1, ours
  /// v >= 1.
  NeuronSpec neuron{NeuronKind::kLif, 2.0, 1.0, 0.0, true, ResetKind::kSoft, SurrogateKind::kTriangle, 0.3};
  layer::InputCode code = layer::InputCode::kDirect;
  bool batch_norm = false;  ///< after every convolution; SpikeSim's VGG9 has none
  double dropout = 0;       ///< before the classifier
};
/// VGG9 as SpikeSim has it (Intelligent-Computing-Lab-Yale/SpikeSim c2627bc,
/// SNN_train_infer_quantization_ela/model.py, class VGG9_Direct): 3 x 3 convolutions with 64 64 P 128 128 P
/// 256 256 256 P channels (P: AvgPool 2), a hidden and a last linear layer, no biases, Xavier uniform weights
/// of gain 5.
Architecture vgg9(const Vgg9Spec& spec);

}  // namespace spikeloop::models
