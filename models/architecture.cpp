#include "models/architecture.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <queue>
#include <set>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;  ///< of a weight or a layer's output

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string text(const Shape& shape) {
  std::string result = "[";
  for (const std::int64_t size : shape) {
    if (result.size() > 1) result += ", ";
    result += std::to_string(size);
  }
  return result + "]";
}

std::string text(double value) {
  std::string result = std::to_string(value);
  while (result.back() == '0') result.pop_back();
  if (result.back() == '.') result.pop_back();
  return result;
}

[[noreturn]] void fail(const Layer& layer, const std::string& found, const std::string& expected) {
  throw InputError("network", "layer " + layer.name, found, expected);
}

void require(bool good, const Layer& layer, const std::string& what, std::int64_t found,
             const std::string& expected) {
  if (!good) fail(layer, what + " " + std::to_string(found), expected);
}

/// Product of sizes of at least 1 that stays within what one tensor may hold.
std::int64_t elements(const Layer& layer, const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t size : shape) {
    if (size < 1 || size > kMostElements / product) {
      fail(layer, "shape " + text(shape), "sizes of at least 1, 2^31 elements at most");
    }
    product *= size;
  }
  return product;
}

/// A map's side after a kernel has been moved over it.
std::int64_t moved(const Layer& layer, std::int64_t side, std::int64_t kernel, std::int64_t stride,
                   std::int64_t padding) {
  require(kernel >= 1 && kernel <= 1024, layer, "kernel", kernel, "1 to 1024");
  require(stride >= 1 && stride <= 1024, layer, "stride", stride, "1 to 1024");
  require(padding >= 0 && padding <= 1024, layer, "padding", padding, "0 to 1024");
  const std::int64_t result = (side + 2 * padding - kernel) / stride + 1;
  if (side + 2 * padding < kernel) {
    fail(layer, "kernel " + std::to_string(kernel) + " on a map of side " + std::to_string(side),
         "a kernel that fits the map with its padding");
  }
  return result;
}

const Shape& as_map(const Layer& layer, const Shape& shape) {
  if (shape.size() != 3) fail(layer, "input of shape " + text(shape), "a map [C, H, W]");
  return shape;
}

std::int64_t as_vector(const Layer& layer, const Shape& shape) {
  if (shape.size() != 1) fail(layer, "input of shape " + text(shape), "a vector [N]");
  return shape[0];
}

Shape conv_shape(const Layer& layer, const layer::Conv& conv, const Shape& in) {
  as_map(layer, in);
  require(conv.out_channels >= 1, layer, "output channels", conv.out_channels, "at least 1");
  require(conv.groups >= 1 && in[0] % conv.groups == 0 && conv.out_channels % conv.groups == 0, layer,
          "groups", conv.groups, "a divisor of the input's and the output's channels");
  const Shape out{conv.out_channels, moved(layer, in[1], conv.kernel, conv.stride, conv.padding),
                  moved(layer, in[2], conv.kernel, conv.stride, conv.padding)};
  elements(layer, {conv.out_channels, in[0] / conv.groups, conv.kernel, conv.kernel});
  return out;
}

/// Output of a layer whose inputs have shape `in`.
Shape output_shape(const Layer& layer, const Shape& in) {
  if (const auto* conv = layer.as<layer::Conv>()) return conv_shape(layer, *conv, in);
  if (const auto* pool = layer.as<layer::Pool>()) {
    as_map(layer, in);
    const Shape out{in[0], moved(layer, in[1], pool->kernel, pool->stride, pool->padding),
                    moved(layer, in[2], pool->kernel, pool->stride, pool->padding)};
    require(2 * pool->padding <= pool->kernel, layer, "padding", pool->padding, "at most half the kernel");
    return out;
  }
  if (layer.as<layer::Flatten>() != nullptr) return {elements(layer, in)};
  if (const auto* linear = layer.as<layer::Linear>()) {
    require(linear->out >= 1, layer, "outputs", linear->out, "at least 1");
    elements(layer, {linear->out, as_vector(layer, in)});
    return {linear->out};
  }
  if (const auto* vote = layer.as<layer::Vote>()) {
    const std::int64_t n = as_vector(layer, in);
    require(vote->votes >= 1 && n % vote->votes == 0, layer, "votes", vote->votes,
            "a divisor of " + std::to_string(n));
    return {n / vote->votes};
  }
  return in;
}

void check_neuron(const Layer& layer, const NeuronSpec& spec) {
  const bool leaks = spec.kind != NeuronKind::kIf;
  const double lowest = spec.kind == NeuronKind::kPlif ? std::nextafter(1.0, 2.0) : 1.0;
  if (leaks && !(spec.tau >= lowest && std::isfinite(spec.tau))) {
    fail(layer, "tau " + text(spec.tau),
         spec.kind == NeuronKind::kPlif ? "above 1 (in timesteps)" : "at least 1 (in timesteps)");
  }
  if (!std::isfinite(spec.v_reset)) fail(layer, "v_reset " + text(spec.v_reset), "a finite number");
  if (!(spec.threshold > spec.v_reset && std::isfinite(spec.threshold))) {
    fail(layer, "threshold " + text(spec.threshold), "above v_reset " + text(spec.v_reset));
  }
  if (!(spec.alpha > 0 && std::isfinite(spec.alpha))) fail(layer, "alpha " + text(spec.alpha), "above 0");
}

void check_init(const Layer& layer, const layer::Init& init) {
  if (!(std::isfinite(init.value) && init.value >= 0)) {
    fail(layer, "initial weights by " + text(init.value), "a finite number, at least 0");
  }
}

