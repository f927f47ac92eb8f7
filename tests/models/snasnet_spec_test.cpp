#include "models/snasnet_spec.h"

#include <gtest/gtest.h>

#include "helpers.h"

namespace spikeloop::models {
namespace {

TEST(Spec, TextRoundTripsAndOneCellStandsForBoth) {
  CellMatrix a{}, b{};
  parse_cells("0303/0030/2002/0200|0001/0000/0000/0000", "--cell", a, b);
  EXPECT_EQ(a[0][1], Op::kConv3x3);
  EXPECT_EQ(a[2][0], Op::kConv1x1);
  EXPECT_EQ(b[0][3], Op::kSkip);
  EXPECT_EQ(to_text(a, b), "0303/0030/2002/0200|0001/0000/0000/0000");
  parse_cells("0004/0000/0000/0000", "--cell", a, b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(to_text(a, b), "0004/0000/0000/0000|0004/0000/0000/0000");
}

TEST(Spec, BadTextNamesThePlaceAndTheFault) {
  CellMatrix a{}, b{};
  const auto error = [&](const char* text) { return error_of([&] { parse_cells(text, "--cell", a, b); }); };
  for (const char* text : {"", "0303", "0303/0030/2002/020", "0303/0030/2002/0200|", "0303-0030/2002/0200"}) {
    EXPECT_TRUE(contains(error(text), "--cell")) << text;
  }
  EXPECT_TRUE(contains(error("0305/0030/2002/0200"), "operation '5'"));
  EXPECT_TRUE(contains(error("1303/0030/2002/0200"), "from node 0 to itself"));
}

}  // namespace
}  // namespace spikeloop::models
