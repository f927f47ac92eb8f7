#include "sim/config/text_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace spikeloop::sim {

std::string grouped(std::int64_t n) {
  const std::string sign = n < 0 ? "-" : "";
  std::string text = std::to_string(n).substr(sign.size());
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return sign + text;
}

std::string count_of(std::int64_t n, const std::string& thing) {
  return grouped(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string fixed_point(double value, int digits) {
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string scaled(double value) {
  constexpr std::array<const char*, 10> kPrefixes{"a", "f", "p", "n", "u", "m", "", "k", "M", "G"};
  constexpr std::array<const char*, 2> kLarge{"T", "P"};
  if (value == 0 || !std::isfinite(value)) return "0 ";
  constexpr int kNone = 6;
  int step = static_cast<int>(std::floor(std::log10(std::abs(value)) / 3));
  step = std::clamp(step, -kNone, 5);
  double shown = value / std::pow(1000.0, step);
  // 999.96 would be printed as 1000.0.
  if (std::abs(shown) >= 999.95 && step < 5) shown = value / std::pow(1000.0, ++step);
  const double size = std::abs(shown);
  const std::string digits = fixed_point(shown, size < 9.995 ? 2 : 1);
  const auto index = static_cast<std::size_t>(step + kNone);
  return digits + " " +
         (index < kPrefixes.size() ? kPrefixes.at(index) : kLarge.at(index - kPrefixes.size()));
}

std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::string out, line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    at = space + 1;
  }
  return line.empty() ? out : out + std::string(indent, ' ') + line + "\n";
}

std::string left(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

std::string right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace spikeloop::sim
