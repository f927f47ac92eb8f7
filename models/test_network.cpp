#include "models/test_network.h"

#include <ATen/ATen.h>

#include <map>
#include <utility>

#include "models/graph_runner.h"

namespace spikeloop::models {
namespace {

/// Spikes and places for them (neurons x timesteps x samples), layer by layer.
class RateCounter {
 public:
  void add(const std::string& layer, std::int64_t neurons, const at::Tensor& spikes) {
    Count& count = counts_[layer];
    count.neurons = neurons;
    count.spikes += spikes.sum().item<double>();
    count.places += static_cast<double>(spikes.numel());
  }
  std::vector<LayerRate> rates() const {
    std::vector<LayerRate> rates;
    for (const auto& [layer, count] : counts_)
      rates.push_back({layer, count.neurons, count.spikes / count.places});
    return rates;
  }

 private:
  struct Count {
    std::int64_t neurons = 0;
    double spikes = 0, places = 0;
  };
  std::map<std::string, Count> counts_;
};

}  // namespace

NetworkTest test_network(const traces::Network& network, const std::string& file, const Dataset& dataset,
                         const SampleSet& set, const EvaluateOptions& options) {
  GraphRunner runner(network, file);
  RateCounter counter;
  const Classifier classify = [&](const Batch& batch) {
    std::map<std::string, at::Tensor> spikes;
    const at::Tensor output = runner.run(batch.input, &spikes);
    for (const auto& [layer, fired] : spikes)
      counter.add(layer, fired.numel() / (fired.size(0) * fired.size(1)), fired);
    return output;
  };
  NetworkTest result;
  result.evaluation = evaluate({classify}, dataset, set, options);
  result.rates = counter.rates();
  result.clipped_inputs = runner.clipped_inputs();
  return result;
}

NetworkTest test_network(GraphNet& net, const Dataset& dataset, const SampleSet& set,
                         const EvaluateOptions& options) {
  RateCounter counter;
  const NeuronObserver before = std::exchange(
      net->observer, [&](const std::string& layer, int, const at::Tensor& spikes, const at::Tensor&) {
        counter.add(layer, spikes.numel() / spikes.size(0), spikes);
      });
  NetworkTest result;
  result.evaluation = evaluate(net, dataset, set, options);
  net->observer = before;
  result.rates = counter.rates();
  return result;
}

}  // namespace spikeloop::models
