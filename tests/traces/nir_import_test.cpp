#include "traces/nir_import.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "helpers.h"
#include "traces/support/files.h"

/// Conventions of other frameworks: files that nir_frameworks.py writes with h5py alone, and the reference
/// ones.
namespace spikeloop::traces {
namespace {

using test::TemporaryFolder;

const Node& node(const Network& network, const std::string& name) {
  return network.nodes.at(static_cast<std::size_t>(network.find(name)));
}

class Frameworks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string(SPIKELOOP_PYTHON_H5PY).empty()) GTEST_SKIP() << "absent: a Python with h5py";
  }
  std::string file(const std::string& framework) const {
    const std::string path = folder_.file(framework + ".nir");
    const std::string command = std::string(SPIKELOOP_PYTHON_H5PY) + " '" + SPIKELOOP_SOURCE_DIR +
                                "/tests/traces/nir_frameworks.py' " + framework + " '" + path + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return path;
  }
  TemporaryFolder folder_;
};

TEST_F(Frameworks, SnnTorch) {
  const ImportedNetwork imported = import_nir(file("snntorch"), {});
  const Network& n = imported.network;
  EXPECT_NEAR(n.dt_s, 1e-4, 1e-9) << "r = tau/dt";
  const auto& lif = *node(n, "lif1").as<LifParams>();
  EXPECT_NEAR(1 - n.dt_s / static_cast<double>(lif.tau.data.at(0)), 0.9, 1e-5) << "v = beta v + x";
  EXPECT_NEAR(n.dt_s / static_cast<double>(lif.tau.data.at(0)) * static_cast<double>(lif.r.data.at(0)), 1,
              1e-5);
  const auto& cuba = *node(n, "lif2.lif").as<CubaLifParams>();
  EXPECT_NEAR(
      n.dt_s / static_cast<double>(cuba.tau_syn.data.at(0)) * static_cast<double>(cuba.w_in.data.at(0)), 1,
      1e-5);
  int backward = 0;
  for (const Edge& edge : n.edges) {
    if (!edge.backward) continue;
    ++backward;
    EXPECT_EQ(n.nodes[static_cast<std::size_t>(edge.from)].name, "lif2.w_rec");
    EXPECT_EQ(n.nodes[static_cast<std::size_t>(edge.to)].name, "lif2.lif");
  }
  EXPECT_EQ(backward, 1);
  const std::string report = import_report(imported, "f");
  for (const char* piece : {"as snnTorch", "no v_reset: 0", "no input_shape: taken from the edges",
                            "one value each for the whole layer: tau, r, v_leak, v_threshold", "--reset soft",
                            "lif2.w_rec -> lif2.lif closes a cycle", "nested graph"})
    EXPECT_NE(report.find(piece), std::string::npos) << piece << "\n" << report;
}

TEST_F(Frameworks, SpikingJelly) {
  const ImportedNetwork imported = import_nir(file("spikingjelly"), {});
  EXPECT_NEAR(imported.network.dt_s, 1e-4, 1e-9) << "IF r = 1/dt";
  EXPECT_EQ(node(imported.network, "if").as<IfParams>()->r.data, std::vector<float>{1});
  const auto& lif = *node(imported.network, "lif").as<LifParams>();
  EXPECT_NEAR(imported.network.dt_s / static_cast<double>(lif.tau.data.at(0)), 0.5, 1e-6) << "tau 2";
  EXPECT_NE(import_report(imported, "f").find("IF r = 1/dt at 'if': v += input"), std::string::npos);
}

TEST_F(Frameworks, Norse) {
  const ImportedNetwork guessed = import_nir(file("norse"), {});
  EXPECT_EQ(guessed.network.dt_s, 1e-4);
  EXPECT_NE(import_report(guessed, "f").find("the timestep is a guess"), std::string::npos);
  ImportOptions options;
  options.dt_s = 1e-3;
  const ImportedNetwork told = import_nir(file("norse"), options);
  EXPECT_EQ(told.network.dt_s, 1e-3);
  EXPECT_EQ(import_report(told, "f").find("guess"), std::string::npos);
  EXPECT_EQ(node(told.network, "cuba").as<CubaLifParams>()->w_in.data, std::vector<float>{1});
}

TEST_F(Frameworks, DtBeyondTauIsRefused) {
  ImportOptions options;
  options.dt_s = 0.02;
  test::expect_input_error(
      [&] { import_nir(file("norse"), options); },
      {"norse.nir", "tau", "0.01 s with dt 0.02 s", "= 2", "at most 1", "--euler exponential"});
  options.euler = ImportOptions::Euler::kExponential;
  const Network n = import_nir(file("norse"), options).network;
  EXPECT_NEAR(n.dt_s / static_cast<double>(node(n, "lif").as<LifParams>()->tau.data.at(0)),
              1 - std::exp(-2.0), 1e-6);
}

TEST_F(Frameworks, SinabsCountsTauInTimesteps) {
  const ImportedNetwork imported = import_nir(file("sinabs"), {});
  const Network& n = imported.network;
  EXPECT_EQ(n.dt_s, 1);
  EXPECT_NEAR(1 / static_cast<double>(node(n, "lif").as<LifParams>()->tau.data.at(0)),
              1 - std::exp(-1.0 / 20), 1e-6);
  const std::string report = import_report(imported, "f");
  for (const char* piece : {"tau >= 1 counts timesteps", "exponential Euler", "start_dim 1 counts the batch",
                            "reads counts 0 to 4 of 'pool', 3 bits"})
    EXPECT_NE(report.find(piece), std::string::npos) << piece << "\n" << report;
}

