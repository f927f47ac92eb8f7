#include "models/snasnet_spec.h"

#include <cstddef>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

constexpr std::size_t kNodes = 4;
constexpr std::size_t kCellText = kNodes * kNodes + kNodes - 1;  // sixteen digits, three '/'
const char* const kExpected =
    "four rows of four digits 0..4 separated by '/' (row = from, column = to), one cell or two separated by "
    "'|', as in \"0303/0030/2002/0200\"";

std::string cell_text(const CellMatrix& cell) {
  std::string text;
  for (std::size_t from = 0; from < kNodes; ++from) {
    if (from > 0) text += '/';
    for (const Op op : cell[from]) text += static_cast<char>('0' + static_cast<int>(op));
  }
  return text;
}

CellMatrix parse_cell(const std::string& text, const std::string& whole, const std::string& place) {
  const auto fail = [&](const std::string& found) -> InputError {
    return {"command line", place, "\"" + whole + "\" (" + found + ")", kExpected};
  };
  if (text.size() != kCellText) throw fail("a cell of " + std::to_string(text.size()) + " characters");
  CellMatrix cell{};
  for (std::size_t i = 0; i < kCellText; ++i) {
    const char c = text[i];
    const std::size_t from = i / (kNodes + 1), to = i % (kNodes + 1);
    if (to == kNodes) {
      if (c != '/') throw fail(std::string("'") + c + "' where '/' belongs");
    } else {
      if (c < '0' || c > '4') throw fail(std::string("operation '") + c + "'");
      if (from == to && c != '0') throw fail("an edge from node " + std::to_string(from) + " to itself");
      cell[from][to] = static_cast<Op>(c - '0');
    }
  }
  return cell;
}

}  // namespace

std::string to_text(const CellMatrix& cell1, const CellMatrix& cell2) {
  return cell_text(cell1) + "|" + cell_text(cell2);
}

void parse_cells(const std::string& text, const std::string& place, CellMatrix& cell1, CellMatrix& cell2) {
  const std::size_t bar = text.find('|');
  const CellMatrix first = parse_cell(text.substr(0, bar), text, place);
  cell2 = bar == std::string::npos ? first : parse_cell(text.substr(bar + 1), text, place);
  cell1 = first;
}

}  // namespace spikeloop::models
