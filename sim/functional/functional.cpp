#include "sim/functional/functional.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "sim/bits.h"
#include "sim/functional/crossbar_layer.h"
#include "sim/functional/graph.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::sim {
namespace {

using traces::PackedBits;

/// What a layer's integer sums are multiplied with and shifted by, one after the other.
struct Rescale {
  Map scale, bias;  ///< per output; bias empty: none
  float unit = 1;   ///< of its input's integers
  bool has_unit = false;
};

Map per_output(const std::vector<float>& values, std::int64_t outputs) {
  if (values.size() != 1) return values;
  return Map(static_cast<std::size_t>(outputs), values[0]);
}

Rescale rescale_of(const traces::Network& network, const traces::Node& node, const Signal& signal,
                   const std::string& network_path) {
  const auto* conv = node.as<traces::Conv2dParams>();
  const auto* linear = node.as<traces::LinearParams>();
  const auto& weight = conv != nullptr ? conv->weight : linear->weight;
  Rescale r;
  r.scale = per_output((conv != nullptr ? conv->quantised : linear->quantised)->scale, weight.shape[0]);
  r.bias = conv != nullptr ? conv->bias.data : linear->bias.data;
  if (signal.kind == Signal::Kind::kInput) {
    if (network.input_bits == 0) {
      throw InputError(network_path, "node " + node.name, "an input that is not quantised",
                       "input_bits and input_scale in the network: crossbars compute with integers");
    }
    r.unit = network.input_scale;
    r.has_unit = true;
  } else if (signal.kind == Signal::Kind::kCounts) {
    const auto& pool = network.nodes[static_cast<std::size_t>(network.find(signal.name))];
    r.has_unit = pool.as<traces::Pool2dParams>()->average;
    if (r.has_unit) {
      r.unit = static_cast<float>(1.0 / static_cast<double>(signal.pool_kernel[0] * signal.pool_kernel[1]));
    }
  }
  return r;
}

/// Throws when the layer has none.
WeightMatrix integer_weights(const traces::Node& node, const Signal& signal,
                             const std::string& network_path) {
  const auto* conv = node.as<traces::Conv2dParams>();
  const auto& quantised = conv != nullptr ? conv->quantised : node.as<traces::LinearParams>()->quantised;
  if (!quantised) {
    throw InputError(network_path, "node " + node.name, "float weights",
                     "integer weights (a quantised network): crossbars compute with integers");
  }
  return weight_matrix(node, signal, quantised->bits);
}

int highest(const std::vector<float>& values) {
  return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

struct FunctionalChip::State {
  const traces::Network network;
  const Plan& plan;
  FunctionalOptions options;
  std::vector<GraphNode> graph;
  std::map<int, CrossbarLayer> layers;  ///< by network node
  std::map<int, Rescale> rescales;
  FunctionalReport report;

  // Of the sample in work, per network node.
  std::vector<Map> value, previous;
  std::vector<NeuronArray::State> neuron_state;
  std::vector<double> sums;

  State(const traces::Network& n, const Plan& p, const FunctionalOptions& o)
      : network(n), plan(p), options(o) {}

  const traces::Node& node_of(const GraphNode& g) const {
    return network.nodes[static_cast<std::size_t>(g.node)];
  }
  const Signal& signal(int s) const { return plan.signals[static_cast<std::size_t>(s)]; }

  /// Of what comes into a node; zeros where only backward edges do and it is the first timestep.
  Map input_of(const GraphNode& g) const {
    Map sum;
    const auto add = [&](const Map& term) {
      if (sum.empty()) {
        sum = term;
        return;
      }
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += term[i];
    };
    for (const int from : g.forward) add(value[static_cast<std::size_t>(from)]);
    for (const int from : g.backward) {
      const auto& term = previous[static_cast<std::size_t>(from)];
      if (!term.empty()) add(term);
    }
    if (sum.empty()) sum.assign(g.size(), 0.0F);
    return sum;
  }

  void compute_layer(const GraphNode& g, const Stimulus& stimulus, int timestep) {
    auto& layer = layers.at(g.node);
    if (layer.is_static() && timestep > 0) return;
    layer.run(stimulus.at(plan, layer.signal(), timestep), timestep, sums);
    const auto& r = rescales.at(g.node);
    Map& out = value[static_cast<std::size_t>(g.node)];
    out.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t o = i % r.scale.size();
      float y = static_cast<float>(sums[i]) * r.scale[o];
      if (r.has_unit) y = y * r.unit;
      if (!r.bias.empty()) y = y + r.bias[o];
      out[i] = y;
    }
  }

  void compute(const GraphNode& g, Stimulus& stimulus, int timestep) {
    const auto& node = node_of(g);
    const auto index = static_cast<std::size_t>(g.node);
    if (node.as<traces::InputParams>() != nullptr) {
      if (!g.needs_value) return;
      const auto& planes = stimulus.at(plan, g.signal, timestep);
      Map& map = value[index];
      map.assign(g.size(), 0.0F);
      for (std::size_t b = 0; b < planes.size(); ++b) {
        const Map bits = values_of_bits(planes[b], g.size());
        const float factor = (b + 1 == planes.size() ? -1.0F : 1.0F) * static_cast<float>(1 << b);
        for (std::size_t i = 0; i < map.size(); ++i) map[i] += factor * bits[i];
      }
      for (float& v : map) v = v * network.input_scale;
    } else if (layers.count(g.node) > 0) {
      compute_layer(g, stimulus, timestep);
    } else if (node.spiking()) {
      PackedBits bits((g.size() + 63) / 64);
      g.neurons.fire(input_of(g), neuron_state[index], bits);
      if (g.needs_value) value[index] = values_of_bits(bits, g.size());
      stimulus.planes[static_cast<std::size_t>(g.signal)].push_back({std::move(bits)});
    } else if (const auto* pool = node.as<traces::Pool2dParams>()) {
      if (g.signal >= 0) {
        const int source = signal(g.signal).source;
        const auto& spikes = stimulus.at(plan, source, timestep);
        stimulus.planes[static_cast<std::size_t>(g.signal)].push_back(
            pool_counts(signal(g.signal), signal(source), spikes.at(0)));
      }
      if (g.needs_value) {
        const auto from = std::find_if(graph.begin(), graph.end(),
                                       [&](const GraphNode& n) { return n.node == g.forward.at(0); });
        value[index] = pool_values(*pool, value[static_cast<std::size_t>(from->node)], *from, g);
      }
    } else {  // Scale by 1, Output
      value[index] = input_of(g);
    }
  }

  /// The last timestep's values become those of the one before.
  void keep_previous() {
    for (const auto& g : graph) {
      const auto index = static_cast<std::size_t>(g.node);
      if (g.keeps_previous) previous[index] = value[index];
    }
  }

  void compare(const Stimulus& found, const Stimulus& expected) {
    std::size_t n = 0;
    for (std::size_t s = 0; s < plan.signals.size(); ++s) {
      if (plan.signals[s].kind != Signal::Kind::kSpikes) continue;
      auto& neurons = report.neurons[n++];
      for (int t = 0; t < plan.timesteps; ++t) {
        const auto& a = found.at(plan, static_cast<int>(s), t)[0];
        const auto& b = expected.at(plan, static_cast<int>(s), t)[0];
        for (std::size_t w = 0; w < a.size(); ++w) {
          neurons.spikes += popcount64(a[w]);
          neurons.trace_spikes += popcount64(b[w]);
          neurons.flips += popcount64(a[w] ^ b[w]);
        }
        const auto& signal = plan.signals[s];
        neurons.neurons += std::int64_t{1} * signal.height * signal.width * signal.channels;
      }
    }
  }
};

FunctionalChip::FunctionalChip(const traces::Network& network, const Plan& plan, const ChipConfig& chip,
                               const FunctionalOptions& options, const std::string& network_path)
    : state_(std::make_unique<State>(network, plan, options)) {
  traces::validate(network, network_path);
  auto& s = *state_;
  s.graph = make_graph(network, plan, network_path);
  std::map<std::string, std::vector<int>> stages;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const auto& stage = plan.stages[i];
    if (stage.kind != StageKind::kMvm) continue;
    stages[plan.layers[static_cast<std::size_t>(stage.layer)].name].push_back(static_cast<int>(i));
  }
  for (const auto& g : s.graph) {
    const auto& node = s.node_of(g);
    const auto own = stages.find(node.name);
    if (own == stages.end()) continue;
    const auto& signal = s.signal(plan.stages[static_cast<std::size_t>(own->second.at(0))].signal);
    CrossbarLayer::Options how;
    how.seed = derive_seed(options.seed, static_cast<std::uint64_t>(g.node));
    how.exact_adc = options.ideal_adc_bits;
    // To see the largest column sums, the columns must be computed.
    how.column_by_column = options.column_by_column || options.ideal_adc_bits;
    s.layers.emplace(
        std::piecewise_construct, std::forward_as_tuple(g.node),
        std::forward_as_tuple(plan, chip, own->second, integer_weights(node, signal, network_path), how));
    s.rescales[g.node] = rescale_of(network, node, signal, network_path);
  }
  s.report.network_sha256 = traces::network_hash(network);
  s.report.chip_name = chip.name;
  s.report.chip_sha256 = chip.sha256;
  s.report.timesteps = plan.timesteps;
  s.report.seed = options.seed;
  s.report.ideal_adc = options.ideal_adc_bits;
  for (const auto& signal : plan.signals) {
    if (signal.kind == Signal::Kind::kSpikes) s.report.neurons.push_back({signal.name, 0, 0, 0, 0});
  }
}

