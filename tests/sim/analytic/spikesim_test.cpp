#include "sim/analytic/spikesim.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::sim::spikesim {
namespace {

/// SpikeSim's own example (VGG9, CIFAR-10): the figures are what the released script prints for it.
const char* const kVgg9 = R"({
  "name": "vgg9",
  "inputs": {
    "in_ch_list": [3, 64, 64, 128, 128, 256, 256], "out_ch_list": [64, 64, 128, 128, 256, 256, 256],
    "in_dim_list": [32, 32, 16, 16, 8, 8, 8], "out_dim_list": [32, 16, 16, 8, 8, 8, 4],
    "xbar_size": 64, "kernel_size": 3, "pe_per_tile": 8, "time_steps": 5, "clk_freq_MHz": 250,
    "device": "rram"
  },
  "outputs": {
    "n_tiles": 6.0, "pe_per_layer": [1, 1, 2, 4, 8, 16, 16], "n_pe": 48.0,
    "area_um2": {"neuron_mem": 2264460.4928, "pe_array_plus_sub": 939053.21184,
                 "digital": 2915360.3439939995, "total": 8425528.755833998},
    "energy_layerwise_pJ": [4241849.073664, 1060462.268416, 2120924.536832, 1060462.268416,
                            2120924.536832, 4241849.073664, 1060462.268416],
    "energy_total_pJ": 15906934.026240002, "latency_ns": 62832640.0
  }
})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(SpikeSim, ItsOwnExample) {
  const auto result = check_case(kVgg9, "vgg9.json");
  EXPECT_TRUE(result.pass) << (result.reasons.empty() ? "" : result.reasons[0]);
  EXPECT_EQ(result.quantities, 7 + 1 + 1 + 7 + 1 + 1 + 4);
  EXPECT_LT(result.worst_relative, 1e-14);
}

TEST(SpikeSim, ADifferenceOfOnePartIn1e11Fails) {
  const auto result = check_case(with(kVgg9, "62832640.0", "62832640.001"), "vgg9.json");
  EXPECT_FALSE(result.pass);
  EXPECT_EQ(result.worst_quantity, "latency_ns");
  EXPECT_NEAR(result.worst_relative, 0.001 / 62832640.0, 1e-13);
}

TEST(SpikeSim, LayerOrderIsRecognised) {
  // The last layer has 1 PE after 16.
  auto text = with(kVgg9, "256, 256],\n    \"in_dim_list\"", "256, 64],\n    \"in_dim_list\"");
  text = with(text, "256, 256], \"out_ch_list\"", "256, 64], \"out_ch_list\"");
  EXPECT_FALSE(check_case(text, "f").pass) << "tiles and latency are there though the script gives none";
  const std::vector<Layer> layers{{64, 128, 100, 100, 0}, {64, 64, 100, 100, 0}};
  const auto c = cost(layers, {});
  EXPECT_EQ(c.tile_trouble, Trouble::kLayerOrder);
  EXPECT_EQ(c.latency_trouble, Trouble::kLayerOrder);
}

TEST(SpikeSim, AFigureThatIsAbsentNeedsAReason) {
  const auto result = check_case(with(kVgg9, ", \"latency_ns\": 62832640.0", ""), "f");
  EXPECT_FALSE(result.pass);
}

TEST(SpikeSim, LatencyHangsWhenNoLayerFillsACrossbar) {
  Parameters setup;
  setup.crossbar = 128;  // 64 x 128 / 128^2 = 0.5 PEs, which its loop truncates to no step
  EXPECT_EQ(cost({{2, 64, 1156, 1156, 0}, {64, 128, 289, 64, 0}}, setup).latency_trouble, Trouble::kHang);
  setup.crossbar = 64;
  EXPECT_EQ(cost({{2, 64, 1156, 1156, 0}, {64, 128, 289, 64, 0}}, setup).latency_trouble, Trouble::kNone);
}

