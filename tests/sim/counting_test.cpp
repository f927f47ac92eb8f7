#include <gtest/gtest.h>

#include <map>

#include "sim/simulate.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"

/// The simulator's counts against counters that know nothing of its plan: they walk the network and the
/// trace.
namespace spikeloop::sim {
namespace {

using traces::Conv2dParams;
using traces::LinearParams;
using traces::Network;
using traces::Pool2dParams;
using traces::SpikeTrace;

/// Integers of a map at one timestep, [y][x][c].
struct Map {
  int height = 1, width = 1, channels = 1, bits = 1;
  std::vector<int> value;
  int at(int y, int x, int c) const {
    return value[static_cast<std::size_t>((y * width + x) * channels + c)];
  }
};

class Counter {
 public:
  Counter(const Network& network, const SpikeTrace& trace, const ChipConfig& chip)
      : network_(network), trace_(trace), chip_(chip) {}

  /// Crossbar reads of all crossbars of a layer for one sample: windows x pieces x passes.
  std::int64_t reads(int node, int sample, int timesteps) const {
    std::int64_t total = 0;
    for (int t = 0; t < timesteps; ++t) {
      const auto in = input(network_.inputs_of(node).at(0), sample, t);
      const auto* conv = network_.nodes[static_cast<std::size_t>(node)].as<Conv2dParams>();
      if (conv == nullptr) {
        total += window_reads(in.value, in.bits, outputs(node), 0);
        continue;
      }
      const int kernel = static_cast<int>(conv->weight.shape[2]);
      const int pad = static_cast<int>(conv->padding[0]);
      const int stride = static_cast<int>(conv->stride[0]);
      for (int y = -pad; y + kernel <= in.height + pad; y += stride) {
        for (int x = -pad; x + kernel <= in.width + pad; x += stride) {
          std::vector<int> rows;
          for (int ky = 0; ky < kernel; ++ky)
            for (int kx = 0; kx < kernel; ++kx)
              for (int c = 0; c < in.channels; ++c) {
                const bool inside = y + ky >= 0 && x + kx >= 0 && y + ky < in.height && x + kx < in.width;
                rows.push_back(inside ? in.at(y + ky, x + kx, c) : 0);
              }
          total += window_reads(rows, in.bits, outputs(node), in.channels);
        }
      }
    }
    return total;
  }

 private:
  int outputs(int node) const {
    const auto& n = network_.nodes[static_cast<std::size_t>(node)];
    if (const auto* conv = n.as<Conv2dParams>()) return static_cast<int>(conv->weight.shape[0]);
    return static_cast<int>(n.as<LinearParams>()->weight.shape[0]);
  }

  /// `channels`: of a convolution's input, 0 for a linear layer.
  std::int64_t window_reads(const std::vector<int>& rows, int bits, int outputs, int channels) const {
    const bool offset = chip_.weight_encoding == WeightEncoding::kOffset;
    const int stored_bits = offset ? 5 : 4;  // 5-bit weights: all of them, or 4 and the sign in two columns
    const int slices = (stored_bits + chip_.crossbar.cell_bits - 1) / chip_.crossbar.cell_bits;
    const int per_crossbar =
        offset ? (chip_.crossbar.columns - 1) / slices : chip_.crossbar.columns / (2 * slices);
    const int column_blocks = (outputs + per_crossbar - 1) / per_crossbar;
    // Rows that may share crossbars: all of them, or those of a kernel position.
    const bool by_position = chip_.mapping == Mapping::kKernelPosition && channels > 0;
    const auto together = by_position ? static_cast<std::size_t>(channels) : rows.size();
    std::int64_t reads = 0;
    for (std::size_t group = 0; group < rows.size(); group += together) {
      for (std::size_t begin = 0; begin < together; begin += static_cast<std::size_t>(chip_.crossbar.rows)) {
        const auto end = std::min(together, begin + static_cast<std::size_t>(chip_.crossbar.rows));
        for (int b = 0; b < bits; ++b) {
          int active = 0;
          for (auto r = group + begin; r < group + end; ++r) active += rows[r] >> b & 1;
          int passes = (active + chip_.crossbar.max_active_rows - 1) / chip_.crossbar.max_active_rows;
          if (active == 0 && !chip_.crossbar.skip_zero) passes = 1;
          reads += passes;
        }
      }
    }
    return reads * column_blocks;
  }

