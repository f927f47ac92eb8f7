#include <cstdlib>
#include <filesystem>

#include "helpers.h"
#include "traces/nir.h"
#include "traces/spike_export.h"
#include "traces/support/files.h"

/// NIR files of other programs, and ours as others see them.
namespace spikeloop::traces {
namespace {

using test::TemporaryFolder;
using Shape = std::vector<std::int64_t>;

class ForeignNir : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(folder_)) GTEST_SKIP() << "absent: reference files refs/nir";
  }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_ = test::shared_folder() + "/refs/nir";
};

TEST_F(ForeignNir, SinabsConvolutionalNetwork) {
  const Network n = read_nir(file("cnn_sinabs.nir"));
  std::vector<std::string> names;
  for (const Node& node : n.nodes) names.push_back(node.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
                                             "12", "input", "output"}));
  const std::vector<Shape> expected{{16, 16, 16}, {16, 16, 16}, {16, 16, 16}, {16, 16, 16}, {16, 8, 8},
                                    {8, 8, 8},    {8, 8, 8},    {8, 4, 4},    {128},        {256},
                                    {256},        {10},         {10},         {2, 34, 34},  {10}};
  EXPECT_EQ(infer_shapes(n, "cnn_sinabs.nir"), expected);
  EXPECT_EQ(weight_memory(n).weights, 16 * 2 * 25 + 16 * 16 * 9 + 8 * 16 * 9 + 256 * 128 + 10 * 256);
  EXPECT_EQ(n.edges.size(), 14U);
  for (const Edge& e : n.edges) EXPECT_FALSE(e.backward);
  EXPECT_FALSE(n.nodes[1].as<IfParams>()->spike_at_threshold);
  EXPECT_FALSE(n.nodes[4].as<Pool2dParams>()->average);
}

TEST_F(ForeignNir, NorseLif) {
  const Network n = read_nir(file("lif_norse.nir"));
  EXPECT_EQ(infer_shapes(n, "f"), std::vector<Shape>(4, Shape{1}));
  const LifParams& lif = *n.nodes[static_cast<std::size_t>(n.find("1"))].as<LifParams>();
  EXPECT_FLOAT_EQ(lif.tau.data.at(0), 0.0025F);
  EXPECT_FLOAT_EQ(lif.v_threshold.data.at(0), 0.1F);
  EXPECT_EQ(lif.v_reset.data.at(0), 0.0F);
  EXPECT_STREQ(n.nodes[static_cast<std::size_t>(n.find("0"))].type(), "Affine");
}

TEST_F(ForeignNir, TwoLifLayersInDoublePrecision) {
  const Network n = read_nir(file("two_lif_neurons.nir"));
  EXPECT_EQ(n.nodes.size(), 6U);
  EXPECT_EQ(infer_shapes(n, "f"), std::vector<Shape>(6, Shape{1}));
  EXPECT_FLOAT_EQ(n.nodes[static_cast<std::size_t>(n.find("lif1"))].as<LifParams>()->v_leak.data.at(0), 1.2F);
  EXPECT_FLOAT_EQ(n.nodes[static_cast<std::size_t>(n.find("lif2"))].as<LifParams>()->v_threshold.data.at(0),
                  20.0F);
}

TEST_F(ForeignNir, AnEdgeOfTheNestedGraphNamesNoNode) {
  test::expect_input_error(
      [&] { read_nir(file("braille_subgraph.nir")); },
      {"braille_subgraph.nir", "node 'lif1'/edges", "an edge with 'lif1.lif'", "the name of a node"});
}

TEST_F(ForeignNir, RoundTripAsOurs) {
  const TemporaryFolder folder;
  for (const char* name : {"cnn_sinabs.nir", "lif_norse.nir", "two_lif_neurons.nir"}) {
    SCOPED_TRACE(name);
    const Network n = read_nir(file(name));
    write_nir(folder.file(name), n);
    const Network back = read_nir(folder.file(name));
    EXPECT_EQ(test::difference(n, back), "");
    EXPECT_EQ(network_hash(n), network_hash(back));
  }
}

class H5py : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string(SPIKELOOP_PYTHON_H5PY).empty()) GTEST_SKIP() << "absent: a Python with h5py";
  }
  /// What the script prints; `arguments` after the script's name.
  std::string run(const std::string& arguments) const {
    const std::string log = folder_.file("log");
    const std::string script = std::string(SPIKELOOP_SOURCE_DIR) + "/tests/traces/nir_h5py.py";
    const std::string command =
        std::string(SPIKELOOP_PYTHON_H5PY) + " '" + script + "' " + arguments + " > '" + log + "' 2>&1";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return read_file(log);
  }
  TemporaryFolder folder_;
};

TEST_F(H5py, SeesTheLayoutOfTheReferenceLibrary) {
  write_nir(folder_.file("n.nir"), test::small_network());
  EXPECT_EQ(run("check '" + folder_.file("n.nir") + "'"), "ok\n");
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    write_nir(folder_.file("n.nir"), test::random_network(seed));
    EXPECT_EQ(run("check '" + folder_.file("n.nir") + "'"), "ok\n") << seed;
  }
}

TEST_F(H5py, TheReferenceLibraryReadsOurNetworks) {
  write_nir(folder_.file("n.nir"), test::small_network());
  const std::string said = run("reference '" + folder_.file("n.nir") + "'");
  if (said == "absent\n") GTEST_SKIP() << "absent: the Python package nir";
  EXPECT_EQ(said, "ok\n");
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    write_nir(folder_.file("n.nir"), test::random_network(seed));
    EXPECT_EQ(run("reference '" + folder_.file("n.nir") + "'"), "ok\n") << seed;
  }
}

TEST_F(H5py, TheReferenceLibraryPutsOurSpikesOnTheSameGrid) {
  SpikeTrace trace;
  trace.header.timesteps = 4;
  trace.samples = {{0, 3, 0}};
  auto& node = trace.nodes["lif"];
  node.info = {1, 3, 1, 0};
  node.spikes.resize(1);
  for (std::size_t t = 0; t < 4; ++t) {
    const std::uint8_t bits[3] = {static_cast<std::uint8_t>(t == 0), 0, static_cast<std::uint8_t>(t == 3)};
    node.spikes[0].push_back(pack_chw(bits, 1, 1, 3));
  }
  export_spikes(folder_.file("s.h5"), trace, 3e-4);
  const std::string said = run("spikes '" + folder_.file("s.h5") + "' lif 3e-4");
  if (said == "absent\n") GTEST_SKIP() << "absent: the Python package nir with read_data";
  EXPECT_EQ(said, "(1, 4, 3) 0,0,0 0,3,2\n");
}

TEST_F(H5py, ItsLzfCompressionGivesAHint) {
  write_nir(folder_.file("n.nir"), test::small_network());
  EXPECT_EQ(run("lzf '" + folder_.file("n.nir") + "' '" + folder_.file("lzf.nir") + "'"), "");
  test::expect_input_error([&] { read_nir(folder_.file("lzf.nir")); },
                           {"lzf.nir", "node '", "found lzf compression", "gzip"});
}

}  // namespace
}  // namespace spikeloop::traces
