#include "models/test_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

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
  void add(const RateCounter& other) {
    for (const auto& [layer, theirs] : other.counts_) {
      Count& count = counts_[layer];
      count.neurons = theirs.neurons;
      count.spikes += theirs.spikes;
      count.places += theirs.places;
    }
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

/// One thread's.
struct Worker {
  Worker(const traces::Network& network, const std::string& file) : runner(network, file) {}
  GraphRunner runner;
  RateCounter counter;
};

Evaluation run(std::deque<Worker>& workers, bool with_rates, const Dataset& dataset, const SampleSet& set,
               const EvaluateOptions& options) {
  std::vector<Classifier> classifiers;
  for (Worker& worker : workers) {
    classifiers.emplace_back([&worker, with_rates](const Batch& batch) {
      std::map<std::string, at::Tensor> spikes;
      const at::Tensor output = worker.runner.run(batch.input, with_rates ? &spikes : nullptr);
      for (const auto& [layer, fired] : spikes)
        worker.counter.add(layer, fired.numel() / (fired.size(0) * fired.size(1)), fired);
      return output;
    });
  }
  return evaluate(classifiers, dataset, set, options);
}

std::deque<Worker> workers_for(const traces::Network& network, const std::string& file, int threads) {
  std::deque<Worker> workers;
  for (int i = 0; i < std::max(1, threads); ++i) workers.emplace_back(network, file);
  return workers;
}

}  // namespace

NetworkTest test_network(const traces::Network& network, const std::string& file, const Dataset& dataset,
                         const SampleSet& set, const EvaluateOptions& options) {
  std::deque<Worker> workers = workers_for(network, file, options.threads);
  NetworkTest result;
  result.evaluation = run(workers, true, dataset, set, options);
  RateCounter all;
  for (const Worker& worker : workers) {
    all.add(worker.counter);
    result.clipped_inputs += worker.runner.clipped_inputs();
  }
  result.rates = all.rates();
  return result;
}

double accuracy(const traces::Network& network, const std::string& file, const Dataset& dataset,
                const SampleSet& set, const EvaluateOptions& options) {
  std::deque<Worker> workers = workers_for(network, file, options.threads);
  return run(workers, false, dataset, set, options).accuracy();
}

NetworkTest test_network(GraphNet& net, const Dataset& dataset, const SampleSet& set,
                         const EvaluateOptions& options) {
  RateCounter counter;
  const Watching<NeuronObserver> watching(
      net->observer, [&](const std::string& layer, int, const at::Tensor& spikes, const at::Tensor&) {
        counter.add(layer, spikes.numel() / spikes.size(0), spikes);
      });
  NetworkTest result;
  result.evaluation = evaluate(net, dataset, set, options);
  result.rates = counter.rates();
  return result;
}

}  // namespace spikeloop::models
