#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "traces/network.h"

/// Shared by the parts of traces that check, hash and write networks.
namespace spikeloop::traces {

using Shape = std::vector<std::int64_t>;

std::int64_t shape_size(const Shape& shape);
/// "[2, 34, 34]"
std::string shape_text(const Shape& shape);
/// "node 'conv1'", the place that errors name.
std::string node_place(const std::string& name);

/// Elementwise parameters of a node (LIF, IF, CubaLIF, Scale, Threshold) under NIR's names; empty for other
/// nodes.
std::vector<std::pair<const char*, const Tensor*>> elementwise_parameters(const Node& node);
std::vector<std::pair<const char*, Tensor*>> elementwise_parameters(Node& node);

/// How a neuron with a membrane fires.
struct FiringRule {
  bool spike_at_threshold = true, soft_reset = false;
};
/// Of a LIF, IF or CubaLIF node; nothing for other nodes.
std::optional<FiringRule> firing_rule(const Node& node);
/// Changes it; other nodes stay as they are.
void set_firing_rule(Node& node, const FiringRule& rule);

/// Element `i` of a parameter that holds one value, one per channel or one per neuron of `shape`.
float broadcast_value(const Tensor& parameter, const Shape& shape, std::int64_t i);

/// The quantised weights of a convolution or linear node, or nullptr.
const QuantisedWeight* quantised_of(const Node& node);
/// Weight or bias of a convolution or linear node, or nullptr.
const Tensor* weight_of(const Node& node);
const Tensor* bias_of(const Node& node);

/// As far as forward edges go: fewer than all nodes when they close a cycle.
std::vector<int> partial_topological_order(const Network& network);

}  // namespace spikeloop::traces