FunctionalChip::~FunctionalChip() = default;

FunctionalChip::Result FunctionalChip::run(const traces::TraceReader& trace, std::int64_t position) {
  auto& s = *state_;
  const Stimulus recorded = read_stimulus(s.plan, trace, position);
  const auto& info = trace.samples().at(static_cast<std::size_t>(position));
  Result result;
  result.stimulus.planes.resize(s.plan.signals.size());
  for (std::size_t i = 0; i < s.plan.signals.size(); ++i) {
    if (s.plan.signals[i].kind == Signal::Kind::kInput) result.stimulus.planes[i] = recorded.planes[i];
  }
  const auto nodes = s.network.nodes.size();
  s.value.assign(nodes, {});
  s.previous.assign(nodes, {});
  s.neuron_state.assign(nodes, {});
  for (auto& [node, layer] : s.layers) layer.start_sample(info.index);
  Map sum;
  const GraphNode* output = nullptr;
  for (int t = 0; t < s.plan.timesteps; ++t) {
    for (const auto& g : s.graph) {
      s.compute(g, result.stimulus, t);
      if (s.node_of(g).as<traces::OutputParams>() == nullptr) continue;
      output = &g;
      const Map& out = s.value[static_cast<std::size_t>(g.node)];
      if (sum.empty()) sum.assign(out.size(), 0.0F);
      for (std::size_t i = 0; i < out.size(); ++i) sum[i] += out[i];
    }
    s.keep_previous();
  }
  result.output.resize(sum.size());
  if (output != nullptr) {
    const auto channels = static_cast<std::size_t>(output->channels);
    const std::size_t pixels = sum.size() / channels;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      result.output[i % channels * pixels + i / channels] = sum[i] / static_cast<float>(s.plan.timesteps);
    }
    result.prediction = highest(result.output);
  }
  s.compare(result.stimulus, recorded);
  s.report.samples.push_back({info.index, info.label, info.prediction, result.prediction});
  return result;
}

