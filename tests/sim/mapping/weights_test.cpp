#include "sim/mapping/weights.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/plans.h"
#include "tests/support/tiny.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::stage_named;
using testing::tiny_chip;

/// A 2x2 kernel over 6 channels to 3 outputs of 4 columns, crossbars of 4 rows x 8 columns, 3 in a PE.
/// Two column blocks (2 outputs, 1 output) x two channel blocks (0-3, 4-5) = 4 pairs of 4 positions, 2 PEs
/// each: three crossbars in the first, one in the second, two empty.
TEST(Weights, KernelPositionPiecesByHand) {
  auto chip = tiny_chip();
  chip.mapping = Mapping::kKernelPosition;
  chip.crossbar.rows = 4;
  chip.pe.crossbars = 3;
  WeightMatrix matrix;
  matrix.positions = 4;
  matrix.channels = 6;
  matrix.outputs = 3;
  matrix.columns_per_output = 4;
  struct Row {
    int column_block, row_block, row_begin, rows, outputs, columns, pe, crossbar;
  };
  // clang-format off
  const Row table[] = {
      {0, 0,  0, 4, 2, 8, 0, 0}, {0, 1,  6, 4, 2, 8, 0, 1}, {0, 2, 12, 4, 2, 8, 0, 2}, {0, 3, 18, 4, 2, 8, 1, 0},
      {0, 4,  4, 2, 2, 8, 2, 0}, {0, 5, 10, 2, 2, 8, 2, 1}, {0, 6, 16, 2, 2, 8, 2, 2}, {0, 7, 22, 2, 2, 8, 3, 0},
      {1, 0,  0, 4, 1, 4, 4, 0}, {1, 1,  6, 4, 1, 4, 4, 1}, {1, 2, 12, 4, 1, 4, 4, 2}, {1, 3, 18, 4, 1, 4, 5, 0},
      {1, 4,  4, 2, 1, 4, 6, 0}, {1, 5, 10, 2, 1, 4, 6, 1}, {1, 6, 16, 2, 1, 4, 6, 2}, {1, 7, 22, 2, 1, 4, 7, 0},
  };
  // clang-format on
  const auto pieces = cut_into_pieces(chip, matrix, false);
  ASSERT_EQ(pieces.size(), std::size(table));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& p = pieces[i];
    EXPECT_EQ(p.column_block, table[i].column_block);
    EXPECT_EQ(p.row_block, table[i].row_block);
    EXPECT_EQ(p.row_begin, table[i].row_begin);
    EXPECT_EQ(p.rows, table[i].rows);
    EXPECT_EQ(p.outputs, table[i].outputs);
    EXPECT_EQ(p.columns, table[i].columns);
    EXPECT_EQ(p.pe, table[i].pe);
    EXPECT_EQ(p.crossbar, table[i].crossbar);
  }
}

/// The same matrix as a linear layer has no positions: 24 rows in 6 blocks of 4, crossbar after crossbar.
TEST(Weights, LinearLayersAreUnrolledUnderBothMappings) {
  auto chip = tiny_chip();
  chip.mapping = Mapping::kKernelPosition;
  chip.crossbar.rows = 4;
  chip.pe.crossbars = 5;
  WeightMatrix matrix;
  matrix.channels = 24;
  matrix.outputs = 3;
  matrix.columns_per_output = 4;
  const auto pieces = cut_into_pieces(chip, matrix, true);
  ASSERT_EQ(pieces.size(), 12U);
  for (int i = 0; i < 12; ++i) {
    const auto& p = pieces[static_cast<std::size_t>(i)];
    EXPECT_EQ(p.row_begin, i % 6 * 4);
    EXPECT_EQ(p.pe, i / 5);
    EXPECT_EQ(p.crossbar, i % 5);
  }
}

