#include "models/graph_plan.h"

#include <algorithm>
#include <cstddef>

namespace spikeloop::models {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// Tarjan's strongly connected components over all edges; a component comes after those that read it.
class Components {
 public:
  explicit Components(const Architecture& architecture)
      : next_(architecture.layers.size()),
        number_(architecture.layers.size(), -1),
        low_(architecture.layers.size()),
        on_stack_(architecture.layers.size()) {
    for (const LayerEdge& edge : architecture.edges) next_[at(edge.from)].push_back(edge.to);
    for (std::size_t i = 0; i < next_.size(); ++i) {
      if (number_[i] < 0) visit(static_cast<int>(i));
    }
  }
  std::vector<std::vector<int>> found;

 private:
  struct Frame {
    int layer;
    std::size_t edge;
  };
  void open(int layer) {
    number_[at(layer)] = low_[at(layer)] = counter_++;
    stack_.push_back(layer);
    on_stack_[at(layer)] = true;
    frames_.push_back({layer, 0});
  }
  void visit(int start) {
    open(start);
    while (!frames_.empty()) {
      const int layer = frames_.back().layer;
      if (frames_.back().edge < next_[at(layer)].size()) {
        const int to = next_[at(layer)][frames_.back().edge++];
        if (number_[at(to)] < 0) {
          open(to);
        } else if (on_stack_[at(to)]) {
          low_[at(layer)] = std::min(low_[at(layer)], number_[at(to)]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        int& low = low_[at(frames_.back().layer)];
        low = std::min(low, low_[at(layer)]);
      }
      if (low_[at(layer)] == number_[at(layer)]) close(layer);
    }
  }
  void close(int root) {
    std::vector<int> component;
    int layer = -1;
    do {
      layer = stack_.back();
      stack_.pop_back();
      on_stack_[at(layer)] = false;
      component.push_back(layer);
    } while (layer != root);
    found.push_back(component);
  }

  std::vector<std::vector<int>> next_;
  std::vector<int> number_, low_;
  std::vector<bool> on_stack_;
  std::vector<int> stack_;
  std::vector<Frame> frames_;
  int counter_ = 0;
};

bool reads_itself(const Architecture& architecture, int layer) {
  return std::any_of(architecture.edges.begin(), architecture.edges.end(),
                     [&](const LayerEdge& edge) { return edge.from == layer && edge.to == layer; });
}

std::vector<Block> folded_blocks(const Architecture& architecture) {
  std::vector<Block> blocks;
  Components components(architecture);
  for (auto it = components.found.rbegin(); it != components.found.rend(); ++it) {
    blocks.push_back({*it, it->size() > 1 || reads_itself(architecture, it->front())});
  }
  return blocks;
}

std::vector<Block> stepwise_blocks(const Architecture& architecture, const std::vector<bool>& still) {
  Block together;
  together.stepwise = true;
  std::vector<Block> before, after;
  for (const int layer : forward_order(architecture)) {
    const Layer& params = architecture.layers[at(layer)];
    if (params.as<layer::Output>() != nullptr) {
      after.push_back({{layer}, false});
    } else if (still[at(layer)] || params.as<layer::Input>() != nullptr) {
      before.push_back({{layer}, false});
    } else {
      together.layers.push_back(layer);
    }
  }
  if (!together.layers.empty()) before.push_back(together);
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

}  // namespace

std::vector<bool> reaching_output(const Architecture& architecture) {
  std::vector<bool> reach(architecture.layers.size(), false);
  for (std::size_t i = 0; i < reach.size(); ++i) {
    reach[i] = architecture.layers[i].as<layer::Output>() != nullptr;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const LayerEdge& edge : architecture.edges) {
      if (!reach[at(edge.to)] || reach[at(edge.from)]) continue;
      reach[at(edge.from)] = changed = true;
    }
  }
  return reach;
}

std::vector<bool> still_layers(const Architecture& architecture, bool still_input) {
  std::vector<bool> still(architecture.layers.size(), false);
  for (const int layer : forward_order(architecture)) {
    const Layer& params = architecture.layers[at(layer)];
    still[at(layer)] =
        params.as<layer::Input>() != nullptr ? still_input : params.as<layer::Neuron>() == nullptr;
    for (const LayerEdge& edge : architecture.edges) {
      if (edge.to == layer && (edge.backward || !still[at(edge.from)])) still[at(layer)] = false;
    }
  }
  return still;
}

GraphPlan plan_of(const Architecture& architecture, const std::vector<bool>& still, bool stepwise) {
  const std::size_t count = architecture.layers.size();
  GraphPlan plan;
  plan.blocks = stepwise ? stepwise_blocks(architecture, still) : folded_blocks(architecture);
  plan.block_of.resize(count);
  plan.used = reaching_output(architecture);
  plan.read_outside.resize(count);
  std::vector<std::size_t> place(count);
  const std::vector<int> order = forward_order(architecture);
  for (std::size_t i = 0; i < count; ++i) place[at(order[i])] = i;
  for (std::size_t b = 0; b < plan.blocks.size(); ++b) {
    auto& layers = plan.blocks[b].layers;
    std::sort(layers.begin(), layers.end(), [&](int i, int j) { return place[at(i)] < place[at(j)]; });
    for (const int layer : layers) plan.block_of[at(layer)] = static_cast<int>(b);
  }
  for (const LayerEdge& edge : architecture.edges) {
    if (plan.block_of[at(edge.from)] != plan.block_of[at(edge.to)]) plan.read_outside[at(edge.from)] = true;
  }
  plan.needed_last = plan.read_outside;
  for (auto layer = order.rbegin(); layer != order.rend(); ++layer) {
    for (const LayerEdge& edge : architecture.edges) {
      if (edge.from == *layer && !edge.backward && plan.needed_last[at(edge.to)]) {
        plan.needed_last[at(*layer)] = true;
      }
    }
  }
  return plan;
}

}  // namespace spikeloop::models
