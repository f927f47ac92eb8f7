#pragma once
#include <string>
#include <vector>

#include "models/evaluate.h"
#include "traces/network.h"

/// Accuracy with what fires in the layers. Includes torch.
namespace spikeloop::models {

struct LayerRate {
  std::string layer;
  std::int64_t neurons = 0;
  double rate = 0;  ///< spikes per neuron and timestep, over all samples
};

struct NetworkTest {
  Evaluation evaluation;
  std::vector<LayerRate> rates;     ///< of the neuron layers, by name
  std::int64_t clipped_inputs = 0;  ///< values beyond the range of a quantised input (GraphRunner)
};

/// A network as it stands, quantised or not. Throws InputError naming `file` for what cannot be run.
NetworkTest test_network(const traces::Network& network, const std::string& file, const Dataset& dataset,
                         const SampleSet& set, const EvaluateOptions& options = {});
/// Its accuracy alone.
double accuracy(const traces::Network& network, const std::string& file, const Dataset& dataset,
                const SampleSet& set, const EvaluateOptions& options = {});
NetworkTest test_network(GraphNet& net, const Dataset& dataset, const SampleSet& set,
                         const EvaluateOptions& options = {});

}  // namespace spikeloop::models
