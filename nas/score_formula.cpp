#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "nas/score.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

struct Named {
  const char* name;
  double (*of)(const Score&);
};
constexpr std::array<Named, 8> kNamed{{
    {"sahd", [](const Score& s) { return s.sahd; }},
    {"hamming", [](const Score& s) { return s.hamming; }},
    {"active_share", [](const Score& s) { return s.active_share; }},
    {"firing_rate", [](const Score& s) { return s.firing_rate; }},
    {"convolutions", [](const Score& s) { return static_cast<double>(s.convolutions); }},
    {"lif_modules", [](const Score& s) { return static_cast<double>(s.lif_modules); }},
    {"depth", [](const Score& s) { return static_cast<double>(s.depth); }},
    {"paths", [](const Score& s) { return static_cast<double>(s.paths); }},
}};

const char* const kExpected =
    "terms [number*]name joined by + or -, as in \"sahd + 2*convolutions\"; names are sahd, hamming, "
    "active_share, firing_rate, convolutions, lif_modules, depth and paths";

class FormulaReader {
 public:
  FormulaReader(const std::string& text, const std::string& place) : text_(text), place_(place) {}

  ScoreFormula read() {
    ScoreFormula formula;
    formula.terms.clear();
    skip();
    double sign = take('-') ? -1 : 1;
    for (;;) {
      formula.terms.push_back(term(sign));
      if (at_ == text_.size()) return formula;
      if (take('+')) {
        sign = 1;
      } else if (take('-')) {
        sign = -1;
      } else {
        fail("'" + text_.substr(at_) + "' behind a term");
      }
    }
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected = kExpected) const {
    throw InputError("command line", place_, '"' + text_ + "\" (" + found + ")", expected);
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    skip();
    return true;
  }
  std::pair<double, std::string> term(double sign) {
    double factor = 1;
    const char* begin = text_.data() + at_;
    const auto [rest, error] = std::from_chars(begin, text_.data() + text_.size(), factor);
    // from_chars takes "inf" and "nan", and a minus that belongs to nothing here.
    if (error == std::errc() && *begin >= '0' && *begin <= '9') {
      at_ += static_cast<std::size_t>(rest - begin);
      skip();
      if (!take('*')) fail("no '*' behind a number");
    } else {
      factor = 1;
    }
    const std::size_t end = std::min(
        text_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", at_),
        text_.size());
    const std::string name = text_.substr(at_, end - at_);
    if (name.empty()) fail(at_ == text_.size() ? "nothing where a term belongs" : "no name of a score");
    bool known = false;
    for (const std::string& one : score_names()) known = known || one == name;
    if (!known) {
      const std::string nearest = nearest_word(name, score_names());
      fail("score \"" + name + '"', nearest.empty() ? kExpected : nearest);
    }
    at_ = end;
    skip();
    return {sign * factor, name};
  }

  const std::string &text_, &place_;
  std::size_t at_ = 0;
};

std::string number_text(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

}  // namespace

const std::vector<std::string>& score_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Named& named : kNamed) all.emplace_back(named.name);
    return all;
  }();
  return names;
}

ScoreFormula parse_formula(const std::string& text, const std::string& place) {
  return FormulaReader(text, place).read();
}

std::string to_text(const ScoreFormula& formula) {
  std::string text;
  for (const auto& [factor, name] : formula.terms) {
    const bool minus = factor < 0;
    text += text.empty() ? (minus ? "-" : "") : (minus ? " - " : " + ");
    const double size = minus ? -factor : factor;
    if (size != 1) text += number_text(size) + '*';
    text += name;
  }
  return text;
}

double value(const std::string& name, const Score& score) {
  for (const Named& named : kNamed) {
    if (name == named.name) return named.of(score);
  }
  throw InputError("score", "name", '"' + name + '"', nearest_word(name, score_names()));
}

double value(const ScoreFormula& formula, const Score& score) {
  double sum = 0;
  for (const auto& [factor, name] : formula.terms) sum += factor * value(name, score);
  return sum;
}

}  // namespace spikeloop::nas
