#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "models/batches.h"
#include "models/graph_runner.h"
#include "models/quantise.h"
#include "sim/config/chip_config.h"
#include "sim/functional/functional.h"
#include "tests/models/helpers.h"
#include "traces/nir.h"
#include "traces/nir_import.h"
#include "traces/support/random.h"

/// Networks of other frameworks, run: against what those frameworks recorded, against plain loops in double
/// precision, and on real events from import to crossbars.
namespace spikeloop::models {
namespace {

using traces::Network;

std::string reference(const std::string& name) { return shared_folder() + "/refs/nir/" + name; }

traces::Tensor one(float value) { return {{1}, {value}}; }

/// Input -> 1 x 1 weight of 1 -> one neuron -> Output.
Network single(traces::NodeParams neuron, double dt_s, int timesteps) {
  Network n;
  n.dt_s = dt_s;
  n.timesteps = timesteps;
  traces::LinearParams weight;
  weight.weight = {{1, 1}, {1}};
  n.nodes = {{"input", traces::InputParams{{1}}},
             {"w", weight},
             {"n", std::move(neuron)},
             {"output", traces::OutputParams{{1}}}};
  n.edges = {{0, 1}, {1, 2}, {2, 3}};
  return n;
}

struct Course {
  std::vector<double> membrane;
  std::vector<int> spike;
};

Course run(const Network& network, const std::vector<float>& input, const std::string& neuron = "n") {
  const auto steps = static_cast<std::int64_t>(input.size());
  at::Tensor x = at::empty({steps, 1, 1}, at::kFloat);
  std::copy(input.begin(), input.end(), x.data_ptr<float>());
  std::map<std::string, at::Tensor> spikes, membranes;
  GraphRunner(network, "test").run(x, &spikes, &membranes);
  Course course;
  for (std::int64_t t = 0; t < steps; ++t) {
    course.membrane.push_back(membranes.at(neuron)[t].item<double>());
    course.spike.push_back(spikes.at(neuron)[t].item<int>());
  }
  return course;
}

/// Input, membrane and spike of each timestep, as a framework recorded them.
std::vector<std::array<double, 3>> recorded(const std::string& file) {
  std::ifstream in(reference(file));
  std::vector<std::array<double, 3>> rows;
  for (std::string line; std::getline(in, line);) {
    std::array<double, 3> row{};
    std::istringstream fields(line);
    for (double& value : row) {
      std::string field;
      std::getline(fields, field, ',');
      value = std::stod(field);
    }
    rows.push_back(row);
  }
  return rows;
}

/// 15 / 25 * 25 is 15.000001 in floats, which would cross a threshold of 15.
TEST(Import, SumsOfSpikesAreWholeNumbers) {
  Network n;
  n.timesteps = 1;
  traces::Pool2dParams pool;
  pool.average = false;
  pool.kernel = pool.stride = {5, 5};
  traces::IfParams neuron{one(1), one(15), one(0), false, false};
  n.nodes = {{"input", traces::InputParams{{1, 5, 5}}},
             {"pool", pool},
             {"n", neuron},
             {"output", traces::OutputParams{{1, 1, 1}}}};
  n.edges = {{0, 1}, {1, 2}, {2, 3}};
  at::Tensor x = at::zeros({1, 2, 25});
  x.slice(2, 0, 15).fill_(1);
  x[0][1][15] = 1;
  std::map<std::string, at::Tensor> spikes;
  GraphRunner(n, "network").run(x.view({1, 2, 1, 5, 5}), &spikes);
  EXPECT_EQ(spikes.at("n").flatten()[0].item<float>(), 0);  // 15 spikes
  EXPECT_EQ(spikes.at("n").flatten()[1].item<float>(), 1);  // 16
}

/// Norse: dt 1e-4, forward Euler, hard reset. snnTorch ran the same neuron as v = beta v + x, that is 1 / (1
/// - beta) = tau / dt = 25 times as large, reset to zero.
TEST(ImportedDynamics, NorseAndSnnTorchRecordedTheSameNeuron) {
  if (!std::filesystem::exists(reference("lif_norse.nir"))) GTEST_SKIP() << "absent: refs/nir";
  Network n = traces::import_nir(reference("lif_norse.nir"), {}).network;
  const auto norse = recorded("lif_norse.csv"), snntorch = recorded("lif_snntorch.csv");
  ASSERT_EQ(norse.size(), 1000U);
  n.timesteps = 1000;
  std::vector<float> input;
  for (const auto& row : norse) input.push_back(static_cast<float>(row[0]));
  const Course hard = run(n, input, "1");
  double from_norse = 0, from_snntorch = 0;
  int spikes = 0;
  for (std::size_t t = 0; t < norse.size(); ++t) {
    EXPECT_EQ(hard.spike[t], static_cast<int>(norse[t][2])) << t;
    EXPECT_EQ(hard.spike[t], static_cast<int>(snntorch[t][2])) << t;
    from_norse = std::max(from_norse, std::fabs(hard.membrane[t] - norse[t][1]));
    from_snntorch = std::max(from_snntorch, std::fabs(25 * hard.membrane[t] - snntorch[t][1]));
    spikes += hard.spike[t];
  }
  EXPECT_EQ(spikes, 4);
  EXPECT_LT(from_norse, 1e-7);
  EXPECT_LT(from_snntorch, 2e-6);

  traces::ImportOptions options;  // what another convention changes: the same spikes here, other membranes
  options.euler = traces::ImportOptions::Euler::kExponential;
  n = traces::import_nir(reference("lif_norse.nir"), options).network;
  n.timesteps = 1000;
  const Course exponential = run(n, input, "1");
  EXPECT_EQ(exponential.spike, hard.spike);
  double furthest = 0;
  for (std::size_t t = 0; t < norse.size(); ++t)
    furthest = std::max(furthest, std::fabs(exponential.membrane[t] - norse[t][1]));
  EXPECT_NEAR(furthest, 0.00116, 1e-5);
}

TEST(ImportedDynamics, TwoLifNeurons) {
  if (!std::filesystem::exists(reference("two_lif_neurons.nir"))) GTEST_SKIP() << "absent: refs/nir";
  Network n = traces::import_nir(reference("two_lif_neurons.nir"), {}).network;
  n.timesteps = 400;
  const Course first = run(n, std::vector<float>(400, 0), "lif1");
  // tau 10 ms, dt 0.1 ms, towards v_leak 1.2 over threshold 1: v = 1.2 (1 - 0.99^k) > 1 from k = 179 on.
  for (std::size_t t = 0; t < 400; ++t) EXPECT_EQ(first.spike[t], t == 178 || t == 357 ? 1 : 0) << t;
  const Course second = run(n, std::vector<float>(400, 0), "lif2");
  EXPECT_NEAR(second.membrane[178], 0.01, 1e-7) << "dt/tau of a spike";
  EXPECT_EQ(std::count(second.spike.begin(), second.spike.end(), 1), 0);
}

TEST(ImportedDynamics, FramesAreAsManyAsTimesteps) {
  const Network n = single(traces::IfParams{{{1}, {1}}, {{1}, {1}}, {{1}, {0}}}, 1, 4);
  EXPECT_THROW(run(n, {1, 1, 1}), InputError);
}

TEST(ImportedDynamics, CountsBeyondTheInputsBitsAreCounted) {
  Network n = single(traces::IfParams{{{1}, {1}}, {{1}, {1}}, {{1}, {0}}}, 1, 4);
  n.input_bits = 3;
  n.input_scale = 1;
  GraphRunner runner(n, "test");
  at::Tensor x = at::zeros({4, 1, 1});
  x[0] = 3;
  x[1] = 4;
  x[3] = 255;
  runner.run(x);
  EXPECT_EQ(runner.clipped_inputs(), 2);
}

TEST(ImportedDynamics, BrailleNetworkRuns) {
  if (!std::filesystem::exists(reference("braille_subgraph.nir"))) GTEST_SKIP() << "absent: refs/nir";
  traces::ImportOptions options;
  options.timesteps = 50;
  const Network n = traces::import_nir(reference("braille_subgraph.nir"), options).network;
  at::Tensor x = at::zeros({50, 1, 12});
  for (std::int64_t t = 0; t < 50; ++t) x[t][0][t % 12] = 1;
  std::map<std::string, at::Tensor> spikes;
  const at::Tensor out = GraphRunner(n, "braille").run(x, &spikes);
  EXPECT_EQ(out.sizes(), at::IntArrayRef({1, 7}));
  EXPECT_EQ(spikes.at("lif1.lif1").sizes(), at::IntArrayRef({50, 1, 38}));
  EXPECT_GT(spikes.at("lif1.lif1").sum().item<std::int64_t>(), 0);
}

/// Every neuron against its formula in double precision, step by step.
TEST(ImportedDynamics, EveryNeuronEqualsItsFormula) {
  RandomStream random(11);
  const auto uniform = [&](double low, double high) {
    return static_cast<float>(low + (high - low) * random.unit());
  };
  int spikes = 0;
  for (int round = 0; round < 60; ++round) {
    const double dt = 1e-3;
    const float tau = uniform(1.1e-3, 1e-2), tau_syn = uniform(1.1e-3, 1e-2), r = uniform(0.5, 2);
    const float leak = uniform(-0.2, 0.2), w = uniform(0.5, 2), threshold = uniform(0.2, 0.6);
    const float reset = uniform(-0.2, 0.1);
    const bool at_threshold = random.below(2) == 0, soft = random.below(2) == 0;
    const auto kind = random.below(3);
    traces::NodeParams params;
    if (kind == 0)
      params = traces::LifParams{one(tau), one(r), one(leak), one(threshold), one(reset), at_threshold, soft};
    else if (kind == 1)
      params = traces::IfParams{one(r), one(threshold), one(reset), at_threshold, soft};
    else
      params = traces::CubaLifParams{one(tau_syn),   one(tau),   one(r),       one(leak), one(w),
                                     one(threshold), one(reset), at_threshold, soft};
    std::vector<float> input;
    for (int t = 0; t < 40; ++t) input.push_back(uniform(-0.3, 1));
    const Course course = run(single(params, dt, 40), input);
    double v = 0, current = 0;
    for (std::size_t t = 0; t < input.size(); ++t) {
      const double x = static_cast<double>(input[t]);
      if (kind == 2) current += dt / static_cast<double>(tau_syn) * (static_cast<double>(w) * x - current);
      const double drive = static_cast<double>(r) * (kind == 2 ? current : x);
      v += kind == 1 ? drive : dt / static_cast<double>(tau) * (static_cast<double>(leak) - v + drive);
      const bool close = std::fabs(v - static_cast<double>(threshold)) < 1e-5;
      if (close) break;  // single and double precision may decide differently from here on
      const bool fired = v > static_cast<double>(threshold);
      if (fired) v = soft ? v - static_cast<double>(threshold) : static_cast<double>(reset);
      EXPECT_EQ(course.spike[t], fired ? 1 : 0) << "round " << round << ", timestep " << t;
      EXPECT_NEAR(course.membrane[t], v, 1e-5) << "round " << round << ", timestep " << t;
      spikes += fired ? 1 : 0;
    }
  }
  EXPECT_GT(spikes, 100);
}

/// sinabs' network on real N-MNIST recordings, in frames of 1 ms: imported, quantised to 8 bits, and computed
/// on crossbars with ideal devices. tests/bench/nmnist.sh does it for all 100 samples and 300 ms.
TEST(ImportedNetworkOnEvents, FromNirToCrossbars) {
  DatasetOptions where;
  where.dir = shared_folder() + "/data/N-MNIST";
  where.framing.frames = 60;
  where.framing.frame_us = 1000;
  where.train = false;
  if (!std::filesystem::exists(where.dir) || !std::filesystem::exists(reference("cnn_sinabs.nir")))
    GTEST_SKIP() << "absent: N-MNIST and refs/nir";
  const Dataset dataset = open_dataset("nmnist", where);
  traces::ImportOptions options;
  options.soft_reset = true;
  options.timesteps = 60;
  Network network = traces::import_nir(reference("cnn_sinabs.nir"), options).network;
  quantise(network, dataset);
  EXPECT_EQ(network.input_scale, 1.0F);
  const TemporaryFolder folder;
  const std::string file = folder.file("n.nir"), trace_file = folder.file("t.h5");
  traces::write_nir(file, network);
  network = traces::read_nir(file);
  const traces::SpikeTrace trace = record_trace(network, dataset, *dataset.test, {0, 1, 2, 3});
  EXPECT_EQ(trace.input.frames, 60);
  traces::write_trace(trace_file, trace);
  const auto chip =
      sim::read_chip_config(std::string(SPIKELOOP_SOURCE_DIR) + "/hwconfigs/neurosim-22nm.json");
  const auto report = sim::run_functional(network, traces::TraceReader(trace_file), chip, {}, {}, file, true);
  EXPECT_EQ(report.agreeing(), 4);
  for (const auto& layer : report.neurons) {
    EXPECT_EQ(layer.flips, 0) << layer.name;
    EXPECT_GT(layer.spikes, 0) << layer.name;
  }
}

}  // namespace
}  // namespace spikeloop::models
