#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "sim/mapping/plan.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

/// The network between its crossbars: sums, neurons and pooling on maps of values, in H, W, C order as bits
/// are. Every operation is fp32 and in the order of models/graph_runner.
namespace spikeloop::sim {

using Map = std::vector<float>;

/// Neuron parameters, one per neuron in H, W, C order.
struct NeuronArray {
  bool leaky = false, at_threshold = true, soft_reset = false;
  Map rate, gain, leak, threshold, reset;  ///< gain empty: Threshold, no membrane
  Map current_rate, current_gain;          ///< CubaLIF's current; empty: the input itself drives the membrane

  struct State {
    Map membrane, current;  ///< empty before the first timestep
  };
  /// Adds the spikes to `bits` (zero before).
  void fire(const Map& input, State& state, traces::PackedBits& bits) const;
};

/// A node of the network with its map. Flatten nodes are skipped: they only rename positions.
struct GraphNode {
  int node = -1;                       ///< of the network
  std::vector<int> forward, backward;  ///< sources, in the order in which they are added
  int height = 1, width = 1, channels = 0;
  int signal = -1;           ///< of the plan: the bits it puts out
  bool needs_value = false;  ///< somebody takes its values, not its bits
  bool keeps_previous = false;
  NeuronArray neurons;

  std::size_t size() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
           static_cast<std::size_t>(channels);
  }
};

/// Nodes in the order in which they are computed.
std::vector<GraphNode> make_graph(const traces::Network& network, const Plan& plan,
                                  const std::string& network_path);

/// Average, or sum, over windows.
Map pool_values(const traces::Pool2dParams& pool, const Map& input, const GraphNode& from,
                const GraphNode& to);

/// 0 and 1 as values.
Map values_of_bits(const traces::PackedBits& bits, std::size_t size);

}  // namespace spikeloop::sim