  /// What a node puts out, as unsigned integers (two's complement bits for a negative input).
  Map input(int node, int sample, int timestep) const {
    const auto& n = network_.nodes[static_cast<std::size_t>(node)];
    Map map;
    if (n.as<traces::InputParams>() != nullptr) {
      const auto& in = trace_.input;
      map = {static_cast<int>(in.height),
             static_cast<int>(in.width),
             static_cast<int>(in.channels),
             in.bits,
             {}};
      const auto size = in.height * in.width * in.channels;
      for (std::int64_t i = 0; i < size; ++i)
        map.value.push_back(in.data[static_cast<std::size_t>(sample * size + i)] & ((1 << in.bits) - 1));
      return map;
    }
    if (n.spiking()) {
      const auto& spikes = trace_.nodes.at(n.name);
      map = {static_cast<int>(spikes.info.height),
             static_cast<int>(spikes.info.width),
             static_cast<int>(spikes.info.channels),
             1,
             {}};
      const auto& bits = spikes.spikes[static_cast<std::size_t>(sample)][static_cast<std::size_t>(timestep)];
      for (std::int64_t i = 0; i < spikes.info.bits(); ++i)
        map.value.push_back(static_cast<int>(bits[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1U));
      return map;
    }
    if (const auto* pool = n.as<Pool2dParams>()) {
      const auto in = input(network_.inputs_of(node).at(0), sample, timestep);
      const int k = static_cast<int>(pool->kernel[0]);
      const int s = static_cast<int>(pool->stride[0]);
      const int p = static_cast<int>(pool->padding[0]);
      map.channels = in.channels;
      map.height = (in.height + 2 * p - k) / s + 1;
      map.width = (in.width + 2 * p - k) / s + 1;
      while ((1 << map.bits) <= k * k) ++map.bits;
      for (int y = 0; y < map.height; ++y)
        for (int x = 0; x < map.width; ++x)
          for (int c = 0; c < map.channels; ++c) {
            int sum = 0;
            for (int ky = 0; ky < k; ++ky)
              for (int kx = 0; kx < k; ++kx) {
                const int iy = y * s - p + ky;
                const int ix = x * s - p + kx;
                if (iy >= 0 && ix >= 0 && iy < in.height && ix < in.width) sum += in.at(iy, ix, c);
              }
            map.value.push_back(sum);
          }
      return map;
    }
    return input(network_.inputs_of(node).at(0), sample, timestep);  // Flatten
  }

  const Network& network_;
  const SpikeTrace& trace_;
  const ChipConfig& chip_;
};

TEST(Counting, CrossbarReadsFollowFromTheTraceAlone) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(derive_seed(11, seed));
    const auto network = testing::random_network(random);
    const auto chip = testing::random_chip(random, network);
    const auto trace = testing::random_trace(network, 2, 0.15 + 0.1 * static_cast<double>(seed % 5), seed);
    testing::TemporaryFolder folder;
    traces::write_trace(folder.file("t.h5"), trace);
    const auto m = simulate(network, traces::TraceReader(folder.file("t.h5")), chip);
    const Counter counter(network, trace, chip);
    std::int64_t total = 0;
    for (const auto& layer : m.layers) {
      if (layer.kind != "convolution" && layer.kind != "linear") continue;
      const int node = network.find(layer.name);
      ASSERT_GE(node, 0);
      // The stem runs once; a layer that only feeds a backward edge leaves out the last timestep.
      int timesteps = network.timesteps;
      if (layer.name == "stem") timesteps = 1;
      if (layer.name.find(".back") != std::string::npos) timesteps -= 1;
      std::int64_t expected = 0;
      for (int sample = 0; sample < 2; ++sample) expected += counter.reads(node, sample, timesteps);
      EXPECT_EQ(layer.crossbar_reads, expected) << layer.name;
      total += expected;
    }
    EXPECT_EQ(m.crossbar_reads, total);
  }
}

}  // namespace
}  // namespace spikeloop::sim
