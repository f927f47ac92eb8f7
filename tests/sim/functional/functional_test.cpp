#include "sim/functional/functional.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/functional/crossbar_layer.h"
#include "sim/simulate.h"
#include "tests/support/integer_network.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using testing::integer_trace;
using testing::NetworkBuilder;
using testing::TemporaryFolder;
using testing::tiny_chip;

/// Chip, network and a trace of what the network computes, on disk.
class FunctionalTest : public ::testing::Test {
 protected:
  void draw(std::uint64_t seed, int samples = 2) {
    RandomStream random(seed);
    chip = testing::random_chip(random);
    chip.mesh.rows = 1000;
    chip.crossbar.columns = 32;
    chip.crossbar.cell_bits = 1 + static_cast<int>(random.below(4));
    chip.crossbar.max_active_rows =
        2 + static_cast<int>(random.below(static_cast<std::uint64_t>(chip.crossbar.rows - 1)));
    chip.weight_encoding = random.below(2) == 0 ? WeightEncoding::kDifferentialPair : WeightEncoding::kOffset;
    chip.mapping = random.below(2) == 0 ? Mapping::kUnrolled : Mapping::kKernelPosition;
    chip.device.on_off_ratio = 1.2 + 30 * random.unit();
    chip.adc.bits = 16;
    network = testing::random_network(random);
    testing::randomise_parameters(network, random);
    const int frames = random.below(3) == 0 ? network.timesteps : 1;
    trace = integer_trace(network, samples, seed, frames);
    write();
  }
  void write() { traces::write_trace(folder.file("t.h5"), trace); }
  traces::TraceReader reader() const { return traces::TraceReader(folder.file("t.h5")); }
  FunctionalReport run(const FunctionalOptions& options = {}, std::vector<std::int64_t> positions = {}) {
    return run_functional(network, reader(), chip, options, std::move(positions), "net", true);
  }
  std::int64_t flips(const FunctionalReport& report) const {
    std::int64_t total = 0;
    for (const auto& n : report.neurons) total += n.flips;
    return total;
  }
  TemporaryFolder folder;
  ChipConfig chip;
  traces::Network network;
  traces::SpikeTrace trace;
};

TEST_F(FunctionalTest, IdealCellsAndEnoughAdcBitsGiveEverySpikeOfTheIntegerNetwork) {
  std::int64_t spikes = 0, silent = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    draw(seed);
    FunctionalOptions every_column;
    every_column.column_by_column = true;
    const auto plan =
        make_plan(network, chip, network.timesteps, static_cast<int>(trace.input.frames), "net");
    FunctionalChip by_column(network, plan, chip, every_column, "net"),
        shortcut(network, plan, chip, {}, "net");
    for (int n = 0; n < 2; ++n) {
      auto input = trace.input;
      const auto size = input.data.size() / 2;
      input.data.assign(trace.input.data.begin() + static_cast<std::ptrdiff_t>(size) * n,
                        trace.input.data.begin() + static_cast<std::ptrdiff_t>(size) * (n + 1));
      const auto expected = testing::run_integers(network, input, network.timesteps);
      for (FunctionalChip* functional : {&by_column, &shortcut}) {
        const auto found = functional->run(reader(), n);
        ASSERT_EQ(found.output, expected.output);
        for (std::size_t s = 0; s < plan.signals.size(); ++s) {
          if (plan.signals[s].kind != Signal::Kind::kSpikes) continue;
          const auto& frames = expected.spikes.at(plan.signals[s].name);
          for (int t = 0; t < network.timesteps; ++t)
            ASSERT_EQ(found.stimulus.at(plan, static_cast<int>(s), t)[0], frames[static_cast<std::size_t>(t)])
                << plan.signals[s].name << " in timestep " << t;
        }
      }
    }
    const auto report = by_column.report();
    EXPECT_EQ(flips(report), 0);
    EXPECT_EQ(report.agreeing(), 2);
    for (std::size_t l = 0; l < report.layers.size(); ++l) {
      const auto& layer = report.layers[l];
      EXPECT_EQ(layer.clipped, 0) << layer.name;
      EXPECT_EQ(layer.rms_error_lsb, 0) << layer.name;
      EXPECT_LE(layer.seen_adc_bits, layer.ideal_adc_bits) << layer.name;
      EXPECT_EQ(layer.conversions, shortcut.report().layers[l].conversions) << layer.name;
    }
    for (const auto& n : report.neurons) {
      spikes += n.spikes;
      silent += n.neurons - n.spikes;
    }
  }
  EXPECT_GT(spikes, 1000) << "the networks must have something to get wrong";
  EXPECT_GT(silent, 1000);
}

