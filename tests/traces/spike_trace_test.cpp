#include "traces/spike_trace.h"

#include <cstring>
#include <filesystem>

#include "helpers.h"
#include "nir_files.h"
#include "traces/support/files.h"
#include "traces/support/random.h"

namespace spikeloop::traces {
namespace {

using test::edit;
using test::expect_input_error;
using test::kHere;
using test::remove_object;
using test::TemporaryFolder;

PackedBits random_bits(std::int64_t bits, RandomStream& random) {
  PackedBits packed(static_cast<std::size_t>((bits + 63) / 64), 0);
  for (std::int64_t i = 0; i < bits; ++i) {
    if (random.below(4) == 0) packed[static_cast<std::size_t>(i / 64)] |= std::uint64_t{1} << (i % 64);
  }
  return packed;
}

SpikeTrace::NodeSpikes random_node(std::int64_t h, std::int64_t w, std::int64_t c, std::size_t samples,
                                   std::size_t timesteps, RandomStream& random) {
  SpikeTrace::NodeSpikes node;
  node.info = {h, w, c, 0};
  for (std::size_t n = 0; n < samples; ++n) {
    node.spikes.emplace_back();
    for (std::size_t t = 0; t < timesteps; ++t) node.spikes[n].push_back(random_bits(h * w * c, random));
  }
  return node;
}

SpikeTrace small_trace() {
  RandomStream random(5);
  SpikeTrace trace;
  trace.header = {std::string(64, 'a'), "shapes", 4, "test", ""};
  trace.samples = {{17, 3, 3}, {2, 0, -1}, {90, 9, 8}};
  trace.nodes["lif1.lif"] = random_node(5, 4, 3, 3, 4, random);  // 60 bits
  trace.nodes["lif2"] = random_node(3, 3, 16, 3, 4, random);     // 144 bits
  trace.nodes["vector"] = random_node(1, 1, 64, 3, 4, random);   // a whole word
  trace.nodes["one bit"] = random_node(1, 1, 1, 3, 4, random);
  trace.input = {1, 2, 3, 4, 0.05F, 8, {}};
  for (int i = 0; i < 3 * 24; ++i) trace.input.data.push_back(static_cast<std::int8_t>(i * 3 - 100));
  return trace;
}

TEST(PackChw, BitsLandInOrderHeightWidthChannel) {
  const std::int64_t c = 3, h = 5, w = 7;
  std::vector<std::uint8_t> map(static_cast<std::size_t>(c * h * w));
  RandomStream random(1);
  for (auto& b : map) b = static_cast<std::uint8_t>(random.below(2));
  const PackedBits packed = pack_chw(map.data(), c, h, w);
  ASSERT_EQ(packed.size(), 2U);
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      for (std::int64_t k = 0; k < c; ++k) {
        const auto i = static_cast<std::size_t>((y * w + x) * c + k);
        EXPECT_EQ(packed[i / 64] >> (i % 64) & 1U, map[static_cast<std::size_t>((k * h + y) * w + x)]);
      }
    }
  }
  EXPECT_EQ(packed[1] >> (105 - 64), 0U);
}

