#include "sim/functional/functional.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "helpers.h"
#include "inputs.h"
#include "models/export.h"
#include "models/graph_runner.h"
#include "models/networks.h"
#include "models/quantise.h"
#include "models/train.h"
#include "tests/support/tiny.h"

/// The simulator's crossbars against LibTorch, through the files that a user has.
namespace spikeloop::models {
namespace {

sim::ChipConfig roomy_chip() {
  sim::ChipConfig chip = spikeloop::testing::tiny_chip();
  chip.mesh = {8, 100, 64, 32};
  chip.tile.pes = 4;
  chip.pe.crossbars = 4;
  chip.crossbar.rows = chip.crossbar.columns = 64;
  chip.crossbar.max_active_rows = 24;
  chip.adc.bits = 10;
  chip.input_buffer.capacity_bits = chip.node_memory.capacity_bits = 1 << 22;
  chip.output_buffer.capacity_bits = chip.membrane_memory.capacity_bits = 1 << 22;
  chip.pooling_memory.capacity_bits = 1 << 22;
  return chip;
}

class CrossbarsAgree : public ::testing::TestWithParam<const char*> {};

TEST_P(CrossbarsAgree, WithTheIntegerNetworkSpikeForSpike) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(256, 40, 1);
  SnasnetSpec spec = small_spec(GetParam(), 8);
  GraphNet net(snasnet(spec), 1);
  TrainOptions options;
  options.epochs = 2;
  options.batch = 32;
  TrainRun run;
  run.quiet = true;
  train(net, dataset, options, run);
  for (const char* bits : {"8", "4", "6:per-tensor,stem=8,reduce=3,fc1=7,fc2=5,input=6"}) {
    traces::Network network = export_network(net, dataset.name);
    quantise(network, dataset, parse_quantisation(bits, "test"));
    // Counts of 9 spikes, whose mean no float holds.
    for (auto& node : network.nodes) {
      if (auto* pool = node.as<traces::Pool2dParams>(); pool != nullptr && node.name == "last.pool") {
        pool->kernel = {3, 3};
        pool->padding = {1, 1};
      }
    }
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < 40; ++i) indices.push_back(i);
    traces::write_trace(folder.file("trace.h5"), record_trace(network, dataset, *dataset.test, indices));
    const traces::TraceReader trace(folder.file("trace.h5"));
    const at::Tensor expected = GraphRunner(network, "network").run(inputs_of(dataset));
    for (const auto encoding : {sim::WeightEncoding::kDifferentialPair, sim::WeightEncoding::kOffset}) {
      sim::ChipConfig chip = roomy_chip();
      chip.weight_encoding = encoding;
      const auto plan = sim::make_plan(network, chip, network.timesteps, 1, "network");
      sim::FunctionalOptions every_column;
      every_column.column_by_column = true;
      sim::FunctionalChip by_column(network, plan, chip, every_column, "network");
      sim::FunctionalChip shortcut(network, plan, chip, {}, "network");
      for (std::int64_t n = 0; n < 40; ++n) {
        const auto found = shortcut.run(trace, n);
        const at::Tensor output = expected[n].contiguous();
        for (std::size_t k = 0; k < found.output.size(); ++k)
          ASSERT_EQ(found.output[k], output.data_ptr<float>()[k]) << "sample " << n << ", class " << k;
        if (n >= 4) continue;  // slower
        EXPECT_EQ(by_column.run(trace, n).output, found.output);
      }
      const auto report = shortcut.report();
      EXPECT_EQ(report.agreeing(), 40);
      std::int64_t spikes = 0;
      for (const auto& neurons : report.neurons) {
        EXPECT_EQ(neurons.flips, 0) << neurons.name;
        spikes += neurons.spikes;
      }
      EXPECT_GT(spikes, 10000);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, CrossbarsAgree,
                         ::testing::Values("0303/0030/2002/0200", "0042/3004/0103/0000"));

}  // namespace
}  // namespace spikeloop::models
