#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>

#include "helpers.h"
#include "models/batches.h"
#include "models/data/shapes.h"
#include "models/export.h"
#include "models/from_network.h"
#include "models/graph_runner.h"
#include "models/networks.h"
#include "models/quantise.h"
#include "worn_net.h"

namespace spikeloop::models {
namespace {

/// Draws architectures of whatever can be exported: neurons of every kind, BatchNorm behind convolutions and
/// before neurons, pooling of spikes and of values, sums, equal neurons, dropout, backward edges.
class RandomArchitecture {
 public:
  explicit RandomArchitecture(std::uint64_t seed) : random_(seed) {}

  Architecture draw() {
    a_.kind = "random";
    a_.timesteps = 2 + below(3);
    const auto code = static_cast<layer::InputCode>(below(3));
    values_.push_back(add(layer::Input{{3, 8, 8}, code}));
    for (int i = 0; i < 7; ++i) values_.push_back(below(2) == 0 ? spiking() : value());
    for (int i = below(3); i > 0; --i)
      a_.edges.push_back({any(), sums_.empty() ? any_neuron() : sum(), true});
    const int last = then(values_.back(), neuron(false));
    const int flatten = then(last, layer::Flatten{});
    layer::Linear linear;
    linear.out = 6;
    linear.init.value = 0.3;
    const int fc = then(then(flatten, layer::Dropout{0.3}), linear);
    then(then(fc, layer::Vote{2}), layer::Output{});
    return a_;
  }

 private:
  int below(int n) { return static_cast<int>(random_.below(static_cast<std::uint64_t>(n))); }
  int add(layer::Params params) {
    a_.layers.push_back({"l" + std::to_string(a_.layers.size()), std::move(params), ""});
    return static_cast<int>(a_.layers.size()) - 1;
  }
  int then(int from, layer::Params params) {
    const int layer = add(std::move(params));
    a_.edges.push_back({from, layer, false});
    return layer;
  }
  int any() { return values_.at(static_cast<std::size_t>(1 + below(static_cast<int>(values_.size()) - 1))); }
  int any_neuron() { return neurons_.at(static_cast<std::size_t>(below(static_cast<int>(neurons_.size())))); }
  int sum() { return sums_.at(static_cast<std::size_t>(below(static_cast<int>(sums_.size())))); }
  int source() { return values_.at(static_cast<std::size_t>(below(static_cast<int>(values_.size())))); }

  layer::Neuron neuron(bool leaky) {
    NeuronSpec spec;
    spec.kind = static_cast<NeuronKind>(below(3));
    if (leaky && spec.kind == NeuronKind::kIf) spec.kind = NeuronKind::kLif;
    spec.reset = static_cast<ResetKind>(below(2));
    spec.decay_input = below(2) == 0;
    spec.tau = 1.5 + random_.unit();
    spec.threshold = 0.4;
    spec.v_reset = below(3) == 0 ? -0.1 : 0;
    return {spec};
  }
  layer::Conv convolution() {
    layer::Conv conv;
    conv.out_channels = 3;
    conv.kernel = 1 + 2 * below(2);
    conv.padding = conv.kernel / 2;
    conv.groups = below(3) == 0 ? 3 : 1;
    conv.bias = below(2) == 0;
    return conv;
  }
  /// Neurons, perhaps behind a BatchNorm, twice the same, or pooled.
  int spiking() {
    const bool normalised = below(2) == 0;
    const layer::Neuron params = neuron(normalised);
    const int from = source();
    const int before = normalised ? then(from, layer::BatchNorm{}) : from;
    const int spikes = then(before, params);
    neurons_.push_back(spikes);
    if (below(3) == 0) {
      const int same = then(before, params);
      return both(spikes, then(same, convolution()));
    }
    if (below(3) == 0) return then(spikes, layer::Pool{layer::Pool::Kind::kMax, 3, 1, 1});
    return spikes;
  }
  int value() {
    switch (below(4)) {
      case 0:
        return then(source(), layer::Pool{static_cast<layer::Pool::Kind>(below(2)), 3, 1, 1});
      case 1:
        return then(then(source(), convolution()), layer::BatchNorm{});
      case 2:
        return then(source(), convolution());
      default:
        return both(source(), source());
    }
  }
  int both(int a, int b) {
    sums_.push_back(then(a, layer::Sum{}));
    a_.edges.push_back({b, sums_.back(), false});
    return sums_.back();
  }

