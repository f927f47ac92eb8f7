#include "nas/space.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;

TEST(Space, TextsOfCandidatesReadBack) {
  for (const char* text :
       {"0303/0030/2002/0200|0303/0030/2002/0200", "03(0.5)03(1.5)/0000/0003/0000|0003/0000/0000/0000",
        "0[013]03/0000/0003/0000|0003/0000/0000/0000",
        "0003/0000/0000/0000|0003/0000/0000/0000 channels=16 crossbar.rows=64"})
    EXPECT_EQ(to_text(parse_candidate(text, "test")), text);
  EXPECT_EQ(to_text(parse_candidate("0003/0000/0000/0000", "test")),
            "0003/0000/0000/0000|0003/0000/0000/0000");
  for (const char* text :
       {"", "0003/0000/0000", "0003/0000/0000/0000 ", "0003/0000/0000/0000 channels",
        "0003/0000/0000/0000 =1", "0003(0)/0000/0000/0000", "0003(0.5/0000/0000/0000",
        "0001(0.5)/0000/0000/0000", "0[3]03/0000/0003/0000", "0[31]03/0000/0003/0000", "3003/0000/0000/0000"})
    EXPECT_THROW(parse_candidate(text, "test"), InputError) << text;
}

TEST(Space, OperationsWithThresholds) {
  const std::vector<CellOp> ops = parse_ops("conv3x3,skip,zero,conv3x3(0.5)", "--ops");
  EXPECT_EQ(ops, (std::vector<CellOp>{Op::kSkip, Op::kConv3x3, CellOp(Op::kConv3x3, 0.5)}));
  EXPECT_EQ(to_text(ops), "skip,conv3x3,conv3x3(0.5)");
  for (const char* text : {"", "zero", "conv5x5", "skip,skip", "skip(0.5)", "conv3x3(-1)", "conv3x3(x)"})
    EXPECT_THROW(parse_ops(text, "--ops"), InputError) << text;
}

TEST(Space, AxesAreNumbersOfTheNetworkOrPathsOfTheChip) {
  EXPECT_TRUE(is_network_axis("channels"));
  EXPECT_FALSE(is_network_axis("crossbar.rows"));
  EXPECT_EQ(parse_axis("adc.bits=5,6", "--vary").values, (std::vector<std::string>{"5", "6"}));
  for (const char* text :
       {"channels", "=1", "channels=", "channels=8,", "channels=8,8", "channels=0", "channels=x"})
    EXPECT_THROW(parse_axis(text, "--vary"), InputError) << text;
}

TEST(Space, EveryIndexIsACandidateOfItsOwn) {
  Space space;
  space.cell_type = CellType::kForward;
  space.ops = parse_ops("skip,conv3x3", "test");
  space.shared_cell = false;
  space.axes = {parse_axis("channels=8,16", "test"), parse_axis("crossbar.rows=64,128,256", "test")};
  const auto cells = cells_of(space);
  const auto count = static_cast<std::int64_t>(cells.size());
  EXPECT_EQ(size_of(space, count), count * count * 6);
  std::set<std::string> texts;
  const std::int64_t some = 6 * count * 3;
  for (std::int64_t i = 0; i < some; ++i) texts.insert(to_text(candidate_at(space, cells, i)));
  EXPECT_EQ(static_cast<std::int64_t>(texts.size()), some);
  RandomStream random(1);
  for (int i = 0; i < 50; ++i) {
    const Candidate drawn = random_candidate(space, random);
    EXPECT_TRUE(is_valid(drawn.cell1));
    EXPECT_EQ(drawn.choices.size(), 2U);
    EXPECT_EQ(to_text(canonical(drawn)), to_text(drawn));
  }
}

TEST(Space, WithoutTheDirectEdgeThereAreMoreCells) {
  Space space;
  space.cell_type = CellType::kForward;
  const std::size_t direct = cells_of(space).size();
  space.direct_edge = false;
  const auto cells = cells_of(space);
  EXPECT_GT(cells.size(), direct);
  for (const auto& cell : cells) EXPECT_TRUE(is_valid(cell, false));
}

}  // namespace
}  // namespace spikeloop::nas