/// Whatever the sizes: every weight lies in exactly one crossbar, within its rows and columns, and no two
/// pieces share a crossbar.
TEST(Weights, EveryWeightLiesInOneCrossbar) {
  RandomStream random(3);
  for (int n = 0; n < 300; ++n) {
    auto chip = tiny_chip();
    const auto draw = [&](int most) {
      return 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(most)));
    };
    chip.mapping = n % 2 == 0 ? Mapping::kKernelPosition : Mapping::kUnrolled;
    chip.weight_encoding = n % 3 == 0 ? WeightEncoding::kOffset : WeightEncoding::kDifferentialPair;
    chip.crossbar.rows = draw(9);
    chip.crossbar.columns = 8 + draw(9);
    chip.pe.crossbars = draw(10);
    WeightMatrix matrix;
    matrix.positions = draw(3) * draw(3);
    matrix.channels = draw(20);
    matrix.outputs = draw(12);
    matrix.columns_per_output = draw(8);
    const int reference = n % 3 == 0 ? 1 : 0;
    const auto rows = static_cast<std::size_t>(matrix.positions * matrix.channels);
    std::vector<int> held(rows * static_cast<std::size_t>(matrix.outputs), 0);
    std::set<std::pair<int, int>> crossbars;
    const int per_crossbar = (chip.crossbar.columns - reference) / matrix.columns_per_output;
    for (const auto& p : cut_into_pieces(chip, matrix, false)) {
      EXPECT_LE(p.rows, chip.crossbar.rows);
      EXPECT_LE(p.columns, chip.crossbar.columns);
      EXPECT_EQ(p.columns, p.outputs * matrix.columns_per_output + reference);
      EXPECT_LT(p.crossbar, chip.pe.crossbars);
      EXPECT_TRUE(crossbars.insert({p.pe, p.crossbar}).second);
      for (int r = p.row_begin; r < p.row_begin + p.rows; ++r)
        for (int o = 0; o < p.outputs; ++o)
          ++held[static_cast<std::size_t>(o + p.column_block * per_crossbar) * rows +
                 static_cast<std::size_t>(r)];
    }
    for (int count : held) ASSERT_EQ(count, 1);
  }
}

/// SpikeSim's PEs per layer: ceil(Cin/X) * ceil(Cout/X) for the VGG9 that its script ships (X = 64, 9
/// crossbars in a PE, 8 PEs in a tile), whose run says 1, 1, 2, 4, 8, 16, 16. It has a column per output;
/// ours are that with 4-bit cells and offset 4-bit weights, and a 65th column for the reference.
TEST(Weights, KernelPositionTakesSpikeSimsPes) {
  auto chip = tiny_chip();
  chip.mapping = Mapping::kKernelPosition;
  chip.weight_encoding = WeightEncoding::kOffset;
  chip.weight_bits = 4;
  chip.crossbar.rows = 64;
  chip.crossbar.columns = 65;
  chip.pe.crossbars = 9;
  ASSERT_EQ(columns_per_output(chip, 4), 1);
  const int in[] = {3, 64, 64, 128, 128, 256, 256};
  const int out[] = {64, 64, 128, 128, 256, 256, 256};
  const int expected[] = {1, 1, 2, 4, 8, 16, 16};
  for (int layer = 0; layer < 7; ++layer) {
    WeightMatrix matrix;
    matrix.positions = 9;
    matrix.channels = in[layer];
    matrix.outputs = out[layer];
    const auto pieces = cut_into_pieces(chip, matrix, false);
    std::set<int> pes;
    for (const auto& p : pieces) pes.insert(p.pe);
    EXPECT_EQ(static_cast<int>(pes.size()), expected[layer]) << "layer " << layer;
    EXPECT_EQ(pieces.back().pe + 1, expected[layer]) << "no PE is left out";
  }
}

/// 5-bit weights in 4-bit cells as an offset: 2 columns per output and 1 reference column, so 3 outputs per
/// crossbar of 8: 6 outputs are two crossbars of 7 columns.
TEST(Weights, OffsetTakesAReferenceColumn) {
  auto chip = tiny_chip();
  chip.weight_encoding = WeightEncoding::kOffset;
  const auto network =
      NetworkBuilder({2, 4, 4}).conv("c", "input", 6, 1).lif("l", {"c"}).output("l", {6, 4, 4}, 1);
  const auto plan = make_plan(network, chip, 1, 1, "net");
  const auto& c = stage_named(plan, "c");
  ASSERT_EQ(c.pieces.size(), 2U);
  for (const auto& p : c.pieces) {
    EXPECT_EQ(p.outputs, 3);
    EXPECT_EQ(p.columns, 7);
  }
  chip.crossbar.columns = 2;
  try {
    make_plan(network, chip, 1, 1, "net");
    FAIL();
  } catch (const InputError& e) {
    EXPECT_STREQ(
        e.what(),
        "net: node c: found a network that needs 2 columns per output and a reference column, expected "
        "2 columns per crossbar on chip tiny");
  }
}

