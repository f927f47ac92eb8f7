#pragma once
#include <string>

#include "sim/config/chip_config.h"

/// Texts about chip configurations, made from the table of fields.
namespace spikeloop::sim {

std::string help_config();     ///< for a terminal: every component and field
std::string reference_page();  ///< hwconfigs/README.md
std::string json_schema();     ///< hwconfigs/chip.schema.json (draft 7)

/// A configuration explained in words: sizes, what it can hold, area, peak rates.
std::string describe_chip(const ChipConfig& chip);

}  // namespace spikeloop::sim