void check_numbers(const Layer& layer) {
  if (const auto* neuron = layer.as<layer::Neuron>()) check_neuron(layer, neuron->spec);
  if (const auto* conv = layer.as<layer::Conv>()) check_init(layer, conv->init);
  if (const auto* linear = layer.as<layer::Linear>()) check_init(layer, linear->init);
  if (const auto* dropout = layer.as<layer::Dropout>()) {
    if (!(dropout->probability >= 0 && dropout->probability < 1)) {
      fail(layer, "dropout " + text(dropout->probability), "0 to below 1");
    }
  }
}

void check_names(const Architecture& architecture) {
  std::set<std::string> names, modules;
  for (const Layer& layer : architecture.layers) {
    if (layer.name.empty()) throw InputError("network", "layer", "no name", "a name");
    if (!names.insert(layer.name).second) fail(layer, "the name twice", "every name once");
    const std::string& module = layer.module.empty() ? layer.name : layer.module;
    if (!modules.insert(module).second) fail(layer, "module " + module + " twice", "every module once");
    if (module.front() == '.' || module.back() == '.' || module.find("..") != std::string::npos) {
      fail(layer, "module " + module, "words with single dots between them");
    }
  }
}

void check_edges(const Architecture& architecture) {
  const int count = static_cast<int>(architecture.layers.size());
  std::vector<bool> entered(architecture.layers.size());
  for (const LayerEdge& edge : architecture.edges) {
    if (edge.from < 0 || edge.from >= count || edge.to < 0 || edge.to >= count) {
      throw InputError("network", "edges", std::to_string(edge.from) + " to " + std::to_string(edge.to),
                       "layers 0 to " + std::to_string(count - 1));
    }
    entered[at(edge.to)] = true;
    const Layer &from = architecture.layers[at(edge.from)], &to = architecture.layers[at(edge.to)];
    if (to.as<layer::Input>() != nullptr) fail(to, "an edge into the Input", "none");
    if (from.as<layer::Output>() != nullptr) fail(from, "an edge out of the Output", "none");
  }
  int inputs = 0, outputs = 0;
  for (std::size_t i = 0; i < architecture.layers.size(); ++i) {
    const Layer& layer = architecture.layers[i];
    const bool input = layer.as<layer::Input>() != nullptr;
    inputs += input ? 1 : 0;
    outputs += layer.as<layer::Output>() != nullptr ? 1 : 0;
    const auto* sum = layer.as<layer::Sum>();
    if (!input && !entered[i] && (sum == nullptr || sum->shape.empty())) fail(layer, "no input", "an edge");
  }
  if (inputs != 1) throw InputError("network", "layers", std::to_string(inputs) + " Inputs", "one");
  if (outputs != 1) throw InputError("network", "layers", std::to_string(outputs) + " Outputs", "one");
}

}  // namespace

std::vector<int> forward_order(const Architecture& architecture) {
  const std::size_t count = architecture.layers.size();
  std::vector<int> missing(count, 0);
  std::vector<std::vector<int>> next(count);
  for (const LayerEdge& edge : architecture.edges) {
    if (edge.backward) continue;
    ++missing[at(edge.to)];
    next[at(edge.from)].push_back(edge.to);
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (missing[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  while (!ready.empty()) {
    order.push_back(ready.top());
    ready.pop();
    for (const int to : next[at(order.back())]) {
      if (--missing[at(to)] == 0) ready.push(to);
    }
  }
  for (std::size_t i = 0; i < count && order.size() < count; ++i) {
    if (missing[i] > 0) {
      fail(architecture.layers[i], "a cycle of forward edges", "cycles closed by backward edges");
    }
  }
  return order;
}

std::vector<std::vector<std::int64_t>> layer_shapes(const Architecture& architecture) {
  const std::vector<int> order = forward_order(architecture);
  std::vector<Shape> shapes(architecture.layers.size()), inputs = shapes;
  // A layer that only backward edges enter learns its shape in a later round.
  for (bool changed = true; changed;) {
    changed = false;
    for (const int index : order) {
      const Layer& layer = architecture.layers[at(index)];
      if (!shapes[at(index)].empty()) continue;
      if (const auto* input = layer.as<layer::Input>()) {
        shapes[at(index)] = {input->shape.begin(), input->shape.end()};
      } else if (const auto* sum = layer.as<layer::Sum>(); sum != nullptr && !sum->shape.empty()) {
        shapes[at(index)] = inputs[at(index)] = sum->shape;
      } else {
        for (const LayerEdge& edge : architecture.edges) {
          if (edge.to == index && inputs[at(index)].empty()) inputs[at(index)] = shapes[at(edge.from)];
        }
        if (inputs[at(index)].empty()) continue;
        shapes[at(index)] = output_shape(layer, inputs[at(index)]);
      }
      elements(layer, shapes[at(index)]);
      changed = true;
    }
  }
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i].empty()) fail(architecture.layers[i], "no path from the Input", "one");
  }
  for (const LayerEdge& edge : architecture.edges) {
    const Shape &from = shapes[at(edge.from)], &to = inputs[at(edge.to)];
    if (from != to) {
      fail(architecture.layers[at(edge.to)],
           "shape " + text(from) + " from " + architecture.layers[at(edge.from)].name,
           text(to) + " as from its other inputs");
    }
  }
  return shapes;
}

void check(const Architecture& architecture) {
  if (architecture.timesteps < 1 || architecture.timesteps > 1 << 20) {
    throw InputError("network", "timesteps", std::to_string(architecture.timesteps), "1 to 2^20");
  }
  check_names(architecture);
  check_edges(architecture);
  for (const Layer& layer : architecture.layers) check_numbers(layer);
  layer_shapes(architecture);
}

}  // namespace spikeloop::models