/// Layers of 2 to 8 bits in one network: an output takes ceil(bits / cell bits) slices as an offset, and a
/// pair of ceil((bits - 1) / cell bits) with its sign in the pair; each weight is stored once, in its layer's
/// bits.
TEST(Weights, EachLayersBitsTakeTheirSlices) {
  auto network = [] {
    NetworkBuilder b({1, 1, 1});
    b.flatten("flatten", "input");
    std::string last = "flatten";
    for (int bits = 2; bits <= 8; ++bits) {
      const std::string name = std::to_string(bits);
      b.linear(name, last, bits == 2 ? 1 : 3, 3).lif("lif" + name, {name});
      last = "lif" + name;
    }
    return b.output(last, {3}, 1);
  }();
  for (int bits = 2; bits <= 8; ++bits) {
    const auto node = static_cast<std::size_t>(network.find(std::to_string(bits)));
    auto& quantised = *network.nodes[node].as<traces::LinearParams>()->quantised;
    quantised.bits = bits;
    for (auto& value : quantised.value) value = static_cast<std::int8_t>(value % 2);
  }
  auto chip = tiny_chip();
  chip.mesh = {4, 8, chip.mesh.flit_bits, chip.mesh.header_bits};
  chip.crossbar.columns = 64;
  for (const auto encoding : {WeightEncoding::kDifferentialPair, WeightEncoding::kOffset}) {
    chip.weight_encoding = encoding;
    const bool pair = encoding == WeightEncoding::kDifferentialPair;
    for (chip.crossbar.cell_bits = 1; chip.crossbar.cell_bits <= 4; ++chip.crossbar.cell_bits) {
      const auto plan = make_plan(network, chip, 1, 1, "net");
      std::int64_t memory = 0;
      for (int bits = 2; bits <= 8; ++bits) {
        const auto& stage = stage_named(plan, std::to_string(bits));
        const int stored = pair ? bits - 1 : bits;
        int slices = 0;
        while (slices * chip.crossbar.cell_bits < stored) ++slices;
        ASSERT_EQ(stage.pieces.size(), 1U);
        EXPECT_EQ(stage.pieces[0].columns, 3 * slices * (pair ? 2 : 1) + (pair ? 0 : 1))
            << bits << "-bit weights, " << chip.crossbar.cell_bits << "-bit cells";
        EXPECT_EQ(stage.weight_bits, bits);
        memory += std::int64_t{bits == 2 ? 3 : 9} * bits;
      }
      EXPECT_EQ(plan.weight_memory_bits, memory);
      EXPECT_EQ(traces::weight_memory(network).bits, memory);
    }
  }
}

TEST(Weights, ADifferentialPairHasNoMostNegativeWeight) {
  auto chip = tiny_chip();
  auto network = NetworkBuilder({2, 4, 4}).conv("c", "input", 2, 3).lif("l", {"c"}).output("l", {2, 4, 4}, 1);
  chip.pe.crossbars = 3;
  network.nodes[static_cast<std::size_t>(network.find("c"))]
      .as<traces::Conv2dParams>()
      ->quantised->value[23] = -16;  // 23 = ((1 * 2 + 0) * 3 + 1) * 3 + 2
  try {
    make_plan(network, chip, 1, 1, "net");
    FAIL();
  } catch (const InputError& e) {
    EXPECT_STREQ(
        e.what(),
        "net: node c (Conv2d), weight [1, 0, 1, 2]: found -16, expected -15 to 15, the 5-bit weights "
        "that a differential pair of columns holds");
  }
  chip.weight_encoding = WeightEncoding::kOffset;
  EXPECT_NO_THROW(make_plan(network, chip, 1, 1, "net"));
}