TEST_F(FunctionalTest, IdealAdcBitsLoseNothingAndOneBitLessClips) {
  FunctionalOptions options;
  options.ideal_adc_bits = true;
  int too_few = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    draw(seed);
    chip.adc.bits = 1;
    const auto report = run(options);
    EXPECT_EQ(flips(report), 0) << seed;
    for (const auto& layer : report.layers) {
      EXPECT_EQ(layer.adc_bits, layer.ideal_adc_bits);
      EXPECT_EQ(layer.adc_lsb_levels, 1);
      too_few += layer.seen_adc_bits < layer.ideal_adc_bits ? 1 : 0;
    }
    // With a code per level and fewer bits than the sums seen need, the largest of them must clip.
    int most = 0;
    for (const auto& layer : report.layers) most = std::max(most, layer.seen_adc_bits);
    chip.adc.bits = most - 1;
    if (chip.adc.bits < 1) continue;
    chip.adc.full_scale_levels = (1 << chip.adc.bits) - 1;
    const auto clipped = run();
    std::int64_t conversions = 0;
    for (std::size_t l = 0; l < clipped.layers.size(); ++l) {
      EXPECT_EQ(clipped.layers[l].adc_lsb_levels, 1);
      conversions += clipped.layers[l].clipped;
    }
    EXPECT_GT(conversions, 0) << seed;
  }
  EXPECT_GT(too_few, 0) << "worst case and samples should differ somewhere";
}

TEST_F(FunctionalTest, ReplayOfWhatWasComputedIsThatOfATraceWithTheseSpikes) {
  draw(3);
  chip.device.variation = 0.3;
  chip.adc.bits = 4;
  SimulateOptions options;
  options.functional.emplace();
  options.functional->seed = 5;
  auto computed = simulate(network, reader(), chip, options);
  ASSERT_TRUE(computed.functional);
  EXPECT_GT(flips(*computed.functional), 0) << "else nothing is shown";
  // The ADCs of the replay convert as often as those that computed.
  for (const auto& layer : computed.functional->layers) {
    const auto& report = *std::find_if(computed.layers.begin(), computed.layers.end(),
                                       [&](const LayerReport& l) { return l.name == layer.name; });
    EXPECT_EQ(layer.conversions, report.events[Component::kAdc]) << layer.name;
  }
  const auto plan = make_plan(network, chip, network.timesteps, static_cast<int>(trace.input.frames), "net");
  FunctionalChip functional(network, plan, chip, *options.functional, "net");
  for (int n = 0; n < 2; ++n) {
    const auto result = functional.run(reader(), n);
    trace.samples[static_cast<std::size_t>(n)].prediction = result.prediction;
    for (std::size_t s = 0; s < plan.signals.size(); ++s) {
      if (plan.signals[s].kind != Signal::Kind::kSpikes) continue;
      for (int t = 0; t < network.timesteps; ++t)
        trace.nodes.at(plan.signals[s].name)
            .spikes[static_cast<std::size_t>(n)][static_cast<std::size_t>(t)] =
            result.stimulus.at(plan, static_cast<int>(s), t)[0];
    }
  }
  write();
  const auto replayed = simulate(network, reader(), chip);
  computed.functional.reset();
  EXPECT_EQ(to_json(computed), to_json(replayed));
}

TEST_F(FunctionalTest, ConvertsAsOftenAsTheReplayAlsoBehindBackwardEdges) {
  int shorter = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    draw(seed, 1);
    SimulateOptions options;
    options.functional.emplace();
    for (const bool column_by_column : {false, true}) {
      options.functional->column_by_column = column_by_column;
      const auto computed = simulate(network, reader(), chip, options);
      for (const auto& layer : computed.functional->layers) {
        const auto& report = *std::find_if(computed.layers.begin(), computed.layers.end(),
                                           [&](const LayerReport& l) { return l.name == layer.name; });
        EXPECT_EQ(layer.conversions, report.events[Component::kAdc]) << seed << " " << layer.name;
      }
      EXPECT_EQ(flips(*computed.functional), 0) << "the timestep left out is compared all the same";
    }
    const auto plan =
        make_plan(network, chip, network.timesteps, static_cast<int>(trace.input.frames), "net");
    for (const auto& s : plan.stages)
      shorter += s.kind == StageKind::kMvm && !s.is_static && s.timesteps < plan.timesteps ? 1 : 0;
  }
  EXPECT_GT(shorter, 0) << "else nothing is shown";
}

