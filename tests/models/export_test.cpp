#include "models/export.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "helpers.h"
#include "inputs.h"
#include "models/evaluate.h"
#include "models/graph_runner.h"
#include "models/input_code.h"
#include "models/networks.h"
#include "models/quantise.h"
#include "models/test_network.h"
#include "models/train.h"
#include "traces/nir.h"
#include "traces/spike_trace.h"

namespace spikeloop::models {
namespace {

/// A network whose BatchNorm statistics and factors are far from their initial values.
GraphNet worn(const SnasnetSpec& spec, const Dataset& dataset) {
  GraphNet net(snasnet(spec), 1);
  TrainOptions options;
  options.epochs = 2;
  options.batch = 32;
  TrainRun run;
  run.quiet = true;
  train(net, dataset, options, run);
  const at::NoGradGuard no_grad;
  std::uint64_t k = 0;
  for (auto& item : net->named_parameters()) {
    if (item.value().dim() != 1) continue;
    for (std::int64_t i = 0; i < item.value().numel(); ++i) {
      item.value()[i] += 0.3 * std::sin(static_cast<double>(++k));
    }
  }
  return net;
}

std::set<std::string> names_of(const traces::Network& network) {
  std::set<std::string> names;
  for (const auto& node : network.nodes) names.insert(node.name);
  return names;
}

bool has_edge(const traces::Network& network, const std::string& from, const std::string& to, bool backward) {
  for (const auto& edge : network.edges) {
    if (edge.from == network.find(from) && edge.to == network.find(to) && edge.backward == backward)
      return true;
  }
  return false;
}

class ExportAgrees : public ::testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(ExportAgrees, WithTheTrainedNetwork) {
  const auto& [cells, hidden] = GetParam();
  const Dataset dataset = make_shapes(256, 40, 1);
  SnasnetSpec spec = small_spec(cells, hidden);
  spec.votes = 3;
  GraphNet net = worn(spec, dataset);
  const traces::Network network = export_network(net, dataset.name);
  const at::NoGradGuard no_grad;
  std::map<std::string, std::int64_t> expected;
  net->observer = [&](const std::string& layer, int t, const at::Tensor& s, const at::Tensor&) {
    auto& count = expected[layer + "@" + std::to_string(t)];
    count = s.sum().item<std::int64_t>();
  };
  net->eval();
  const at::Tensor x = inputs_of(dataset);
  const at::Tensor output = net->forward(x);
  std::map<std::string, at::Tensor> spikes;
  const at::Tensor replayed = GraphRunner(network, "network").run(x, &spikes);
  std::int64_t total = 0, moved = 0;
  for (const auto& [name, count] : expected) {
    const std::size_t at = name.find('@');
    ASSERT_EQ(spikes.count(name.substr(0, at)), 1U) << name;
    const std::int64_t found =
        spikes.at(name.substr(0, at))[std::stoi(name.substr(at + 1))].sum().item<std::int64_t>();
    total += count;
    moved += std::abs(found - count);
  }
  EXPECT_GT(total, 1000);
  // Folding changes the last bits of a float, and with them now and then a spike on the threshold.
  EXPECT_LE(moved, total / 5000);
  const at::Tensor difference = (output - replayed).abs().amax(1);
  EXPECT_GE(difference.lt(1e-4).sum().item<int>(), 38) << "of 40 samples";
  EXPECT_EQ(network.timesteps, 3);
  EXPECT_EQ(network.dataset, "shapes");
  EXPECT_EQ(network.genotype, to_text(spec.cell1, spec.cell2));
}

INSTANTIATE_TEST_SUITE_P(Cells, ExportAgrees,
                         ::testing::Values(std::make_pair("0303/0030/2002/0200", 8),
                                           std::make_pair("0303/0030/2002/0200", 0),
                                           std::make_pair("0123/0041/0002/0000", 0),
                                           std::make_pair("0042/3004/0103/0000", 0),
                                           std::make_pair("0001/1000/1100/4310", 0),
                                           std::make_pair("0003/2000/3200/0320|0004/0000/0000/0000", 8)));

TEST(Export, NamesAndBackwardEdgesFollowTheConvention) {
  const Dataset dataset = make_shapes(0, 4, 1);
  GraphNet net(snasnet(small_spec("0303/0030/2002/0400|0001/0000/0000/1000", 8)), 1);
  net->eval();
  const traces::Network network = export_network(net, dataset.name);
  EXPECT_EQ(
      names_of(network),
      (std::set<std::string>{"input",        "stem",         "cell1.node0",  "cell1.node1",  "cell1.node2",
                             "cell1.node3",  "cell1.lif0",   "cell1.lif1",   "cell1.lif2",   "cell1.conv01",
                             "cell1.conv03", "cell1.conv12", "cell1.back20", "cell1.conv23", "cell1.pool31",
                             "reduce.lif",   "reduce",       "reduce.pool",  "cell2.node0",  "cell2.node3",
                             "last.lif",     "last.pool",    "flatten",      "fc1",          "fc1.lif",
                             "fc2",          "output"}));
  EXPECT_TRUE(has_edge(network, "cell1.lif2", "cell1.back20", false));
  EXPECT_TRUE(has_edge(network, "cell1.back20", "cell1.node0", true));
  EXPECT_TRUE(has_edge(network, "cell1.node3", "cell1.pool31", false));
  EXPECT_TRUE(has_edge(network, "cell1.pool31", "cell1.node1", true));
  EXPECT_TRUE(has_edge(network, "cell2.node0", "cell2.node3", false));
  EXPECT_TRUE(has_edge(network, "cell2.node3", "cell2.node0", true));
  EXPECT_TRUE(has_edge(network, "cell1.node3", "reduce.lif", false));
  traces::validate(network, "network");
}

TEST(Export, NodesThatLeadNowhereArePruned) {
  GraphNet net(snasnet(small_spec("0303/0030/0000/0000")), 1);
  const traces::Network network = export_network(net, "shapes");
  EXPECT_LT(network.find("cell1.node1"), 0);
  EXPECT_LT(network.find("cell1.node2"), 0);
  EXPECT_LT(network.find("cell1.conv01"), 0);
  EXPECT_GE(network.find("cell1.conv03"), 0);
}

TEST(Export, ACellThatIsNotCleanedIsRefused) {
  GraphNet net(snasnet(small_spec("0003/0000/0003/0000")), 1);  // node 2 is reached by nothing
  EXPECT_TRUE(contains(error_of([&] { export_network(net, "shapes"); }), "cell1.node2"));
}

TEST(Export, BatchNormBeforeALifBecomesItsFactorAndLeak) {
  GraphNet net(snasnet(small_spec("0001/0000/0000/0000")), 1);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& item : net->named_parameters()) tensors[item.key()] = item.value().detach();
  for (const auto& item : net->named_buffers()) tensors[item.key()] = item.value();
  tensors.at("downconv1.0.weight").fill_(3);
  tensors.at("downconv1.0.bias").fill_(-0.25);
  tensors.at("downconv1.0.running_mean").fill_(0.5);
  tensors.at("downconv1.0.running_var").fill_(4 - 1e-5);
  const traces::Network network = export_network(net, "shapes");
  const auto* lif =
      network.nodes[static_cast<std::size_t>(network.find("reduce.lif"))].as<traces::LifParams>();
  ASSERT_NE(lif, nullptr);
  ASSERT_EQ(lif->r.data.size(), 4U);
  EXPECT_FLOAT_EQ(lif->r.data[2], 1.5F);        // 3 / sqrt(4)
  EXPECT_FLOAT_EQ(lif->v_leak.data[2], -1.0F);  // -0.25 - 0.5 * 1.5
  EXPECT_FLOAT_EQ(lif->tau.data[0], static_cast<float>(4.0 / 3.0 * 1e-4));
  EXPECT_TRUE(lif->spike_at_threshold);
}

TEST(Quantise, EightBitsComputeNearlyTheSame) {
  const Dataset dataset = make_shapes(512, 100, 1);
  GraphNet net = worn(small_spec("0303/0030/2002/0200"), dataset);
  traces::Network network = export_network(net, dataset.name);
  const at::Tensor x = inputs_of(dataset);
  const at::Tensor exact = GraphRunner(network, "network").run(x);
  quantise(network, dataset);
  const at::Tensor rounded = GraphRunner(network, "network").run(x);
  EXPECT_GT(exact.argmax(1).eq(rounded.argmax(1)).sum().item<int>(), 80);
  EXPECT_FALSE(at::equal(exact, rounded));
  EXPECT_NEAR(network.input_scale, 2.0F / 127, 1e-7);  // (1 - 0.5) / 0.25 = 2
}

/// input 1x2x2 -> conv 1x1 (weight 2, bias 0.5) -> node -> lif -> output; node also gets its LIF's spikes of
/// the step before (backward edge).
traces::Network tiny() {
  using namespace traces;
  Network network;
  Conv2dParams conv;
  conv.weight = {{1, 1, 1, 1}, {2.0F}};
  conv.bias = {{1}, {0.5F}};
  LifParams lif;
  lif.tau = {{1}, {2e-4F}};
  lif.r = {{1}, {1.0F}};
  lif.v_leak = {{1}, {0.25F}};
  lif.v_threshold = {{1}, {1.0F}};
  lif.v_reset = {{1}, {-0.125F}};
  network.nodes = {{"input", InputParams{{1, 2, 2}}},
                   {"conv", conv},
                   {"node", ScaleParams{{{1, 1, 1}, {1.0F}}}},
                   {"lif", lif},
                   {"output", OutputParams{{1, 2, 2}}}};
  network.edges = {{0, 1, false}, {1, 2, false}, {2, 3, false}, {3, 4, false}, {3, 2, true}};
  network.timesteps = 5;
  return network;
}

TEST(GraphRunner, AgreesWithArithmeticByHand) {
  const traces::Network network = tiny();
  const std::vector<float> pixels{0.0F, 0.5F, 1.0F, -1.0F};
  at::Tensor x = at::empty({1, 1, 2, 2});
  std::copy(pixels.begin(), pixels.end(), x.data_ptr<float>());
  std::map<std::string, at::Tensor> spikes;
  const at::Tensor output = GraphRunner(network, "network").run(x, &spikes);
  ASSERT_EQ(spikes.size(), 1U);
  int fired = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    double v = 0, before = 0, sum = 0;
    for (std::int64_t t = 0; t < 5; ++t) {
      const double input = 2.0 * static_cast<double>(pixels[i]) + 0.5 + before;
      v += 0.5 * ((0.25 - v) + input);
      before = v >= 1 ? 1 : 0;
      if (v >= 1) v = -0.125;
      sum += before;
      fired += v < 0 ? 1 : 0;
      const auto y = static_cast<std::int64_t>(i / 2), column = static_cast<std::int64_t>(i % 2);
      EXPECT_EQ(spikes.at("lif")[t][0][0][y][column].item<int>(), static_cast<int>(before)) << i << " " << t;
    }
    EXPECT_FLOAT_EQ(output.flatten()[static_cast<std::int64_t>(i)].item<float>(),
                    static_cast<float>(sum / 5));
  }
  EXPECT_GT(fired, 5);
}