TEST_F(Frameworks, TheTimestepThatSinabsMeansIsNoChange) {
  ImportOptions options;
  options.dt_s = 1;
  EXPECT_EQ(network_hash(import_nir(file("sinabs"), options).network),
            network_hash(import_nir(file("sinabs"), {}).network));
  options.dt_s = 0.5;
  const ImportedNetwork other = import_nir(file("sinabs"), options);
  EXPECT_NEAR(static_cast<double>(node(other.network, "lif").as<LifParams>()->tau.data.at(0)), 20, 1e-6)
      << "seconds then, forward Euler";
}

TEST_F(Frameworks, GainsSayNothingOfTheTimestep) {
  const ImportedNetwork imported = import_nir(file("gains"), {});
  EXPECT_EQ(imported.network.dt_s, 1e-4);
  EXPECT_NE(import_report(imported, "f").find("the timestep is a guess"), std::string::npos);
  EXPECT_EQ(node(imported.network, "if").as<IfParams>()->r.data.at(0), 10.0F);
}

TEST_F(Frameworks, ATimestepFromOneNodeIsDoubted) {
  const std::string doubt = "dt rests on";
  EXPECT_NE(import_report(import_nir(file("spikingjelly"), {}), "f").find(doubt + " 'if' alone"),
            std::string::npos);
  EXPECT_EQ(import_report(import_nir(file("snntorch"), {}), "f").find(doubt), std::string::npos)
      << "three time constants agree";
}

TEST_F(Frameworks, FlattenNodesInACycle) {
  const std::string report = import_report(import_nir(file("flattens"), {}), "f");
  EXPECT_NE(report.find("fc: not on the chip: several edges or values of the timestep before"),
            std::string::npos)
      << report;
}

TEST_F(Frameworks, InputBitsOverATrainedInputAreRefused) {
  const TemporaryFolder folder;
  Network n = import_nir(file("spikingjelly"), {}).network;
  n.input_bits = 8;
  n.input_scale = 0.25F;
  write_nir(folder.file("n.nir"), n);
  ImportOptions options;
  options.input_bits = 4;
  test::expect_input_error([&] { import_nir(folder.file("n.nir"), options); }, {"--input-bits", "0.25"});
}

TEST_F(Frameworks, ResetsThatDifferAreMixed) {
  const TemporaryFolder folder;
  ImportOptions options;
  options.soft_reset = true;
  Network n = import_nir(file("spikingjelly"), options).network;
  n.nodes.at(static_cast<std::size_t>(n.find("lif"))).as<LifParams>()->soft_reset = false;
  write_nir(folder.file("n.nir"), n);
  EXPECT_NE(import_report(import_nir(folder.file("n.nir"), {}), "f").find("reset: mixed"), std::string::npos);
}

TEST_F(Frameworks, RockpoolsRecurrentGraphAndNames) {
  const ImportedNetwork imported = import_nir(file("rockpool"), {});
  EXPECT_EQ(imported.network.nodes.size(), 5U);
  EXPECT_EQ(node(imported.network, "1_LIF").as<CubaLifParams>()->tau_mem.data.size(), 3U);
}

TEST_F(Frameworks, OptionsOverTheFile) {
  ImportOptions options;
  options.soft_reset = true;
  options.spike_at_threshold = true;
  options.timesteps = 7;
  options.input_bits = 4;
  const TemporaryFolder folder;
  const Network n = import_nir(file("spikingjelly"), options).network;
  write_nir(folder.file("n.nir"), n);
  const Network back = read_nir(folder.file("n.nir"));
  EXPECT_EQ(test::difference(n, back), "");
  EXPECT_TRUE(node(back, "if").as<IfParams>()->soft_reset);
  EXPECT_TRUE(node(back, "lif").as<LifParams>()->spike_at_threshold);
  EXPECT_EQ(back.timesteps, 7);
  EXPECT_EQ(back.input_bits, 4);
  EXPECT_EQ(back.input_scale, 1.0F);
  const ImportedNetwork again = import_nir(folder.file("n.nir"), {});
  EXPECT_EQ(network_hash(again.network), network_hash(n)) << "ours stays as it is";
}

TEST(ImportReference, BrailleNetworkWithItsWrongEdges) {
  const std::string path = test::shared_folder() + "/refs/nir/braille_subgraph.nir";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "absent: " << path;
  const ImportedNetwork imported = import_nir(path, {});
  const Network& n = imported.network;
  std::vector<std::string> names;
  for (const Node& each : n.nodes) names.push_back(each.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"fc1", "fc2", "input", "lif1.lif1", "lif1.lin", "lif2", "output"}));
  EXPECT_EQ(infer_shapes(n, "braille"),
            (std::vector<std::vector<std::int64_t>>{{38}, {7}, {12}, {38}, {38}, {7}, {7}}));
  EXPECT_EQ(weight_memory(n).weights, 12 * 38 + 38 * 38 + 38 * 7);
  EXPECT_NEAR(n.dt_s, 1e-4, 1e-9);
  const std::string report = import_report(imported, path);
  EXPECT_NE(report.find("edges name 'lif', which is not there: taken for 'lif1'"), std::string::npos)
      << report;
}

}  // namespace
}  // namespace spikeloop::traces