TEST(SpikeTrace, RoundTripInAnyOrder) {
  const TemporaryFolder folder;
  const SpikeTrace trace = small_trace();
  write_trace(folder.file("t.h5"), trace);
  const TraceReader reader(folder.file("t.h5"));
  EXPECT_EQ(reader.path(), folder.file("t.h5"));
  EXPECT_EQ(reader.header().network_sha256, trace.header.network_sha256);
  EXPECT_EQ(reader.header().dataset, "shapes");
  EXPECT_EQ(reader.header().timesteps, 4);
  EXPECT_EQ(reader.header().producer, "test");
  EXPECT_EQ(reader.header().created, "");
  ASSERT_EQ(reader.samples().size(), 3U);
  EXPECT_EQ(reader.samples()[1].index, 2);
  EXPECT_EQ(reader.samples()[1].prediction, -1);
  EXPECT_EQ(reader.samples()[2].label, 9);
  ASSERT_EQ(reader.nodes().size(), 4U);
  for (const std::int64_t position : {2, 0, 1}) {
    for (const auto& [name, node] : trace.nodes) {
      EXPECT_EQ(reader.spikes(name, position), node.spikes[static_cast<std::size_t>(position)]) << name;
    }
    const SpikeTrace::Input input = reader.input(position);
    EXPECT_EQ(input.data, std::vector<std::int8_t>(trace.input.data.begin() + position * 24,
                                                   trace.input.data.begin() + (position + 1) * 24));
    EXPECT_EQ(input.frames, 1);
    EXPECT_EQ(input.height, 2);
    EXPECT_EQ(input.width, 3);
    EXPECT_EQ(input.channels, 4);
    EXPECT_EQ(input.scale, 0.05F);
    EXPECT_EQ(input.bits, 8);
  }
}

TEST(SpikeTrace, BytesInTheFileAreLsbFirst) {
  const TemporaryFolder folder;
  SpikeTrace trace;
  trace.header.timesteps = 1;
  trace.samples.resize(1);
  std::vector<std::uint8_t> map(2 * 3 * 3, 0);  // C, H, W = 2, 3, 3
  map[(1 * 3 + 2) * 3 + 1] = 1;                 // c 1, y 2, x 1: bit (2 * 3 + 1) * 2 + 1 = 15
  map[0] = 1;                                   // bit 0
  map[(0 * 3 + 2) * 3 + 2] = 1;                 // bit 16
  trace.nodes["n"] = {{3, 3, 2, 0}, {{pack_chw(map.data(), 2, 3, 3)}}};
  write_trace(folder.file("t.h5"), trace);

  const h5::Handle file = h5::open_file(folder.file("t.h5"), "a file");
  const h5::Handle dataset = h5::open_dataset(file.get(), "nodes/n/spikes", kHere);
  EXPECT_EQ(h5::dimensions(dataset.get(), kHere), (std::vector<std::int64_t>{1, 1, 3}));
  std::vector<std::uint8_t> bytes(3);
  h5::read_slab(dataset.get(), H5T_NATIVE_UINT8, {0, 0, 0}, {1, 1, 3}, bytes.data(), kHere);
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{0x01, 0x80, 0x01}));
  EXPECT_EQ(h5::read_integer_attribute(dataset.get(), "shape", kHere), (std::vector<std::int64_t>{3, 3, 2}));
  EXPECT_DOUBLE_EQ(h5::read_real_attribute(dataset.get(), "rate", kHere), 3.0 / 18);
  EXPECT_EQ(h5::read_string_attribute(file.get(), "format", kHere), "spikeloop.trace");
  EXPECT_DOUBLE_EQ(TraceReader(folder.file("t.h5")).nodes().at("n").rate, 3.0 / 18);
  EXPECT_EQ(TraceReader(folder.file("t.h5")).input(0).frames, 0);
}

