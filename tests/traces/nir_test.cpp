#include "traces/nir.h"

#include <algorithm>
#include <filesystem>

#include "helpers.h"
#include "nir_files.h"
#include "traces/support/files.h"

namespace spikeloop::traces {
namespace {

using test::edit;
using test::TemporaryFolder;

TEST(Nir, RoundTripKeepsEverything) {
  const TemporaryFolder folder;
  const Network n = test::small_network();
  write_nir(folder.file("n.nir"), n);
  const Network back = read_nir(folder.file("n.nir"));
  EXPECT_EQ(test::difference(n, back), "");
  EXPECT_EQ(network_hash(n), network_hash(back));
}

TEST(Nir, RoundTripOfRandomNetworks) {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Network n = test::random_network(seed);
    write_nir(folder.file("n.nir"), n);
    const Network back = read_nir(folder.file("n.nir"));
    EXPECT_EQ(test::difference(n, back), "");
    EXPECT_EQ(network_hash(n), network_hash(back));
  }
}

TEST(Nir, SameNetworkSameBytes) {
  const TemporaryFolder folder;
  write_nir(folder.file("a.nir"), test::small_network());
  write_nir(folder.file("b.nir"), test::small_network());
  // The second file is written over another one, some seconds and allocations later.
  write_nir(folder.file("b.nir"), test::random_network(3));
  write_nir(folder.file("b.nir"), test::small_network());
  const std::string a = read_file(folder.file("a.nir"));
  EXPECT_GT(a.size(), 1000U);
  EXPECT_TRUE(a == read_file(folder.file("b.nir")));
}

TEST(Nir, NeuronParametersAreWrittenInFull) {
  const TemporaryFolder folder;
  write_nir(folder.file("n.nir"), test::small_network());
  const h5::Handle file = h5::open_file(folder.file("n.nir"), "a file");
  std::vector<std::int64_t> shape;
  const std::vector<float> threshold =
      h5::read_floats(file.get(), "node/nodes/lif/v_threshold", test::kHere, shape);
  EXPECT_EQ(shape, (std::vector<std::int64_t>{4, 6, 6}));
  EXPECT_EQ(threshold[35], 0.5F);
  EXPECT_EQ(threshold[36], 0.6F);
  h5::read_floats(file.get(), "node/nodes/lif/v_reset", test::kHere, shape);
  EXPECT_EQ(shape, (std::vector<std::int64_t>{4, 6, 6}));
}

/// input -> fc -> rec (nested: input -> lif -> w -> lif -> output) -> output, named so that a byte order
/// would put "n10" before "n2".
void write_nested(const std::string& path) {
  h5::Handle file = h5::create_file(path, test::kHere);
  const h5::Handle root = test::make_graph(
      file.get(), "node", {{"rec", "n10"}, {"n2", "rec"}, {"input", "n2"}, {"n10", "output"}});
  const h5::Handle nodes = test::nodes_of(root);
  test::make_port(nodes.get(), "input", "Input", {2});
  test::make_port(nodes.get(), "output", "Output", {3});
  test::make_linear(nodes.get(), "n2", 4, 2);
  test::make_linear(nodes.get(), "n10", 3, 4);
  const h5::Handle inner =
      test::make_graph(nodes.get(), "rec", {{"input", "lif"}, {"lif", "w"}, {"w", "lif"}, {"lif", "output"}});
  const h5::Handle inner_nodes = test::nodes_of(inner);
  test::make_port(inner_nodes.get(), "input", "Input", {4});
  test::make_port(inner_nodes.get(), "output", "Output", {4});
  test::make_scalar_lif(inner_nodes.get(), "lif");
  test::make_linear(inner_nodes.get(), "w", 4, 4);
}

std::vector<std::string> edge_texts(const Network& n) {
  std::vector<std::string> texts;
  for (const Edge& e : n.edges) {
    texts.push_back(n.nodes[static_cast<std::size_t>(e.from)].name + (e.backward ? " ~> " : " -> ") +
                    n.nodes[static_cast<std::size_t>(e.to)].name);
  }
  return texts;
}

TEST(Nir, NestedGraphsAreFlattened) {
  const TemporaryFolder folder;
  write_nested(folder.file("n.nir"));
  const Network n = read_nir(folder.file("n.nir"));
  std::vector<std::string> names;
  for (const Node& node : n.nodes) names.push_back(node.name);
  EXPECT_EQ(names, (std::vector<std::string>{"input", "n2", "n10", "output", "rec.lif", "rec.w"}));
  std::vector<std::string> edges = edge_texts(n);
  std::sort(edges.begin(), edges.end());
  EXPECT_EQ(edges, (std::vector<std::string>{"input -> n2", "n10 -> output", "n2 -> rec.lif",
                                             "rec.lif -> n10", "rec.lif -> rec.w", "rec.w ~> rec.lif"}));
  const LifParams& lif = *n.nodes[4].as<LifParams>();
  EXPECT_EQ(lif.tau.data, std::vector<float>{1e-3F});
  EXPECT_EQ(lif.v_reset.data, std::vector<float>{0});
  EXPECT_FALSE(lif.spike_at_threshold);
  EXPECT_EQ(n.dt_s, 1e-4);
  EXPECT_EQ(n.timesteps, 0);

  // And it can be written as a file of ours.
  write_nir(folder.file("flat.nir"), n);
  EXPECT_EQ(test::difference(n, read_nir(folder.file("flat.nir"))), "");
}

TEST(Nir, GraphWithinAGraphWithNothingBetweenItsPorts) {
  const TemporaryFolder folder;
  {
    h5::Handle file = h5::create_file(folder.file("n.nir"), test::kHere);
    const h5::Handle root = test::make_graph(
        file.get(), "node", {{"input", "pass"}, {"pass", "fc"}, {"input", "fc"}, {"fc", "output"}});
    const h5::Handle nodes = test::nodes_of(root);
    test::make_port(nodes.get(), "input", "Input", {2});
    test::make_port(nodes.get(), "output", "Output", {2});
    test::make_linear(nodes.get(), "fc", 2, 2);
    const h5::Handle inner = test::make_graph(nodes.get(), "pass", {{"a", "b"}});
    test::make_port(test::nodes_of(inner).get(), "a", "Input", {2});
    test::make_port(test::nodes_of(inner).get(), "b", "Output", {2});
  }
  const Network n = read_nir(folder.file("n.nir"));
  // Once through the inner graph and once directly: the edge counts twice.
  EXPECT_EQ(edge_texts(n), (std::vector<std::string>{"input -> fc", "input -> fc", "fc -> output"}));
}

TEST(Nir, MetadataDtOfOtherProgramsIsTaken) {
  const TemporaryFolder folder;
  write_nested(folder.file("n.nir"));
  edit(folder.file("n.nir"), [](hid_t file) {
    const h5::Handle metadata = h5::create_group(file, "node/metadata", test::kHere);
    h5::write_real(metadata.get(), "dt", 1e-3, test::kHere);
    h5::write_string(metadata.get(), "dataset", "not ours, not read", test::kHere);
  });
  const Network n = read_nir(folder.file("n.nir"));
  EXPECT_EQ(n.dt_s, 1e-3);
  EXPECT_EQ(n.dataset, "");
}

/// small_network as another program would write it: without metadata.
void write_plain(const std::string& path) {
  write_nir(path, test::small_network());
  edit(path, [](hid_t file) {
    test::remove_object(file, "node/metadata");
    for (const char* node : {"conv", "sum", "lif", "if"}) {
      test::remove_object(file, std::string("node/nodes/") + node + "/metadata");
    }
  });
}

TEST(Nir, WithoutMetadataTheCycleIsFoundAndNirsRuleHolds) {
  const TemporaryFolder folder;
  write_plain(folder.file("n.nir"));
  const Network n = read_nir(folder.file("n.nir"));
  int backward = 0;
  for (const Edge& e : n.edges) backward += e.backward ? 1 : 0;
  EXPECT_EQ(backward, 1);
  EXPECT_FALSE(n.nodes[static_cast<std::size_t>(n.find("lif"))].as<LifParams>()->spike_at_threshold);
  EXPECT_FALSE(n.nodes[static_cast<std::size_t>(n.find("if"))].as<IfParams>()->spike_at_threshold);
  const Conv2dParams& conv = *n.nodes[static_cast<std::size_t>(n.find("conv"))].as<Conv2dParams>();
  EXPECT_FALSE(conv.quantised.has_value());
  EXPECT_EQ(conv.bias.data, std::vector<float>(4, 0.0F));
  EXPECT_EQ(conv.input_shape, (std::array<std::int64_t, 2>{6, 6}));
}

TEST(Nir, OtherFormsOfParametersAreAccepted) {
  const TemporaryFolder folder;
  write_plain(folder.file("n.nir"));
  edit(folder.file("n.nir"), [](hid_t file) {
    for (const char* name :
         {"conv/stride", "conv/padding", "conv/dilation", "conv/input_shape", "pool/kernel_size"}) {
      test::remove_object(file, std::string("node/nodes/") + name);
    }
    test::remove_object(file, "version");
    h5::write_integer(file, "node/nodes/conv/stride", 1, test::kHere);
    h5::write_integers(file, "node/nodes/conv/dilation", {1}, {1}, test::kHere);
    h5::write_string(file, "node/nodes/conv/padding", "same", test::kHere);
    h5::write_integer(file, "node/nodes/pool/kernel_size", 2, test::kHere);
  });
  const Network n = read_nir(folder.file("n.nir"));
  const Conv2dParams& conv = *n.nodes[static_cast<std::size_t>(n.find("conv"))].as<Conv2dParams>();
  EXPECT_EQ(conv.padding, (std::array<std::int64_t, 2>{1, 1}));
  EXPECT_EQ(conv.input_shape, (std::array<std::int64_t, 2>{0, 0}));
  EXPECT_EQ(n.nodes[static_cast<std::size_t>(n.find("pool"))].as<Pool2dParams>()->kernel,
            (std::array<std::int64_t, 2>{2, 2}));

  // "same" is one-sided with stride 2.
  edit(folder.file("n.nir"), [](hid_t file) {
    test::remove_object(file, "node/nodes/conv/stride");
    h5::write_integer(file, "node/nodes/conv/stride", 2, test::kHere);
  });
  test::expect_input_error([&] { read_nir(folder.file("n.nir")); },
                           {"node 'conv'/padding", "\"same\" with stride 2"});
}

TEST(Nir, ParametersChangedByAnotherProgramStayInFull) {
  const TemporaryFolder folder;
  write_nir(folder.file("n.nir"), test::small_network());
  std::vector<float> tau(144, 2e-3F);
  tau[143] = 3e-3F;
  edit(folder.file("n.nir"), [&](hid_t file) {
    test::remove_object(file, "node/nodes/lif/tau");
    h5::write_floats(file, "node/nodes/lif/tau", tau, {4, 6, 6}, test::kHere);
  });
  const Network n = read_nir(folder.file("n.nir"));
  EXPECT_EQ(n.nodes[3].as<LifParams>()->tau.data, tau);
  EXPECT_EQ(n.nodes[3].as<LifParams>()->r.data, std::vector<float>{1});
}

TEST(Nir, FailedWriteLeavesNothing) {
  const TemporaryFolder folder;
  Network n = test::small_network();
  n.nodes[3].name = "a/b";
  test::expect_input_error([&] { write_nir(folder.file("n.nir"), n); },
                           {"n.nir", "node 'a/b'", "without '/'"});
  n.nodes[3].name = ".";
  test::expect_input_error([&] { write_nir(folder.file("n.nir"), n); }, {"node '.'"});
  n.nodes[3].name = "conv";
  test::expect_input_error([&] { write_nir(folder.file("n.nir"), n); }, {"node 'conv'", "two nodes"});
  test::expect_input_error([&] { write_nir(folder.file("no/n.nir"), test::small_network()); }, {"no folder"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace spikeloop::traces
