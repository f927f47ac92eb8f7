#include "models/graph_net.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <utility>

#include "helpers.h"
#include "models/networks.h"
#include "traces/support/random.h"
#include "worn_net.h"

namespace spikeloop::models {
namespace {

constexpr const char* kBackward = "0303/0030/2002/0200";

at::Tensor images(std::int64_t count, std::uint64_t seed = 3) {
  return random_tensor({count, 3, 32, 32}, seed, -2, 2);
}

/// An architecture of random layers on [3, 8, 8] maps, with sums, shared sources and random backward edges.
Architecture random_architecture(std::uint64_t seed) {
  RandomStream random(seed);
  const auto below = [&](int n) { return static_cast<int>(random.below(static_cast<std::uint64_t>(n))); };
  Architecture a;
  a.kind = "random";
  a.timesteps = 1 + below(4);
  const auto add = [&](layer::Params params) {
    a.layers.push_back({"l" + std::to_string(a.layers.size()), std::move(params), ""});
    return static_cast<int>(a.layers.size()) - 1;
  };
  add(layer::Input{{3, 8, 8}});
  for (int i = 0; i < 14; ++i) {
    layer::Params params;
    switch (below(6)) {
      case 0: {
        layer::Conv conv;
        conv.out_channels = 3;
        conv.kernel = 1 + 2 * below(2);
        conv.padding = conv.kernel / 2;
        conv.groups = below(2) == 0 ? 1 : 3;
        conv.bias = below(2) == 0;
        params = conv;
        break;
      }
      case 1:
        params = layer::BatchNorm{};
        break;
      case 2:
        params = layer::Pool{static_cast<layer::Pool::Kind>(below(3)), 3, 1, 1};
        break;
      case 3:
        params = layer::Sum{};
        break;
      default: {
        NeuronSpec spec;
        spec.kind = static_cast<NeuronKind>(below(3));
        spec.reset = static_cast<ResetKind>(below(2));
        spec.decay_input = below(2) == 0;
        spec.tau = 1.5 + random.unit();
        spec.threshold = 0.5;
        params = layer::Neuron{spec};
      }
    }
    const int layer = add(params);
    a.edges.push_back({layer - 1 - below(std::min(layer, 3)), layer, false});
    if (below(3) == 0) a.edges.push_back({below(layer), layer, false});
  }
  const int last = static_cast<int>(a.layers.size()) - 1;
  for (int i = below(4); i > 0; --i) a.edges.push_back({1 + below(last), 1 + below(last), true});
  const int flatten = add(layer::Flatten{});
  a.edges.push_back({last, flatten, false});
  const int linear = add(layer::Linear{6});
  a.edges.push_back({flatten, linear, false});
  const int vote = add(layer::Vote{2});
  a.edges.push_back({linear, vote, false});
  a.edges.push_back({vote, add(layer::Output{}), false});
  return a;
}

std::vector<std::string> parameter_names(const GraphNet& net) {
  std::vector<std::string> names;
  for (const auto& item : net->named_parameters()) names.push_back(item.key());
  return names;
}

TEST(GraphNet, NamesAreThoseOfTheReleasedModule) {
  const GraphNet net(snasnet(small_spec("0003/0000/0000/3000", 8)), 1);
  EXPECT_EQ(parameter_names(net), (std::vector<std::string>{"stem.0.weight",
                                                            "stem.1.weight",
                                                            "stem.1.bias",
                                                            "cell1.cell_architecture.3.1.weight",
                                                            "cell1.cell_architecture.3.2.weight",
                                                            "cell1.cell_architecture.3.2.bias",
                                                            "cell1.cell_architecture_back.2.1.weight",
                                                            "cell1.cell_architecture_back.2.2.weight",
                                                            "cell1.cell_architecture_back.2.2.bias",
                                                            "downconv1.0.weight",
                                                            "downconv1.0.bias",
                                                            "downconv1.2.weight",
                                                            "downconv1.3.weight",
                                                            "downconv1.3.bias",
                                                            "cell2.cell_architecture.3.1.weight",
                                                            "cell2.cell_architecture.3.2.weight",
                                                            "cell2.cell_architecture.3.2.bias",
                                                            "cell2.cell_architecture_back.2.1.weight",
                                                            "cell2.cell_architecture_back.2.2.weight",
                                                            "cell2.cell_architecture_back.2.2.bias",
                                                            "last_act.0.weight",
                                                            "last_act.0.bias",
                                                            "classifier.1.weight",
                                                            "classifier.3.weight",
                                                            "classifier.3.bias"}));
}

TEST(GraphNet, PlifHasOneWeightPerLayer) {
  SnasnetSpec spec = small_spec("0003/0000/0000/0000", 8);
  spec.neuron.kind = NeuronKind::kPlif;
  spec.neuron.tau = 2;
  GraphNet net(snasnet(spec), 1);
  int found = 0;
  for (const auto& item : net->named_parameters()) {
    const std::string& name = item.key();
    if (name.size() < 2 || name.substr(name.size() - 2) != ".w") continue;
    ++found;
    EXPECT_EQ(item.value().item<float>(), 0);  // sigmoid(0) = 1/2
  }
  EXPECT_EQ(found, 5);  // a neuron layer in each cell, reduce, last, hidden
  net->train();
  net->forward(images(2)).sum().backward();
  EXPECT_TRUE(net->named_parameters()["reduce.lif.w"].grad().defined());
}

TEST(GraphNet, WeightsDependOnTheSeedOnly) {
  const Architecture architecture = snasnet(small_spec(kBackward, 8));
  GraphNet a(architecture, 5), b(architecture, 5), c(architecture, 6);
  const auto pa = a->parameters(), pb = b->parameters(), pc = c->parameters();
  bool differs = false;
  for (std::size_t i = 0; i < pa.size(); ++i) {
    EXPECT_TRUE(at::equal(pa[i], pb[i]));
    differs = differs || !at::equal(pa[i], pc[i]);
  }
  EXPECT_TRUE(differs);
}

TEST(GraphNet, InitialWeightsHaveTheirDistributions) {
  SnasnetSpec spec = small_spec(kBackward, 256);
  spec.channels = 32;
  GraphNet net(snasnet(spec), 5);
  std::map<std::string, at::Tensor> weights;
  for (const auto& item : net->named_parameters()) weights[item.key()] = item.value().detach();
  const double bound = std::sqrt(6.0 / (5.0 * 32 * 9));
  const at::Tensor conv = weights.at("downconv1.2.weight");
  EXPECT_LE(conv.abs().max().item<double>(), bound * (1 + 1e-6));
  EXPECT_NEAR(conv.std().item<double>(), bound / std::sqrt(3.0), 0.02 * bound);
  EXPECT_NEAR(conv.mean().item<double>(), 0, 0.02 * bound);
  const at::Tensor linear = weights.at("classifier.1.weight");
  EXPECT_NEAR(linear.std().item<double>(), 0.01, 1e-4);
  EXPECT_NEAR(linear.mean().item<double>(), 0, 1e-4);
  EXPECT_GT(linear.abs().max().item<double>(), 0.035);
  Vgg9Spec vgg;
  vgg.width = 0.25;
  GraphNet xavier(vgg9(vgg), 1);
  const at::Tensor weight = xavier->named_parameters()["conv2.weight"].detach();
  const double xavier_bound = 5 * std::sqrt(6.0 / (16 * 9 + 16 * 9));
  EXPECT_LE(weight.abs().max().item<double>(), xavier_bound * (1 + 1e-6));
  EXPECT_GT(weight.abs().max().item<double>(), 0.98 * xavier_bound);
}

TEST(GraphNet, TheGlobalGeneratorIsNotTouched) {
  at::manual_seed(11);
  const at::Tensor expected = at::rand({3});
  at::manual_seed(11);
  GraphNet net(snasnet(small_spec(kBackward, 8)), 1);
  net->train();
  net->forward(images(2));
  EXPECT_TRUE(at::equal(at::rand({3}), expected));
}

using Record = std::map<std::pair<std::string, int>, std::pair<at::Tensor, at::Tensor>>;

Record record_of(GraphNet& net, const at::Tensor& x, at::Tensor* output = nullptr) {
  Record record;
  net->observer = [&](const std::string& layer, int t, const at::Tensor& s, const at::Tensor& v) {
    EXPECT_TRUE(record.emplace(std::make_pair(layer, t), std::make_pair(s, v)).second) << layer << t;
  };
  const at::Tensor y = net->forward(x);
  net->observer = nullptr;
  if (output != nullptr) *output = y;
  return record;
}

/// In evaluation the two ways to run tell of the same spikes and membranes; double leaves no doubt about
/// thresholds.
void expect_same_both_ways(GraphNet& net, const at::Tensor& x, const std::string& what) {
  const at::NoGradGuard no_grad;
  net->to(at::kDouble);
  net->eval();
  at::Tensor folded_output, stepwise_output;
  const Record folded = record_of(net, x, &folded_output);
  const at::Tensor unobserved = net->forward(x);
  net->stepwise = true;
  const Record stepwise = record_of(net, x, &stepwise_output);
  ASSERT_EQ(folded.size(), stepwise.size()) << what;
  for (const auto& [key, values] : stepwise) {
    ASSERT_EQ(folded.count(key), 1U) << what << " " << key.first;
    EXPECT_TRUE(at::equal(folded.at(key).first, values.first))
        << what << " " << key.first << " " << key.second;
    EXPECT_TRUE(at::allclose(folded.at(key).second, values.second, 1e-9, 1e-9)) << what << " " << key.first;
  }
  EXPECT_TRUE(at::allclose(folded_output, stepwise_output, 1e-9, 1e-9)) << what;
  EXPECT_TRUE(at::allclose(unobserved, stepwise_output, 1e-9, 1e-9)) << what;
}

TEST(GraphNet, FoldedEqualsStepwiseForRandomGraphs) {
  int with_cycle = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Architecture architecture = random_architecture(seed);
    for (const LayerEdge& edge : architecture.edges) with_cycle += edge.backward ? 1 : 0;
    GraphNet net(architecture, seed);
    wear(net);
    const std::string what = "seed " + std::to_string(seed);
    expect_same_both_ways(net, random_tensor({2, 3, 8, 8}, seed, -1, 2).to(at::kDouble), what);
    net->stepwise = false;
    const at::Tensor frames = random_tensor({architecture.timesteps, 2, 3, 8, 8}, seed, -1, 2);
    expect_same_both_ways(net, frames.to(at::kDouble), what + " frames");
  }
  EXPECT_GT(with_cycle, 40);
}

class Cells : public ::testing::TestWithParam<const char*> {};

TEST_P(Cells, FoldedEqualsStepwise) {
  GraphNet net(snasnet(small_spec(GetParam(), 8)), 1);
  wear(net);
  expect_same_both_ways(net, images(3).to(at::kDouble), GetParam());
}

INSTANTIATE_TEST_SUITE_P(GraphNet, Cells,
                         ::testing::Values(kBackward, "0123/0041/0002/0000", "0042/3004/0103/0000",
                                           "0001/1000/1100/4310", "0003/0000/0003/0000",
                                           "0003/2000/3200/0320|0004/0000/0000/0000"));

TEST(GraphNet, GradientsAreTheSameBothWaysWithoutBatchStatistics) {
  for (const char* cells : {kBackward, "0123/0041/0002/0000"}) {
    GraphNet net(snasnet(small_spec(cells, 8)), 1);
    wear(net);
    net->to(at::kDouble);
    net->eval();
    const at::Tensor x = images(3).to(at::kDouble);
    const auto gradients = [&](bool stepwise) {
      net->stepwise = stepwise;
      net->zero_grad();
      at::cross_entropy_loss(net->forward(x), at::arange(3, at::kLong)).backward();
      std::vector<at::Tensor> result;
      for (const auto& parameter : net->parameters()) result.push_back(parameter.grad().clone());
      return result;
    };
    const auto folded = gradients(false), stepwise = gradients(true);
    for (std::size_t i = 0; i < folded.size(); ++i) {
      EXPECT_TRUE(at::allclose(folded[i], stepwise[i], 1e-7, 1e-10))
          << cells << " " << parameter_names(net)[i];
    }
  }
}

TEST(GraphNet, BatchStatisticsArePerStepOrOverBatchAndTime) {
  // input -> lif -> conv 1x1 -> bn -> flatten -> linear
  Architecture a;
  a.timesteps = 3;
  layer::Conv conv;
  conv.out_channels = 2;
  conv.kernel = 1;
  conv.padding = 0;
  a.layers = {{"input", layer::Input{{2, 2, 2}, layer::InputCode::kEvents}, ""},
              {"conv", conv, ""},
              {"bn", layer::BatchNorm{}, ""},
              {"flatten", layer::Flatten{}, ""},
              {"output", layer::Output{}, ""}};
  a.edges = {{0, 1}, {1, 2}, {2, 3}, {3, 4}};
  const at::Tensor x = random_tensor({3, 4, 2, 2, 2}, 7, -1, 1);
  for (const bool stepwise : {false, true}) {
    GraphNet net(a, 1);
    net->stepwise = stepwise;
    net->train();
    at::Tensor outputs;
    net->output_observer = [&](const at::Tensor& values) { outputs = values; };
    net->forward(x);
    const auto& bn = net->parameters_of(2);
    const at::Tensor y = at::conv2d(x.flatten(0, 1), net->parameters_of(1).weight).view({3, 4, 2, 4});
    at::Tensor mean = at::zeros({2});
    if (stepwise) {
      for (int t = 0; t < 3; ++t) mean = 0.9 * mean + 0.1 * y[t].mean(at::IntArrayRef{0, 2});
    } else {
      mean = 0.1 * y.mean(at::IntArrayRef{0, 1, 3});
    }
    EXPECT_TRUE(at::allclose(bn.running_mean, mean, 1e-4, 1e-6)) << stepwise;
    const at::Tensor means = outputs.view({3, 4, 2, 4}).mean(at::IntArrayRef{1, 3});  // [T, channel]
    EXPECT_EQ(means.abs().max().item<float>() < 1e-5, stepwise);
    EXPECT_LT(means.mean(0).abs().max().item<float>(), 1e-5);
  }
}

TEST(GraphNet, StatisticsCanBeAPlainMean) {
  GraphNet net(snasnet(small_spec("0001/0000/0000/0000")), 1);
  net->train();
  const at::Tensor a = images(4, 1), b = images(4, 2);
  const at::NoGradGuard no_grad;
  net->norm_momentum = -1;
  net->reset_statistics();
  net->forward(a);
  net->forward(b);
  const at::Tensor weight = net->parameters_of(1).weight;
  const at::Tensor expected = at::conv2d(at::cat({a, b}), weight, {}, 2, 1).mean(at::IntArrayRef{0, 2, 3});
  EXPECT_TRUE(at::allclose(net->parameters_of(2).running_mean, expected, 1e-4, 1e-5));
}

TEST(GraphNet, StateIsResetUnlessKept) {
  const at::NoGradGuard no_grad;
  GraphNet net(snasnet(small_spec(kBackward)), 1);
  net->eval();
  net->stepwise = true;
  const at::Tensor x = images(2);
  const Record first = record_of(net, x), second = record_of(net, x);
  for (const auto& [key, values] : first) EXPECT_TRUE(at::equal(values.second, second.at(key).second));
  net->keep_state = true;
  record_of(net, x);
  const Record kept = record_of(net, x);
  EXPECT_FALSE(at::equal(kept.at({"cell1.lif0", 0}).second, first.at({"cell1.lif0", 0}).second));
}

TEST(GraphNet, DropoutKeepsOneMaskAndFollowsItsSeed) {
  const at::NoGradGuard no_grad;
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  net->train();
  net->draw_seed = 3;
  const at::Tensor x = images(4);
  const at::Tensor a = net->forward(x);
  const at::Tensor b = net->forward(x);  // the next mask
  net->draw_seed = 3;
  EXPECT_TRUE(at::equal(net->forward(x), a));
  EXPECT_FALSE(at::equal(a, b));
  net->draw_seed = 3;
  net->stepwise = true;  // the same mask at every step
  net->forward(x);
}

TEST(GraphNet, RateCodingWantsSpikes) {
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  spec.input = SnasnetSpec::Input::kRate;
  const at::NoGradGuard no_grad;
  GraphNet net(snasnet(spec), 1);
  EXPECT_TRUE(contains(error_of([&] { net->forward(images(2)); }), "still images"));
  EXPECT_EQ(net->forward(at::zeros({spec.timesteps, 2, 3, 32, 32})).size(0), 2);
}

TEST(GraphNet, WeightsCanBeTransformed) {
  const at::NoGradGuard no_grad;
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  wear(net);
  net->eval();
  const at::Tensor x = images(2);
  std::vector<std::size_t> asked;
  net->weight_transform = [&](const GraphNetImpl& self, std::size_t layer) {
    asked.push_back(layer);
    return self.parameters_of(layer).weight * 0;
  };
  const at::Tensor silent = net->forward(x);
  EXPECT_EQ(asked.size(), 5U);  // stem, a convolution in each cell, reduce, the linear layer
  EXPECT_TRUE(at::equal(silent[0], silent[1]));
  net->weight_transform = nullptr;
  EXPECT_FALSE(at::equal(net->forward(x), silent));
}

TEST(GraphNet, OtherShapesAreRefused) {
  GraphNet net(snasnet(small_spec(kBackward)), 1);
  const auto error = [&](const std::vector<std::int64_t>& shape) {
    return error_of([&] { net->forward(at::zeros(shape)); });
  };
  EXPECT_TRUE(contains(error({2, 3, 32, 31}), "31"));
  EXPECT_TRUE(contains(error({2, 2, 3, 32, 32}), "3 timesteps"));
  EXPECT_TRUE(contains(error({3, 32, 32}), "input"));
  SnasnetSpec spec = small_spec(kBackward);
  spec.input = SnasnetSpec::Input::kEvents;
  GraphNet events(snasnet(spec), 1);
  EXPECT_TRUE(contains(error_of([&] { events->forward(at::zeros({2, 3, 32, 32})); }), "frames"));
}

TEST(GraphNet, BackwardEdgesChangeTheOutput) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = images(2);
  const auto output = [&](const char* cells) {
    SnasnetSpec spec = small_spec(cells);
    spec.dropout = 0;
    GraphNet net(snasnet(spec), 1);
    net->train();
    return net->forward(x);
  };
  EXPECT_FALSE(at::equal(output("0103/0001/0000/1000"), output("0103/0001/0000/0000")));
}

}  // namespace
}  // namespace spikeloop::models
