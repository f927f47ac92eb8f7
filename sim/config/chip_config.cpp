#include "sim/config/chip_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <variant>

#include "sim/config/chip_fields.h"
#include "sim/config/json_document.h"
#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/sha256.h"

namespace spikeloop::sim {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "spikeloop.chip";
constexpr std::int64_t kVersion = 1;
constexpr int kMostFiles = 64;  // lists whose files extend lists would double at every level

/// Where a value came from, for messages.
struct Place {
  std::string file, place;
};

/// What has been read so far, over all files of a chain of "extends".
struct Reading {
  ChipConfig chip;
  std::map<std::string, Place> fields;  ///< by path; absent = default
  std::map<std::string, std::pair<std::string, int>>
      objects;                                 ///< component -> file and line of its latest object
  std::map<std::string, std::string> sources;  ///< by component
  std::vector<std::string> order;              ///< components as they came
  int files = 0;
  std::string
      library_place;  ///< of "extends": [] in the first file, by which it says to be a library; else ""
};

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

[[noreturn]] void fail(const Place& at, const std::string& found, const std::string& expected) {
  throw InputError(at.file, at.place, found, expected);
}

/// "\"rows\"", or all words when none is near.
std::string nearest_or_all(const std::string& word, const std::vector<std::string>& words) {
  const std::string nearest = nearest_word(word, words);
  if (!nearest.empty()) return quoted(nearest) + " (the nearest known)";
  std::string all = "one of ";
  for (const std::string& w : words) all += (w == words.front() ? "" : ", ") + w;
  return all;
}

/// Checks a value against its field and puts it into the chip.
void store(const Field& field, const JsonValue& value, const Place& at, ChipConfig& chip) {
  const auto refuse = [&] { fail(at, describe_value(value), field.expected()); };
  std::visit(
      [&](auto* slot) {
        using Value = std::remove_pointer_t<decltype(slot)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          if (value.type != JsonValue::Type::kString) refuse();
          *slot = value.text;
        } else if constexpr (std::is_same_v<Value, bool>) {
          if (value.type != JsonValue::Type::kBoolean) refuse();
          *slot = value.boolean;
        } else if constexpr (std::is_enum_v<Value>) {
          if (value.type != JsonValue::Type::kString) refuse();
          const auto& words = field.words();
          const auto found =
              std::find_if(words.begin(), words.end(), [&](const Word& w) { return value.text == w.text; });
          if (found == words.end()) refuse();
          *slot = static_cast<Value>(found - words.begin());
        } else {
          const bool integer = value.type == JsonValue::Type::kInteger;
          if (!integer && (field.is_integer() || value.type != JsonValue::Type::kReal)) refuse();
          if (!std::isfinite(value.real) || value.real < field.minimum || value.real > field.maximum)
            refuse();
          if constexpr (std::is_same_v<Value, double>) {
            *slot = value.real;
          } else {
            *slot = static_cast<Value>(value.integer);
          }
        }
      },
      field.slot(chip));
}

const Field* find_field(const std::string& path) {
  for (const Field& field : chip_fields()) {
    if (path == field.path) return &field;
  }
  return nullptr;
}

bool is_component(const std::string& name) {
  const auto& all = chip_components();
  return std::any_of(all.begin(), all.end(), [&](const ComponentInfo& c) { return name == c.name; });
}

/// Keys that the reader knows in a component's object, or at the top level ("").
std::vector<std::string> known_keys(const std::string& component) {
  std::vector<std::string> keys;
  if (component.empty()) {
    keys = {"format", "version", "extends", "$schema"};
    for (const ComponentInfo& c : chip_components()) keys.emplace_back(c.name);
  } else {
    keys = {"source"};
  }
  for (const Field& field : chip_fields()) {
    if (field.component() == component) keys.push_back(field.key());
  }
  return keys;
}

std::string text_of(const JsonValue& value, const Place& at) {
  if (value.type != JsonValue::Type::kString ||
      value.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    fail(at, describe_value(value), "a text that is not empty");
  }
  return value.text;
}

