#include "models/architecture.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "helpers.h"
#include "models/networks.h"

namespace spikeloop::models {
namespace {

constexpr const char* kBackward = "0303/0030/2002/0200";

Architecture small() { return snasnet(small_spec(kBackward, 8)); }

int find(const Architecture& architecture, const std::string& name) {
  for (std::size_t i = 0; i < architecture.layers.size(); ++i) {
    if (architecture.layers[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

template <class T>
T& params_of(Architecture& architecture, const std::string& name) {
  return std::get<T>(architecture.layers.at(static_cast<std::size_t>(find(architecture, name))).params);
}

TEST(Architecture, JsonGoesBothWays) {
  SnasnetSpec spec = small_spec(kBackward, 8);
  spec.neuron.kind = NeuronKind::kPlif;
  spec.neuron.reset = ResetKind::kSoft;
  spec.neuron.tau = 1.7;
  spec.votes = 3;
  Vgg9Spec vgg;
  vgg.batch_norm = true;
  vgg.code = layer::InputCode::kEvents;
  for (const Architecture& architecture : {snasnet(spec), vgg9(vgg)}) {
    const std::string json = to_json(architecture);
    const Architecture read = architecture_from_json(json, "x.pt");
    EXPECT_EQ(to_json(read), json);
    EXPECT_EQ(read.layers.size(), architecture.layers.size());
    EXPECT_EQ(read.edges.size(), architecture.edges.size());
    EXPECT_EQ(read.genotype, architecture.genotype);
  }
}

TEST(Architecture, DamagedJsonIsRefused) {
  const std::string json = to_json(small());
  const auto error = [&](const std::string& from, const std::string& to) {
    std::string text = json;
    const std::size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    text.replace(place, from.size(), to);
    return error_of([&] { architecture_from_json(text, "x.pt"); });
  };
  EXPECT_TRUE(contains(error_of([&] { architecture_from_json(json.substr(0, 100), "x.pt"); }), "x.pt"));
  EXPECT_TRUE(contains(error_of([] { architecture_from_json("[]", "x.pt"); }), "x.pt"));
  EXPECT_TRUE(contains(error("architecture 1", "architecture 9"), "format"));
  EXPECT_TRUE(contains(error("\"kernel\":3", "\"kernel\":3.5"), "kernel"));
  EXPECT_TRUE(contains(error("\"kernel\":3", "\"kernels\":3"), "layer"));
  EXPECT_TRUE(contains(error("\"kaiming\"", "\"kaming\""), "kaming"));
  EXPECT_TRUE(contains(error("\"BatchNorm\"", "\"BathNorm\""), "BathNorm"));
  EXPECT_TRUE(contains(error("\"timesteps\":3", "\"timesteps\":0"), "x.pt: architecture"));
  EXPECT_TRUE(contains(error("\"timesteps\":3", "\"timesteps\":0"), "timesteps"));
  EXPECT_TRUE(contains(error("\"timesteps\":3", "\"timesteps\":4294967299"), "timesteps"));
  EXPECT_TRUE(contains(error("\"kernel\":3", "\"kernel\":18446744073709551615"), "out of range"));
  EXPECT_TRUE(contains(error("\"shape\":[3,32,32]", "\"shape\":[3,32,32,1]"), "shape"));
  EXPECT_TRUE(contains(error("\"out_channels\":4", "\"out_channels\":4000000000000"), "stem"));
}

TEST(Architecture, ShapesFollowTheLayers) {
  const Architecture architecture = small();
  const auto shapes = layer_shapes(architecture);
  const auto shape = [&](const char* name) {
    return shapes.at(static_cast<std::size_t>(find(architecture, name)));
  };
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(shape("stem"), (Shape{4, 16, 16}));
  EXPECT_EQ(shape("cell1.node3"), (Shape{4, 16, 16}));
  EXPECT_EQ(shape("reduce"), (Shape{8, 16, 16}));
  EXPECT_EQ(shape("cell2.node0"), (Shape{8, 8, 8}));
  EXPECT_EQ(shape("flatten"), (Shape{8 * 4 * 4}));
  EXPECT_EQ(shape("fc1.lif"), (Shape{8}));
  EXPECT_EQ(shape("output"), (Shape{10}));
}

TEST(Architecture, WhatCannotBeIsRefused) {
  using Change = std::function<void(Architecture&)>;
  const auto error = [](const Change& change) {
    Architecture architecture = small();
    change(architecture);
    return error_of([&] { check(architecture); });
  };
  EXPECT_EQ(error([](Architecture&) {}), "");
  EXPECT_TRUE(contains(error([](Architecture& a) { a.layers[1].name = "input"; }), "twice"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.layers[2].module = "stem.0"; }), "stem.0"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.layers[2].module = "a..b"; }), "a..b"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.edges.push_back({0, 99, false}); }), "99"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.edges.push_back({1, 0, false}); }), "Input"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.edges.erase(a.edges.begin()); }), "stem"));
  EXPECT_TRUE(contains(error([](Architecture& a) {
                         for (auto& edge : a.edges) edge.backward = false;
                       }),
                       "cycle"));
  EXPECT_TRUE(contains(error([](Architecture& a) { a.timesteps = 0; }), "timesteps"));
  EXPECT_TRUE(
      contains(error([](Architecture& a) { params_of<layer::Conv>(a, "reduce").groups = 3; }), "groups"));
  EXPECT_TRUE(
      contains(error([](Architecture& a) { params_of<layer::Conv>(a, "reduce").kernel = 99; }), "99"));
  EXPECT_TRUE(contains(error([](Architecture& a) { params_of<layer::Pool>(a, "reduce.pool").stride = 0; }),
                       "stride"));
  EXPECT_TRUE(
      contains(error([](Architecture& a) { params_of<layer::Conv>(a, "cell1.conv03").out_channels = 5; }),
               "cell1.node3"));
  EXPECT_TRUE(contains(error([](Architecture& a) { params_of<layer::Linear>(a, "fc2").out = 0; }), "fc2"));
  EXPECT_TRUE(contains(
      error([](Architecture& a) { params_of<layer::Dropout>(a, "dropout").probability = 1; }), "dropout"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.5, nan, -2.0}) {
    EXPECT_TRUE(contains(
        error([&](Architecture& a) { params_of<layer::Neuron>(a, "reduce.lif").spec.tau = bad; }), "tau"));
  }
  EXPECT_TRUE(contains(
      error([&](Architecture& a) { params_of<layer::Neuron>(a, "reduce.lif").spec.threshold = nan; }),
      "threshold"));
  EXPECT_TRUE(contains(error([](Architecture& a) {
                         auto& spec = params_of<layer::Neuron>(a, "reduce.lif").spec;
                         spec.kind = NeuronKind::kPlif;
                         spec.tau = 1;  // sigmoid never gets there
                       }),
                       "above 1"));
}