TEST_F(FunctionalTest, CountsFlipsAgainstTheTrace) {
  draw(2, 1);
  trace.nodes.at("fc1.lif").spikes[0][0][0] ^= 0b101;
  trace.samples[0].label = -1;
  write();
  const auto report = run();
  EXPECT_EQ(flips(report), 2);
  for (const auto& n : report.neurons) EXPECT_EQ(n.flips, n.name == "fc1.lif" ? 2 : 0) << n.name;
  EXPECT_EQ(report.labelled(), 0);
  EXPECT_NE(functional_file(report).find("\"accuracy\": null"), std::string::npos);
  EXPECT_NE(functional_file(report).find("\"trace_accuracy\": null"), std::string::npos);
  EXPECT_EQ(report.agreeing(), 1);
}

TEST_F(FunctionalTest, SameSeedSameResultWhateverRanBefore) {
  draw(11, 3);
  chip.device.variation = 0.1;
  chip.device.read_noise = 0.05;
  chip.adc.offset_lsb = 0.5;
  FunctionalOptions options;
  options.seed = 7;
  const auto all = functional_file(run(options));
  EXPECT_EQ(all, functional_file(run(options)));
  const auto last = run(options, {2});
  auto middle_then_last = run(options, {1, 2});
  for (std::size_t i = 0; i < last.neurons.size(); ++i) {
    const auto middle = run(options, {1});
    EXPECT_EQ(middle_then_last.neurons[i].flips, last.neurons[i].flips + middle.neurons[i].flips);
  }
  options.seed = 8;
  EXPECT_NE(all, functional_file(run(options)));
}

TEST_F(FunctionalTest, CopiesOfWeightsHaveDevicesOfTheirOwnAndTakeWindowsInTurn) {
  chip = tiny_chip();
  chip.adc.bits = 12;
  chip.adc.full_scale_levels = 16;
  network = NetworkBuilder({1, 1, 4}).conv("c", "input", 1, 1).lif("l", {"c"}).output("l", {1, 1, 4}, 1);
  trace = integer_trace(network, 1, 1);
  trace.input.data.assign(4, 1);
  write();
  chip.device.variation = 0.2;
  auto plan = make_plan(network, chip, 1, 1, "net");
  for (auto& s : plan.stages)
    if (s.kind == StageKind::kMvm) s.copies = 2;
  const auto node = static_cast<std::size_t>(network.find("c"));
  int stage = 0;
  while (plan.stages[static_cast<std::size_t>(stage)].kind != StageKind::kMvm) ++stage;
  CrossbarLayer layer(plan, chip, {stage}, weight_matrix(network.nodes[node], plan.signals[0], 8), {});
  std::vector<double> sums;
  layer.run(read_stimulus(plan, reader(), 0).at(plan, 0, 0), 0, sums);
  ASSERT_EQ(sums.size(), 4U);
  EXPECT_EQ(sums[0], sums[2]);
  EXPECT_EQ(sums[1], sums[3]);
  EXPECT_NE(sums[0], sums[1]);
}

class FunctionalErrors : public FunctionalTest {
 protected:
  FunctionalErrors() {
    chip = tiny_chip();
    network = NetworkBuilder({1, 2, 2}).conv("c", "input", 2, 1).lif("l", {"c"}).output("l", {2, 2, 2}, 2);
    trace = integer_trace(network, 1, 1);
  }
  traces::Conv2dParams& conv() {
    return *network.nodes[static_cast<std::size_t>(network.find("c"))].as<traces::Conv2dParams>();
  }
  std::string error() {
    trace.header.network_sha256 = traces::network_hash(network);
    write();
    try {
      run();
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(FunctionalErrors, FloatWeights) {
  conv().quantised.reset();
  EXPECT_NE(error().find("net: node c: found float weights"), std::string::npos) << error();
}

TEST_F(FunctionalErrors, TraceWithoutInput) {
  trace.input.frames = 0;
  EXPECT_NE(error().find("/input: found no encoded input"), std::string::npos) << error();
}

TEST_F(FunctionalErrors, InputThatIsNotQuantised) {
  network.input_bits = 0;
  network.input_scale = 0;
  EXPECT_NE(error().find("an input that is not quantised"), std::string::npos) << error();
}

TEST_F(FunctionalErrors, WeightThatNoPairHolds) {
  conv().quantised->value[1] = -16;
  EXPECT_NE(error().find("net: node c (Conv2d), weight [1, 0, 0, 0]: found -16, expected -15 to 15"),
            std::string::npos)
      << error();
}

}  // namespace
}  // namespace spikeloop::sim
