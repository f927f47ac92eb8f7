#include "sim/config/chip_fields.h"

#include <array>
#include <charconv>
#include <cmath>
#include <type_traits>

namespace spikeloop::sim {
namespace {

constexpr const char* kRequired = nullptr;
constexpr double kMaxEnergyPj = 1e4;  // keeps sums of attojoules far from the end of 64 bits
constexpr double kMaxAreaUm2 = 1e9;
constexpr double kMaxLeakageUw = 1e6;
constexpr double kMaxTimeNs = 1e6;
constexpr double kMaxCycles = 1e6;
constexpr double kMaxMemoryBits = 1e12;

// A field's path in the file is its path in the struct.
#define AT(member) #member, [](ChipConfig & c) -> Slot { return &c.member; }
// clang-format off
#define MEMORY(memory)                                                                                        \
  {AT(memory.capacity_bits), "bit", 1, kMaxMemoryBits, kRequired, "capacity, per tile"},                      \
  {AT(memory.read_energy_pj_per_bit), "pJ", 0, kMaxEnergyPj, kRequired, "energy of reading one bit"},         \
  {AT(memory.write_energy_pj_per_bit), "pJ", 0, kMaxEnergyPj, kRequired, "energy of writing one bit"},        \
  {AT(memory.area_um2_per_bit), "um2", 0, kMaxAreaUm2, kRequired, "area of one bit"},                         \
  {AT(memory.leakage_uw_per_kbit), "uW", 0, kMaxLeakageUw, kRequired, "leakage power of 1024 bits"}
#define COSTS(part, of)                                                                                       \
  {AT(part.area_um2), "um2", 0, kMaxAreaUm2, kRequired, "area of " of},                                       \
  {AT(part.leakage_uw), "uW", 0, kMaxLeakageUw, kRequired, "leakage power of " of}

const std::vector<Field> kFields{
    {AT(name), "", 0, 0, kRequired, "short name of the chip, as reports show it"},
    {AT(description), "", 0, 0, "\"\"", "what the chip is and what it stands for"},
    {AT(mapping), "", 0, 0, "\"unrolled\"", "how a weight matrix lies on crossbars"},
    {AT(weight_encoding), "", 0, 0, "\"differential_pair\"", "how a signed weight lies on columns"},
    {AT(weight_bits), "bit", 2, 8, "8", "bits of the weights of networks that carry no quantisation"},
    {AT(placement), "", 0, 0, "\"sequential\"", "which tiles the layers get"},
    {AT(schedule), "", 0, 0, "\"pipelined\"", "when a layer may start a timestep"},

    {AT(spike_encoding), "", 0, 0, "\"bitmap\"", "how the spikes of an item lie in a packet"},
    {AT(delivery), "", 0, 0, "\"unicast\"", "how a packet reaches several tiles"},

    {AT(clock.frequency_mhz), "MHz", 0.001, 1e5, kRequired, "clock of the tiles; cycles are its cycles unless another clock is named"},
    {AT(clock.array_mhz), "MHz", 0, 1e5, "0", "clock of crossbars and ADCs; 0 = the tiles' clock"},
    {AT(clock.network_mhz), "MHz", 0, 1e5, "0", "clock of routers, links and the host port; 0 = the tiles' clock"},
    {AT(clock.crossing_cycles), "cycle", 0, kMaxCycles, "2", "cycles of the receiver's clock that a signal between two different clocks takes on top"},

    {AT(mesh.columns), "tile", 1, 256, kRequired, "tiles in a row of the mesh"},
    {AT(mesh.rows), "tile", 1, 256, kRequired, "tiles in a column of the mesh"},
    {AT(mesh.flit_bits), "bit", 1, 4096, kRequired, "width of a link: bits of one flit"},
    {AT(mesh.header_bits), "bit", 1, 4096, kRequired, "header of a packet: destination, stream, timestep, position"},

    {AT(router.buffer_flits), "flit", 1, 4096, kRequired, "depth of the FIFO of each virtual channel of each of the five input ports"},
    {AT(router.virtual_channels), "channel", 1, 16, "1", "virtual channels of each input port"},
    {AT(router.routing), "", 0, 0, "\"xy\"", "which way a packet takes"},
    {AT(router.latency_cycles), "cycle", 1, kMaxCycles, kRequired, "from a flit's arrival in the FIFO to its earliest departure"},
    {AT(router.energy_pj_per_flit), "pJ", 0, kMaxEnergyPj, kRequired, "FIFO write and read, routing, arbitration and switch, for one flit"},
    COSTS(router, "one router"),
    {AT(router.buffer_area_um2_per_bit), "um2", 0, kMaxAreaUm2, "0", "area of one bit of its FIFOs, if not in area_um2"},
    {AT(router.buffer_leakage_uw_per_kbit), "uW", 0, kMaxLeakageUw, "0", "leakage power of 1024 bits of its FIFOs, if not in leakage_uw"},

    {AT(link.latency_cycles), "cycle", 1, kMaxCycles, kRequired, "from one router to the next"},
    {AT(link.length_mm), "mm", 0, 1000, kRequired, "distance of neighbouring routers"},
    {AT(link.energy_pj_per_bit_mm), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one bit over one millimetre"},
    COSTS(link, "the outgoing links of one router"),

    {AT(host_port.column), "tile", 0, 255, "0", "column of the tile whose router the port is at"},
    {AT(host_port.row), "tile", 0, 255, "0", "row of the tile whose router the port is at"},
    {AT(host_port.energy_pj_per_bit), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one bit in or out"},
    COSTS(host_port, "the port"),

    {AT(tile.pes), "PE", 1, 4096, kRequired, "processing elements in a tile"},
    {AT(tile.max_copies), "copy", 1, 4096, "1", "copies of a layer's weights that its tile may hold in crossbars that would be free; copies work on different windows"},
    {AT(tile.barrier_latency_cycles), "cycle", 0, kMaxCycles, kRequired, "schedule timestep_sequential: from the end of a timestep to the start of the next"},
    {AT(tile.control_area_um2), "um2", 0, kMaxAreaUm2, kRequired, "area of a tile's control logic"},
    {AT(tile.control_leakage_uw), "uW", 0, kMaxLeakageUw, kRequired, "leakage power of a tile's control logic"},

    {AT(pe.crossbars), "crossbar", 1, 4096, kRequired, "crossbars in a processing element"},

    {AT(crossbar.rows), "row", 1, 4096, kRequired, "wordlines"},
    {AT(crossbar.columns), "column", 2, 4096, kRequired, "bitlines"},
    {AT(crossbar.reference_rows), "row", 1, 4096, kRequired, "wordlines of the array that energies, area and leakage of crossbar, wordline_driver and column_mux are given for; rows beside it scale them"},
    {AT(crossbar.reference_columns), "column", 2, 4096, kRequired, "bitlines of that array; columns beside it scale them"},
    {AT(crossbar.cell_bits), "bit", 1, kMaxCellBits, kRequired, "bits that one cell stores"},
    {AT(crossbar.max_active_rows), "row", 1, 4096, kRequired, "wordlines driven at once; a read of more takes several passes"},
    {AT(crossbar.skip_zero), "", 0, 0, "true", "a crossbar whose wordlines are all inactive is not read"},
    {AT(crossbar.read_latency_ns), "ns", 0, kMaxTimeNs, kRequired, "from driving the wordlines to settled column currents; rounded up to cycles, at least 1"},
    {AT(crossbar.pulse_ns), "ns", 0, kMaxTimeNs, "0", "with read_energy conductance: time that the cells of a driven row conduct in a read; 0 = read_latency_ns"},
    {AT(crossbar.read_energy), "", 0, 0, "\"per_row\"", "what a read's energy is"},
    {AT(crossbar.energy_pj_per_active_row), "pJ", 0, kMaxEnergyPj, kRequired, "currents of one driven wordline's cells over one read, at reference_columns; goes with columns"},
    COSTS(crossbar, "one crossbar at its reference size: cells (with the dummy column of level-0 cells, whose current is every read's baseline); goes with rows x columns"),
    {AT(crossbar.edge_area_um2), "um2", 0, kMaxAreaUm2, "0", "area of what lies along one crossbar's edges at its reference size (switches, write circuits), if not in area_um2; goes with rows + columns"},
    {AT(crossbar.edge_leakage_uw), "uW", 0, kMaxLeakageUw, "0", "leakage power of the same, if not in leakage_uw; goes with rows + columns"},

    {AT(wordline_driver.energy_pj_per_active_row), "pJ", 0, kMaxEnergyPj, kRequired, "energy of driving one wordline of reference_columns for one read; goes with columns"},
    {AT(wordline_driver.switch_energy_pj_per_active_row), "pJ", 0, kMaxEnergyPj, "0", "energy of the driver's own switching, on top, the same at any length"},
    COSTS(wordline_driver, "the drivers of all rows of one crossbar at its reference size; goes with rows"),

    {AT(column_mux.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "energy of switching one column of reference_rows to its ADC; goes with rows, whose current its gates carry"},
    COSTS(column_mux, "the multiplexers of all columns of one crossbar at its reference size; goes with columns"),

    {AT(device.on_resistance_kohm), "kohm", 0.001, 1e9, "100", "of a cell at its top level"},
    {AT(device.on_off_ratio), "", 1.001, 1e9, "17", "conductance of the top level / of level 0"},
    {AT(device.read_voltage_v), "V", 0.001, 10, "0.5", "on a driven wordline"},
    {AT(device.variation), "", 0, 10, "0", "functional mode: standard deviation of a programmed conductance, relative"},
    {AT(device.stuck_on_fraction), "", 0, 1, "0", "functional mode: share of cells stuck at the top level"},
    {AT(device.stuck_off_fraction), "", 0, 1, "0", "functional mode: share of cells stuck at level 0"},
    {AT(device.drift_exponent), "", 0, 1, "0", "functional mode: conductance falls as time^-exponent"},
    {AT(device.drift_time_s), "s", 1, 1e10, "1", "functional mode: time since programming"},
    {AT(device.read_noise), "", 0, 10, "0", "functional mode: standard deviation of a cell's current in one read, relative; cells are independent"},
    {AT(device.wire_resistance_ohm), "ohm", 0, 1e6, "0", "functional mode: of a wordline or bitline from cell to cell; refused where the wires would take more than the model of them is good for"},

    {AT(adc.kind), "", 0, 0, "\"sar\"", "how it converts; sets how latency, energy and area follow from bits"},
    {AT(adc.bits), "bit", 1, 16, kRequired, "resolution"},
    {AT(adc.reference_bits), "bit", 1, 16, kRequired, "resolution that latency, energy, area and leakage are given at"},
    {AT(adc.pipeline_stages), "conversion", 1, 16, "1", "conversions in flight: one starts every conversion latency / stages"},
    {AT(adc.full_scale_levels), "level", 0, 1e9, "0", "functional mode: column sum, in cell levels, at the top code; 0 = a code per level, sums above the top code 2^bits - 1 are clipped"},
    {AT(adc.offset_lsb), "LSB", 0, 1e4, "0", "functional mode: standard deviation of an ADC's offset"},
    {AT(adc.inl_lsb), "LSB", 0, 1e4, "0", "functional mode: largest deviation of an ADC's curve from a line"},
    {AT(adc.columns_per_adc), "column", 1, 4096, kRequired, "columns that share one ADC: conversions in sequence per read"},
    {AT(adc.sample_and_hold), "", 0, 0, "false", "the next read may overlap the conversions of the last"},
    {AT(adc.conversion_latency_ns), "ns", 0, kMaxTimeNs, kRequired, "one conversion at reference_bits; rounded up to cycles, at least 1"},
    {AT(adc.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one conversion at reference_bits"},
    COSTS(adc, "one ADC of reference_bits"),

    {AT(shift_add.latency_cycles), "cycle", 0, kMaxCycles, kRequired, "from the last conversion to the shifted sum"},
    {AT(shift_add.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "shifting and adding one conversion's result"},
    COSTS(shift_add, "one unit; each ADC has one"),

    {AT(adder_tree.latency_cycles_per_level), "cycle", 0, kMaxCycles, kRequired, "one level of the binary tree over crossbars and PEs"},
    {AT(adder_tree.lanes), "value", 1, 4096, kRequired, "values added per cycle when partial sums arrive from another tile"},
    {AT(adder_tree.energy_pj_per_add), "pJ", 0, kMaxEnergyPj, kRequired, "one addition of two partial sums"},
    COSTS(adder_tree, "the tree of one tile"),

    {AT(input_buffer.port_bits), "bit", 1, 65536, kRequired, "bits per cycle of each port"},
    {AT(input_buffer.ports), "port", 1, 2, "2", "2: one reads and one writes; 1: reads and writes take turns"},
    MEMORY(input_buffer),

    {AT(output_buffer.port_bits), "bit", 1, 65536, kRequired, "bits written per cycle"},
    MEMORY(output_buffer),

    {AT(node_adder.lanes), "channel", 1, 4096, kRequired, "channels added per cycle"},
    {AT(node_adder.value_bits), "bit", 2, 32, kRequired, "width of a value on links, in accumulators and buffers"},
    {AT(node_adder.energy_pj_per_add), "pJ", 0, kMaxEnergyPj, kRequired, "one addition of two values"},
    COSTS(node_adder, "one lane"),

    MEMORY(node_memory),

    {AT(neuron_unit.lanes), "neuron", 1, 4096, kRequired, "neurons updated per cycle"},
    {AT(neuron_unit.latency_cycles), "cycle", 1, kMaxCycles, kRequired, "pipeline depth: from the last lane's input to its spike"},
    {AT(neuron_unit.membrane_bits), "bit", 2, 32, kRequired, "width of a membrane potential"},
    {AT(neuron_unit.energy_pj_per_update), "pJ", 0, kMaxEnergyPj, kRequired, "leak, integrate, compare and reset of one neuron"},
    COSTS(neuron_unit, "one lane"),

    MEMORY(membrane_memory),

    {AT(pooling_unit.lanes), "value", 1, 4096, kRequired, "additions per cycle"},
    {AT(pooling_unit.energy_pj_per_add), "pJ", 0, kMaxEnergyPj, kRequired, "one addition"},
    COSTS(pooling_unit, "one lane"),

    MEMORY(pooling_memory),
};
// clang-format on
#undef COSTS
#undef MEMORY
#undef AT

const std::vector<ComponentInfo> kComponents{
    {"clock",
     "Tiles, arrays (crossbars and ADCs) and network each have a clock; times in ns are rounded up to the "
     "cycles of the domain."},
    {"mesh", "Tiles lie on a 2D mesh. Packets go flit by flit (wormhole), with credit flow control."},
    {"router", "One beside each tile: four neighbours and the tile itself."},
    {"link", "Wires between neighbouring routers."},
    {"host_port", "Where inputs enter and results leave: a port of its own beside one tile's router."},
    {"tile", "Holds PEs, buffers and units of one layer, or a part of it."},
    {"pe", "A processing element: crossbars whose sums are added."},
    {"crossbar", "An array of RRAM cells, one wordline per row and one bitline per column."},
    {"wordline_driver", "Puts input bits on wordlines."},
    {"column_mux", "Connects one column of a group to the group's ADC."},
    {"device", "The RRAM cell: what crossbars compute with in functional mode."},
    {"adc", "Turns a column's current into a number."},
    {"shift_add", "Puts bit slices and input bits together behind an ADC."},
    {"adder_tree", "Sums partial sums over the crossbars of a PE, the PEs of a tile, and over tiles."},
    {"input_buffer", "Holds a layer's input map until its windows have been read."},
    {"output_buffer", "Holds packets until the router takes their flits."},
    {"node_adder", "Adds the values that flow into a node (sums of a cell, biases) as they arrive."},
    {"node_memory", "Accumulators of the nodes, and values that stay the same over all timesteps."},
    {"neuron_unit", "Updates membranes and fires."},
    {"membrane_memory", "Membrane potentials."},
    {"pooling_unit", "Sums over pooling windows."},
    {"pooling_memory", "Line buffers of the pooling unit."},
};

const std::vector<Word> kMappingWords{
    {"unrolled", "rows of the weight matrix = kernel height x kernel width x input channels"},
    {"kernel_position",
     "a crossbar per kernel position, its rows are input channels; the crossbars of a PE are the positions "
     "of "
     "one kernel"}};
const std::vector<Word> kWeightEncodingWords{
    {"differential_pair", "two adjacent columns hold the positive and the negative part of a bit slice"},
    {"offset",
     "weight + 2^(bits - 1) is stored; a reference column per crossbar counts active rows, times 2^(bits - "
     "1) "
     "is subtracted"}};
const std::vector<Word> kPlacementWords{
    {"sequential", "tiles are filled row by row from (0, 0)"},
    {"snake", "every other row is filled from the right"},
    {"optimised", "sum of traffic x distance made small by exchanging tiles"}};
const std::vector<Word> kScheduleWords{
    {"pipelined", "as soon as its inputs have arrived"},
    {"timestep_sequential", "when all layers have finished the timestep before"},
    {"layer_sequential", "when all timesteps of its input have arrived"}};
const std::vector<Word> kSpikeEncodingWords{
    {"bitmap", "a bit per channel, or a header alone when none is set"},
    {"address_event", "the address of each channel that fired"},
    {"smaller", "whichever of the two has fewer bits, packet by packet"}};
const std::vector<Word> kDeliveryWords{{"unicast", "a packet for each"},
                                       {"multicast", "one packet, which routers fork on XY paths"}};
const std::vector<Word> kRoutingWords{
    {"xy", "first along the row, then along the column"},
    {"west_first", "west first if it must, then whichever of the short ways has more room"}};
const std::vector<Word> kAdcKindWords{{"sar", "successive approximation: a step to sample and one per bit"},
                                      {"flash", "all bits at once, with 2^bits - 1 comparators"}};
const std::vector<Word> kReadEnergyWords{
    {"per_row", "energy_pj_per_active_row for each driven wordline"},
    {"conductance", "read voltage^2 x conductance x pulse_ns of the cells on each driven wordline"}};
const std::vector<Word> kNoWords;

Slot slot_of(const Field& field) {
  static ChipConfig types;  // only the type of the slot is looked at
  return field.slot(types);
}

}  // namespace

std::string Field::component() const {
  const std::string text = path;
  const std::size_t dot = text.find('.');
  return dot == std::string::npos ? "" : text.substr(0, dot);
}

std::string Field::key() const {
  const std::string text = path;
  const std::size_t dot = text.find('.');
  return dot == std::string::npos ? text : text.substr(dot + 1);
}

bool Field::is_integer() const {
  const Slot s = slot_of(*this);
  return std::holds_alternative<int*>(s) || std::holds_alternative<std::int64_t*>(s);
}
bool Field::is_number() const { return is_integer() || std::holds_alternative<double*>(slot_of(*this)); }
bool Field::is_text() const { return std::holds_alternative<std::string*>(slot_of(*this)); }
bool Field::is_boolean() const { return std::holds_alternative<bool*>(slot_of(*this)); }

const std::vector<Word>& Field::words() const {
  const Slot s = slot_of(*this);
  if (std::holds_alternative<Mapping*>(s)) return kMappingWords;
  if (std::holds_alternative<WeightEncoding*>(s)) return kWeightEncodingWords;
  if (std::holds_alternative<Placement*>(s)) return kPlacementWords;
  if (std::holds_alternative<Schedule*>(s)) return kScheduleWords;
  if (std::holds_alternative<SpikeEncoding*>(s)) return kSpikeEncodingWords;
  if (std::holds_alternative<Delivery*>(s)) return kDeliveryWords;
  if (std::holds_alternative<Routing*>(s)) return kRoutingWords;
  if (std::holds_alternative<AdcKind*>(s)) return kAdcKindWords;
  if (std::holds_alternative<ReadEnergy*>(s)) return kReadEnergyWords;
  return kNoWords;
}

std::string Field::expected() const {
  if (is_number()) {
    return std::string(is_integer() ? "an integer from " : "a number from ") + number_text(minimum) + " to " +
           number_text(maximum);
  }
  if (is_boolean()) return "true or false";
  if (is_text()) return "a text";
  std::string text;
  for (const Word& word : words()) text += (text.empty() ? "\"" : " or \"") + std::string(word.text) + "\"";
  return text;
}

const std::vector<Field>& chip_fields() { return kFields; }
const std::vector<ComponentInfo>& chip_components() { return kComponents; }

std::string number_text(double value) {
  std::array<char, 32> text{};
  // Whole numbers in full: 1000000, not 1e+06.
  const bool whole = std::abs(value) < 1e15 && value == static_cast<double>(static_cast<std::int64_t>(value));
  const auto end =
      whole ? std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value))
            : std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

std::string field_text(const Field& field, const ChipConfig& chip) {
  // The slot is only read.
  const Slot slot = field.slot(const_cast<ChipConfig&>(chip));
  return std::visit(
      [&](auto* value) -> std::string {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          return *value;
        } else if constexpr (std::is_same_v<Value, bool>) {
          return *value ? "true" : "false";
        } else if constexpr (std::is_same_v<Value, double>) {
          return number_text(*value);
        } else if constexpr (std::is_enum_v<Value>) {
          return field.words()[static_cast<std::size_t>(*value)].text;
        } else {
          return std::to_string(*value);
        }
      },
      slot);
}

}  // namespace spikeloop::sim
