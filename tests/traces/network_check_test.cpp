#include <limits>

#include "helpers.h"
#include "traces/network.h"

namespace spikeloop::traces {
namespace {

using test::expect_input_error;
using test::small_network;
using Shape = std::vector<std::int64_t>;

Tensor zeros(const Shape& shape) {
  Tensor t{shape, {}};
  t.data.assign(static_cast<std::size_t>(t.size()), 0.0F);
  return t;
}

/// input -> node -> output, whose shape is left open.
Network around(const Shape& in, NodeParams params) {
  Network n;
  n.nodes = {{"input", InputParams{in}}, {"x", std::move(params)}, {"output", OutputParams{}}};
  n.edges = {{0, 1}, {1, 2}};
  return n;
}

Shape shape_after(const Shape& in, NodeParams params) {
  return infer_shapes(around(in, std::move(params)), "f").at(1);
}

TEST(InferShapes, SmallNetwork) {
  const std::vector<Shape> expected{{2, 6, 6}, {4, 6, 6}, {4, 6, 6}, {4, 6, 6}, {4, 6, 6},
                                    {4, 3, 3}, {36},      {3},       {3},       {3}};
  EXPECT_EQ(infer_shapes(small_network(), "f"), expected);
  EXPECT_NO_THROW(validate(small_network(), "f"));
}

TEST(InferShapes, ConvolutionStridePaddingDilationGroups) {
  Conv2dParams p;
  p.weight = zeros({6, 2, 3, 5});
  p.groups = 2;
  EXPECT_EQ(shape_after({4, 10, 12}, p), (Shape{6, 8, 8}));
  p.padding = {1, 2};
  EXPECT_EQ(shape_after({4, 10, 12}, p), (Shape{6, 10, 12}));
  p.stride = {2, 3};
  EXPECT_EQ(shape_after({4, 10, 12}, p), (Shape{6, 5, 4}));
  p.dilation = {3, 1};  // the kernel spans 7 rows: (10 + 2 - 7) / 2 + 1
  EXPECT_EQ(shape_after({4, 10, 12}, p), (Shape{6, 3, 4}));
}

TEST(InferShapes, PoolsAndFlatten) {
  EXPECT_EQ(shape_after({3, 7, 8}, Pool2dParams{}), (Shape{3, 3, 4}));
  EXPECT_EQ(shape_after({3, 7, 8}, Pool2dParams{false, {3, 3}, {2, 2}, {1, 1}}), (Shape{3, 4, 4}));
  EXPECT_EQ(shape_after({3, 7, 8}, FlattenParams{}), (Shape{168}));
  EXPECT_EQ(shape_after({9}, FlattenParams{}), (Shape{9}));
}

TEST(InferShapes, ReachesNodesThatOnlyABackwardEdgeFeeds) {
  // lif -> w is the backward edge here, w -> lif the forward one.
  Network n = around({3}, LifParams{{{1}, {1}}, {{1}, {1}}, {{1}, {0}}, {{1}, {1}}, {{1}, {0}}});
  n.nodes.push_back({"w", LinearParams{zeros({3, 3}), {}, {}}});
  n.edges.push_back({1, 3, true});
  n.edges.push_back({3, 1});
  EXPECT_EQ(infer_shapes(n, "f"), (std::vector<Shape>{{3}, {3}, {3}, {3}}));
  EXPECT_NO_THROW(validate(n, "f"));
  // A matrix whose output does not fit lif's other input.
  n.nodes[3].params = LinearParams{zeros({4, 3}), {}, {}};
  expect_input_error([&] { infer_shapes(n, "f"); }, {"f: node 'x' (LIF)", "[4] from 'w'", "[3]"});
}

TEST(InferShapes, ElementwiseParametersMayBeOnePerChannel) {
  const Shape map{3, 2, 2};
  for (const Shape& form : {Shape{}, Shape{1}, Shape{3}, Shape{3, 1, 1}, Shape{12}, map}) {
    EXPECT_EQ(shape_after(map, ScaleParams{zeros(form)}), map);
  }
  expect_input_error([&] { shape_after(map, ScaleParams{zeros({4})}); }, {"scale of 4 values", "1, 3 or 12"});
  expect_input_error([] { shape_after({4}, ThresholdParams{zeros({3})}); },
                     {"threshold of 3 values", "1 or 4"});
  expect_input_error([&] { shape_after(map, ScaleParams{}); }, {"0 values in scale"});
}

TEST(InferShapes, ErrorsNameNodeFoundAndExpected) {
  Conv2dParams conv;
  conv.weight = zeros({6, 2, 3, 3});
  expect_input_error(
      [&] {
        shape_after({3, 8, 8}, conv);
      },
      {"f: node 'x' (Conv2d)", "[3, 8, 8]", "2 channels"});
  expect_input_error([&] { shape_after({2}, conv); }, {"[2]", "[C, H, W]"});
  expect_input_error([&] { shape_after({2, 2, 8}, conv); }, {"[6, 0, 6]", "kernel fits"});
  conv.input_shape = {9, 8};
  expect_input_error([&] { shape_after({2, 8, 8}, conv); }, {"input_shape [9, 8]", "[2, 8, 8]"});
  conv.input_shape = {0, 0};
  conv.stride = {0, 1};
  expect_input_error([&] { shape_after({2, 8, 8}, conv); }, {"stride [0, 1]"});
  conv.stride = {1, 1};
  conv.groups = 4;
  expect_input_error([&] { shape_after({2, 8, 8}, conv); }, {"groups 4"});
  conv.groups = 1;
  conv.weight.data.pop_back();
  expect_input_error([&] { shape_after({2, 8, 8}, conv); }, {"107 values in weight", "[6, 2, 3, 3]"});

  const LinearParams linear{zeros({4, 5}), {}, {}};
  expect_input_error([&] { shape_after({6}, linear); }, {"[6]", "[5]"});
  expect_input_error([&] { shape_after({5, 1, 1}, linear); }, {"[5, 1, 1]", "Flatten"});
  expect_input_error(
      [&] {
        shape_after({5}, LinearParams{zeros({4, 5}), zeros({3}), {}});
      },
      {"bias of 3 values", "4"});
  expect_input_error([&] { shape_after({3, 4, 4}, FlattenParams{1, -1}); }, {"start_dim 1", "0 and -1"});
  expect_input_error(
      [&] {
        shape_after({3, 4, 4}, Pool2dParams{true, {2, 2}, {2, 2}, {2, 2}});
      },
      {"padding [2, 2]"});
  expect_input_error([&] { shape_after({3, 4}, FlattenParams{}); }, {"node 'input'", "[3, 4]"});
  expect_input_error([&] { shape_after({0}, FlattenParams{}); }, {"node 'input'", "[0]"});
}

TEST(InferShapes, ProducersMustAgreeAndOutputMustFit) {
  Network n = small_network();
  n.edges.push_back({0, 2});
  expect_input_error([&] { infer_shapes(n, "net.nir"); },
                     {"net.nir: node 'sum' (Scale)", "[2, 6, 6] from 'input'", "[4, 6, 6]"});
  n = small_network();
  n.nodes[9].as<OutputParams>()->shape = {4};
  expect_input_error([&] { infer_shapes(n, "f"); }, {"node 'output' (Output)", "[4]", "[3]"});
}

struct Broken {
  const char* what;
  std::function<void(Network&)> change;
  std::vector<std::string> pieces;
};

TEST(Validate, EveryFaultIsNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<Broken> cases{
      {"duplicate", [](Network& n) { n.nodes[1].name = "lif"; }, {"node 'lif'", "two nodes"}},
      {"no name", [](Network& n) { n.nodes[1].name = ""; }, {"node 1", "no name"}},
      {"edge", [](Network& n) { n.edges[3].to = 17; }, {"edge 3", "3 -> 17", "10 nodes"}},
      {"negative edge", [](Network& n) { n.edges[3].from = -1; }, {"edge 3"}},
      {"two inputs",
       [](Network& n) {
         n.nodes[4].params = InputParams{{4, 6, 6}};
       },
       {"2 Inputs: input, back"}},
      {"no input", [](Network& n) { n.nodes[0].params = FlattenParams{}; }, {"no Input"}},
      {"no output", [](Network& n) { n.nodes[9].params = FlattenParams{}; }, {"no Output"}},
      {"into input",
       [](Network& n) {
         n.edges.push_back({3, 0, true});
       },
       {"node 'input'", "from 'lif'"}},
      {"out of output",
       [](Network& n) {
         n.edges.push_back({9, 8, true});
       },
       {"node 'output'", "to 'if'"}},
      {"island",
       [](Network& n) {
         n.nodes.push_back({"island", ScaleParams{{{1}, {1}}}});
       },
       {"'island'", "no path"}},
      {"cycle", [](Network& n) { n.edges[4].backward = false; }, {"cycle", "sum -> lif -> back -> sum"}},
      {"NaN weight",
       [=](Network& n) { n.nodes[1].as<Conv2dParams>()->weight.data[7] = nan; },
       {"'conv' (Conv2d)", "NaN in weight at element 7"}},
      {"inf bias",
       [=](Network& n) { n.nodes[7].as<LinearParams>()->bias.data[1] = inf; },
       {"'fc'", "inf in bias"}},
      {"NaN tau",
       [=](Network& n) { n.nodes[3].as<LifParams>()->tau.data[0] = nan; },
       {"'lif'", "NaN in tau"}},
      {"zero tau",
       [](Network& n) { n.nodes[3].as<LifParams>()->tau.data[0] = 0; },
       {"'lif'", "tau", "above 0"}},
      {"bits",
       [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->bits = 9; },
       {"9 weight bits", "2 to 8"}},
      {"range",
       [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->value[0] = -8; },
       {"-8", "-7 to 7"}},
      {"values",
       [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->value.pop_back(); },
       {"71", "72"}},
      {"scales",
       [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->scale.pop_back(); },
       {"3 quant", "4"}},
      {"scale",
       [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->scale[0] = 0; },
       {"scale", "above 0"}},
      {"dt", [](Network& n) { n.dt_s = 0; }, {"dt"}},
      {"timesteps", [](Network& n) { n.timesteps = -1; }, {"timesteps", "-1"}},
      {"input scale", [=](Network& n) { n.input_scale = inf; }, {"input_scale"}},
      {"input bits", [](Network& n) { n.input_bits = 9; }, {"input_bits", "9"}},
  };
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    Network n = small_network();
    broken.change(n);
    std::vector<std::string> pieces = broken.pieces;
    pieces.emplace_back("net.nir: ");
    expect_input_error([&] { validate(n, "net.nir"); }, pieces);
  }
}

TEST(Validate, AcceptsRandomNetworks) {
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    EXPECT_NO_THROW(validate(test::random_network(seed), "f")) << seed;
}

}  // namespace
}  // namespace spikeloop::traces