FunctionalReport FunctionalChip::report() const {
  FunctionalReport report = state_->report;
  for (const auto& g : state_->graph) {
    const auto found = state_->layers.find(g.node);
    if (found == state_->layers.end()) continue;
    const CrossbarLayer& layer = found->second;
    const auto& counts = layer.counts();
    FunctionalReport::Layer out;
    out.name = state_->node_of(g).name;
    out.ideal_adc_bits = layer.ideal_adc_bits();
    if (counts.largest >= 0) out.seen_adc_bits = exact_adc_range(counts.largest).bits;
    out.adc_bits = layer.adc().bits;
    out.adc_lsb_levels = layer.adc().lsb;
    out.conversions = counts.conversions;
    out.clipped = counts.clipped;
    if (counts.conversions > 0)
      out.rms_error_lsb = std::sqrt(counts.squared_error / static_cast<double>(counts.conversions));
    report.layers.push_back(out);
  }
  return report;
}

FunctionalReport run_functional(const traces::Network& network, const traces::TraceReader& trace,
                                const ChipConfig& chip, const FunctionalOptions& options,
                                std::vector<std::int64_t> positions, const std::string& network_path,
                                bool quiet) {
  check_trace(network, trace, network_path);
  positions = chosen_samples(trace, std::move(positions));
  const auto frames = trace.input(positions.front()).frames;
  const Plan plan = make_plan(network, chip, trace.header().timesteps,
                              frames == 0 ? 1 : static_cast<int>(frames), network_path);
  FunctionalChip functional(network, plan, chip, options, network_path);
  Progress progress("functional", static_cast<std::int64_t>(positions.size()), "samples", quiet);
  for (const auto position : positions) {
    functional.run(trace, position);
    progress.advance();
  }
  progress.finish();
  return functional.report();
}

}  // namespace spikeloop::sim
