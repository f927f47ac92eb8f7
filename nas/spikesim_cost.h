#pragma once
#include <cstdint>
#include <vector>

#include "models/snasnet_spec.h"
#include "nas/limits.h"
#include "sim/analytic/spikesim.h"

/// What a network of SNASNet's macro-architecture costs by SpikeSim's released formulas, from its description
/// alone: the terms of the searches published with them (HASNAS, NeuroNAS). No LibTorch.
namespace spikeloop::nas {

/// The convolutions from input to output: stem, those of cell 1, reduction, those of cell 2; C, C, 2C and 2C
/// output channels. The cells are taken as given: a convolution that leads nowhere is there all the same.
std::vector<sim::spikesim::Layer> convolutions_of(const models::SnasnetSpec& spec);

/// By sim/analytic/spikesim.h with 64 x 64 crossbars, 8 PEs a tile, 250 MHz and the network's timesteps;
/// layers in the order above, which decides latency (its last layer counts in full) and area (neuron memory
/// of the first five). Linear layers are left out, as there. Memory: the weights of the convolutions at 8
/// bits. Bytes, um2, ns and pJ per image.
Costs spikesim_costs(const models::SnasnetSpec& spec);

struct NetworkSize {
  std::int64_t conv_weights = 0;
  std::int64_t parameters = 0;  ///< with the classifier, its biases and the scales and shifts of BatchNorm
};
NetworkSize network_size(const models::SnasnetSpec& spec);

}  // namespace spikeloop::nas