  RandomStream random_;
  Architecture a_;
  std::vector<int> values_, sums_, neurons_;
};

at::Tensor input_of(const Architecture& architecture, std::int64_t batch, std::uint64_t seed) {
  const auto code = architecture.layers[0].as<layer::Input>()->code;
  if (code == layer::InputCode::kDirect) return random_tensor({batch, 3, 8, 8}, seed, -1, 2);
  const at::Tensor frames = random_tensor({architecture.timesteps, batch, 3, 8, 8}, seed, 0, 2);
  return code == layer::InputCode::kEvents ? frames.floor() : frames.ge(1).to(at::kFloat);
}

/// Random architectures whose graph is one (a backward edge may not skip the checks).
std::vector<Architecture> architectures() {
  std::vector<Architecture> all;
  for (std::uint64_t seed = 0; all.size() < 60; ++seed) {
    if (seed >= 600) ADD_FAILURE() << "few architectures can be exported";
    if (seed >= 600) break;
    Architecture architecture = RandomArchitecture(seed).draw();
    if (error_of([&] { check(architecture); }).empty()) all.push_back(architecture);
  }
  return all;
}

TEST(ExportGraph, RandomArchitecturesComputeTheSame) {
  const at::NoGradGuard no_grad;
  std::int64_t total = 0, moved = 0, samples = 0, apart = 0;
  std::uint64_t seed = 0;
  int refused = 0;
  for (const Architecture& architecture : architectures()) {
    GraphNet net(architecture, ++seed);
    wear(net);
    net->eval();
    traces::Network network;
    const std::string refusal = error_of([&] { network = export_network(net, "shapes"); });
    if (!refusal.empty()) {  // a BatchNorm before a neuron that a backward edge enters too
      EXPECT_TRUE(contains(refusal, "normalisation"));
      ++refused;
      continue;
    }
    const at::Tensor x = input_of(architecture, 4, seed);
    std::map<std::string, std::vector<at::Tensor>> expected;
    net->observer = [&](const std::string& layer, int, const at::Tensor& s, const at::Tensor&) {
      expected[layer].push_back(s);
    };
    const at::Tensor output = net->forward(x);
    std::map<std::string, at::Tensor> spikes;
    const at::Tensor replayed = GraphRunner(network, "network").run(x, &spikes);
    for (const auto& [layer, steps] : expected) {
      if (spikes.count(layer) == 0) continue;  // merged with its equal, or leading nowhere
      const at::Tensor wanted = at::stack(steps);
      total += wanted.sum().item<std::int64_t>();
      moved += wanted.ne(spikes.at(layer)).sum().item<std::int64_t>();
    }
    samples += 4;
    apart += (output - replayed).abs().amax(1).gt(1e-4).sum().item<std::int64_t>();
  }
  EXPECT_GT(total, 50000);
  // Folding changes the last bits of a float, and with them now and then a spike on the threshold.
  EXPECT_LE(moved, total / 2000);
  EXPECT_LE(apart, samples / 20);
  EXPECT_LE(refused, 20);
}

TEST(ExportGraph, WhatIsReadBackCanBeTrainedAndComputesTheSame) {
  const at::NoGradGuard no_grad;
  std::uint64_t seed = 0;
  int tried = 0;
  std::int64_t samples = 0, apart = 0;
  for (const Architecture& architecture : architectures()) {
    GraphNet net(architecture, ++seed);
    wear(net);
    traces::Network network;
    if (!error_of([&] { network = export_network(net, "shapes"); }).empty()) continue;
    bool thresholds = false;
    for (const auto& node : network.nodes)
      thresholds = thresholds || node.as<traces::ThresholdParams>() != nullptr;
    if (thresholds) {
      EXPECT_TRUE(contains(error_of([&] { trainable(network, "x.nir"); }), "Threshold"));
      continue;
    }
    ++tried;
    GraphNet again = trainable(network, "x.nir");
    EXPECT_EQ(again->architecture().kind, "imported");
    const std::string json = to_json(again->architecture());  // with Affine layers, as checkpoints hold it
    EXPECT_EQ(to_json(architecture_from_json(json, "x.pt")), json);
    const at::Tensor x = input_of(architecture, 4, seed);
    const at::Tensor expected = GraphRunner(network, "network").run(x);
    const at::Tensor exported = GraphRunner(export_network(again, "shapes"), "network").run(x);
    samples += 4;
    apart += (again->forward(x) - expected).abs().amax(1).gt(1e-4).sum().item<std::int64_t>();
    apart += (exported - expected).abs().amax(1).gt(1e-4).sum().item<std::int64_t>();
  }
  EXPECT_GT(tried, 10);
  EXPECT_LE(apart, samples / 20);
}

TEST(ExportGraph, Vgg9WithAndWithoutNormalisation) {
  const at::NoGradGuard no_grad;
  for (const bool batch_norm : {false, true}) {
    Vgg9Spec spec;
    spec.width = 0.0625;
    spec.hidden = 16;
    spec.timesteps = 3;
    spec.batch_norm = batch_norm;
    spec.votes = 2;
    GraphNet net(vgg9(spec), 1);
    wear(net);
    net->eval();
    const traces::Network network = export_network(net, "cifar10");
    const at::Tensor x = random_tensor({4, 3, 32, 32}, 5, -2, 2);
    std::map<std::string, at::Tensor> spikes;
    const at::Tensor replayed = GraphRunner(network, "network").run(x, &spikes);
    EXPECT_GE((net->forward(x) - replayed).abs().amax(1).lt(1e-3).sum().item<int>(), 3);
    EXPECT_EQ(spikes.size(), 8U);
    EXPECT_GT(spikes.at("conv1.lif").sum().item<std::int64_t>(), 100);
    for (const auto& node : network.nodes) {
      const auto* lif = node.as<traces::LifParams>();
      if (lif == nullptr) continue;
      EXPECT_TRUE(lif->soft_reset);
      EXPECT_FLOAT_EQ(lif->tau.data[0], 2e-4F);
    }
  }
}

TEST(ExportGraph, WhatCannotBeExportedIsKnownBeforeTraining) {
  std::uint64_t seed = 0;
  for (const Architecture& architecture : architectures()) {
    GraphNet net(architecture, ++seed);
    wear(net);
    const std::string error = error_of([&] { export_network(net, "shapes"); });
    EXPECT_EQ(error_of([&] { check_exportable(architecture); }), error);
  }
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  spec.neuron.kind = NeuronKind::kIf;
  EXPECT_TRUE(contains(error_of([&] { check_exportable(snasnet(spec)); }), "reduce.bn"));
  spec.neuron.kind = NeuronKind::kPlif;
  EXPECT_EQ(error_of([&] { check_exportable(snasnet(spec)); }), "");
  Vgg9Spec vgg;  // its normalisations become part of convolutions
  vgg.batch_norm = true;
  vgg.neuron.kind = NeuronKind::kIf;
  EXPECT_EQ(error_of([&] { check_exportable(vgg9(vgg)); }), "");
}

TEST(ExportGraph, RateCodedNetworksGetTheSameSpikes) {
  const at::NoGradGuard no_grad;
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  spec.input = SnasnetSpec::Input::kRate;
  GraphNet net(snasnet(spec), 1);
  wear(net);
  net->eval();
  Dataset dataset = make_shapes(0, 20, 1);
  traces::Network network = export_network(net, dataset.name);
  EXPECT_EQ(network.input_code, "rate");
  EXPECT_TRUE(trainable(network, "x.nir")->architecture().layers[0].as<layer::Input>()->code ==
              layer::InputCode::kRate);
  GraphRunner runner(network, "network");
  const at::Tensor pixels = read_batch(dataset, *dataset.test, 0, 20).input;
  EXPECT_TRUE(contains(error_of([&] { runner.run(pixels); }), "still images"));
  fit_input(dataset, network.input_code, network.timesteps, "network");
  const at::Tensor spikes = read_batch(dataset, *dataset.test, 0, 20).input;
  EXPECT_GE((net->forward(spikes) - runner.run(spikes)).abs().amax(1).lt(1e-4).sum().item<int>(), 19);
  quantise(network, dataset);
  EXPECT_EQ(network.input_bits, 2);
  EXPECT_EQ(network.input_scale, 1.0F);
  const traces::SpikeTrace trace = record_trace(network, dataset, *dataset.test, {7, 3});
  EXPECT_EQ(trace.input.frames, network.timesteps);
  EXPECT_EQ(trace.input.data, record_trace(network, dataset, *dataset.test, {7, 3}).input.data);
  const std::size_t sample = trace.input.data.size() / 2;
  const auto alone = record_trace(network, dataset, *dataset.test, {3}).input.data;
  EXPECT_TRUE(
      std::equal(alone.begin(), alone.end(), trace.input.data.begin() + static_cast<std::ptrdiff_t>(sample)));
}

TEST(ExportGraph, MaxPoolOfRealValuesIsRefused) {
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  spec.max_pool = true;
  GraphNet net(snasnet(spec), 1);
  EXPECT_TRUE(contains(error_of([&] { export_network(net, "shapes"); }), "reduce.pool"));
}

TEST(ExportGraph, ANormalisationThatFoldsNowhereIsRefused) {
  Architecture a;
  a.timesteps = 2;
  layer::Pool pool;
  a.layers = {{"input", layer::Input{{3, 8, 8}}, ""}, {"pool", pool, ""},
              {"bn", layer::BatchNorm{}, ""},         {"pool2", pool, ""},
              {"flatten", layer::Flatten{}, ""},      {"output", layer::Output{}, ""}};
  a.edges = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}};
  GraphNet net(a, 1);
  wear(net);
  EXPECT_TRUE(contains(error_of([&] { export_network(net, "shapes"); }), "layer bn"));
}

