#include <limits>

#include "helpers.h"
#include "nir_files.h"
#include "traces/nir.h"
#include "traces/support/files.h"

namespace spikeloop::traces {
namespace {

using test::edit;
using test::expect_input_error;
using test::kHere;
using test::remove_object;
using test::TemporaryFolder;

TEST(NirErrors, FilesThatAreNone) {
  const TemporaryFolder folder;
  const std::string path = folder.file("n.nir");
  expect_input_error([&] { read_nir(path); }, {path, "open", "No such file", "a NIR file"});
  expect_input_error([&] { read_nir(folder.path()); }, {"a folder"});
  write_file(path, "");
  expect_input_error([&] { read_nir(path); }, {path, "an empty file"});
  write_file(path, "{\"not\": \"HDF5\"}");
  expect_input_error([&] { read_nir(path); }, {path, "not HDF5"});
}

TEST(NirErrors, TruncatedAnywhereIsOneInputErrorAndNothingOnStderr) {
  const TemporaryFolder folder;
  write_nir(folder.file("whole.nir"), test::small_network());
  const std::string bytes = read_file(folder.file("whole.nir"));
  ::testing::internal::CaptureStderr();
  for (const std::size_t size : {std::size_t{9}, std::size_t{100}, bytes.size() / 4, bytes.size() / 2,
                                 bytes.size() - 100, bytes.size() - 1}) {
    write_file(folder.file("n.nir"), bytes.substr(0, size));
    expect_input_error([&] { read_nir(folder.file("n.nir")); }, {folder.file("n.nir")});
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

struct Broken {
  const char* what;
  std::function<void(hid_t nodes)> change;  ///< gets /node/nodes
  std::vector<std::string> pieces;
};

TEST(NirErrors, EveryFaultInANodeIsNamed) {
  const auto replace_floats = [](hid_t nodes, const std::string& name, const std::vector<float>& values,
                                 const std::vector<std::int64_t>& shape) {
    remove_object(nodes, name);
    h5::write_floats(nodes, name, values, shape, kHere);
  };
  const auto replace_text = [](hid_t nodes, const std::string& name, const std::string& value) {
    remove_object(nodes, name);
    h5::write_string(nodes, name, value, kHere);
  };
  const std::vector<Broken> cases{
      {"unknown",
       [&](hid_t n) { replace_text(n, "lif/type", "Dropout"); },
       {"node 'lif'", "found type Dropout", "Input, Output, Conv2d, Linear, Affine, LIF"}},
      {"no threshold",
       [&](hid_t n) { replace_text(n, "lif/type", "CubaLI"); },
       {"node 'lif'", "found type CubaLI", "a neuron with a threshold (CubaLIF)"}},
      {"delay",
       [&](hid_t n) { replace_text(n, "lif/type", "Delay"); },
       {"node 'lif'", "found type Delay", "a network without delays"}},
      {"one dimension",
       [&](hid_t n) { replace_text(n, "lif/type", "Conv1d"); },
       {"node 'lif'", "found type Conv1d", "Conv2d with maps of height 1"}},
      {"no type", [](hid_t n) { remove_object(n, "lif/type"); }, {"node 'lif'", "no 'type'"}},
      {"type is a number",
       [](hid_t n) {
         remove_object(n, "lif/type");
         h5::write_integer(n, "lif/type", 3, kHere);
       },
       {"node 'lif'/type", "integers", "text"}},
      {"no weight", [](hid_t n) { remove_object(n, "fc/weight"); }, {"node 'fc'", "no 'weight'"}},
      {"no bias", [](hid_t n) { remove_object(n, "fc/bias"); }, {"node 'fc'", "no 'bias'"}},
      {"no tau", [](hid_t n) { remove_object(n, "lif/tau"); }, {"node 'lif'", "no 'tau'"}},
      {"no shape", [](hid_t n) { remove_object(n, "input/shape"); }, {"node 'input'", "no 'shape'"}},
      {"text as weight",
       [&](hid_t n) { replace_text(n, "fc/weight", "heavy"); },
       {"node 'fc'/weight", "text"}},
      {"rank",
       [&](hid_t n) { replace_floats(n, "fc/weight", std::vector<float>(108, 1), {108}); },
       {"'fc'", "[108]", "[out, in]"}},
      {"conv rank",
       [&](hid_t n) {
         replace_floats(n, "conv/weight", {1, 1}, {2, 1});
       },
       {"node 'conv'/weight", "[2, 1]", "[Co, Ci, Ky, Kx]"}},
      {"size",
       [&](hid_t n) {
         replace_floats(n, "lif/tau", {1, 1, 1}, {3});
       },
       {"'lif'", "tau of 3 values"}},
      {"NaN",
       [&](hid_t n) {
         replace_floats(n, "fc/bias", {1, std::numeric_limits<float>::quiet_NaN(), 1}, {3});
       },
       {"node 'fc'/bias", "NaN at element 1"}},
      {"too large for float32",
       [](hid_t n) {
         remove_object(n, "if/r");
         h5::write_real(n, "if/r", 1e300, kHere);
       },
       {"node 'if'/r", "inf at element 0"}},
      {"stride",
       [](hid_t n) {
         remove_object(n, "conv/stride");
         h5::write_integers(n, "conv/stride", {1, 1, 1}, {3}, kHere);
       },
       {"node 'conv'/stride", "3 integers"}},
      {"float stride",
       [](hid_t n) {
         remove_object(n, "conv/stride");
         h5::write_real(n, "conv/stride", 1.5, kHere);
       },
       {"node 'conv'/stride", "floating-point numbers", "integers"}},
      {"padding word",
       [&](hid_t n) { replace_text(n, "conv/padding", "reflect"); },
       {"node 'conv'/padding", "\"reflect\""}},
      {"dataset instead of node",
       [](hid_t n) {
         remove_object(n, "lif");
         h5::write_integer(n, "lif", 1, kHere);
       },
       {"node 'lif'", "a group"}},
      {"group instead of dataset",
       [](hid_t n) {
         remove_object(n, "fc/weight");
         h5::create_group(n, "fc/weight", kHere);
       },
       {"node 'fc'/weight", "a dataset"}},
      {"edge to an unknown node", [](hid_t n) { remove_object(n, "sum"); }, {"/node/edges", "'sum'"}},
      {"stale quantisation",
       [&](hid_t n) {
         replace_floats(n, "conv/weight", std::vector<float>(72, 0.3F), {4, 2, 3, 3});
       },
       {"node 'conv'/metadata", "beside the quantised value"}},
      {"quantised bits",
       [](hid_t n) {
         remove_object(n, "conv/metadata/quantised_bits");
         h5::write_integer(n, "conv/metadata/quantised_bits", 16, kHere);
       },
       {"node 'conv'/metadata/quantised_bits", "16", "2 to 8"}},
      {"quantised values absent",
       [](hid_t n) { remove_object(n, "conv/metadata/quantised_values"); },
       {"node 'conv'/metadata", "no 'quantised_values'"}},
      {"filter",
       [](hid_t n) {
         remove_object(n, "if/r");
         const h5::Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
         const hsize_t sizes[] = {3};
         H5Pset_chunk(plist.get(), 1, sizes);
         H5Pset_filter(plist.get(), 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);
         const h5::Handle space(H5Screate_simple(1, sizes, nullptr), H5Sclose);
         const h5::Handle dataset(
             H5Dcreate2(n, "if/r", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, plist.get(), H5P_DEFAULT),
             H5Dclose);
       },
       {"node 'if'/r", "lzf", "gzip"}},
  };
  const TemporaryFolder folder;
  const std::string path = folder.file("n.nir");
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    write_nir(path, test::small_network());
    edit(path, [&](hid_t file) {
      const h5::Handle nodes = h5::open_group(file, "node/nodes", kHere);
      broken.change(nodes.get());
    });
    std::vector<std::string> pieces = broken.pieces;
    pieces.push_back(path + ": ");
    expect_input_error([&] { read_nir(path); }, pieces);
  }
}

TEST(NirErrors, FaultsOfTheGraphAreNamed) {
  const auto replace_strings = [](hid_t file, const std::string& name, const std::vector<std::string>& values,
                                  const std::vector<std::int64_t>& shape) {
    remove_object(file, name);
    h5::write_strings(file, name, values, shape, kHere);
  };
  const std::vector<Broken> cases{
      {"no node", [](hid_t f) { remove_object(f, "node"); }, {"/: ", "no 'node'"}},
      {"no nodes", [](hid_t f) { remove_object(f, "node/nodes"); }, {"/node", "no 'nodes'"}},
      {"no edges", [](hid_t f) { remove_object(f, "node/edges"); }, {"/node", "no 'edges'"}},
      {"not a graph",
       [](hid_t f) {
         remove_object(f, "node/type");
         h5::write_string(f, "node/type", "LIF", kHere);
       },
       {"/node", "type LIF", "NIRGraph"}},
      {"edge of three",
       [&](hid_t f) {
         replace_strings(f, "node/edges", {"a", "b", "c"}, {1, 3});
       },
       {"/node/edges", "[1, 3]", "[E, 2]"}},
      {"unknown name",
       [&](hid_t f) {
         replace_strings(f, "node/edges", {"input", "nobody"}, {1, 2});
       },
       {"/node/edges", "'nobody'", "the name of a node"}},
      {"numbers as edges",
       [](hid_t f) {
         remove_object(f, "node/edges");
         h5::write_integers(f, "node/edges", {0, 1}, {1, 2}, kHere);
       },
       {"/node/edges", "integers", "text"}},
      {"no edges at all",
       [&](hid_t f) {
         replace_strings(f, "node/edges", {}, {0, 2});
         replace_strings(f, "node/metadata/backward_edges", {}, {0, 2});
       },
       {"node 'conv'", "no path"}},
      {"backward edge without its edge",
       [&](hid_t f) {
         replace_strings(f, "node/edges", {}, {0, 2});
       },
       {"/node/metadata/backward_edges", "'back' -> 'sum'", "an edge of the graph"}},
      {"backward edge that is none",
       [&](hid_t f) {
         replace_strings(f, "node/metadata/backward_edges", {"fc", "conv"}, {1, 2});
       },
       {"/node/metadata/backward_edges", "'fc' -> 'conv'"}},
      {"newer version",
       [](hid_t f) {
         remove_object(f, "node/metadata/spikeloop");
         h5::write_integer(f, "node/metadata/spikeloop", 2, kHere);
       },
       {"/node/metadata/spikeloop", "version 2"}},
      {"dt",
       [](hid_t f) {
         remove_object(f, "node/metadata/dt");
         h5::write_real(f, "node/metadata/dt", -1, kHere);
       },
       {"dt", "above 0"}},
      {"two ways into a nested graph",
       [&](hid_t f) {
         remove_object(f, "node/nodes/sum");
         const h5::Handle nodes = h5::open_group(f, "node/nodes", kHere);
         const h5::Handle inner = test::make_graph(nodes.get(), "sum", {{"a", "out"}, {"b", "out"}});
         test::make_port(test::nodes_of(inner).get(), "a", "Input", {4, 6, 6});
         test::make_port(test::nodes_of(inner).get(), "b", "Input", {4, 6, 6});
         test::make_port(test::nodes_of(inner).get(), "out", "Output", {4, 6, 6});
       },
       {"/node/edges", "'sum' of 2 Inputs"}},
      {"nested name collides",
       [](hid_t f) {
         const h5::Handle nodes = h5::open_group(f, "node/nodes", kHere);
         test::make_linear(nodes.get(), "g.fc", 3, 3);
         const h5::Handle inner = test::make_graph(nodes.get(), "g", {});
         test::make_linear(test::nodes_of(inner).get(), "fc", 3, 3);
       },
       {"node 'g.fc'", "two nodes"}},
  };
  const TemporaryFolder folder;
  const std::string path = folder.file("n.nir");
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    write_nir(path, test::small_network());
    edit(path, broken.change);
    std::vector<std::string> pieces = broken.pieces;
    pieces.push_back(path + ": ");
    expect_input_error([&] { read_nir(path); }, pieces);
  }
}

}  // namespace
}  // namespace spikeloop::traces
