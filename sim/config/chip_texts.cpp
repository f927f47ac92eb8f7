#include "sim/config/chip_texts.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "sim/config/chip_fields.h"
#include "sim/config/text_format.h"

namespace spikeloop::sim {
namespace {

using Json = nlohmann::ordered_json;

std::string default_or_required(const Field& field) {
  return field.default_text == nullptr ? "required" : "default " + std::string(field.default_text);
}

std::string range(const Field& field) {
  return number_text(field.minimum) + " to " + number_text(field.maximum);
}

std::string type_name(const Field& field) {
  if (field.is_integer()) return "integer";
  if (field.is_number()) return "number";
  if (field.is_boolean()) return "true/false";
  return field.is_text() ? "text" : "word";
}

std::string help_field(const Field& field) {
  std::string facts = type_name(field);
  if (field.is_number()) facts += " " + range(field);
  if (field.unit[0] != '\0') facts += ", unit " + std::string(field.unit);
  facts += ", " + default_or_required(field);
  std::string out = "  " + std::string(field.path) + "  (" + facts + ")\n" + wrapped(field.description, 6);
  for (const Word& word : field.words()) {
    out += wrapped("\"" + std::string(word.text) + "\": " + word.description, 6);
  }
  return out;
}

std::string help_fields_of(const std::string& component) {
  std::string out;
  for (const Field& field : chip_fields()) {
    if (field.component() == component) out += help_field(field);
  }
  return out;
}

std::string page_table_of(const std::string& component) {
  std::string out = "| key | type | range | unit | default | meaning |\n|---|---|---|---|---|---|\n";
  for (const Field& field : chip_fields()) {
    if (field.component() != component) continue;
    std::string meaning = field.description;
    std::string allowed = field.is_number() ? range(field) : "";
    for (const Word& word : field.words()) {
      allowed += (allowed.empty() ? "`" : ", `") + std::string(word.text) + "`";
      meaning += "; `" + std::string(word.text) + "`: " + word.description;
    }
    const std::string value =
        field.default_text == nullptr ? "required" : "`" + std::string(field.default_text) + "`";
    out += "| `" + field.key() + "` | " + type_name(field) + " | " + allowed + " | " + field.unit + " | " +
           value + " | " + meaning + " |\n";
  }
  return out;
}

Json schema_of(const Field& field) {
  Json schema;
  std::string description = field.description;
  if (field.unit[0] != '\0') description += " [" + std::string(field.unit) + "]";
  schema["description"] = description;
  if (field.is_number()) {
    schema["type"] = field.is_integer() ? "integer" : "number";
    const auto limit = [&](double value) {
      const auto whole = static_cast<std::int64_t>(value);
      return static_cast<double>(whole) == value ? Json(whole) : Json(value);
    };
    schema["minimum"] = limit(field.minimum);
    schema["maximum"] = limit(field.maximum);
  } else if (field.is_boolean()) {
    schema["type"] = "boolean";
  } else if (field.is_text()) {
    schema["type"] = "string";
  } else {
    for (const Word& word : field.words()) schema["enum"].push_back(word.text);
  }
  if (field.default_text != nullptr) schema["default"] = Json::parse(field.default_text);
  return schema;
}

constexpr const char* kPageStart = R"(# Chips

One JSON file describes one chip. The simulator reads it strictly: an unknown or repeated key, a wrong type, a value
out of range or a missing number is an error that names file, place and line. This page is made by
`spikeloop-sim --config-page`; `spikeloop-sim --help-config` prints the same for a terminal.

| file | chip |
|---|---|
| [rram-32nm.json](rram-32nm.json) | 32 nm, 8 x 8 tiles, 128 x 128 crossbars of 2-bit RRAM cells: the one to start from |
| [rram-32nm-small.json](rram-32nm-small.json) | the same with 4 x 4 tiles and 64 x 64 crossbars, by `extends` |
| [rram-32nm-large.json](rram-32nm-large.json) | the same with 20 x 20 tiles, larger memories and up to 16 copies of small layers: holds SNASNet at full width |
| [neurosim-22nm.json](neurosim-22nm.json) | 22 nm after NeuroSim: 1-bit cells, offset encoding, 6-bit SAR ADCs that make every sum exact |
| [isaac-32nm.json](isaac-32nm.json) | after ISAAC: 168 tiles of 96 crossbars, all rows at once, one 8-bit ADC per crossbar in a clock of its own |
| [spikesim-65nm.json](spikesim-65nm.json) | SpikeSim's chip: a crossbar per kernel position, its constants split over our components |
| [edge-small.json](edge-small.json) | nine tiles at 200 MHz, 4-bit weights, flash ADCs |
| [components/](components) | libraries that chips extend: adders and neurons, buffers, routers at 22 and 65 nm, ADCs, ISAAC's parts |
| [chip.schema.json](chip.schema.json) | JSON Schema for editors (`spikeloop-sim --config-schema`) |

```sh
spikeloop-sim --check hwconfigs/rram-32nm.json                 # what the file describes, in words
spikeloop-sim --check hwconfigs/rram-32nm.json --set adc.bits=5 --set crossbar.max_active_rows=16
```

**A chip of your own** needs only what differs:

```json
{
  "$schema": "chip.schema.json",
  "format": "spikeloop.chip",
  "version": 1,
  "extends": "rram-32nm.json",
  "name": "rram-32nm-narrow-links",
  "mesh": {"flit_bits": 32, "source": "estimate: half the wires"}
}
```

- `extends` is a path from the file's own folder. The base is read first; then each key given here replaces the
  base's. A base may extend another file; a cycle is an error. A list, `["components/adc-flash-22nm.json", "base.json"]`,
  is read from left to right, each file over those before it, bases of bases included.
- A library holds some components only, says so by `"extends": []`, and is no chip by itself.
- Every component's object has a `source`: a paper's table, a tool's file, or `estimate` with the reason. An overlay's
  `source` replaces the base's; without one, the base's stays and the changed keys are noted behind it.
- `--set component.key=value` overrides one number from the command line, after all files.
- Units are in the keys. Energies are dynamic energies of the named event; area and leakage are those of one instance
  of the component (of one bit, or 1024 bits, in memories). Times in ns are rounded up to clock cycles.
- Numbers of `adc` hold at `adc.reference_bits`, those of `crossbar`, `wordline_driver` and `column_mux` at
  `crossbar.reference_rows` x `crossbar.reference_columns`; other resolutions and sizes follow (`sim/adc_law.h`,
  `sim/array_law.h`), but for a crossbar's latency. A file that gives numbers for another size gives the reference too.
- Rules over several keys: `crossbar.max_active_rows` at most `crossbar.rows`; `crossbar.columns` divisible by
  `adc.columns_per_adc` and enough for one weight; the host port inside the mesh; `mesh.header_bits` at most one flit
  and enough for a tile's address; each memory at least one access wide.
- `sha256` of a chip, as reports and studies show it, is over the values below, defaults filled in, but not over
  names, descriptions and sources.
)";

}  // namespace

