#include "sim/functional/graph.h"

#include <map>
#include <string>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

/// A parameter of one value, one per channel or one per neuron (in C, H, W order), spread over the map.
Map spread(const traces::Tensor& parameter, const GraphNode& node) {
  Map map(node.size());
  const auto channels = static_cast<std::size_t>(node.channels);
  const std::size_t pixels = map.size() / channels;
  const auto& data = parameter.data;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const std::size_t channel = i % channels;
    std::size_t from = channel * pixels + i / channels;
    if (data.size() == 1)
      from = 0;
    else if (data.size() == channels)
      from = channel;
    map[i] = data.at(from);
  }
  return map;
}

/// dt / tau, a timestep's share of the way to the target.
Map rates(const traces::Tensor& tau, const GraphNode& node, double dt_s) {
  Map rate = spread(tau, node);
  for (float& value : rate) value = static_cast<float>(dt_s / static_cast<double>(value));
  return rate;
}

NeuronArray neurons_of(const traces::Node& node, const GraphNode& graph_node, double dt_s) {
  NeuronArray neurons;
  const auto membrane = [&](const auto& params) {
    neurons.at_threshold = params.spike_at_threshold;
    neurons.soft_reset = params.soft_reset;
    neurons.gain = spread(params.r, graph_node);
    neurons.threshold = spread(params.v_threshold, graph_node);
    neurons.reset = spread(params.v_reset, graph_node);
  };
  if (const auto* lif = node.as<traces::LifParams>()) {
    membrane(*lif);
    neurons.leaky = true;
    neurons.rate = rates(lif->tau, graph_node, dt_s);
    neurons.leak = spread(lif->v_leak, graph_node);
  } else if (const auto* plain = node.as<traces::IfParams>()) {
    membrane(*plain);
  } else if (const auto* cuba = node.as<traces::CubaLifParams>()) {
    membrane(*cuba);
    neurons.leaky = true;
    neurons.rate = rates(cuba->tau_mem, graph_node, dt_s);
    neurons.leak = spread(cuba->v_leak, graph_node);
    neurons.current_rate = rates(cuba->tau_syn, graph_node, dt_s);
    neurons.current_gain = spread(cuba->w_in, graph_node);
  } else if (const auto* threshold = node.as<traces::ThresholdParams>()) {
    neurons.at_threshold = false;
    neurons.threshold = spread(threshold->threshold, graph_node);
  }
  return neurons;
}

bool takes_bits(const traces::Node& node) {
  return node.as<traces::Conv2dParams>() != nullptr || node.as<traces::LinearParams>() != nullptr;
}

/// average_pool3x3 of models: columns of three first, then rows of three, then / 9.
Map pool3x3(const Map& in, const GraphNode& from) {
  const int height = from.height, width = from.width, channels = from.channels;
  const auto at = [&](int y, int x, int c) {
    return in[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
                  static_cast<std::size_t>(channels) +
              static_cast<std::size_t>(c)];
  };
  Map out;
  out.reserve(in.size());
  std::vector<float> column(static_cast<std::size_t>(width + 2) * static_cast<std::size_t>(channels), 0);
  for (int y = 0; y < height; ++y) {
    const bool above = y > 0, below = y + 1 < height;
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        float sum = at(y, x, c);
        if (above && below) {
          sum = at(y - 1, x, c) + sum + at(y + 1, x, c);
        } else if (above || below) {
          sum = sum + at(above ? y - 1 : y + 1, x, c);
        }
        column[static_cast<std::size_t>((x + 1) * channels + c)] = sum;
      }
    }
    for (int i = 0; i < width * channels; ++i) {
      const auto k = static_cast<std::size_t>(i), step = static_cast<std::size_t>(channels);
      out.push_back((column[k] + column[k + step] + column[k + 2 * step]) / 9.0F);
    }
  }
  return out;
}

}  // namespace

void NeuronArray::fire(const Map& input, State& state, traces::PackedBits& bits) const {
  const auto set = [&](std::size_t i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); };
  if (gain.empty()) {
    for (std::size_t i = 0; i < input.size(); ++i) {
      if (input[i] > threshold[i]) set(i);
    }
    return;
  }
  const bool has_current = !current_gain.empty();
  state.membrane.resize(input.size(), 0.0F);
  if (has_current) state.current.resize(input.size(), 0.0F);
  for (std::size_t i = 0; i < input.size(); ++i) {
    float drive = input[i];
    if (has_current) {
      float change = drive * current_gain[i];
      change = change - state.current[i];
      change = change * current_rate[i];
      drive = state.current[i] += change;
    }
    float change = drive * gain[i];
    if (leaky) {
      change = change + leak[i];
      change = change - state.membrane[i];
      change = change * rate[i];
    }
    const float v = state.membrane[i] + change;
    const bool fired = at_threshold ? v >= threshold[i] : v > threshold[i];
    state.membrane[i] = v;
    if (!fired) continue;
    state.membrane[i] = soft_reset ? v - threshold[i] : reset[i];
    set(i);
  }
}

