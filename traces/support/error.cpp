#include "traces/support/error.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace spikeloop {

namespace {

std::string message(const std::string& file, const std::string& place, const std::string& found,
                    const std::string& expected) {
  std::string text = file;
  const auto append = [&text](const std::string& separator, const std::string& part) {
    if (part.empty()) return;
    if (!text.empty()) text += separator;
    text += part;
  };
  append(": ", place);
  append(": ", found.empty() ? found : "found " + found);
  append(found.empty() ? ": " : ", ", expected.empty() ? expected : "expected " + expected);
  // One line on stderr, whatever was quoted from a file.
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

}  // namespace

InputError::InputError(const std::string& file, const std::string& place, const std::string& found,
                       const std::string& expected)
    : std::runtime_error(message(file, place, found, expected)) {}

int edit_distance(const std::string& a, const std::string& b) {
  const std::size_t columns = b.size() + 1;
  std::vector<int> before(columns), last(columns), row(columns);
  for (std::size_t j = 0; j < columns; ++j) last[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < columns; ++j) {
      const int replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[columns - 1];
}

}  // namespace spikeloop
