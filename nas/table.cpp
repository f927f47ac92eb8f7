#include "nas/table.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nas/genotype.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

using models::CellOp;
using models::Op;

constexpr std::array<CellOp, 5> kOps{Op::kZero, Op::kSkip, CellOp(Op::kConv3x3, 0.5),
                                     CellOp(Op::kConv3x3, 1.0), CellOp(Op::kConv3x3, 1.5)};

/// The forward edges in the order of the id's digits, to base 5.
struct Edge {
  const char* column;
  std::size_t from, to;
};
constexpr std::array<Edge, 6> kEdges{
    {{"e01", 0, 1}, {"e02", 0, 2}, {"e03", 0, 3}, {"e12", 1, 2}, {"e13", 1, 3}, {"e23", 2, 3}}};
constexpr std::array<const char*, 13> kColumns{"id",
                                               "e01",
                                               "e02",
                                               "e03",
                                               "e12",
                                               "e13",
                                               "e23",
                                               "params",
                                               "val_acc_epoch10",
                                               "val_acc_epoch50",
                                               "val_acc_last",
                                               "test_acc",
                                               "train_hours"};

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

class Reader {
 public:
  explicit Reader(Table& table) : table_(table) {}

  void read(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      ++line_;
      fields_ = split(line);
      if (line_ == 1)
        header();
      else
        row();
    }
    if (table_.rows.empty())
      throw InputError(table_.file, "rows", line_ == 0 ? "an empty file" : "no row behind the header",
                       "a header and a row for each cell");
  }

 private:
  std::string line_text() const { return "line " + std::to_string(line_); }
  [[noreturn]] void fail(const std::string& column, const std::string& found,
                         const std::string& expected) const {
    throw InputError(table_.file, line_text() + ", column " + column, found, expected);
  }

  void header() {
    for (std::size_t i = 0; i < fields_.size(); ++i)
      if (!place_.emplace(std::string(fields_[i]), i).second)
        fail(std::string(fields_[i]), "it twice", "every column once");
    columns_ = fields_.size();
    for (const char* column : kColumns)
      if (place_.count(column) == 0)
        throw InputError(table_.file, line_text(), "no column " + std::string(column),
                         "a header that names it");
  }

  std::string_view field(const char* column) const { return fields_[place_.at(column)]; }

  template <class T>
  T number(const char* column, T low, T high, const char* expected) const {
    const std::string_view text = field(column);
    T value{};
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // "nan" and "inf" are numbers to from_chars; they are in no range.
    if (error != std::errc() || rest != text.data() + text.size() || !(value >= low && value <= high))
      fail(column, '"' + std::string(text) + '"', expected);
    return value;
  }
  double percent(const char* column) const { return number(column, 0.0, 100.0, "a number from 0 to 100"); }
  std::optional<double> percent_if_any(const char* column) const {
    if (field(column).empty()) return std::nullopt;
    return percent(column);
  }

  void row() {
    if (fields_.size() != columns_)
      throw InputError(table_.file, line_text(), std::to_string(fields_.size()) + " columns",
                       std::to_string(columns_) + " as in the header");
    constexpr std::int64_t kMost = std::int64_t{1} << 53;
    TableRow row;
    row.line = line_;
    row.id = number<std::int64_t>("id", 0, kMost, "an integer from 0 on");
    std::int64_t id = 0, digit = 1;
    for (const Edge& edge : kEdges) {
      const auto op = number<std::int64_t>(edge.column, 0, 4, "an operation 0 to 4");
      row.cell[edge.from][edge.to] = kOps[static_cast<std::size_t>(op)];
      id += op * digit;
      digit *= 5;
    }
    if (row.id != id) fail("id", std::to_string(row.id), std::to_string(id) + " by the operations");
    const auto [first, is_new] = line_of_.emplace(id, line_);
    if (!is_new) fail("id", std::to_string(id) + " as in line " + std::to_string(first->second), "a new id");
    row.params = number<std::int64_t>("params", 0, kMost, "an integer from 0 on");
    row.val_acc_epoch10 = percent_if_any("val_acc_epoch10");
    row.val_acc_epoch50 = percent_if_any("val_acc_epoch50");
    row.val_acc_last = percent_if_any("val_acc_last");
    row.test_acc = percent("test_acc");
    row.train_hours = number("train_hours", 0.0, 1e6, "hours from 0 on");
    row.connected = clean(row.cell).connected;
    table_.rows.push_back(row);
  }

  Table& table_;
  int line_ = 0;
  std::size_t columns_ = 0;
  std::map<std::string, std::size_t, std::less<>> place_;
  std::map<std::int64_t, int> line_of_;
  std::vector<std::string_view> fields_;  ///< of the line
};

}  // namespace

Table read_table(const std::string& path) {
  Table table;
  table.file = path;
  table.space.ops.assign(kOps.begin() + 1, kOps.end());
  table.space.cell_type = CellType::kForward;
  table.space.direct_edge = false;
  Reader(table).read(read_file(path));
  return table;
}

}  // namespace spikeloop::nas
