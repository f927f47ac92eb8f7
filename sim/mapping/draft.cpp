#include "sim/mapping/draft.h"

#include "traces/support/error.h"

namespace spikeloop::sim {

void Draft::fail(int node, const std::string& found, const std::string& expected) const {
  const auto& n = node_at(node);
  throw InputError(path, std::string("node ") + n.name + " (" + n.type() + ")", found, expected);
}

void Draft::does_not_fit(const std::string& place, const std::string& needs, const std::string& has) const {
  throw InputError(path, place, "a network that needs " + needs, has + " on chip " + chip.name);
}

bool Draft::is_mvm(int node) const {
  return node_at(node).as<traces::Conv2dParams>() != nullptr ||
         node_at(node).as<traces::LinearParams>() != nullptr;
}

std::vector<int> Draft::forward_inputs(int node) const {
  std::vector<int> sources;
  for (const auto& e : network.edges)
    if (e.to == node && !e.backward) sources.push_back(e.from);
  return sources;
}

int Draft::resolve(int node) const {
  while (node_at(node).as<traces::FlattenParams>() != nullptr) {
    const auto in = network.inputs_of(node);
    if (in.size() != 1) fail(node, std::to_string(in.size()) + " edges into it", "one");
    node = in.front();
  }
  return node;
}

void Draft::map_size(int node, int& height, int& width, int& channels) const {
  const auto& s = shapes[static_cast<std::size_t>(node)];
  channels = static_cast<int>(s.at(0));
  height = s.size() == 3 ? static_cast<int>(s[1]) : 1;
  width = s.size() == 3 ? static_cast<int>(s[2]) : 1;
}

bool Draft::is_gated(const Stage& s) const {
  return chip.schedule == Schedule::kLayerSequential && s.kind == StageKind::kMvm &&
         signal_at(s.signal)->kind != Signal::Kind::kInput;
}

}  // namespace spikeloop::sim