/// "rows and columns from small.json", appended where an overlay changes numbers but gives no source of its
/// own.
void note_changes(Reading& reading, const std::string& component, const std::vector<std::string>& keys,
                  const std::string& by) {
  std::string note;
  for (const std::string& key : keys) note += (note.empty() ? "" : ", ") + key;
  std::string& source = reading.sources[component];
  source += (source.empty() ? "" : "; ") + note + " " + by;
}

void read_component(const std::string& file, const JsonMember& member, Reading& reading) {
  const std::string pointer = "/" + member.key;
  if (member.value.type != JsonValue::Type::kObject) {
    fail({file, json_place(pointer, member.value.line)}, describe_value(member.value), "an object");
  }
  const bool overlays = reading.objects.count(member.key) != 0;
  if (!overlays) reading.order.push_back(member.key);
  reading.objects[member.key] = {file, member.value.line};
  std::vector<std::string> changed;
  bool has_source = false;
  for (const JsonMember& entry : member.value.members) {
    const std::string entry_pointer = pointer + "/" + json_pointer_part(entry.key);
    const Place at{file, json_place(entry_pointer, entry.value.line)};
    if (entry.key == "source") {
      reading.sources[member.key] = text_of(entry.value, at);
      has_source = true;
      continue;
    }
    const std::string path = member.key + "." + entry.key;
    const Field* field = find_field(path);
    if (field == nullptr) {
      fail({file, json_place(entry_pointer, entry.line)}, "the unknown key " + quoted(entry.key),
           nearest_or_all(entry.key, known_keys(member.key)));
    }
    store(*field, entry.value, at, reading.chip);
    reading.fields[path] = at;
    changed.push_back(entry.key);
  }
  if (overlays && !has_source && !changed.empty()) {
    note_changes(reading, member.key, changed, "from " + fs::path(file).filename().string());
  }
}

