#include "tools/sweep/axes.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>

#include "sim/config/chip_config.h"
#include "sim/config/text_format.h"
#include "tools/support/command_line.h"
#include "traces/support/error.h"

namespace spikeloop::tools {
namespace {

constexpr std::size_t kMaxValues = 100'000;  ///< of one axis
constexpr int kMaxDigits = 15;

/// digits / 10^decimals, exactly.
struct Decimal {
  std::int64_t digits = 0;
  int decimals = 0;
};

std::optional<Decimal> parse_decimal(const std::string& text) {
  Decimal number;
  bool point = false;
  int count = 0;
  for (std::size_t i = text[0] == '-' ? 1 : 0; i < text.size(); ++i) {
    if (text[i] == '.' && !point && count > 0 && i + 1 < text.size()) {
      point = true;
    } else if (text[i] >= '0' && text[i] <= '9' && ++count <= kMaxDigits) {
      number.digits = number.digits * 10 + (text[i] - '0');
      number.decimals += point ? 1 : 0;
    } else {
      return std::nullopt;
    }
  }
  if (count == 0) return std::nullopt;
  if (text[0] == '-') number.digits = -number.digits;
  return number;
}

/// False when the digits no longer fit.
bool scale_to(Decimal& number, int decimals) {
  constexpr std::int64_t kMost = 1'000'000'000'000'000'000 / 10;
  for (; number.decimals < decimals; ++number.decimals) {
    if (number.digits > kMost || number.digits < -kMost) return false;
    number.digits *= 10;
  }
  return true;
}

std::string text_of(Decimal number) {
  while (number.decimals > 0 && number.digits % 10 == 0) {
    number.digits /= 10;
    --number.decimals;
  }
  std::string text = std::to_string(number.digits < 0 ? -number.digits : number.digits);
  const auto decimals = static_cast<std::size_t>(number.decimals);
  if (text.size() <= decimals) text.insert(0, decimals + 1 - text.size(), '0');
  if (decimals > 0) text.insert(text.size() - decimals, ".");
  return (number.digits < 0 ? "-" : "") + text;
}

void append_range(const std::string& part, std::size_t dots, const std::string& place,
                  std::vector<std::string>& values) {
  const auto refuse = [&](const std::string& expected) {
    throw InputError("command line", place, '"' + part + '"', expected);
  };
  const std::size_t colon = part.find(':', dots);
  const bool stepped = colon != std::string::npos;
  const std::string step_text = stepped ? part.substr(colon + 1) : "1";
  const std::string low_text = part.substr(0, dots);
  const std::string high_text = part.substr(dots + 2, (stepped ? colon : part.size()) - dots - 2);
  auto low = parse_decimal(low_text);
  auto high = parse_decimal(high_text);
  auto step = parse_decimal(step_text);
  if (!low || !high || !step) refuse("a range of numbers like 4..8, 16..64:16 or 0.1..0.5:0.1");
  if (!stepped && (low->decimals > 0 || high->decimals > 0)) refuse("a step too, like 0.1..0.5:0.1");
  const int decimals = std::max({low->decimals, high->decimals, step->decimals});
  if (!scale_to(*low, decimals) || !scale_to(*high, decimals) || !scale_to(*step, decimals))
    refuse("numbers of fewer digits");
  if (step->digits <= 0) refuse("a step above 0");
  if (high->digits < low->digits) refuse("a range that goes up");
  const std::int64_t count = (high->digits - low->digits) / step->digits + 1;
  if (count > static_cast<std::int64_t>(kMaxValues - std::min(kMaxValues, values.size())))
    refuse("at most " + sim::grouped(kMaxValues) + " values of one key");
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(text_of({low->digits + i * step->digits, decimals}));
}

}  // namespace

std::vector<std::string> parse_values(const std::string& text, const std::string& place) {
  std::vector<std::string> values;
  std::size_t begin = 0;
  while (true) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, comma - begin);
    if (part.empty())
      throw InputError("command line", place, '"' + text + "\" with an empty value",
                       "values like 64,128,256 or 4..8");
    const std::size_t dots = part.find("..");
    if (dots == std::string::npos || dots == 0) {
      values.push_back(part);
    } else {
      append_range(part, dots, place, values);
    }
    if (comma == text.size()) break;
    begin = comma + 1;
  }
  std::set<std::string> seen;
  for (const std::string& value : values) {
    if (!seen.insert(value).second)
      throw InputError("command line", place, value + " twice", "each value once");
  }
  return values;
}

std::vector<Axis> parse_axes(const std::vector<std::string>& texts) {
  std::vector<Axis> axes;
  std::set<std::string> seen;
  for (const auto& [path, text] : parse_overrides(texts)) {
    const std::string place = "--set " + path;
    if (!seen.insert(path).second) throw InputError("command line", place, "it twice", "each key once");
    axes.push_back({path, text, parse_values(text, place)});
    for (const std::string& value : axes.back().values) sim::check_override(path, value);
  }
  return axes;
}

std::int64_t count_combinations(const std::vector<Axis>& axes, std::int64_t most) {
  std::int64_t count = 1;
  double all = 1;
  for (const Axis& axis : axes) all *= static_cast<double>(axis.values.size());
  for (const Axis& axis : axes) {
    const auto size = static_cast<std::int64_t>(axis.values.size());
    if (count > most / size) {
      const std::string number =
          all < 1e15 ? sim::grouped(static_cast<std::int64_t>(all)) : "more than 10^15";
      throw InputError("command line", "--set", number + " combinations",
                       "at most " + sim::grouped(most) + " (--limit N allows more)");
    }
    count *= size;
  }
  return count;
}

std::vector<std::string> combination(const std::vector<Axis>& axes, std::int64_t number) {
  std::vector<std::string> values(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    const auto size = static_cast<std::int64_t>(axes[i].values.size());
    values[i] = axes[i].values[static_cast<std::size_t>(number % size)];
    number /= size;
  }
  return values;
}

}  // namespace spikeloop::tools
