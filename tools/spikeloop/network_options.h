#pragma once
#include <cstdint>
#include <string>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/snasnet_spec.h"
#include "tools/spikeloop/options.h"
#include "tools/support/command_line.h"

namespace spikeloop::tools {

/// A network to be trained, as the command line gives it.
struct NetworkChoice {
  std::string arch = "snasnet", cell, from;
  models::SnasnetSpec spec;  ///< sizes; a VGG9 takes timesteps, hidden and votes from it where given
  double width = 1;
  bool batch_norm = false;
  double dropout = 0;
  std::string neuron, reset, surrogate, input_code = "direct";
  double tau = 0, threshold = 0, v_reset = 0, alpha = 0;
  bool whole_input = false;
};

/// --arch, --cell, --channels, ... and the neuron's.
void add_architecture_options(po::options_description& network, po::options_description& neuron,
                              NetworkChoice& choice);

/// How event recordings are cut for the network that the command line asks for: into as many frames as it has
/// timesteps, and for --from as its file says unless the command line does.
models::Framing framing_for(const NetworkChoice& choice, const CommandLine& line, const DataOptions& data);

/// The network for the samples of this dataset, its weights drawn by the seed, or those of --from. Throws
/// InputError for what does not go together.
models::GraphNet network_for(const NetworkChoice& choice, const CommandLine& line,
                             const models::Dataset& dataset, std::uint64_t seed);

}  // namespace spikeloop::tools