TEST(FromNetwork, WhatCannotBeTrainedIsNamed) {
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  const traces::Network good = export_network(net, "shapes");
  const auto error = [&](auto change) {
    traces::Network network = good;
    change(network);
    return error_of([&] { trainable(network, "x.nir"); });
  };
  const auto node = [](traces::Network& network, const char* name) -> traces::Node& {
    return network.nodes[static_cast<std::size_t>(network.find(name))];
  };
  EXPECT_EQ(error([](traces::Network&) {}), "");
  EXPECT_TRUE(contains(error([&](traces::Network& n) { n.timesteps = 0; }), "timesteps"));
  EXPECT_TRUE(contains(error([&](traces::Network& n) {
                         node(n, "reduce.pool").as<traces::Pool2dParams>()->kernel = {2, 1};
                         node(n, "reduce.pool").as<traces::Pool2dParams>()->stride = {2, 2};
                       }),
                       "node reduce.pool"));
  EXPECT_TRUE(contains(error([&](traces::Network& n) {
                         auto& tau = node(n, "reduce.lif").as<traces::LifParams>()->tau;
                         tau = {{4, 1, 1}, {2e-4F, 2e-4F, 3e-4F, 2e-4F}};
                       }),
                       "tau"));
  // NIR's rule: above the threshold only.
  traces::Network strict = good;
  node(strict, "last.lif").as<traces::LifParams>()->spike_at_threshold = false;
  const Architecture architecture = architecture_of(strict, "x.nir");
  for (const Layer& layer : architecture.layers) {
    if (layer.name != "last.lif") continue;
    EXPECT_EQ(static_cast<float>(layer.as<layer::Neuron>()->spec.threshold),
              std::nextafter(1.0F, std::numeric_limits<float>::infinity()));
  }
}

}  // namespace
}  // namespace spikeloop::models