TEST(Networks, ImpossibleSpecsAreRefused) {
  const auto error = [](auto change) {
    SnasnetSpec spec = small_spec(kBackward);
    change(spec);
    return error_of([&] { snasnet(spec); });
  };
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.channels = 0; }), "channels"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.timesteps = 0; }), "timesteps"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.second_pool = 9; }), "second pooling"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.neuron.tau = 0.5; }), "tau"));
  EXPECT_TRUE(contains(error([](SnasnetSpec& s) { s.classes = -1; }), "classes"));
  EXPECT_TRUE(contains(error_of([] {
                         Vgg9Spec spec;
                         spec.width = 0;
                         vgg9(spec);
                       }),
                       "width"));
}

TEST(Networks, Vgg9HasSpikeSimsChannelsAndPoolings) {
  const Architecture architecture = vgg9({});
  const auto shapes = layer_shapes(architecture);
  std::vector<std::vector<std::int64_t>> convolutions, pools;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (architecture.layers[i].as<layer::Conv>() != nullptr) convolutions.push_back(shapes[i]);
    if (architecture.layers[i].as<layer::Pool>() != nullptr) pools.push_back(shapes[i]);
  }
  using Shapes = std::vector<std::vector<std::int64_t>>;
  EXPECT_EQ(
      convolutions,
      (Shapes{
          {64, 32, 32}, {64, 32, 32}, {128, 16, 16}, {128, 16, 16}, {256, 8, 8}, {256, 8, 8}, {256, 8, 8}}));
  EXPECT_EQ(pools, (Shapes{{64, 16, 16}, {128, 8, 8}, {256, 4, 4}}));
}

TEST(Networks, LightSnnPoolsByMaximum) {
  SnasnetSpec spec = small_spec("0004/0000/0000/0000");
  spec.max_pool = true;
  spec.stem_pool = 2;
  const Architecture architecture = snasnet(spec);
  EXPECT_EQ(architecture.kind, "lightsnn");
  int pools = 0;
  for (const Layer& layer : architecture.layers) {
    const auto* pool = layer.as<layer::Pool>();
    if (pool == nullptr) continue;
    EXPECT_EQ(pool->kind, layer::Pool::Kind::kMax);
    ++pools;
  }
  EXPECT_EQ(pools, 5);  // stem, one in each cell, reduce, last
}

}  // namespace
}  // namespace spikeloop::models
