#include "sim/energy.h"

#include <cmath>

#include "sim/adc_law.h"
#include "sim/array_law.h"

namespace spikeloop::sim {
namespace {

std::size_t at(Component c) { return static_cast<std::size_t>(c); }

struct Names {
  const char* component;
  const char* event;
};
constexpr std::array<Names, kNumComponents> kNames{{{"crossbar", "active row"},
                                                    {"wordline_driver", "active row"},
                                                    {"column_mux", "conversion"},
                                                    {"adc", "conversion"},
                                                    {"shift_add", "conversion"},
                                                    {"adder_tree", "addition"},
                                                    {"input_buffer", "bit read"},
                                                    {"input_buffer", "bit written"},
                                                    {"output_buffer", "bit read"},
                                                    {"output_buffer", "bit written"},
                                                    {"node_adder", "addition"},
                                                    {"node_memory", "bit read"},
                                                    {"node_memory", "bit written"},
                                                    {"neuron_unit", "membrane update"},
                                                    {"membrane_memory", "bit read"},
                                                    {"membrane_memory", "bit written"},
                                                    {"pooling_unit", "addition"},
                                                    {"pooling_memory", "bit read"},
                                                    {"pooling_memory", "bit written"},
                                                    {"router", "flit"},
                                                    {"link", "flit"},
                                                    {"host_port", "bit"},
                                                    {"control", ""}}};

}  // namespace

const char* component_name(Component component) { return kNames[at(component)].component; }
const char* event_name(Component component) { return kNames[at(component)].event; }

std::array<std::int64_t, kNumComponents> event_energy_aj(const ChipConfig& chip) {
  std::array<double, kNumComponents> pj{};
  const auto set = [&](Component c, double value) { pj[at(c)] = value; };
  const bool per_row = chip.crossbar.read_energy == ReadEnergy::kPerRow;
  // Else each read is charged for its rows' conductances (StageCounters::crossbar_read_aj).
  set(Component::kCrossbar, per_row ? crossbar_row_energy_pj(chip.crossbar) : 0);
  set(Component::kWordlineDriver, driver_row_energy_pj(chip));
  set(Component::kColumnMux, mux_energy_pj(chip));
  set(Component::kAdc, adc_energy_pj(chip.adc));
  set(Component::kShiftAdd, chip.shift_add.energy_pj_per_conversion);
  set(Component::kAdderTree, chip.adder_tree.energy_pj_per_add);
  set(Component::kInputBufferRead, chip.input_buffer.read_energy_pj_per_bit);
  set(Component::kInputBufferWrite, chip.input_buffer.write_energy_pj_per_bit);
  set(Component::kOutputBufferRead, chip.output_buffer.read_energy_pj_per_bit);
  set(Component::kOutputBufferWrite, chip.output_buffer.write_energy_pj_per_bit);
  set(Component::kNodeAdder, chip.node_adder.energy_pj_per_add);
  set(Component::kNodeMemoryRead, chip.node_memory.read_energy_pj_per_bit);
  set(Component::kNodeMemoryWrite, chip.node_memory.write_energy_pj_per_bit);
  set(Component::kNeuronUnit, chip.neuron_unit.energy_pj_per_update);
  set(Component::kMembraneMemoryRead, chip.membrane_memory.read_energy_pj_per_bit);
  set(Component::kMembraneMemoryWrite, chip.membrane_memory.write_energy_pj_per_bit);
  set(Component::kPoolingUnit, chip.pooling_unit.energy_pj_per_add);
  set(Component::kPoolingMemoryRead, chip.pooling_memory.read_energy_pj_per_bit);
  set(Component::kPoolingMemoryWrite, chip.pooling_memory.write_energy_pj_per_bit);
  set(Component::kRouter, chip.router.energy_pj_per_flit);
  set(Component::kLink, chip.link.energy_pj_per_bit_mm * chip.link.length_mm * chip.mesh.flit_bits);
  set(Component::kHostPort, chip.host_port.energy_pj_per_bit);
  std::array<std::int64_t, kNumComponents> aj{};
  for (std::size_t i = 0; i < kNumComponents; ++i) aj[i] = add_millionths(0, pj[i] * 1e6);
  return aj;
}

void charge(const EventCounts& events, const std::array<std::int64_t, kNumComponents>& event_aj,
            EnergyByComponent& energy) {
  for (std::size_t i = 0; i < kNumComponents; ++i) {
    std::int64_t product = 0;
    if (__builtin_mul_overflow(events.count[i], event_aj[i], &product))
      add_millionths(0, static_cast<double>(kMostMillionths));
    add_millionths(energy[i].dynamic_aj, static_cast<double>(product));
    energy[i].dynamic_aj += product;
  }
}

Inventory tile_inventory(const ChipConfig& chip) {
  Inventory inventory;
  const auto add = [&](Component c, double count, double area_um2, double leakage_uw) {
    inventory.area_um2[at(c)] += count * area_um2;
    inventory.leakage_uw[at(c)] += count * leakage_uw;
  };
  const auto memory = [&](Component c, const ChipConfig::Memory& m) {
    const auto bits = static_cast<double>(m.capacity_bits);
    add(c, 1, bits * m.area_um2_per_bit, bits / 1024.0 * m.leakage_uw_per_kbit);
  };
  const double crossbars = static_cast<double>(chip.tile.pes) * chip.pe.crossbars;
  const double adcs = crossbars * (chip.crossbar.columns / chip.adc.columns_per_adc);
  add(Component::kCrossbar, crossbars, crossbar_area_um2(chip.crossbar), crossbar_leakage_uw(chip.crossbar));
  const double rows = crossbars * row_scale(chip.crossbar);  // in crossbars of the reference size
  add(Component::kWordlineDriver, rows, chip.wordline_driver.area_um2, chip.wordline_driver.leakage_uw);
  const double columns = crossbars * column_scale(chip.crossbar);
  add(Component::kColumnMux, columns, chip.column_mux.area_um2, chip.column_mux.leakage_uw);
  add(Component::kAdc, adcs, chip.adc.area_um2 * adc_size_scale(chip.adc),
      chip.adc.leakage_uw * adc_size_scale(chip.adc));
  add(Component::kShiftAdd, adcs, chip.shift_add.area_um2, chip.shift_add.leakage_uw);
  add(Component::kAdderTree, 1, chip.adder_tree.area_um2, chip.adder_tree.leakage_uw);
  memory(Component::kInputBufferRead, chip.input_buffer);
  memory(Component::kOutputBufferRead, chip.output_buffer);
  add(Component::kNodeAdder, chip.node_adder.lanes, chip.node_adder.area_um2, chip.node_adder.leakage_uw);
  memory(Component::kNodeMemoryRead, chip.node_memory);
  add(Component::kNeuronUnit, chip.neuron_unit.lanes, chip.neuron_unit.area_um2, chip.neuron_unit.leakage_uw);
  memory(Component::kMembraneMemoryRead, chip.membrane_memory);
  add(Component::kPoolingUnit, chip.pooling_unit.lanes, chip.pooling_unit.area_um2,
      chip.pooling_unit.leakage_uw);
  memory(Component::kPoolingMemoryRead, chip.pooling_memory);
  add(Component::kControl, 1, chip.tile.control_area_um2, chip.tile.control_leakage_uw);
  return inventory;
}

Inventory router_inventory(const ChipConfig& chip) {
  Inventory inventory;
  inventory.area_um2[at(Component::kRouter)] = chip.router.area_um2;
  inventory.leakage_uw[at(Component::kRouter)] = chip.router.leakage_uw;
  constexpr double kInputPorts = 5;  // the tile and four neighbours
  const double fifo_bits =
      kInputPorts * chip.router.virtual_channels * chip.router.buffer_flits * chip.mesh.flit_bits;
  inventory.area_um2[at(Component::kRouter)] += fifo_bits * chip.router.buffer_area_um2_per_bit;
  inventory.leakage_uw[at(Component::kRouter)] += fifo_bits / 1024 * chip.router.buffer_leakage_uw_per_kbit;
  inventory.area_um2[at(Component::kLink)] = chip.link.area_um2;
  inventory.leakage_uw[at(Component::kLink)] = chip.link.leakage_uw;
  return inventory;
}

Inventory host_inventory(const ChipConfig& chip) {
  Inventory inventory;
  inventory.area_um2[at(Component::kHostPort)] = chip.host_port.area_um2;
  inventory.leakage_uw[at(Component::kHostPort)] = chip.host_port.leakage_uw;
  return inventory;
}

AreaByComponent area_nm2(const Inventory& inventory) {
  AreaByComponent area{};
  for (std::size_t i = 0; i < kNumComponents; ++i) area[i] = add_millionths(0, inventory.area_um2[i] * 1e6);
  return area;
}

std::array<std::int64_t, kNumComponents> leakage_aj(const Inventory& inventory, double time_ns) {
  std::array<std::int64_t, kNumComponents> aj{};
  for (std::size_t i = 0; i < kNumComponents; ++i)
    aj[i] = add_millionths(0, inventory.leakage_uw[i] * time_ns * 1000.0);
  return aj;
}

}  // namespace spikeloop::sim
