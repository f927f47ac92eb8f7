#include "models/snasnet.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "helpers.h"

namespace spikeloop::models {
namespace {

const char* const kBackward = "0303/0030/2002/0200";

at::Tensor images(std::int64_t batch, std::int64_t channels = 3, std::int64_t size = 32) {
  return at::linspace(-2, 2, batch * channels * size * size, at::kFloat)
      .mul(37)
      .sin()
      .mul(1.5)
      .view({batch, channels, size, size});
}

TEST(Snasnet, NamesAreThoseOfTheReleasedModule) {
  SnasnetSpec spec = small_spec("0003/0000/0000/3000", 8);
  Snasnet net(spec, 1);
  std::vector<std::string> names;
  for (const auto& item : net->named_parameters()) names.push_back(item.key());
  EXPECT_EQ(names, (std::vector<std::string>{"stem.0.weight",
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

TEST(Snasnet, WeightsDependOnTheSeedOnly) {
  const SnasnetSpec spec = small_spec(kBackward, 8);
  Snasnet a(spec, 5), b(spec, 5), c(spec, 6);
  const auto pa = a->parameters(), pb = b->parameters(), pc = c->parameters();
  bool differs = false;
  for (std::size_t i = 0; i < pa.size(); ++i) {
    EXPECT_TRUE(at::equal(pa[i], pb[i]));
    differs = differs || !at::equal(pa[i], pc[i]);
  }
  EXPECT_TRUE(differs);
}

TEST(Snasnet, InitialWeightsHaveTheirDistributions) {
  SnasnetSpec spec = small_spec(kBackward, 256);
  spec.channels = 32;
  Snasnet net(spec, 5);
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
}

TEST(Snasnet, TheGlobalGeneratorIsNotTouched) {
  at::manual_seed(11);
  const at::Tensor expected = at::rand({3});
  at::manual_seed(11);
  Snasnet net(small_spec(kBackward, 8), 1);
  net->train();
  net->forward(images(2));
  EXPECT_TRUE(at::equal(at::rand({3}), expected));
}

TEST(Snasnet, StateIsResetUnlessKept) {
  const at::NoGradGuard no_grad;
  Snasnet net(small_spec(kBackward), 1);
  net->eval();
  std::vector<at::Tensor> membranes;
  net->observer = [&](const std::string&, int, const at::Tensor&, const at::Tensor& v) {
    membranes.push_back(v);
  };
  const at::Tensor x = images(2);
  const auto run = [&] {
    membranes.clear();
    net->forward(x);
    return membranes;
  };
  const auto first = run(), second = run();
  ASSERT_EQ(first.size(), static_cast<std::size_t>(3 * net->num_lif_modules()));
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i]));
  net->keep_state = true;
  run();
  EXPECT_FALSE(at::equal(run()[0], first[0]));
}

TEST(Snasnet, ObserverHearsEveryModuleAtEveryTimestep) {
  const at::NoGradGuard no_grad;
  Snasnet net(small_spec(kBackward, 8), 1);
  net->eval();
  std::map<std::string, int> calls;
  std::map<std::string, at::Tensor> last;
  net->observer = [&](const std::string& module, int t, const at::Tensor& s, const at::Tensor& v) {
    EXPECT_EQ(t, calls[module]++);
    EXPECT_TRUE(at::equal(s, v.ge(1.0).to(at::kFloat)));
    last[module] = s;
  };
  net->forward(images(2));
  EXPECT_EQ(calls.size(), 15U);
  for (const auto& [module, count] : calls) EXPECT_EQ(count, 3) << module;
  // Edges out of the same node carry the same spikes.
  EXPECT_TRUE(at::equal(last.at("cell1.cell_architecture.0.0"), last.at("cell1.cell_architecture.3.0")));
}

TEST(Snasnet, DropoutKeepsOneMaskAndFollowsItsSeed) {
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  const at::NoGradGuard no_grad;
  Snasnet net(spec, 1);
  net->train();
  net->dropout_seed = 3;
  const at::Tensor x = images(4);
  const at::Tensor a = net->forward(x);
  const at::Tensor b = net->forward(x);  // the next mask
  net->dropout_seed = 3;
  EXPECT_TRUE(at::equal(net->forward(x), a));
  EXPECT_FALSE(at::equal(a, b));
}

TEST(Snasnet, BackwardEdgesChangeTheOutput) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = images(2);
  const auto output = [&](const char* cells) {
    Snasnet net(small_spec(cells), 1);
    net->train();
    net->dropout = 0;
    return net->forward(x);
  };
  EXPECT_FALSE(at::equal(output("0103/0001/0000/1000"), output("0103/0001/0000/0000")));
}

TEST(Snasnet, ImpossibleSpecsAreRefused) {
  const auto error = [](auto change) {
    SnasnetSpec spec = small_spec(kBackward);
    change(spec);
    return error_of([&] { Snasnet net(spec, 1); });
  };
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.channels = 0; }), "channels"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.timesteps = 0; }), "timesteps"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.second_pool = 9; }), "second pooling"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.tau = 0.5; }), "tau"));
}

}  // namespace
}  // namespace spikeloop::models