const JsonMember* find_member(const JsonValue& object, const std::string& key) {
  for (const JsonMember& member : object.members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

void check_format(const std::string& file, const JsonValue& root) {
  const JsonMember* format = find_member(root, "format");
  if (format == nullptr) fail({file, json_place("/format", root.line)}, "nothing", quoted(kFormat));
  if (format->value.type != JsonValue::Type::kString || format->value.text != kFormat) {
    fail({file, json_place("/format", format->value.line)}, describe_value(format->value), quoted(kFormat));
  }
  const JsonMember* version = find_member(root, "version");
  if (version == nullptr)
    fail({file, json_place("/version", root.line)}, "nothing", std::to_string(kVersion));
  if (version->value.type != JsonValue::Type::kInteger || version->value.integer != kVersion) {
    fail({file, json_place("/version", version->value.line)}, describe_value(version->value),
         std::to_string(kVersion) + " (the only version there is)");
  }
}

void read_file_into(const std::string& file, std::vector<std::string>& chain, Reading& reading);

void read_base(const std::string& file, const JsonValue& name, const Place& at,
               std::vector<std::string>& chain, Reading& reading) {
  const fs::path base = (fs::path(file).parent_path() / text_of(name, at)).lexically_normal();
  std::error_code error;
  if (!fs::is_regular_file(base, error)) {
    fail(at, describe_value(name) + " (no file " + base.string() + ")",
         "a configuration, by its path from this file's folder");
  }
  for (const std::string& above : chain) {
    if (!fs::equivalent(above, base, error)) continue;
    std::string way;
    for (const std::string& step : chain) way += step + " -> ";
    fail(at, "a cycle: " + way + base.string(), "a chain with an end");
  }
  read_file_into(base.string(), chain, reading);
}

/// One base, or a list of them: each is read over those before it.
void read_bases(const std::string& file, const JsonMember& extends, std::vector<std::string>& chain,
                Reading& reading) {
  const std::string pointer = "/extends";
  if (extends.value.type != JsonValue::Type::kArray) {
    read_base(file, extends.value, {file, json_place(pointer, extends.value.line)}, chain, reading);
    return;
  }
  std::map<std::string, std::string> seen;
  for (const JsonMember& entry : extends.value.members) {
    const Place at{file, json_place(pointer + "/" + entry.key, entry.value.line)};
    const auto [first, is_new] = seen.emplace(text_of(entry.value, at), entry.key);
    if (!is_new) {
      fail(at, describe_value(entry.value) + " again",
           "each file once (it is also at " + pointer + "/" + first->second + ")");
    }
    read_base(file, entry.value, at, chain, reading);
  }
}

void read_file_into(const std::string& file, std::vector<std::string>& chain, Reading& reading) {
  if (++reading.files > kMostFiles) {
    fail({file, "/"}, "the " + std::to_string(reading.files) + "th file of one chip",
         "at most " + std::to_string(kMostFiles) + ", each counted as often as it is extended");
  }
  const JsonValue root = parse_json_object(read_file(file), file);
  check_format(file, root);
  chain.push_back(file);
  if (const JsonMember* extends = find_member(root, "extends")) {
    const JsonValue& bases = extends->value;
    if (chain.size() == 1 && bases.type == JsonValue::Type::kArray && bases.members.empty())
      reading.library_place = json_place("/extends", bases.line);
    read_bases(file, *extends, chain, reading);
  }
  chain.pop_back();

  const std::set<std::string> handled{"format", "version", "extends", "$schema"};
  for (const JsonMember& member : root.members) {
    if (handled.count(member.key) != 0) continue;
    if (is_component(member.key)) {
      read_component(file, member, reading);
      continue;
    }
    const std::string pointer = "/" + json_pointer_part(member.key);
    const Field* field = find_field(member.key);
    if (field == nullptr || !field->component().empty()) {
      fail({file, json_place(pointer, member.line)}, "the unknown key " + quoted(member.key),
           nearest_or_all(member.key, known_keys("")));
    }
    const Place at{file, json_place(pointer, member.value.line)};
    store(*field, member.value, at, reading.chip);
    reading.fields[member.key] = at;
  }
  reading.objects[""] = {file, root.line};
}

/// A command line text as the JSON value it stands for.
JsonValue value_of(const Field& field, const std::string& text) {
  JsonValue value;
  value.text = text;
  value.type = JsonValue::Type::kString;
  if (field.is_boolean() && (text == "true" || text == "false")) {
    value.type = JsonValue::Type::kBoolean;
    value.boolean = text == "true";
  } else if (field.is_number()) {
    const char* end = text.data() + text.size();
    const auto whole = [&](const std::from_chars_result& result) {
      return result.ec == std::errc() && result.ptr == end;
    };
    if (whole(std::from_chars(text.data(), end, value.integer))) {
      value.type = JsonValue::Type::kInteger;
      value.real = static_cast<double>(value.integer);
    } else if (whole(std::from_chars(text.data(), end, value.real))) {
      value.type = JsonValue::Type::kReal;
    }
  }
  return value;
}

void apply_overrides(const Overrides& overrides, Reading& reading) {
  for (const auto& [path, text] : overrides) {
    const Place at{"command line", "--set " + path};
    const Field* field = find_field(path);
    if (field == nullptr) {
      std::vector<std::string> paths;
      for (const Field& f : chip_fields()) paths.emplace_back(f.path);
      const std::string nearest = nearest_word(path, paths);
      fail(at, "an unknown path",
           nearest.empty() ? "a path of --help-config" : quoted(nearest) + " (the nearest known)");
    }
    store(*field, value_of(*field, text), at, reading.chip);
    reading.fields[path] = at;
    if (!field->component().empty()) {
      note_changes(reading, field->component(), {field->key()}, "from the command line");
    }
  }
}

/// A library of components is taken for a chip by who checks all files of a folder.
void refuse_library(const std::string& file, const Reading& reading) {
  std::string held;
  int missing = 0;
  for (const ComponentInfo& component : chip_components()) {
    if (reading.objects.count(component.name) == 0) {
      ++missing;
    } else {
      held += (held.empty() ? "" : ", ") + std::string(component.name);
    }
  }
  if (missing == 0) return;
  fail({file, reading.library_place},
       "a library (it extends []) of " + (held.empty() ? "nothing" : held) + ", which is no chip by itself",
       "a chip: a file whose \"extends\" names this one, and that has a name and the other " +
           std::to_string(missing) + " components");
}

void check_complete(const Reading& reading) {
  const auto& [top_file, top_line] = reading.objects.at("");
  if (!reading.library_place.empty() && reading.fields.count("name") == 0) refuse_library(top_file, reading);
  for (const ComponentInfo& component : chip_components()) {
    const std::string pointer = std::string("/") + component.name;
    const auto object = reading.objects.find(component.name);
    if (object == reading.objects.end()) {
      fail({top_file, json_place(pointer, top_line)}, "nothing", "an object");
    }
    if (reading.sources.count(component.name) == 0) {
      fail({object->second.first, json_place(pointer + "/source", object->second.second)}, "nothing",
           "a text: where the numbers come from, or \"estimate\" and why");
    }
  }
  for (const Field& field : chip_fields()) {
    if (field.default_text != nullptr || reading.fields.count(field.path) != 0) continue;
    const auto& [file, line] = reading.objects.at(field.component());
    const std::string parent = field.component().empty() ? "" : "/" + field.component();
    fail({file, json_place(parent + "/" + field.key(), line)}, "nothing", field.expected());
  }
}

int ceil_log2(int n) {
  int bits = 0;
  while ((1 << bits) < n) ++bits;
  return bits;
}

/// Rules that concern several fields. A message stands at the field that one would change first.
void check_together(const Reading& reading) {
  const ChipConfig& chip = reading.chip;
  const auto check = [&](bool good, const std::string& path, const std::string& expected) {
    if (good) return;
    const Field* field = find_field(path);
    const auto given = reading.fields.find(path);
    std::string pointer = "/" + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const Place at =
        given != reading.fields.end() ? given->second : Place{chip.path, pointer + " (its default)"};
    fail(at, field_text(*field, chip), expected);
  };
  const auto say = [](const char* path, auto value) {
    return std::string(" (") + path + " = " + std::to_string(value) + ")";
  };
  const auto& x = chip.crossbar;
  check(x.max_active_rows <= x.rows, "crossbar.max_active_rows",
        "at most the number of rows" + say("crossbar.rows", x.rows));
  check(x.pulse_ns <= x.read_latency_ns, "crossbar.pulse_ns",
        "at most the read latency" + say("crossbar.read_latency_ns", x.read_latency_ns));
  check(x.columns % chip.adc.columns_per_adc == 0, "adc.columns_per_adc",
        "a divisor of the number of columns" + say("crossbar.columns", x.columns));
  const int columns = columns_per_output(chip, chip.weight_bits) + reference_columns(chip);
  check(x.columns >= columns, "crossbar.columns",
        "at least the " + std::to_string(columns) + " columns of one weight" +
            say("weight_bits", chip.weight_bits) + say("crossbar.cell_bits", x.cell_bits));
  for (const auto& [path, mhz] : {std::pair{"clock.array_mhz", chip.clock.array_mhz},
                                  std::pair{"clock.network_mhz", chip.clock.network_mhz}}) {
    check(mhz == 0 || mhz >= 0.001, path, "0 (the tiles' clock) or at least 0.001");
  }
  check(chip.device.stuck_on_fraction + chip.device.stuck_off_fraction <= 1 + 1e-12,
        "device.stuck_off_fraction",
        "at most the share of cells that are not stuck on (device.stuck_on_fraction = " +
            number_text(chip.device.stuck_on_fraction) + ")");
  check(clock_grid_hz(chip) > 0, chip.clock.array_mhz > 0 ? "clock.array_mhz" : "clock.network_mhz",
        "clocks whose edges lie on a grid of 1 ps or more, like multiples of 1 MHz");
  check(chip.host_port.column < chip.mesh.columns, "host_port.column",
        "a column of the mesh" + say("mesh.columns", chip.mesh.columns));
  check(chip.host_port.row < chip.mesh.rows, "host_port.row",
        "a row of the mesh" + say("mesh.rows", chip.mesh.rows));
  check(chip.mesh.header_bits <= chip.mesh.flit_bits, "mesh.header_bits",
        "at most one flit, so that a router can route by the first" +
            say("mesh.flit_bits", chip.mesh.flit_bits));
  const int address_bits = ceil_log2(chip.mesh.columns) + ceil_log2(chip.mesh.rows);
  check(chip.mesh.header_bits >= address_bits, "mesh.header_bits",
        "at least the " + std::to_string(address_bits) + " bits of a tile's address");
  check(chip.input_buffer.capacity_bits >= chip.input_buffer.port_bits, "input_buffer.capacity_bits",
        "at least one access" + say("input_buffer.port_bits", chip.input_buffer.port_bits));
  check(chip.output_buffer.capacity_bits >= chip.mesh.flit_bits, "output_buffer.capacity_bits",
        "at least one flit" + say("mesh.flit_bits", chip.mesh.flit_bits));
  check(chip.node_memory.capacity_bits >= std::int64_t{chip.node_adder.lanes} * chip.node_adder.value_bits,
        "node_memory.capacity_bits",
        "at least one value per lane" + say("node_adder.lanes", chip.node_adder.lanes) +
            say("node_adder.value_bits", chip.node_adder.value_bits));
  check(chip.membrane_memory.capacity_bits >=
            std::int64_t{chip.neuron_unit.lanes} * chip.neuron_unit.membrane_bits,
        "membrane_memory.capacity_bits",
        "at least one membrane per lane" + say("neuron_unit.lanes", chip.neuron_unit.lanes) +
            say("neuron_unit.membrane_bits", chip.neuron_unit.membrane_bits));
}

/// Names, descriptions and sources change nothing that is measured, so they are left out.
std::string hash_of(const ChipConfig& chip) {
  std::string text = std::string(kFormat) + " " + std::to_string(kVersion) + "\n";
  for (const Field& field : chip_fields()) {
    if (field.is_text()) continue;
    text += std::string(field.path) + "=" + field_text(field, chip) + "\n";
  }
  return sha256_hex(text);
}

}  // namespace

int columns_per_output(const ChipConfig& chip, int weight_bits) {
  const bool pair = chip.weight_encoding == WeightEncoding::kDifferentialPair;
  // A pair holds the sign in its two columns, so bits - 1 magnitude bits are sliced over cells.
  const int bits = pair ? std::max(1, weight_bits - 1) : weight_bits;
  return (pair ? 2 : 1) * ((bits + chip.crossbar.cell_bits - 1) / chip.crossbar.cell_bits);
}

int reference_columns(const ChipConfig& chip) {
  return chip.weight_encoding == WeightEncoding::kOffset ? 1 : 0;
}

std::int64_t clock_grid_hz(const ChipConfig& chip) {
  constexpr std::int64_t kLargest = 1'000'000'000'000;
  std::int64_t grid = 1;
  for (double mhz : {chip.clock.frequency_mhz, chip.array_mhz(), chip.network_mhz()}) {
    const auto hz = std::max<std::int64_t>(1, std::llround(mhz * 1e6));
    const std::int64_t factor = hz / std::gcd(grid, hz);
    if (grid > kLargest / factor) return 0;
    grid *= factor;
  }
  return grid;
}

void check_override(const std::string& path, const std::string& text) {
  Reading scratch;
  apply_overrides({{path, text}}, scratch);
}

ChipConfig read_chip_config(const std::string& path, const Overrides& overrides) {
  Reading reading;
  reading.chip.path = path;
  std::vector<std::string> chain;
  read_file_into(path, chain, reading);
  apply_overrides(overrides, reading);
  check_complete(reading);
  check_together(reading);
  for (const std::string& component : reading.order) {
    reading.chip.sources.emplace_back("/" + component, reading.sources.at(component));
  }
  reading.chip.sha256 = hash_of(reading.chip);
  return std::move(reading.chip);
}

}  // namespace spikeloop::sim
