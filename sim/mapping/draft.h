#pragma once
#include <map>
#include <string>
#include <vector>

#include "sim/mapping/plan.h"

/// What make_plan's rooms share: a plan in the making, and what is known of the network that it comes from.
namespace spikeloop::sim {

struct Draft {
  const traces::Network& network;
  const ChipConfig& chip;
  std::string path;  ///< of the network, for messages
  bool input_static;
  Plan plan{};

  std::vector<std::vector<std::int64_t>> shapes{};
  std::vector<int> order{};  ///< of the network's nodes, forward edges first
  std::vector<std::vector<int>>
      stages_of{};                    ///< per network node: its stages (shards of a layer); a LIF's: its node
  std::vector<int> signal_of{};       ///< per network node: the bits it puts out, or -1
  std::map<int, int> implicit_sum{};  ///< pooling node -> the sum stage before it
  /// Per stage, schedule layer_sequential: layers on the longest way from the input to here, this one
  /// included, that start when all timesteps of their input have arrived.
  std::vector<int> gates_before{};

  [[noreturn]] void fail(int node, const std::string& found, const std::string& expected) const;
  [[noreturn]] void does_not_fit(const std::string& place, const std::string& needs,
                                 const std::string& has) const;

  const traces::Node& node_at(int i) const { return network.nodes[static_cast<std::size_t>(i)]; }
  Stage& stage(int i) { return plan.stages[static_cast<std::size_t>(i)]; }
  const Stage& stage(int i) const { return plan.stages[static_cast<std::size_t>(i)]; }
  const Signal* signal_at(int i) const {
    return i >= 0 ? &plan.signals[static_cast<std::size_t>(i)] : nullptr;
  }
  bool is_mvm(int node) const;
  std::vector<int> forward_inputs(int node) const;
  int resolve(int node) const;  ///< skips Flatten nodes, which only rename positions
  void map_size(int node, int& height, int& width, int& channels) const;
  /// A crossbar layer that layer_sequential holds until all timesteps of its input are there.
  bool is_gated(const Stage& s) const;
};

inline constexpr const char* kBackwardTargets = "backward edges into Scale or LIF nodes only";

inline int ceil_div(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

}  // namespace spikeloop::sim
