#include "sim/waves/trace_waves.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "sim/bits.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr std::int64_t kUnitPs = 1000;
constexpr std::int64_t kMostNeurons = 20'000;
constexpr std::int64_t kMostValues = 50'000'000;  ///< neurons x timesteps

std::string neuron_name(const traces::NodeSpikesInfo& info, std::int64_t bit) {
  const std::string channel = "c" + std::to_string(bit % info.channels);
  if (info.height == 1 && info.width == 1) return channel;
  const std::int64_t pixel = bit / info.channels;
  return "y" + std::to_string(pixel / info.width) + "_x" + std::to_string(pixel % info.width) + "_" + channel;
}

struct Node {
  std::string name;
  std::vector<std::int64_t> neurons;
  int spikes = 0, first = 0;  ///< signals
};

std::vector<Node> chosen_nodes(const traces::TraceReader& trace, const TraceWaveSelection& selection) {
  std::vector<Node> nodes;
  for (const auto& [name, info] : trace.nodes()) {
    const std::string& n = name;
    if (!selection.nodes.empty() &&
        std::none_of(selection.nodes.begin(), selection.nodes.end(),
                     [&](const std::string& p) { return ::fnmatch(p.c_str(), n.c_str(), 0) == 0; })) {
      continue;
    }
    Node node{name, {}};
    for (auto i : selection.neurons) {
      if (i < info.bits()) node.neurons.push_back(i);  // nodes differ in size
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

/// All neurons of the smallest nodes, `room` in all; the names of the others.
std::vector<std::string> fill_smallest(std::vector<Node>& nodes, const traces::TraceReader& trace,
                                       std::int64_t room) {
  const auto size = [&](const Node* node) { return trace.nodes().at(node->name).bits(); };
  std::vector<Node*> order;
  for (auto& node : nodes) order.push_back(&node);
  std::stable_sort(order.begin(), order.end(), [&](auto* a, auto* b) { return size(a) < size(b); });
  std::vector<std::string> left_out;
  for (auto* node : order) {
    if (size(node) > room) {
      left_out.push_back(node->name);
      continue;
    }
    room -= size(node);
    for (std::int64_t i = 0; i < size(node); ++i) node->neurons.push_back(i);
  }
  return left_out;
}

}  // namespace

TraceWaves trace_waves(const traces::TraceReader& trace, const TraceWaveSelection& selection) {
  auto samples = selection.samples;
  if (samples.empty()) samples.push_back(0);
  const auto num_samples = static_cast<std::int64_t>(trace.samples().size());
  for (auto s : samples) {
    if (s >= num_samples) {
      throw InputError("command line", "--samples", "no sample at position " + std::to_string(s),
                       num_samples == 0 ? "a trace with samples" : "0 to " + std::to_string(num_samples - 1));
    }
  }
  const int timesteps = trace.header().timesteps;
  const auto times = static_cast<std::int64_t>(samples.size()) * timesteps;
  auto nodes = chosen_nodes(trace, selection);
  const auto counts = static_cast<std::int64_t>(nodes.size());
  TraceWaves result;
  if (selection.neurons.empty()) {
    const auto room = std::min(kMostNeurons, kMostValues / std::max<std::int64_t>(1, times) - counts);
    result.counts_only = fill_smallest(nodes, trace, room);
  }
  std::int64_t neurons = 0;
  for (const auto& node : nodes) neurons += static_cast<std::int64_t>(node.neurons.size());
  if (nodes.empty() || (neurons == 0 && !selection.neurons.empty())) {
    std::string names;
    for (const auto& entry : trace.nodes()) names += (names.empty() ? "" : ", ") + entry.first;
    throw InputError("command line", nodes.empty() ? "--nodes" : "--neurons", "no neuron of " + trace.path(),
                     "some of its nodes: " + names);
  }
  if (neurons > kMostNeurons || (neurons + counts) * times > kMostValues) {
    throw InputError("command line", neurons > kMostNeurons ? "--neurons" : "--samples",
                     std::to_string(neurons) + " neurons in " + std::to_string(times) + " timesteps",
                     "at most " + std::to_string(kMostNeurons) + " neurons and " +
                         std::to_string(kMostValues) +
                         " values: choose with --nodes PATTERN, --neurons LIST, --samples LIST");
  }

  auto& waves = result.waves;
  waves.unit_ps = kUnitPs;
  waves.end_ps = times * kUnitPs;
  waves.signals = {{"trace.sample", 32}, {"trace.timestep", 32}};
  waves.groups.push_back({"trace", {0, 1}});
  std::set<std::string> used;
  for (auto& node : nodes) {
    const auto& info = trace.nodes().at(node.name);
    std::string scope = "trace." + wave_name(node.name);
    while (!used.insert(scope).second) scope += "_";
    const auto add = [&](const std::string& name, int bits) {
      waves.signals.push_back({scope + "." + name, bits});
      waves.groups.back().signals.push_back(static_cast<int>(waves.signals.size()) - 1);
      return waves.groups.back().signals.back();
    };
    waves.groups.push_back({node.name, {}});
    node.spikes = add("spikes", 32);
    node.first = node.spikes + 1;
    for (auto i : node.neurons) add(neuron_name(info, i), 1);
  }

  std::vector<std::uint64_t> shown(waves.signals.size(), 0);
  std::int64_t time = 0;
  const auto show = [&](int signal, std::uint64_t value) {
    auto& before = shown[static_cast<std::size_t>(signal)];
    if (before == value) return;
    before = value;
    waves.changes.push_back({time, signal, value});
  };
  for (auto position : samples) {
    std::vector<std::vector<traces::PackedBits>> spikes;
    for (const auto& node : nodes) spikes.push_back(trace.spikes(node.name, position));
    for (int t = 0; t < timesteps; ++t, time += kUnitPs) {
      show(0, static_cast<std::uint64_t>(position));
      show(1, static_cast<std::uint64_t>(t));
      for (std::size_t n = 0; n < nodes.size(); ++n) {
        const auto& bits = spikes[n][static_cast<std::size_t>(t)];
        show(nodes[n].spikes,
             static_cast<std::uint64_t>(popcount_range(bits, 0, trace.nodes().at(nodes[n].name).bits())));
        for (std::size_t i = 0; i < nodes[n].neurons.size(); ++i) {
          const auto bit = static_cast<std::size_t>(nodes[n].neurons[i]);
          show(nodes[n].first + static_cast<int>(i), bits[bit / 64] >> (bit % 64) & 1);
        }
      }
    }
  }
  return result;
}

}  // namespace spikeloop::sim
