#pragma once
#include <vector>

#include "models/architecture.h"

/// In which order and how a graph's layers run. Plain C++.
namespace spikeloop::models {

/// Layers that run one after the other over all timesteps at once (a block of one layer), or together,
/// timestep by timestep, because backward edges tie them.
struct Block {
  std::vector<int> layers;  ///< in forward order
  bool stepwise = false;
};

struct GraphPlan {
  std::vector<Block> blocks;       ///< every block reads values of earlier ones only
  std::vector<int> block_of;       ///< of every layer
  std::vector<bool> used;          ///< the Output depends on the layer
  std::vector<bool> read_outside;  ///< layer of a stepwise block: another block reads its values
  /// Layer of a stepwise block: something reads its value of the last timestep.
  std::vector<bool> needed_last;
};

/// still[i]: layer i has the same value at every timestep (see still_layers).
/// Folded: the strongly connected components are the blocks. Stepwise: every layer that is neither still nor
/// the Output nor the Input is in one block.
GraphPlan plan_of(const Architecture& architecture, const std::vector<bool>& still, bool stepwise);

/// Layers from which edges of either kind lead to the Output.
std::vector<bool> reaching_output(const Architecture& architecture);

/// Layers that nothing but a still input reaches without passing a neuron or a backward edge.
std::vector<bool> still_layers(const Architecture& architecture, bool still_input);

}  // namespace spikeloop::models
