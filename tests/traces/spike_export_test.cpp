#include "traces/spike_export.h"

#include "helpers.h"
#include "traces/nir_data.h"
#include "traces/support/files.h"

namespace spikeloop::traces {
namespace {

/// Two samples of 12 timesteps of one node of [2, 1, 3]; sample s fires neuron (t + s) mod 6 at timestep t.
SpikeTrace trace_of(std::size_t samples) {
  SpikeTrace trace;
  trace.header.timesteps = 12;
  auto& node = trace.nodes["lif.1"];
  node.info = {1, 3, 2, 0};
  for (std::size_t s = 0; s < samples; ++s) {
    trace.samples.push_back({static_cast<std::int64_t>(s), static_cast<std::int32_t>(7 + s), 0});
    std::vector<PackedBits> steps;
    for (std::size_t t = 0; t < 12; ++t) {
      std::vector<std::uint8_t> bits(6, 0);
      bits[(t + s) % 6] = 1;
      steps.push_back(pack_chw(bits.data(), 2, 1, 3));
    }
    node.spikes.push_back(steps);
  }
  return trace;
}

TEST(SpikeExport, NirDataIsReadBack) {
  const test::TemporaryFolder folder;
  export_spikes(folder.file("s.h5"), trace_of(2), 3e-4);
  const NirData data = read_nir_data(folder.file("s.h5"), "lif.1");
  EXPECT_EQ(data.neurons, 6);
  EXPECT_DOUBLE_EQ(data.duration_s, 12 * 3e-4);
  EXPECT_EQ(data.labels, (std::vector<std::int64_t>{7, 8}));
  ASSERT_EQ(data.samples.size(), 2U);
  for (std::size_t s = 0; s < 2; ++s) {
    ASSERT_EQ(data.samples[s].size(), 12U);
    for (std::size_t t = 0; t < 12; ++t) {
      EXPECT_EQ(data.samples[s][t].neuron, static_cast<std::int64_t>((t + s) % 6));
      EXPECT_EQ(static_cast<std::size_t>(data.samples[s][t].time_s / 3e-4), t) << "as to_time_gridded";
    }
  }
}

TEST(SpikeExport, TheDurationHoldsEveryTimestep) {
  const test::TemporaryFolder folder;
  SpikeTrace trace = trace_of(1);
  for (const double dt_s : {1e-4, 3e-4, 7e-4, 1.0 / 49, 0.1}) {
    for (const int timesteps : {12, 49, 98, 103, 300}) {
      trace.header.timesteps = timesteps;
      export_spikes(folder.file("s.h5"), trace, dt_s);
      const double t_max = read_nir_data(folder.file("s.h5"), "lif.1").duration_s;
      EXPECT_EQ(static_cast<int>(t_max / dt_s), timesteps) << dt_s << ", as to_time_gridded";
    }
  }
  export_spikes(folder.file("s.h5"), trace, 1e-300);
  test::expect_input_error([&] { read_nir_data(folder.file("s.h5"), "lif.1"); },
                           {"t_max 3e-298", "1e-9 to 1e9 seconds"});
}

TEST(SpikeExport, SilentNode) {
  const test::TemporaryFolder folder;
  SpikeTrace trace = trace_of(1);
  for (PackedBits& bits : trace.nodes["lif.1"].spikes[0]) bits.assign(bits.size(), 0);
  export_spikes(folder.file("s.h5"), trace, 1e-4);
  EXPECT_TRUE(read_nir_data(folder.file("s.h5")).samples.at(0).empty());
}

TEST(SpikeExport, CsvOfOneSample) {
  const test::TemporaryFolder folder;
  export_spikes(folder.file("s.csv"), trace_of(1), 1e-4);
  const std::string text = read_file(folder.file("s.csv"));
  EXPECT_EQ(text.substr(0, 44), "neuron,timestep\nlif.1.0,0\nlif.1.1,1\nlif.1.2,");
  test::expect_input_error([&] { export_spikes(folder.file("s.csv"), trace_of(2), 1e-4); },
                           {"s.csv", "samples", "found 2", "one for a CSV file"});
  test::expect_input_error([&] { export_spikes(folder.file("s.txt"), trace_of(1), 1e-4); },
                           {"s.txt", ".csv"});
}

}  // namespace
}  // namespace spikeloop::traces
