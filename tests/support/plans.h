#pragma once
#include <stdexcept>
#include <string>

#include "sim/mapping/plan.h"
#include "traces/support/error.h"

/// What tests of the mapping ask of plans.
namespace spikeloop::testing {

inline const sim::Stage& stage_named(const sim::Plan& plan, const std::string& name) {
  for (const auto& stage : plan.stages)
    if (stage.name == name) return stage;
  throw std::logic_error("no stage " + name);
}

/// Why the network, read from "net.nir", does not go onto the chip; "" when it does.
inline std::string plan_error(const traces::Network& network, const sim::ChipConfig& chip) {
  try {
    sim::make_plan(network, chip, network.timesteps, 1, "net.nir");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace spikeloop::testing
