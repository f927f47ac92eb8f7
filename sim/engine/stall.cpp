#include "sim/engine/stall.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

const Stage& stage_of(const Plan& plan, int stage) { return plan.stages[static_cast<std::size_t>(stage)]; }

std::string name_of(const Plan& plan, int stage) {
  const auto& s = stage_of(plan, stage);
  if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) return s.name + " (host)";
  return s.name + " (tile " + std::to_string(plan.tile_column(s.tile)) + ", " +
         std::to_string(plan.tile_row(s.tile)) + ")";
}

/// The memory that a wait is about: key, size; "" when it is about none.
struct Memory {
  std::string key;
  std::int64_t bits = 0;
};
Memory memory_of(const Plan& plan, const ChipConfig& chip, const Wait& wait) {
  if (wait.what == Wait::For::kOutputBuffer)
    return {"output_buffer.capacity_bits", chip.output_buffer.capacity_bits};
  if (wait.what != Wait::For::kRoom) return {};
  switch (stage_of(plan, wait.on).kind) {
    case StageKind::kMvm:
      return {"input_buffer.capacity_bits", chip.input_buffer.capacity_bits};
    case StageKind::kPool:
      return {"pooling_memory.capacity_bits", chip.pooling_memory.capacity_bits};
    default:
      return {"node_memory.capacity_bits", chip.node_memory.capacity_bits};
  }
}

std::string text_of(const Plan& plan, const Wait& wait) {
  switch (wait.what) {
    case Wait::For::kItems:
      return " waits for items from " + name_of(plan, wait.on);
    case Wait::For::kRoom:
      return " waits for room at " + name_of(plan, wait.on) + ", which holds " +
             std::to_string(plan.flows[static_cast<std::size_t>(wait.flow)].depth) + " of its items";
    case Wait::For::kRegister:
      return " waits for the register to " + name_of(plan, wait.on);
    case Wait::For::kOutputBuffer:
      return " waits for room in its tile's output buffer, behind a packet of " + name_of(plan, wait.on);
    case Wait::For::kTimestep:
      return " waits for the start of the next timestep";
  }
  return "";
}

}  // namespace

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
    tiles = std::max(tiles, Cycle{s.channels} * std::max<Cycle>(taps, Cycle{s.neuron_passes()} + 1));
    if (s.signal >= 0) tiles += window * plan.signals[static_cast<std::size_t>(s.signal)].bits;
  }
  for (const auto& f : plan.flows) {  // a bit a cycle through the smallest port
    const auto* signal = f.signal < 0 ? nullptr : &plan.signals[static_cast<std::size_t>(f.signal)];
    tiles = std::max(tiles, Cycle{packet_flits_worst(chip, f, signal)} * chip.mesh.flit_bits + f.channels);
  }
  const Cycle network =
      Cycle{chip.router.latency_cycles + chip.link.latency_cycles + 1} * (plan.columns + plan.rows + 2);
  return 64 * (timing.tile_period + timing.array_period + timing.network_period) +
         timing.tile_period * (2 * tiles + 4 * chip.clock.crossing_cycles) +
         timing.array_period * (arrays + 4 * chip.clock.crossing_cycles) +
         timing.network_period * (network + 4 * chip.clock.crossing_cycles);
}

std::vector<Wait> circle_of(const Plan& plan, const std::vector<Wait>& waits) {
  for (std::size_t from = 0; from < plan.stages.size(); ++from) {
    // Breadth first: how each stage was reached on the way from `from`.
    std::vector<const Wait*> reached(plan.stages.size(), nullptr);
    std::vector<int> front{static_cast<int>(from)};
    for (std::size_t next = 0; next < front.size(); ++next) {
      for (const auto& wait : waits) {
        if (wait.stage != front[next] || wait.on < 0) continue;
        if (reached[static_cast<std::size_t>(wait.on)] != nullptr) continue;
        reached[static_cast<std::size_t>(wait.on)] = &wait;
        front.push_back(wait.on);
      }
    }
    if (reached[from] == nullptr) continue;
    std::vector<Wait> circle;
    int at = static_cast<int>(from);
    do {
      circle.push_back(*reached[static_cast<std::size_t>(at)]);
      at = circle.back().stage;
    } while (at != static_cast<int>(from));
    std::reverse(circle.begin(), circle.end());
    return circle;
  }
  return {};
}

void throw_stall(const Plan& plan, const ChipConfig& chip, const std::vector<Wait>& waits, Cycle cycle) {
  const auto circle = circle_of(plan, waits);
  std::set<std::string> keys;
  std::string advice;
  std::string text =
      "a chip that stops after cycle " + std::to_string(cycle) + ", before all results are there: ";
  for (const auto& wait : circle) {
    text += name_of(plan, wait.stage) + text_of(plan, wait) + "; ";
    const auto memory = memory_of(plan, chip, wait);
    if (memory.key.empty() || !keys.insert(memory.key).second) continue;
    advice += (advice.empty() ? "" : " or ") + memory.key + " above " + std::to_string(memory.bits);
  }
  std::string others;
  for (const auto& wait : waits) {
    const bool told = std::any_of(circle.begin(), circle.end(),
                                  [&](const Wait& c) { return c.stage == wait.stage && c.on == wait.on; });
    if (!told) others += (others.empty() ? "" : "; ") + name_of(plan, wait.stage) + text_of(plan, wait);
  }
  text += circle.empty() ? others
                         : "and so on in a circle" + (others.empty() ? "" : " (besides, " + others + ")");
  if (keys.empty()) throw std::runtime_error("the simulator's rules are wrong, please report it: " + text);
  throw InputError(chip.path, *keys.begin(), text, advice);
}

}  // namespace spikeloop::sim
