#include "models/snasnet_spec.h"

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::size_t kNodes = 4;
constexpr int kOps = 5;
const char* const kExpected =
    "four rows of four digits 0..4 separated by '/' (row = from, column = to), one cell or two separated by "
    "'|', as in \"0303/0030/2002/0200\"; a convolution's threshold in parentheses, as in \"3(0.5)\"";

std::string number_text(double value) {
  char text[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::string edge_text(const CellOp& edge) {
  std::string text;
  for (const CellOp& op : operations(edge)) {
    text += static_cast<char>('0' + static_cast<int>(op.op));
    if (op.threshold != 0) text += '(' + number_text(op.threshold) + ')';
  }
  return edge.also != 0 ? '[' + text + ']' : text;
}

std::string cell_text(const CellMatrix& cell) {
  std::string text;
  for (std::size_t from = 0; from < kNodes; ++from) {
    if (from > 0) text += '/';
    for (const CellOp& edge : cell[from]) text += edge_text(edge);
  }
  return text;
}

/// Reads one cell from left to right.
class CellReader {
 public:
  CellReader(const std::string& text, const std::string& whole, const std::string& place)
      : text_(text), whole_(whole), place_(place) {}

  CellMatrix read() {
    CellMatrix cell{};
    for (std::size_t from = 0; from < kNodes; ++from) {
      if (from > 0) take('/');
      for (std::size_t to = 0; to < kNodes; ++to) {
        cell[from][to] = edge();
        if (from == to && cell[from][to] != Op::kZero)
          fail("an edge from node " + std::to_string(from) + " to itself");
      }
    }
    if (at_ != text_.size()) fail("'" + text_.substr(at_) + "' behind it");
    return cell;
  }

 private:
  [[noreturn]] void fail(const std::string& found) const {
    throw InputError("command line", place_, "\"" + whole_ + "\" (" + found + ")", kExpected);
  }
  bool is_next(char c) const { return at_ < text_.size() && text_[at_] == c; }
  void take(char c) {
    if (at_ >= text_.size()) fail("a cell of " + std::to_string(text_.size()) + " characters");
    if (!is_next(c)) fail(std::string("'") + text_[at_] + "' where '" + c + "' belongs");
    ++at_;
  }

  CellOp operation() {
    if (at_ >= text_.size()) fail("a cell of " + std::to_string(text_.size()) + " characters");
    const char c = text_[at_];
    if (c < '0' || c >= '0' + kOps) fail(std::string("operation '") + c + "'");
    ++at_;
    CellOp op(static_cast<Op>(c - '0'));
    if (!is_next('(')) return op;
    const std::size_t end = text_.find(')', at_);
    const std::string number = text_.substr(at_ + 1, end == std::string::npos ? end : end - at_ - 1);
    char* rest = nullptr;
    op.threshold = std::strtod(number.c_str(), &rest);
    if (end == std::string::npos || number.empty() || *rest != 0 || !(op.threshold > 0) ||
        op.threshold > kLargestThreshold)
      fail("threshold '" + number + "'");
    if (!is_convolution(op)) fail(std::string("a threshold of operation '") + c + "'");
    at_ = end + 1;
    return op;
  }

  CellOp edge() {
    if (!is_next('[')) return operation();
    take('[');
    CellOp edge = operation();
    while (!is_next(']')) {
      const CellOp next = operation();
      if (!(edge.op < next.op)) fail("operations in brackets that do not ascend");
      edge.also = static_cast<std::uint8_t>(edge.also | 1U << static_cast<int>(edge.op));
      if (edge.threshold != 0) fail("a threshold in brackets before the last operation");
      edge.op = next.op;
      edge.threshold = next.threshold;
    }
    take(']');
    if (edge.also == 0) fail("one operation in brackets");
    return edge;
  }

  static constexpr double kLargestThreshold = 1e6;
  const std::string text_;
  const std::string& whole_;
  const std::string& place_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_super_cell(const CellMatrix& cell) {
  for (const auto& row : cell)
    for (const CellOp& edge : row)
      if (edge.also != 0) return true;
  return false;
}

std::vector<CellOp> operations(const CellOp& edge) {
  std::vector<CellOp> result;
  for (int op = 0; op < static_cast<int>(edge.op); ++op)
    if ((edge.also >> op & 1) != 0) result.emplace_back(static_cast<Op>(op));
  CellOp last = edge;
  last.also = 0;
  result.push_back(last);
  return result;
}

std::string to_text(const CellMatrix& cell1, const CellMatrix& cell2) {
  return cell_text(cell1) + "|" + cell_text(cell2);
}

void parse_cells(const std::string& text, const std::string& place, CellMatrix& cell1, CellMatrix& cell2) {
  const std::size_t bar = text.find('|');
  const CellMatrix first = CellReader(text.substr(0, bar), text, place).read();
  cell2 = bar == std::string::npos ? first : CellReader(text.substr(bar + 1), text, place).read();
  cell1 = first;
}

}  // namespace spikeloop::models
