#include "sim/engine/stall.h"

#include <algorithm>
#include <string>

#include "sim/engine/chip_module.h"
#include "traces/support/error.h"

namespace spikeloop::sim {

Cycle longest_silence(const Plan& plan, const ChipConfig& chip, const Timing& timing) {
  Cycle arrays = 0;
  Cycle tiles = chip.tile.barrier_latency_cycles + chip.shift_add.latency_cycles +
                Cycle{64} * chip.adder_tree.latency_cycles_per_level + chip.neuron_unit.latency_cycles;
  for (const auto& s : plan.stages) {
    Cycle longest_read = 0;
    for (const auto& p : s.pieces) {
      const auto& signal = plan.signals[static_cast<std::size_t>(s.signal)];
      const Cycle passes = std::int64_t{signal.bits} * std::max<std::int64_t>(1, read_passes(chip, p.rows));
      const Cycle phases = (p.columns + timing.adcs_per_crossbar - 1) / timing.adcs_per_crossbar;
      longest_read =
          std::max(longest_read, passes * (timing.read_cycles + phases * timing.conversion_cycles));
    }
    arrays = std::max(arrays, longest_read);
    // One value a cycle, however many lanes there are, for every LIF layer of a node and every input of a
    // pooling window; one bit of a window a cycle through the smallest port.
    const Cycle taps = Cycle{s.kernel[0]} * s.kernel[1];
    const Cycle window = s.signal < 0  ? 0
                         : s.whole_map ? s.weight_rows
                                       : taps * plan.signals[static_cast<std::size_t>(s.signal)].channels;
    tiles = std::max(tiles, Cycle{s.channels} * std::max<Cycle>(taps, static_cast<Cycle>(s.lifs.size()) + 1));
    if (s.signal >= 0) tiles += window * plan.signals[static_cast<std::size_t>(s.signal)].bits;
  }
  for (const auto& f : plan.flows) tiles = std::max(tiles, Cycle{f.item_bits} + f.channels);
  const Cycle network =
      Cycle{chip.router.latency_cycles + chip.link.latency_cycles + 1} * (plan.columns + plan.rows + 2);
  return 64 * (timing.tile_period + timing.array_period + timing.network_period) +
         timing.tile_period * (tiles + 4 * chip.clock.crossing_cycles) +
         timing.array_period * (arrays + 4 * chip.clock.crossing_cycles) +
         timing.network_period * (network + 4 * chip.clock.crossing_cycles);
}

void throw_stall(const Plan& plan, const ChipConfig& chip, ChipModule& module) {
  std::string text = module.host().describe();
  for (const auto& t : module.tiles()) {
    if (t->core) text += describe(plan, t->core->rule().waits());
  }
  throw InputError(chip.path, "", "a chip that stops before all results are there:\n" + text, "progress");
}

}  // namespace spikeloop::sim
