#pragma once
#include <array>
#include <cstdint>

#include "sim/component.h"
#include "sim/config/chip_config.h"
#include "sim/measurement.h"
#include "sim/millionths.h"

/// What events, hardware and time cost on a chip, as integers (attojoule, nm2).
namespace spikeloop::sim {

/// Energy of one event of each component, in attojoule.
std::array<std::int64_t, kNumComponents> event_energy_aj(const ChipConfig& chip);

/// Adds the dynamic energy of `events` to `energy`.
void charge(const EventCounts& events, const std::array<std::int64_t, kNumComponents>& event_aj,
            EnergyByComponent& energy);

/// Area and leakage power of some hardware.
struct Inventory {
  std::array<double, kNumComponents> area_um2{}, leakage_uw{};
};
Inventory tile_inventory(const ChipConfig& chip);    ///< all of a tile but its router and links
Inventory router_inventory(const ChipConfig& chip);  ///< one router and its outgoing links
Inventory host_inventory(const ChipConfig& chip);

AreaByComponent area_nm2(const Inventory& inventory);
/// Leakage over a time, per component: uW * ns = 1000 aJ.
std::array<std::int64_t, kNumComponents> leakage_aj(const Inventory& inventory, double time_ns);

}  // namespace spikeloop::sim