std::vector<GraphNode> make_graph(const traces::Network& network, const Plan& plan,
                                  const std::string& network_path) {
  const auto shapes = traces::infer_shapes(network, network_path);
  std::map<std::string, int> signals;
  for (std::size_t s = 0; s < plan.signals.size(); ++s) signals[plan.signals[s].name] = static_cast<int>(s);
  const auto node_at = [&](int i) -> const traces::Node& {
    return network.nodes[static_cast<std::size_t>(i)];
  };
  const auto resolve = [&](int i) {
    while (node_at(i).as<traces::FlattenParams>() != nullptr) i = network.inputs_of(i).at(0);
    return i;
  };
  std::vector<GraphNode> graph;
  std::vector<std::size_t> place(network.nodes.size());
  for (const int i : traces::topological_order(network)) {
    const auto& node = node_at(i);
    if (node.as<traces::FlattenParams>() != nullptr) continue;
    GraphNode g;
    g.node = i;
    const auto* output = node.as<traces::OutputParams>();
    // Results come as they were made: a Flatten before the Output only renames positions.
    const auto& shape =
        shapes[static_cast<std::size_t>(output != nullptr ? resolve(network.inputs_of(i).at(0)) : i)];
    g.channels = static_cast<int>(shape.at(0));
    if (shape.size() == 3) {
      g.height = static_cast<int>(shape[1]);
      g.width = static_cast<int>(shape[2]);
    }
    if (const auto found = signals.find(node.name); found != signals.end()) g.signal = found->second;
    g.neurons = neurons_of(node, g, network.dt_s);
    place[static_cast<std::size_t>(i)] = graph.size();
    graph.push_back(std::move(g));
  }
  for (const auto& edge : network.edges) {
    if (node_at(edge.to).as<traces::FlattenParams>() != nullptr) continue;
    const int from = resolve(edge.from);
    auto& source = graph[place[static_cast<std::size_t>(from)]];
    auto& target = graph[place[static_cast<std::size_t>(edge.to)]];
    (edge.backward ? target.backward : target.forward).push_back(from);
    if (edge.backward) source.keeps_previous = true;
  }
  // Against the order, as a pooling of bits needs values only when somebody takes its values.
  for (auto g = graph.rbegin(); g != graph.rend(); ++g) {
    const auto& node = node_at(g->node);
    const bool bits =
        takes_bits(node) || (node.as<traces::Pool2dParams>() != nullptr && g->signal >= 0 && !g->needs_value);
    for (const auto* sources : {&g->forward, &g->backward}) {
      for (const int source : *sources) {
        auto& from = graph[place[static_cast<std::size_t>(source)]];
        from.needs_value = from.needs_value || !bits || from.signal < 0;
      }
    }
  }
  return graph;
}

Map pool_values(const traces::Pool2dParams& pool, const Map& input, const GraphNode& from,
                const GraphNode& to) {
  const std::array<std::int64_t, 2> three{3, 3}, unit{1, 1};
  if (pool.average && pool.kernel == three && pool.stride == unit && pool.padding == unit)
    return pool3x3(input, from);
  // A sum is no mean times the area: 15 / 25 * 25 is not 15 in floats.
  const float divisor = pool.average ? static_cast<float>(pool.kernel[0] * pool.kernel[1]) : 1.0F;
  Map values;
  values.reserve(to.size());
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      for (int c = 0; c < to.channels; ++c) {
        float sum = 0;
        for (std::int64_t ky = 0; ky < pool.kernel[0]; ++ky) {
          for (std::int64_t kx = 0; kx < pool.kernel[1]; ++kx) {
            const std::int64_t iy = y * pool.stride[0] - pool.padding[0] + ky;
            const std::int64_t ix = x * pool.stride[1] - pool.padding[1] + kx;
            if (iy < 0 || ix < 0 || iy >= from.height || ix >= from.width) continue;
            sum += input[static_cast<std::size_t>((iy * from.width + ix) * from.channels + c)];
          }
        }
        values.push_back(sum / divisor);
      }
    }
  }
  return values;
}

Map values_of_bits(const traces::PackedBits& bits, std::size_t size) {
  Map values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(bits[i / 64] >> (i % 64) & 1U);
  return values;
}

}  // namespace spikeloop::sim
