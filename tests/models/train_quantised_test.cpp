#include "models/train_quantised.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "helpers.h"
#include "models/batches.h"
#include "models/data/shapes.h"
#include "models/export.h"
#include "models/fold.h"
#include "models/graph_runner.h"
#include "models/networks.h"
#include "worn_net.h"

namespace spikeloop::models {
namespace {

/// input -> stem, BatchNorm -> neurons -> conv, BatchNorm -> node (+ stem's) -> neurons -> pool -> flatten ->
/// fc -> vote.
Architecture small_architecture() {
  Architecture a;
  a.kind = "test";
  a.timesteps = 3;
  const auto add = [&](const std::string& name, layer::Params params) {
    a.layers.push_back({name, params, ""});
  };
  add("input", layer::Input{{2, 6, 6}});
  layer::Conv stem;
  stem.out_channels = 4;
  stem.bias = true;
  add("stem", stem);
  add("stem.norm", layer::BatchNorm{});
  add("lif1", layer::Neuron{});
  layer::Conv conv;
  conv.out_channels = 4;
  add("conv", conv);
  add("conv.norm", layer::BatchNorm{});
  add("node", layer::Sum{});
  add("lif2", layer::Neuron{});
  add("pool", layer::Pool{});
  add("flatten", layer::Flatten{});
  layer::Linear fc;
  fc.out = 6;
  fc.init.value = 0.3;
  add("fc", fc);
  add("vote", layer::Vote{2});
  add("output", layer::Output{});
  for (int i = 0; i + 1 < 13; ++i) a.edges.push_back({i, i + 1});
  a.edges.push_back({2, 6});
  return a;
}

Dataset small_dataset() {
  Dataset dataset;
  dataset.name = "test";
  dataset.classes = 3;
  dataset.channels = 2;
  dataset.height = dataset.width = 6;
  dataset.mean = {0.5, 0.4};
  dataset.std = {0.25, 0.2};
  return dataset;
}

at::Tensor pixels(std::int64_t count, std::uint64_t seed) {
  at::manual_seed(seed);
  return (at::rand({count, 2, 6, 6}) - 0.45) / 0.22;
}

/// Steps of plain gradient descent towards the class of the brightest third of an image.
double descend(GraphNet& net, int steps, double lr = 0.05) {
  net->train();
  double loss_sum = 0;
  for (int step = 0; step < steps; ++step) {
    const at::Tensor x = pixels(32, static_cast<std::uint64_t>(step % 8));
    const at::Tensor target = x.sum({1, 3}).view({32, 3, 2}).sum(2).argmax(1);
    const at::Tensor loss = at::cross_entropy_loss(net->forward(x), target);
    net->zero_grad();
    loss.backward();
    const at::NoGradGuard no_grad;
    for (auto& parameter : net->parameters()) parameter.sub_(lr * parameter.grad());
    if (step >= steps - 8) loss_sum += loss.item<double>() / 8;
  }
  net->eval();
  return loss_sum;
}

std::vector<std::int64_t> first_records(std::int64_t count) {
  std::vector<std::int64_t> records(static_cast<std::size_t>(count));
  std::iota(records.begin(), records.end(), 0);
  return records;
}

const char* const kSpecs[] = {"2:mse", "3", "4:per-tensor", "5:per-tensor:mse,conv=2,fc=8", "8"};

TEST(TrainQuantised, RoundsByTheArithmeticOfTheExportedNetwork) {
  at::manual_seed(1);
  const at::Tensor weight = at::randn({6, 4, 3, 3});
  weight[2].fill_(0);
  weight[3][0][0][0] = 1e4;
  for (const char* text : kSpecs) {
    const Quantisation how = parse_quantisation(text, "x");
    traces::Network network;
    traces::Conv2dParams conv;
    const float* data = weight.data_ptr<float>();
    conv.weight = {{6, 4, 3, 3}, {data, data + weight.numel()}};
    network.nodes = {{"conv", conv}};
    Quantisation plain = how;
    plain.layer_bits.clear();
    quantise_weights(network, plain);
    const at::Tensor value = round_weight(weight, how.weight_bits, how).value.contiguous();
    const auto& expected = network.nodes[0].as<traces::Conv2dParams>()->weight.data;
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_EQ(value.data_ptr<float>()[i], expected[i]) << text << ", element " << i;
  }
}

TEST(TrainQuantised, LayersComputeWithWhatWillBeExported) {
  for (const char* text : kSpecs) {
    SCOPED_TRACE(text);
    const Quantisation how = parse_quantisation(text, "x");
    GraphNet net(small_architecture(), 1);
    descend(net, 20);
    {
      const at::NoGradGuard no_grad;
      net->parameters_of(2).weight[1].neg_();   // a negative factor turns the signs of a channel
      net->parameters_of(2).weight[2].zero_();  // no factor: what the weights are makes no difference
    }
    train_quantised(net, small_dataset(), how);
    for (const std::size_t layer : {1, 4, 10}) {
      const std::string name = net->architecture().layers[layer].name;
      const auto own = how.layer_bits.find(name);
      const int bits = own != how.layer_bits.end() ? own->second : how.weight_bits;
      const Folds folds = folds_of(net->architecture()).at(layer);
      const at::Tensor expected = round_weight(exported_weight(*net, layer, folds), bits, how).value;
      at::Tensor found = net->weight_transform(*net, layer).detach();
      if (folds.affine >= 0) {
        found = found * scale_offset_of(net->parameters_of(static_cast<std::size_t>(folds.affine)))
                            .scale.view({-1, 1, 1, 1});
        EXPECT_LE((found - expected).abs().max().item<double>(), 1e-6 * expected.abs().max().item<double>());
      } else {
        EXPECT_EQ(folds.vote, 11);
        EXPECT_TRUE(at::equal(found.view({3, 2, -1}).select(1, 0), expected));
        EXPECT_TRUE(at::equal(found.view({3, 2, -1}).select(1, 1), expected));
      }
    }
  }
}

/// Where every weight is a multiple of the scale already, rounding changes nothing, gradients included.
TEST(TrainQuantised, GradientsGoStraightThrough) {
  GraphNet net(small_architecture(), 1), same(small_architecture(), 1);
  const auto round_all = [](GraphNet& target) {
    const at::NoGradGuard no_grad;
    std::int64_t n = 0;
    for (const std::size_t layer : {1, 4, 10}) {
      at::Tensor weight = target->parameters_of(layer).weight;
      auto* data = weight.data_ptr<float>();
      for (std::int64_t i = 0; i < weight.numel(); ++i) {
        const std::int64_t row = i % (weight.numel() / weight.size(0));
        data[i] = row == 0 ? 0.875F
                           : 0.125F * static_cast<float>((++n * 5) % 15 - 7);  // 7 is the largest of 4 bits
      }
      if (layer == 10) weight.copy_(weight.view({3, 2, -1}).select(1, 0).repeat_interleave(2, 0));
    }
    for (const std::size_t norm : {2, 5}) target->parameters_of(norm).running_var.fill_(1 - kNormEpsilon);
  };
  round_all(net);
  round_all(same);
  train_quantised(net, small_dataset(), parse_quantisation("4", "x"));
  net->input_transform = nullptr;
  const at::Tensor x = pixels(8, 3);
  for (GraphNet* each : {&net, &same}) {
    (*each)->eval();
    (*each)->forward(x).square().sum().backward();
  }
  for (const auto& item : net->named_parameters()) {
    const at::Tensor expected = same->named_parameters()[item.key()].grad();
    EXPECT_TRUE(at::allclose(item.value().grad(), expected, 1e-5, 1e-6)) << item.key();
    EXPECT_GT(expected.abs().max().item<double>(), 0) << item.key();
  }
}

TEST(TrainQuantised, AClippedWeightGetsNoGradient) {
  GraphNet net(small_architecture(), 1);
  {
    const at::NoGradGuard no_grad;
    net->parameters_of(10).weight.slice(0, 0, 2).select(1, 5).fill_(0.9);  // 3 to 4 deviations out
  }
  train_quantised(net, small_dataset(), parse_quantisation("2:mse", "x"));
  net->forward(pixels(8, 3)).square().sum().backward();
  const at::Tensor grad = net->parameters_of(10).weight.grad();
  EXPECT_EQ(grad[0][5].item<float>(), 0);
  EXPECT_GT(grad[0].abs().max().item<float>(), 0);
}

TEST(TrainQuantised, LearnsWithTwoAndThreeBits) {
  for (const char* text : {"3", "2:mse"}) {
    GraphNet net(small_architecture(), 1);
    train_quantised(net, small_dataset(), parse_quantisation(text, "x"));
    const double before = descend(net, 8, 0);
    const double after = descend(net, 160);
    EXPECT_LT(after, before - 0.1) << text;
    train_floats(net);
    EXPECT_FALSE(net->weight_transform || net->input_transform);
  }
}

TEST(TrainQuantised, TheInputIsRounded) {
  GraphNet net(small_architecture(), 1);
  const at::Tensor x = pixels(4, 1);
  train_quantised(net, small_dataset(), parse_quantisation("8,input=2", "x"));
  const at::Tensor rounded = net->input_transform(x);
  EXPECT_LE(std::get<0>(at::_unique(rounded)).numel(), 4);
  EXPECT_TRUE(at::equal(net->input_transform(rounded), rounded));
  net->eval();
  EXPECT_TRUE(at::equal(net->forward(x), net->forward(rounded)));
}

/// What a net that was trained with rounding computes in evaluation, its exported integer network computes:
/// spike for spike, but for the rare spike that hangs on the last bit of a BatchNorm that is folded in one
/// and not in the other.
TEST(TrainQuantised, EvaluationIsTheIntegerNetworks) {
  const Dataset dataset = make_shapes(64, 60, 1);
  for (const char* text : {"2:mse", "3", "4:per-tensor,stem=6", "8,reduce=3,input=5"}) {
    SCOPED_TRACE(text);
    const Quantisation how = parse_quantisation(text, "x");
    SnasnetSpec spec = small_spec("0303/0030/2002/0200", 8);
    spec.votes = 3;
    GraphNet net(snasnet(spec), 1);
    train_quantised(net, dataset, how);
    const at::NoGradGuard no_grad;
    wear(net);
    for (std::size_t i = 0; i < net->architecture().layers.size(); ++i) {
      // Initialised too small for any neuron to spike.
      if (net->architecture().layers[i].as<layer::Linear>() != nullptr)
        at::Tensor(net->parameters_of(i).weight).mul_(30);
    }
    net->eval();
    std::map<std::string, std::vector<at::Tensor>> expected;
    net->observer = [&](const std::string& layer, int, const at::Tensor& spikes, const at::Tensor&) {
      expected[layer].push_back(spikes.clone());
    };
    const at::Tensor x = read_batch(dataset, *dataset.test, first_records(60)).input;
    const at::Tensor output = net->forward(x);
    traces::Network network = export_network(net, dataset.name);
    quantise(network, dataset, how);
    std::map<std::string, at::Tensor> found;
    const at::Tensor integers = GraphRunner(network, "network").run(x, &found);
    std::int64_t total = 0, moved = 0;
    ASSERT_GE(found.size(), 8U);
    for (const auto& [name, spikes] : found) {
      ASSERT_EQ(expected.count(name), 1U) << name;
      const at::Tensor own = at::stack(expected.at(name));
      total += own.sum().item<std::int64_t>();
      moved += own.ne(spikes.view(own.sizes())).sum().item<std::int64_t>();
    }
    EXPECT_GT(total, 1000);
    for (const auto& [name, spikes] : expected) EXPECT_GT(spikes.back().sum().item<int>(), 0) << name;
    EXPECT_LE(moved, total / 2000);
    EXPECT_GE(output.argmax(1).eq(integers.argmax(1)).sum().item<int>(), 59) << "of 60";
    EXPECT_GE((output - integers).abs().amax(1).lt(1e-4).sum().item<int>(), 57) << "of 60";
    // Without rounding it is another network.
    train_floats(net);
    EXPECT_FALSE(at::allclose(net->forward(x), integers, 1e-3, 1e-3));
  }
}

TEST(TrainQuantised, UnknownLayersAreNamed) {
  GraphNet net(small_architecture(), 1);
  const auto error = [&](const char* text) {
    return error_of([&] { train_quantised(net, small_dataset(), parse_quantisation(text, "x")); });
  };
  EXPECT_TRUE(contains(error("4,stm=8"), "expected stem"));
  EXPECT_TRUE(contains(error("4,lif1=8"), "expected stem, conv, fc"));
  EXPECT_FALSE(net->weight_transform);
}

}  // namespace
}  // namespace spikeloop::models
