#include "nas/table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "nas/genotype.h"
#include "tests/nas/table_helpers.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;

const std::string kHeader =
    "id,e01,e02,e03,e12,e13,e23,params,val_acc_epoch10,val_acc_epoch50,val_acc_last,test_acc,train_hours\n";
const std::string kRow = "9532,2,1,1,1,0,3,18655716,72.1,85,88.368,88.630,1.5\n";

/// A file with this text; gone at the end.
class TableFile : public testing::Test {
 protected:
  Table read(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return read_table(path_);
  }
  std::string refusal(const std::string& text) {
    try {
      read(text);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no refusal";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ = testing::TempDir() + "spikeloop_table_test.csv";
};

TEST_F(TableFile, ReadsARowAndTheSpace) {
  const Table table = read(kHeader + kRow);
  ASSERT_EQ(table.rows.size(), 1U);
  const TableRow& row = table.rows.front();
  EXPECT_EQ(row.id, 9532);
  EXPECT_EQ(row.line, 2);
  EXPECT_EQ(row.params, 18655716);
  EXPECT_EQ(row.cell[0][1], CellOp(Op::kConv3x3, 0.5));
  EXPECT_EQ(row.cell[0][2], Op::kSkip);
  EXPECT_EQ(row.cell[1][3], Op::kZero);
  EXPECT_EQ(row.cell[2][3], CellOp(Op::kConv3x3, 1.0));
  EXPECT_TRUE(row.connected);
  EXPECT_EQ(row.val_acc_epoch50, 85);
  EXPECT_EQ(row.test_acc, 88.63);
  EXPECT_EQ(table.space.cell_type, CellType::kForward);
  EXPECT_FALSE(table.space.direct_edge);
  ASSERT_EQ(table.space.ops.size(), 4U);
  EXPECT_EQ(table.space.ops.back(), CellOp(Op::kConv3x3, 1.5));
}

TEST_F(TableFile, TakesColumnsInAnyOrderLineEndsOfBothKindsAndAbsentValidation) {
  const Table table = read(
      "test_acc,id,e23,e13,e12,e03,e02,e01,params,val_acc_epoch10,val_acc_epoch50,val_acc_last,train_"
      "hours\r\n"
      "42.1,4880,1,2,4,0,1,0,7,,,0.5,0.04\r\n"
      "10,4,0,0,0,0,0,4,7,,,,1");
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].cell[1][3], CellOp(Op::kConv3x3, 0.5));
  EXPECT_FALSE(table.rows[0].val_acc_epoch50.has_value());
  EXPECT_EQ(table.rows[0].val_acc_last, 0.5);
  EXPECT_FALSE(table.rows[1].connected);
  EXPECT_FALSE(table.rows[1].val_acc_last.has_value());
}

TEST_F(TableFile, NamesFileLineAndColumnOfWhatIsWrong) {
  const auto expect = [&](const std::string& text, const std::string& part) {
    const std::string message = refusal(text);
    EXPECT_NE(message.find(path_), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const auto with = [](const std::string& from, const std::string& to) {
    std::string row = kRow;
    return kHeader + kRow.substr(0, row.find(from)) + to + row.substr(row.find(from) + from.size());
  };
  expect("", "an empty file");
  expect(kHeader, "no row");
  expect("id,e01\n", "line 1: found no column e02");
  expect("id," + kHeader, "line 1, column id: found it twice");
  expect(kHeader + "1,2\n", "line 2: found 2 columns, expected 13");
  expect(kHeader + kRow + "\n" + kRow, "line 3: found 1 columns");
  expect(with("88.630", "x"), "line 2, column test_acc: found \"x\", expected a number from 0 to 100");
  expect(with("88.630", ""), "line 2, column test_acc: found \"\"");
  expect(with("88.630", "nan"), "column test_acc");
  expect(with("88.630", "100.1"), "column test_acc");
  expect(with("88.368", "-1"), "column val_acc_last");
  expect(with("72.1", "72.1 "), "column val_acc_epoch10");
  expect(with("9532,2", "9533,2"), "line 2, column id: found 9533, expected 9532");
  expect(with("9532,2", "9532,5"), "line 2, column e01: found \"5\", expected an operation 0 to 4");
  expect(with("9532,2", "9532.0,2"), "column id");
  expect(with("18655716", "-3"), "column params");
  expect(with("1.5", "-1"), "column train_hours");
  expect(kHeader + kRow + kRow, "line 3, column id: found 9532 as in line 2");
}

TEST(Table, ReadsThePublishedOne) {
  const std::string path = shared_table("cifar10_dev.csv");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "absent: " << path;
  const Table table = read_table(path);
  EXPECT_EQ(table.rows.size(), 7813U);
  for (const TableRow& row : table.rows) EXPECT_EQ(row.connected, row.test_acc != 10) << row.id;
}

}  // namespace
}  // namespace spikeloop::nas