TEST(GraphRunner, RefusesANetworkWithoutTimesteps) {
  traces::Network network = tiny();
  network.timesteps = 0;
  EXPECT_TRUE(contains(error_of([&] { GraphRunner(network, "x.nir"); }), "x.nir"));
}

TEST(GraphRunner, ResultsDoNotDependOnTheBatch) {
  const Dataset dataset = make_shapes(256, 30, 1);
  GraphNet net = worn(small_spec("0303/0030/2002/0200"), dataset);
  traces::Network network = export_network(net, dataset.name);
  quantise(network, dataset);
  GraphRunner runner(network, "network");
  const at::Tensor x = inputs_of(dataset);
  std::map<std::string, at::Tensor> together, alone;
  runner.run(x, &together);
  runner.run(x.narrow(0, 7, 1), &alone);
  for (const auto& [name, record] : alone)
    EXPECT_TRUE(at::equal(record, together.at(name).narrow(1, 7, 1))) << name;
}

TEST(RecordTrace, HoldsEverySpikeWhereItBelongs) {
  const Dataset dataset = make_shapes(128, 60, 1);
  GraphNet net = worn(small_spec("0303/0030/2002/0200", 8), dataset);
  traces::Network network = export_network(net, dataset.name);
  quantise(network, dataset);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 59; i >= 5; --i) indices.push_back(i);  // more than one batch
  const traces::SpikeTrace trace = record_trace(network, dataset, *dataset.test, indices);
  EXPECT_EQ(trace.header.network_sha256, traces::network_hash(network));
  EXPECT_EQ(trace.header.timesteps, 3);
  ASSERT_EQ(trace.samples.size(), indices.size());
  const at::Tensor x = inputs_of(dataset);
  std::map<std::string, at::Tensor> spikes;
  const at::Tensor predicted = GraphRunner(network, "network").run(x, &spikes).argmax(1);
  ASSERT_EQ(trace.nodes.size(), spikes.size());
  for (const std::size_t position : {std::size_t{0}, std::size_t{53}}) {
    const std::int64_t index = indices[position];
    EXPECT_EQ(trace.samples[position].index, index);
    EXPECT_EQ(trace.samples[position].label, dataset.test->label(index));
    EXPECT_EQ(trace.samples[position].prediction, predicted[index].item<int>());
    for (const auto& [name, record] : spikes) {
      const auto& node = trace.nodes.at(name);
      const at::Tensor sample = record.select(1, index);
      const bool map = sample.dim() == 4;
      ASSERT_EQ(node.info.bits(), sample[0].numel());
      for (std::int64_t t = 0; t < 3; ++t) {
        const at::Tensor ordered = (map ? sample[t].permute({1, 2, 0}) : sample[t]).contiguous();
        const auto* bits = ordered.data_ptr<std::uint8_t>();
        const auto& words = node.spikes[position][static_cast<std::size_t>(t)];
        std::int64_t wrong = 0;
        for (std::int64_t i = 0; i < ordered.numel(); ++i) {
          wrong += ((words[static_cast<std::size_t>(i / 64)] >> (i % 64)) & 1) != bits[i] ? 1 : 0;
        }
        EXPECT_EQ(wrong, 0) << name;
      }
    }
    const at::Tensor integers = encode_input(network, x[index]);
    ASSERT_EQ(trace.input.data.size(), indices.size() * 3072);
    for (std::int64_t c = 0; c < 3; ++c) {
      const auto place = position * 3072 + static_cast<std::size_t>((5 * 32 + 9) * 3 + c);
      EXPECT_EQ(trace.input.data[place], integers[c][5][9].item<int>());
    }
  }
  EXPECT_TRUE(contains(error_of([&] { record_trace(network, dataset, *dataset.test, {60}); }), "60"));
}

