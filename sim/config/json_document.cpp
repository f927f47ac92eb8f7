#include "sim/config/json_document.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr std::size_t kMaxDepth = 16;  // a configuration has 2; the tree is freed recursively

/// Walks over the text and tells where the parser has got to.
class PositionIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  PositionIterator(const char* at, const char** read_to) : at_(at), read_to_(read_to) {}
  reference operator*() const { return *at_; }
  PositionIterator& operator++() {
    *read_to_ = std::max(*read_to_, ++at_);
    return *this;
  }
  PositionIterator operator++(int) {
    const PositionIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const PositionIterator& other) const { return at_ == other.at_; }
  bool operator!=(const PositionIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** read_to_;
};

/// Builds the tree from the parser's events.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(const std::string& text, const char* const* read_to, const std::string& file)
      : counted_to_(text.data()), read_to_(read_to), file_(file) {}

  bool null() override {
    add(JsonValue::Type::kNull, line());
    return true;
  }
  bool boolean(bool value) override {
    add(JsonValue::Type::kBoolean, line()).boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    set_integer(add(JsonValue::Type::kInteger, number_line()), value);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kMax = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    if (value > kMax) {
      JsonValue& number = add(JsonValue::Type::kReal, number_line());
      number.real = static_cast<double>(value);
      number.text = std::to_string(value);
    } else {
      set_integer(add(JsonValue::Type::kInteger, number_line()), static_cast<std::int64_t>(value));
    }
    return true;
  }
  bool number_float(number_float_t value, const string_t& text) override {
    JsonValue& number = add(JsonValue::Type::kReal, number_line());
    number.real = value;
    number.text = text;
    return true;
  }
  bool string(string_t& value) override {
    add(JsonValue::Type::kString, line()).text = std::move(value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return false; }  // not in JSON text

  bool start_object(std::size_t /*elements*/) override {
    open(JsonValue::Type::kObject);
    return true;
  }
  bool key(string_t& name) override {
    JsonValue& object = *open_.back();
    const int at = line();
    path_.push_back(name);
    for (const JsonMember& member : object.members) {
      if (member.key != name) continue;
      throw InputError(file_, json_place(pointer(), at), "the key \"" + name + "\" again",
                       "each key once (it is also in line " + std::to_string(member.line) + ")");
    }
    object.members.push_back({std::move(name), at, {}});
    return true;
  }
  bool end_object() override {
    open_.pop_back();
    if (!path_.empty()) path_.pop_back();
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    if (open_.empty()) throw InputError(file_, json_place(pointer(), line()), "an array", "an object");
    open(JsonValue::Type::kArray);
    return true;
  }
  bool end_array() override { return end_object(); }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // The library's text is "[...] parse error at line L, column C: syntax error while ...".
    const std::string what = error.what();
    const auto after = [&what](const char* mark) {
      const std::size_t at = what.find(mark);
      return at == std::string::npos ? what : what.substr(at + 2);
    };
    const std::string reason = what.find(": ") == std::string::npos ? after("] ") : after(": ");
    throw InputError(file_, json_place(pointer(), line()), "broken JSON (" + reason + ")", "a JSON object");
  }

  JsonValue& root() { return root_; }

 private:
  JsonValue& add(JsonValue::Type type, int at) {
    if (open_.empty()) {
      root_.type = type;
      root_.line = at;
      return root_;
    }
    JsonValue& parent = *open_.back();
    if (parent.type == JsonValue::Type::kArray) {
      path_.push_back(std::to_string(parent.members.size()));
      parent.members.push_back({path_.back(), at, {}});
    }
    JsonValue& value = parent.members.back().value;
    value.type = type;
    value.line = at;
    if (type != JsonValue::Type::kObject && type != JsonValue::Type::kArray) path_.pop_back();
    return value;
  }
  void open(JsonValue::Type type) {
    if (open_.size() >= kMaxDepth) {
      throw InputError(file_, json_place(pointer(), line()),
                       "objects nested deeper than " + std::to_string(kMaxDepth), "fewer levels");
    }
    open_.push_back(&add(type, line()));
  }
  static void set_integer(JsonValue& number, std::int64_t value) {
    number.integer = value;
    number.real = static_cast<double>(value);
    number.text = std::to_string(value);
  }
  std::string pointer() const {
    std::string text;
    for (const std::string& part : path_) text += "/" + json_pointer_part(part);
    return text;
  }

  /// Line of the last character read.
  int line() { return line_at(std::max(*read_to_ - 1, counted_to_)); }
  /// A number ends with the character after it, which may be the line's end. Only its line counts.
  int number_line() {
    const char* last = *read_to_ - 1;
    while (last > counted_to_ && (*last == '\n' || *last == '\r')) --last;
    return line_at(last);
  }
  int line_at(const char* at) {
    lines_ += static_cast<int>(std::count(counted_to_, at, '\n'));
    counted_to_ = at;
    return lines_;
  }

  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::vector<std::string> path_;
  int lines_ = 1;
  const char* counted_to_;
  const char* const* read_to_;
  const std::string& file_;
};

}  // namespace

JsonValue parse_json_object(const std::string& text, const std::string& file) {
  const char* read_to = text.data();
  TreeBuilder tree(text, &read_to, file);
  const PositionIterator begin(text.data(), &read_to);
  const PositionIterator end(text.data() + text.size(), &read_to);
  nlohmann::json::sax_parse(begin, end, &tree);
  if (tree.root().type != JsonValue::Type::kObject) {
    throw InputError(file, json_place("", tree.root().line), describe_value(tree.root()), "an object");
  }
  return std::move(tree.root());
}

std::string json_place(const std::string& pointer, int line) {
  return (pointer.empty() ? "/" : pointer) + " (line " + std::to_string(line) + ")";
}

std::string json_pointer_part(const std::string& key) {
  std::string part;
  for (const char c : key) {
    if (c == '~') {
      part += "~0";
    } else if (c == '/') {
      part += "~1";
    } else {
      part += c;
    }
  }
  return part;
}

std::string describe_value(const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::kNull:
      return "null";
    case JsonValue::Type::kBoolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Type::kInteger:
    case JsonValue::Type::kReal:
      return value.text;
    case JsonValue::Type::kString:
      return "\"" + value.text + "\"";
    case JsonValue::Type::kArray:
      return "an array";
    case JsonValue::Type::kObject:
      return "an object";
  }
  return "";
}

}  // namespace spikeloop::sim