TEST(SpikeTrace, OneSampleOfOneNodeNeedsNothingElse) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t.h5");
  RandomStream random(2);
  SpikeTrace trace = small_trace();
  trace.nodes["big"] = random_node(16, 16, 32, 3, 4, random);
  write_trace(path, trace);
  hsize_t chunk_bytes = 0;
  haddr_t chunk_at = 0;
  {
    // Chunks hold one sample each, compressed.
    const h5::Handle file = h5::open_file(path, "a file");
    const h5::Handle dataset = h5::open_dataset(file.get(), "nodes/big/spikes", kHere);
    const h5::Handle plist(H5Dget_create_plist(dataset.get()), H5Pclose);
    hsize_t chunk[3] = {};
    ASSERT_EQ(H5Pget_chunk(plist.get(), 3, chunk), 3);
    EXPECT_EQ(chunk[0], 1U);
    EXPECT_EQ(chunk[1], 4U);
    EXPECT_EQ(chunk[2], 1024U);
    EXPECT_EQ(H5Pget_nfilters(plist.get()), 2);
    const hsize_t sample1[] = {1, 0, 0};
    unsigned mask = 0;
    ASSERT_GE(H5Dget_chunk_info_by_coord(dataset.get(), sample1, &mask, &chunk_at, &chunk_bytes), 0);
  }
  // Destroy the stored bytes of sample 1: the others must still read, and sample 1 must not.
  std::string bytes = read_file(path);
  for (hsize_t i = 0; i < chunk_bytes; ++i) bytes[static_cast<std::size_t>(chunk_at + i)] = '\xA5';
  write_file(path, bytes);
  const TraceReader reader(path);
  EXPECT_EQ(reader.spikes("big", 0), trace.nodes["big"].spikes[0]);
  EXPECT_EQ(reader.spikes("big", 2), trace.nodes["big"].spikes[2]);
  EXPECT_EQ(reader.spikes("lif2", 1), trace.nodes["lif2"].spikes[1]);
  expect_input_error([&] { reader.spikes("big", 1); }, {path, "/nodes/big/spikes"});
}

TEST(SpikeTrace, FramesPerTimestep) {
  const TemporaryFolder folder;
  SpikeTrace trace = small_trace();
  trace.nodes.clear();
  trace.input.frames = 4;
  trace.input.data.assign(3 * 4 * 24, 7);
  trace.input.data[24] = -7;
  write_trace(folder.file("t.h5"), trace);
  const SpikeTrace::Input input = TraceReader(folder.file("t.h5")).input(0);
  EXPECT_EQ(input.frames, 4);
  ASSERT_EQ(input.data.size(), 96U);
  EXPECT_EQ(input.data[24], -7);
}

TEST(SpikeTrace, SameContentSameBytes) {
  const TemporaryFolder folder;
  write_trace(folder.file("a.h5"), small_trace());
  write_trace(folder.file("b.h5"), small_trace());
  EXPECT_TRUE(read_file(folder.file("a.h5")) == read_file(folder.file("b.h5")));
}

TEST(SpikeTrace, ReaderMoves) {
  const TemporaryFolder folder;
  write_trace(folder.file("t.h5"), small_trace());
  TraceReader a(folder.file("t.h5"));
  TraceReader b = std::move(a);
  EXPECT_EQ(b.spikes("one bit", 0).size(), 4U);
  b = TraceReader(folder.file("t.h5"));
  EXPECT_EQ(b.samples().size(), 3U);
}

TEST(SpikeTrace, ReadingWhatIsNotThere) {
  const TemporaryFolder folder;
  write_trace(folder.file("t.h5"), small_trace());
  const TraceReader reader(folder.file("t.h5"));
  expect_input_error([&] { reader.spikes("nobody", 0); }, {"t.h5", "no node 'nobody'"});
  expect_input_error([&] { reader.spikes("lif2", 3); }, {"position 3", "0 to 2"});
  expect_input_error([&] { reader.input(-1); }, {"position -1"});
}