TEST(SpikeSim, LatencyTakesTwelveLayers) {
  EXPECT_EQ(cost(std::vector<Layer>(12, {64, 64, 16, 16, 0}), {}).latency_trouble, Trouble::kNone);
  EXPECT_EQ(cost(std::vector<Layer>(13, {64, 64, 16, 16, 0}), {}).latency_trouble, Trouble::kIndexError);
}

/// 26 clocks of 4 ns; 5 timesteps; the first layer counts floor(0.75 x 9 x 3) = 20 of its 27 elements.
TEST(SpikeSim, LatencyByHand) {
  const auto c = cost({{64, 64, 9, 9, 0}, {64, 64, 4, 4, 0}}, {});
  EXPECT_DOUBLE_EQ(c.latency_ns[0], 432 * 5 * 104.0);  // 0.75 x 9 x 64
  EXPECT_DOUBLE_EQ(c.total_latency_ns, (432 + 256) * 5 * 104.0);
  const auto odd = cost({{1, 3, 9, 9, 0}, {64, 64, 4, 4, 0}}, {});
  EXPECT_DOUBLE_EQ(odd.latency_ns[0], 20 * 5 * 104.0);
}

/// X = 64, k = 3: 828.4861472 pJ per PE cycle, as the reference's README derives it.
TEST(SpikeSim, EventVariantOfADenseInputIsTheFormula) {
  const Layer layer{100, 130, 16, 16, 9};  // 2 input blocks, 3 output blocks
  const Parameters setup{};
  EXPECT_NEAR(pe_cycle(setup, 9).total(), 828.4861472, 1e-9);
  Activity dense;
  dense.cycles = dense.active_cycles = 16 * 2 * 5;
  dense.row_share = 16 * 2 * 5;
  const double formula = cost({layer}, setup).energy_pj[0];
  EXPECT_NEAR(formula, 828.4861472 * 6 * 16 * 5, 1e-6);
  EXPECT_NEAR(event_energy_pj(layer, setup, dense), formula, 1e-6);
}

TEST(SpikeSim, EventVariantOfNoSpikesIsTheNeurons) {
  const Layer layer{64, 64, 16, 16, 9};
  Activity silent;
  silent.cycles = 16 * 5;
  EXPECT_NEAR(event_energy_pj(layer, {}, silent), 16 * 5 * 5.096, 1e-9);
}

TEST(SpikeSim, RefusesWhatIsNoCase) {
  EXPECT_THROW(check_case("[1]", "f"), InputError);
  EXPECT_THROW(check_case("{\"inputs\": 3}", "f"), InputError);
  EXPECT_THROW(check_case(with(kVgg9, "\"rram\"", "\"dram\""), "f"), InputError);
  EXPECT_THROW(check_case(with(kVgg9, "[3, 64, 64,", "[3, 64,"), "f"), InputError);
  EXPECT_THROW(check_case(with(kVgg9, "[3, 64, 64,", "[3, -1, 64,"), "f"), InputError);
  EXPECT_THROW(check_case(with(kVgg9, "\"xbar_size\": 64", "\"xbar_size\": 0"), "f"), InputError);
  EXPECT_THROW(check_case(with(kVgg9, "\"rram\"", std::string(100000, '[') + std::string(100000, ']')), "f"),
               InputError);
  EXPECT_THROW(check_case(with(kVgg9, "\"n_tiles\": 6.0", "\"n_tiles\": \"six\""), "f"), InputError);
}

TEST(SpikeSim, EveryReferenceCase) {
  const char* given = std::getenv("SPIKELOOP_SHARED");
  const std::filesystem::path shared =
      given != nullptr ? given : std::string(SPIKELOOP_SOURCE_DIR) + "/../shared";
  const auto folder = shared / "refs" / "spikesim";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no reference outputs in " << folder;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto result = check_case(read_file(entry.path().string()), entry.path().string());
    EXPECT_TRUE(result.pass) << entry.path() << ": " << result.worst_quantity;
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace spikeloop::sim::spikesim
