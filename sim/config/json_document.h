#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// JSON as a tree that remembers the line of everything, for messages that say where.
namespace spikeloop::sim {

struct JsonMember;

struct JsonValue {
  enum class Type { kNull, kBoolean, kInteger, kReal, kString, kArray, kObject };
  Type type = Type::kNull;
  int line = 0;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;                  ///< of integers too
  std::string text;                 ///< a string's content; a number as it was written
  std::vector<JsonMember> members;  ///< of an array: its elements, with their indices as keys
};

struct JsonMember {
  std::string key;
  int line = 0;  ///< of the key
  JsonValue value;
};

/// Parses a text whose top level is an object. Throws InputError naming `file` for broken JSON, a key that
/// occurs twice in an object, each with its JSON pointer and line.
JsonValue parse_json_object(const std::string& text, const std::string& file);

/// "/crossbar/rows (line 12)".
std::string json_place(const std::string& pointer, int line);

/// A key as a part of a JSON pointer: "~" and "/" escaped.
std::string json_pointer_part(const std::string& key);

/// A value as a message quotes it: `"text"`, `64.9`, `an object`.
std::string describe_value(const JsonValue& value);

}  // namespace spikeloop::sim