std::string help_config() {
  std::string out =
      "A chip configuration is one JSON object: the keys below, and \"format\": \"spikeloop.chip\", "
      "\"version\": 1,\n"
      "optionally \"extends\": \"base.json\" (path from the file's folder, or a list) and \"$schema\". Each "
      "component "
      "is an object\n"
      "with a \"source\" text. A key's path is also the name for --set: --set crossbar.rows=64\n\n";
  out += "top level\n" + help_fields_of("");
  for (const ComponentInfo& component : chip_components()) {
    out += "\n" + std::string(component.name) + "\n" + wrapped(component.description, 2) +
           help_fields_of(component.name);
  }
  return out;
}

std::string reference_page() {
  std::string out = kPageStart;
  out += "\n## Top level\n\n";
  out +=
      "`format` (`\"spikeloop.chip\"`) and `version` (`1`) stand in every file, `extends` and `$schema` "
      "where wanted.\n\n";
  out += page_table_of("");
  for (const ComponentInfo& component : chip_components()) {
    out += "\n## " + std::string(component.name) + "\n\n" + component.description + "\n\n" +
           page_table_of(component.name);
  }
  return out;
}

std::string json_schema() {
  Json schema;
  schema["$schema"] = "http://json-schema.org/draft-07/schema#";
  schema["title"] = "spikeloop chip configuration";
  schema["description"] = "Made by spikeloop-sim --config-schema.";
  schema["type"] = "object";
  schema["additionalProperties"] = false;
  schema["required"] = Json::array({"format", "version"});

  // ordered_json moves its members when one is added, so each object is finished before it goes into another.
  Json properties;
  properties["$schema"] = {{"type", "string"}};
  properties["format"] = {{"const", "spikeloop.chip"}};
  properties["version"] = {{"const", 1}};
  Json path = {{"type", "string"}, {"minLength", 1}};
  Json list = {{"type", "array"}, {"items", path}, {"uniqueItems", true}};
  properties["extends"] = {
      {"description",
       "base configuration, by its path from this file's folder, or a list of them, each "
       "read over those before it; [] for a library of components"},
      {"oneOf", Json::array({path, list})}};
  const auto add_fields = [](const std::string& component, Json& into, Json& required) {
    for (const Field& field : chip_fields()) {
      if (field.component() != component) continue;
      into[field.key()] = schema_of(field);
      if (field.default_text == nullptr) required.push_back(field.key());
    }
  };
  Json required = Json::array();
  Json required_parts;
  add_fields("", properties, required);
  for (const ComponentInfo& component : chip_components()) {
    Json parts;
    parts["source"] = {{"description", "where the numbers come from, or \"estimate\" and why"},
                       {"type", "string"},
                       {"minLength", 1}};
    Json needed = Json::array({"source"});
    add_fields(component.name, parts, needed);
    Json object;
    object["description"] = component.description;
    object["type"] = "object";
    object["additionalProperties"] = false;
    object["properties"] = parts;
    properties[component.name] = object;
    required.push_back(component.name);
    required_parts[component.name]["required"] = needed;
  }
  schema["properties"] = properties;
  // What a file that extends another leaves out comes from there.
  Json extends_given;
  extends_given["required"] = Json::array({"extends"});
  schema["if"]["not"] = extends_given;
  schema["then"]["required"] = required;
  schema["then"]["properties"] = required_parts;
  return schema.dump(2) + "\n";
}

}  // namespace spikeloop::sim