/// A 3x3x2 convolution to 6 outputs, kernel_position: 2 column blocks x 1 channel block of 9 positions; PEs
/// of 4 crossbars, 3 PEs (4, 4, 1 crossbars) per pair, 2 PEs per tile.
TEST(Weights, KernelPositionOverTiles) {
  auto chip = tiny_chip();
  chip.mesh.columns = 4;
  chip.mapping = Mapping::kKernelPosition;
  chip.tile.pes = 2;
  chip.pe.crossbars = 4;
  const auto network =
      NetworkBuilder({2, 4, 4}).conv("c", "input", 6, 3).lif("l", {"c"}).output("l", {6, 4, 4}, 1);
  const auto plan = make_plan(network, chip, 1, 1, "net");
  EXPECT_EQ(plan.tiles_used, 3);
  const auto& t0 = stage_named(plan, "c#0");
  const auto& t1 = stage_named(plan, "c#1");
  const auto& t2 = stage_named(plan, "c#2");
  EXPECT_EQ(t0.pieces.size(), 8U);
  EXPECT_EQ(t1.pieces.size(), 1U + 4U) << "position 8 of the first pair, then a PE of the second";
  EXPECT_EQ(t2.pieces.size(), 4U + 1U);
  EXPECT_EQ(t1.pieces[0].pe, 0);
  EXPECT_EQ(t1.pieces[1].pe, 1);
  EXPECT_EQ(t1.pieces[1].crossbar, 0);
  EXPECT_EQ(t0.channel_end, 4);
  EXPECT_EQ(t1.send_begin, 0);
  EXPECT_EQ(t1.send_end, 4);
  EXPECT_EQ(t1.channel_begin, 4);
  EXPECT_EQ(t1.channel_end, 6);
  EXPECT_EQ(t2.send_begin, 4);
  EXPECT_EQ(t2.send_end, 6);
  EXPECT_EQ(t2.channel_begin, t2.channel_end);
  EXPECT_EQ(plan.crossbars_used[0], 8);
  EXPECT_EQ(plan.crossbars_used[1], 5);
  EXPECT_EQ(plan.layers[2].crossbars, 18);
}

/// Rows 3 x 3 x 2 = 18 are 3 crossbars unrolled, in a tile of 2 x 5: 10 / 3 = 3 copies. By position they are
/// 9 crossbars in PEs of 5, so a copy fills both PEs.
TEST(Weights, CopiesFillTheTile) {
  auto chip = tiny_chip();
  chip.tile.pes = 2;
  chip.pe.crossbars = 5;
  chip.tile.max_copies = 8;
  const auto network = [](int size) {
    return NetworkBuilder({2, size, size})
        .conv("c", "input", 2, 3)
        .lif("l", {"c"})
        .output("l", {2, size, size}, 2);
  };
  const auto plan = make_plan(network(4), chip, 2, 1, "net");
  EXPECT_EQ(stage_named(plan, "c").copies, 3);
  EXPECT_EQ(stage_named(plan, "c").pieces.size(), 3U) << "of one copy";
  EXPECT_EQ(plan.layers[2].crossbars, 9);
  EXPECT_EQ(plan.crossbars_used[0], 9);
  EXPECT_EQ(plan.weights, 36) << "once";
  EXPECT_EQ(plan.weight_memory_bits, 36 * 5);
  EXPECT_EQ(stage_named(make_plan(network(1), chip, 2, 1, "net"), "c").copies, 1) << "one window";
  chip.tile.max_copies = 2;
  EXPECT_EQ(stage_named(make_plan(network(4), chip, 2, 1, "net"), "c").copies, 2);
  chip.mapping = Mapping::kKernelPosition;
  EXPECT_EQ(stage_named(make_plan(network(4), chip, 2, 1, "net"), "c").copies, 1);
  chip.tile.pes = 5;
  EXPECT_EQ(stage_named(make_plan(network(4), chip, 2, 1, "net"), "c").copies, 2);
  chip.tile.max_copies = 1;
  EXPECT_EQ(stage_named(make_plan(network(4), chip, 2, 1, "net"), "c").copies, 1);
}

TEST(Weights, LayersOverSeveralTilesHaveNoCopies) {
  auto chip = tiny_chip();
  chip.mesh.columns = 8;
  chip.tile.max_copies = 8;
  const auto network =
      NetworkBuilder({2, 4, 4}).conv("c", "input", 6, 3).lif("l", {"c"}).output("l", {6, 4, 4}, 2);
  const auto plan = make_plan(network, chip, 2, 1, "net");
  EXPECT_EQ(plan.tiles_used, 3);
  for (const auto& s : plan.stages) EXPECT_EQ(s.copies, 1);
}

}  // namespace
}  // namespace spikeloop::sim
