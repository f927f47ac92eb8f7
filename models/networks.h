#pragma once
#include "models/architecture.h"
#include "models/snasnet_spec.h"

/// The fixed and the searched networks, as architectures.
namespace spikeloop::models {

/// SNASNet's macro-architecture with two cells (Kim et al., ECCV 2022, model_snn.py); module names as released.
/// Edges out of one cell node share one neuron layer (their LIFs have the same input, hence the same spikes).
Architecture snasnet(const SnasnetSpec& spec);

struct Vgg9Spec {
  std::int64_t input_channels = 3, input_size = 32, classes = 10, hidden = 1024;
  double width = 1.0;  ///< factor on all channels
  int timesteps = 5;
  NeuronSpec neuron;
  layer::InputCode code = layer::InputCode::kDirect;
};
/// VGG9 as SpikeSim has it (model.py); the source's channel counts and pooling places are cited in the .cpp.
Architecture vgg9(const Vgg9Spec& spec);

}  // namespace spikeloop::models