TEST(SpikeTrace, WriterRefusesWhatDoesNotFit) {
  struct Broken {
    const char* what;
    std::function<void(SpikeTrace&)> change;
    std::vector<std::string> pieces;
  };
  const std::vector<Broken> cases{
      {"slash", [](SpikeTrace& t) { t.nodes["a/b"] = t.nodes["lif2"]; }, {"node 'a/b'", "without '/'"}},
      {"dot", [](SpikeTrace& t) { t.nodes["."] = t.nodes["lif2"]; }, {"node '.'"}},
      {"empty name", [](SpikeTrace& t) { t.nodes[""] = t.nodes["lif2"]; }, {"node ''"}},
      {"no samples", [](SpikeTrace& t) { t.samples.clear(); }, {"samples", "none"}},
      {"timesteps", [](SpikeTrace& t) { t.header.timesteps = 0; }, {"timesteps", "found 0"}},
      {"fewer samples",
       [](SpikeTrace& t) { t.nodes["lif2"].spikes.pop_back(); },
       {"node 'lif2'", "2 samples", "3"}},
      {"fewer timesteps", [](SpikeTrace& t) { t.nodes["lif2"].spikes[1].pop_back(); }, {"3 timesteps", "4"}},
      {"fewer words", [](SpikeTrace& t) { t.nodes["lif2"].spikes[1][0].pop_back(); }, {"2 words", "3 words"}},
      {"bits beyond",
       [](SpikeTrace& t) { t.nodes["lif1.lif"].spikes[1][0][0] |= std::uint64_t{1} << 60U; },
       {"node 'lif1.lif'", "60 bits"}},
      {"no channels", [](SpikeTrace& t) { t.nodes["lif2"].info.channels = 0; }, {"[3, 3, 0]"}},
      {"frames", [](SpikeTrace& t) { t.input.frames = 2; }, {"input", "2 frames", "1 or 4"}},
      {"input size", [](SpikeTrace& t) { t.input.data.pop_back(); }, {"input", "71 values", "72"}},
      {"input scale", [](SpikeTrace& t) { t.input.scale = 0; }, {"input", "scale"}},
      {"input bits", [](SpikeTrace& t) { t.input.bits = 16; }, {"input", "16 bits"}},
  };
  const TemporaryFolder folder;
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    SpikeTrace trace = small_trace();
    broken.change(trace);
    expect_input_error([&] { write_trace(folder.file("t.h5"), trace); }, broken.pieces);
  }
  expect_input_error([&] { write_trace(folder.file("no/t.h5"), small_trace()); }, {"no folder"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(SpikeTrace, ReaderNamesEveryFaultWhenItOpens) {
  struct Broken {
    const char* what;
    std::function<void(hid_t file)> change;
    std::vector<std::string> pieces;
  };
  const auto replace_attribute = [](hid_t file, const char* object, const char* name, std::int64_t value) {
    const h5::Handle id(H5Oopen(file, object, H5P_DEFAULT), H5Oclose);
    H5Adelete(id.get(), name);
    h5::write_integer_attribute(id.get(), name, {value}, true, kHere);
  };
  const auto remove_attribute = [](hid_t file, const char* object, const char* name) {
    const h5::Handle id(H5Oopen(file, object, H5P_DEFAULT), H5Oclose);
    H5Adelete(id.get(), name);
  };
  const std::vector<Broken> cases{
      {"no format",
       [&](hid_t f) { remove_attribute(f, "/", "format"); },
       {"attribute 'format'", "spikeloop.trace"}},
      {"other format",
       [&](hid_t f) {
         remove_attribute(f, "/", "format");
         h5::write_string_attribute(f, "format", "other", kHere);
       },
       {"format \"other\""}},
      {"version",
       [&](hid_t f) { replace_attribute(f, "/", "version", 2); },
       {"'version'", "found 2, expected 1"}},
      {"timesteps", [&](hid_t f) { replace_attribute(f, "/", "timesteps", 0); }, {"'timesteps'", "found 0"}},
      {"other timesteps",
       [&](hid_t f) { replace_attribute(f, "/", "timesteps", 5); },
       {"/nodes/", "[3, 4, ", "[3, 5, "}},
      {"hash absent",
       [&](hid_t f) { remove_attribute(f, "/", "network_sha256"); },
       {"no attribute 'network_sha256'"}},
      {"hash a number",
       [&](hid_t f) { replace_attribute(f, "/", "network_sha256", 5); },
       {"integers", "text"}},
      {"no samples", [](hid_t f) { remove_object(f, "samples"); }, {"no 'samples'"}},
      {"no label", [](hid_t f) { remove_object(f, "samples/label"); }, {"/samples", "no 'label'"}},
      {"fewer labels",
       [](hid_t f) {
         remove_object(f, "samples/label");
         h5::write_int32(f, "samples/label", {1, 2}, kHere);
       },
       {"3 index, 2 label"}},
      {"label range",
       [](hid_t f) {
         remove_object(f, "samples/label");
         h5::write_integers(f, "samples/label", {1, 2, std::int64_t{1} << 40}, {3}, kHere);
       },
       {"/samples/label", "1099511627776"}},
      {"no nodes", [](hid_t f) { remove_object(f, "nodes"); }, {"no 'nodes'"}},
      {"no spikes", [](hid_t f) { remove_object(f, "nodes/lif2/spikes"); }, {"/nodes/lif2", "no 'spikes'"}},
      {"shape absent",
       [&](hid_t f) { remove_attribute(f, "nodes/lif2/spikes", "shape"); },
       {"no attribute 'shape'"}},
      {"shape of one",
       [&](hid_t f) { replace_attribute(f, "nodes/lif2/spikes", "shape", 3); },
       {"'shape' [3]"}},
      {"rate", [&](hid_t f) { replace_attribute(f, "nodes/lif2/spikes", "rate", 3); }, {"'rate'", "0 to 1"}},
      {"signed spikes",
       [](hid_t f) {
         remove_object(f, "nodes/lif2/spikes");
         h5::write_int8(f, "nodes/lif2/spikes", std::vector<std::int8_t>(216), {3, 4, 18}, kHere);
       },
       {"/nodes/lif2/spikes", "uint8"}},
      {"input shape",
       [](hid_t f) {
         remove_object(f, "input/data");
         h5::write_int8(f, "input/data", std::vector<std::int8_t>(24), {1, 1, 2, 3, 4}, kHere);
       },
       {"/input/data", "[1, 1, 2, 3, 4]", "[3 samples, 1 or 4 frames"}},
      {"input bits", [&](hid_t f) { replace_attribute(f, "input/data", "bits", 9); }, {"'bits'", "1 to 8"}},
      {"input scale",
       [&](hid_t f) { replace_attribute(f, "input/data", "scale", -1); },
       {"'scale'", "above 0"}},
  };
  const TemporaryFolder folder;
  const std::string path = folder.file("t.h5");
  for (const Broken& broken : cases) {
    SCOPED_TRACE(broken.what);
    write_trace(path, small_trace());
    edit(path, broken.change);
    std::vector<std::string> pieces = broken.pieces;
    pieces.push_back(path + ": ");
    expect_input_error([&] { const TraceReader reader(path); }, pieces);
  }
  write_file(path, "no HDF5");
  expect_input_error([&] { const TraceReader reader(path); }, {path, "not HDF5", "a spike trace"});
  write_trace(path, small_trace());
  write_file(path, read_file(path).substr(0, 3000));
  expect_input_error([&] { const TraceReader reader(path); }, {path, "open", "damage"});
}

TEST(SpikeTrace, BitsBeyondTheMapAreFoundWhenRead) {
  const TemporaryFolder folder;
  const std::string path = folder.file("t.h5");
  write_trace(path, small_trace());
  edit(path, [](hid_t file) {
    const h5::Handle dataset = h5::open_dataset(file, "nodes/lif1.lif/spikes", kHere);
    const std::uint8_t byte = 0x10;  // bit 60 of 60
    h5::write_slab(dataset.get(), H5T_NATIVE_UINT8, {1, 2, 7}, {1, 1, 1}, &byte, kHere);
  });
  const TraceReader reader(path);
  EXPECT_EQ(reader.spikes("lif1.lif", 0).size(), 4U);
  expect_input_error([&] { reader.spikes("lif1.lif", 1); }, {"/nodes/lif1.lif/spikes", "60", "sample 1"});
}

}  // namespace
}  // namespace spikeloop::traces