/// One sample of one channel, 2 x 2 pixels: frame t has t + pixel events.
class Steps : public SampleSet {
 public:
  std::int64_t size() const override { return 1; }
  std::int64_t label(std::int64_t) const override { return 0; }
  void read(std::int64_t, std::uint8_t* out) const override {
    for (int i = 0; i < 20; ++i) out[i] = static_cast<std::uint8_t>(i / 4 + i % 4);
  }
};

TEST(RecordTrace, EventsAreAnInputOfTheirOwnAtEveryTimestep) {
  Dataset dataset;
  dataset.name = "steps";
  dataset.events = true;
  dataset.classes = 1;
  dataset.frames = 5;
  dataset.channels = 1;
  dataset.height = dataset.width = 2;
  dataset.mean = {0};
  dataset.std = {1.0 / 255};
  dataset.test = std::make_shared<Steps>();
  traces::Network network = tiny();
  network.nodes[4] = {"output", traces::OutputParams{{4}}};
  network.nodes.push_back({"flatten", traces::FlattenParams{}});
  network.edges[3] = {3, 5, false};
  network.edges.push_back({5, 4, false});
  quantise(network, dataset);
  EXPECT_EQ(network.input_scale, 1.0F);
  const traces::SpikeTrace trace = record_trace(network, dataset, *dataset.test, {0});
  EXPECT_EQ(trace.input.frames, 5);
  ASSERT_EQ(trace.input.data.size(), 20U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(trace.input.data[static_cast<std::size_t>(i)], i / 4 + i % 4) << i;
  // Each timestep sees its own frame: the first pixel gets 0, 1, 2, 3, 4.
  double v = 0, before = 0;
  for (std::size_t t = 0; t < 5; ++t) {
    v += 0.5 * ((0.25 - v) + 2.0 * static_cast<double>(t) + 0.5 + before);
    before = v >= 1 ? 1 : 0;
    if (v >= 1) v = -0.125;
    EXPECT_EQ(trace.nodes.at("lif").spikes[0][t][0] & 1U, static_cast<std::uint64_t>(before)) << t;
  }
  dataset.frames = 4;
  EXPECT_TRUE(contains(error_of([&] { record_trace(network, dataset, *dataset.test, {0}); }),
                       "timesteps: found 5, expected the 4 frames"));
}

TEST(RecordTrace, NetworkAndTraceSurviveTheirFiles) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(64, 8, 1);
  GraphNet net = worn(small_spec("0303/0030/2002/0200", 8), dataset);
  traces::Network network = export_network(net, dataset.name);
  quantise(network, dataset);
  traces::write_nir(folder.file("network.nir"), network);
  const traces::Network read = traces::read_nir(folder.file("network.nir"));
  EXPECT_EQ(traces::network_hash(read), traces::network_hash(network));
  const at::Tensor x = inputs_of(dataset);
  EXPECT_TRUE(at::equal(GraphRunner(network, "a").run(x), GraphRunner(read, "b").run(x)));
  const traces::SpikeTrace trace = record_trace(network, dataset, *dataset.test, {3, 1});
  traces::write_trace(folder.file("trace.h5"), trace);
  const traces::TraceReader reader(folder.file("trace.h5"));
  EXPECT_EQ(reader.header().network_sha256, traces::network_hash(read));
  EXPECT_EQ(reader.spikes("reduce.lif", 1), trace.nodes.at("reduce.lif").spikes[1]);
  EXPECT_EQ(reader.input(0).data.size(), 3072U);
}

TEST(Accuracy, OfTheExportEqualsThatOfTheNetwork) {
  const Dataset dataset = make_shapes(2000, 300, 1);
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  TrainOptions options;
  options.batch = 32;
  TrainRun run;
  run.quiet = true;
  train(net, dataset, options, run);
  const traces::Network network = export_network(net, dataset.name);
  EXPECT_NEAR(evaluate(net, dataset, *dataset.test).accuracy(),
              accuracy(network, "network", dataset, *dataset.test), 0.01);
}

}  // namespace
}  // namespace spikeloop::models
