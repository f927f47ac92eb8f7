#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/config/chip_config.h"

/// Every field of a chip configuration, once: the reader, --help-config, the reference page and the JSON
/// Schema all come from this table.
namespace spikeloop::sim {

/// Where a field's value goes. The alternative that is held is the field's type.
using Slot = std::variant<int*, std::int64_t*, double*, bool*, std::string*, Mapping*, WeightEncoding*,
                          Placement*, Schedule*, SpikeEncoding*, Delivery*, Routing*, AdcKind*, ReadEnergy*>;

/// One of the words that a field of words may hold.
struct Word {
  const char* text;
  const char* description;
};

struct Field {
  const char* path;  ///< "crossbar.rows"; without a dot: at the top level
  Slot (*slot)(ChipConfig&);
  const char* unit;          ///< "" = none
  double minimum, maximum;   ///< of numbers, both allowed
  const char* default_text;  ///< as in JSON; nullptr = required
  const char* description;

  std::string component() const;  ///< "crossbar", "" at the top level
  std::string key() const;        ///< "rows"
  bool is_integer() const;
  bool is_number() const;  ///< integer or real
  bool is_text() const;
  bool is_boolean() const;
  const std::vector<Word>& words() const;  ///< empty unless a field of words
  std::string expected() const;            ///< "an integer from 1 to 4096"
};

struct ComponentInfo {
  const char* name;
  const char* description;
};

const std::vector<Field>& chip_fields();
const std::vector<ComponentInfo>& chip_components();

/// A field's value as text, as --set takes it; doubles as the shortest text that reads back the same.
std::string field_text(const Field& field, const ChipConfig& chip);

/// The shortest decimal text that reads back as the same number.
std::string number_text(double value);

}  // namespace spikeloop::sim
