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

    {AT(clock.frequency_mhz), "MHz", 0.001, 1e5, kRequired, "the one clock of the chip"},

    {AT(mesh.columns), "tile", 1, 256, kRequired, "tiles in a row of the mesh"},
    {AT(mesh.rows), "tile", 1, 256, kRequired, "tiles in a column of the mesh"},
    {AT(mesh.flit_bits), "bit", 1, 4096, kRequired, "width of a link: bits of one flit"},
    {AT(mesh.header_bits), "bit", 1, 4096, kRequired, "header of a packet: destination, stream, timestep, position"},

    {AT(router.buffer_flits), "flit", 1, 4096, kRequired, "depth of the FIFO of each of the five input ports"},
    {AT(router.latency_cycles), "cycle", 1, kMaxCycles, kRequired, "from a flit's arrival in the FIFO to its earliest departure"},
    {AT(router.energy_pj_per_flit), "pJ", 0, kMaxEnergyPj, kRequired, "FIFO write and read, routing, arbitration and switch, for one flit"},
    COSTS(router, "one router"),

    {AT(link.latency_cycles), "cycle", 1, kMaxCycles, kRequired, "from one router to the next"},
    {AT(link.length_mm), "mm", 0, 1000, kRequired, "distance of neighbouring routers"},
    {AT(link.energy_pj_per_bit_mm), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one bit over one millimetre"},
    COSTS(link, "the outgoing links of one router"),

    {AT(host_port.column), "tile", 0, 255, "0", "column of the tile whose router the port is at"},
    {AT(host_port.row), "tile", 0, 255, "0", "row of the tile whose router the port is at"},
    {AT(host_port.energy_pj_per_bit), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one bit in or out"},
    COSTS(host_port, "the port"),

    {AT(tile.pes), "PE", 1, 4096, kRequired, "processing elements in a tile"},
    {AT(tile.barrier_latency_cycles), "cycle", 0, kMaxCycles, kRequired, "schedule timestep_sequential: from the end of a timestep to the start of the next"},
    {AT(tile.control_area_um2), "um2", 0, kMaxAreaUm2, kRequired, "area of a tile's control logic"},
    {AT(tile.control_leakage_uw), "uW", 0, kMaxLeakageUw, kRequired, "leakage power of a tile's control logic"},

    {AT(pe.crossbars), "crossbar", 1, 4096, kRequired, "crossbars in a processing element"},

    {AT(crossbar.rows), "row", 1, 4096, kRequired, "wordlines"},
    {AT(crossbar.columns), "column", 2, 4096, kRequired, "bitlines"},
    {AT(crossbar.cell_bits), "bit", 1, 8, kRequired, "bits that one cell stores"},
    {AT(crossbar.max_active_rows), "row", 1, 4096, kRequired, "wordlines driven at once; a read of more takes several passes"},
    {AT(crossbar.skip_zero), "", 0, 0, "true", "a crossbar whose wordlines are all inactive is not read"},
    {AT(crossbar.read_latency_ns), "ns", 0, kMaxTimeNs, kRequired, "from driving the wordlines to settled column currents; rounded up to cycles, at least 1"},
    {AT(crossbar.energy_pj_per_active_row), "pJ", 0, kMaxEnergyPj, kRequired, "currents of one driven wordline's cells over one read"},
    COSTS(crossbar, "one crossbar: cells, and write circuits if counted"),

    {AT(wordline_driver.energy_pj_per_active_row), "pJ", 0, kMaxEnergyPj, kRequired, "energy of driving one wordline for one read"},
    COSTS(wordline_driver, "the drivers of all rows of one crossbar"),

    {AT(column_mux.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "energy of switching one column to its ADC"},
    COSTS(column_mux, "the multiplexers of all columns of one crossbar"),

    {AT(adc.bits), "bit", 1, 16, kRequired, "resolution"},
    {AT(adc.columns_per_adc), "column", 1, 4096, kRequired, "columns that share one ADC: conversions in sequence per read"},
    {AT(adc.sample_and_hold), "", 0, 0, "false", "the next read may overlap the conversions of the last"},
    {AT(adc.conversion_latency_ns), "ns", 0, kMaxTimeNs, kRequired, "one conversion; rounded up to cycles, at least 1"},
    {AT(adc.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "energy of one conversion"},
    COSTS(adc, "one ADC"),

    {AT(shift_add.latency_cycles), "cycle", 0, kMaxCycles, kRequired, "from the last conversion to the shifted sum"},
    {AT(shift_add.energy_pj_per_conversion), "pJ", 0, kMaxEnergyPj, kRequired, "shifting and adding one conversion's result"},
    COSTS(shift_add, "one unit; each ADC has one"),

    {AT(adder_tree.latency_cycles_per_level), "cycle", 0, kMaxCycles, kRequired, "one level of the binary tree over crossbars and PEs"},
    {AT(adder_tree.lanes), "value", 1, 4096, kRequired, "values added per cycle when partial sums arrive from another tile"},
    {AT(adder_tree.energy_pj_per_add), "pJ", 0, kMaxEnergyPj, kRequired, "one addition of two partial sums"},
    COSTS(adder_tree, "the tree of one tile"),

    {AT(input_buffer.port_bits), "bit", 1, 65536, kRequired, "bits read per cycle into the window register"},
    MEMORY(input_buffer),

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
    {"clock", "The chip has one clock; times in ns are rounded up to its cycles."},
    {"mesh",
     "Tiles lie on a 2D mesh. Packets go X first, then Y, flit by flit (wormhole), with credit flow "
     "control."},
    {"router", "One beside each tile: four neighbours and the tile itself."},
    {"link", "Wires between neighbouring routers."},
    {"host_port", "Where inputs enter and results leave: a port of its own beside one tile's router."},
    {"tile", "Holds PEs, buffers and units of one layer, or a part of it."},
    {"pe", "A processing element: crossbars whose sums are added."},
    {"crossbar", "An array of RRAM cells, one wordline per row and one bitline per column."},
    {"wordline_driver", "Puts input bits on wordlines."},
    {"column_mux", "Connects one column of a group to the group's ADC."},
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
    {"unrolled", "rows of the weight matrix = kernel height x kernel width x input channels"}};
const std::vector<Word> kWeightEncodingWords{
    {"differential_pair", "two adjacent columns hold the positive and the negative part of a bit slice"}};
const std::vector<Word> kPlacementWords{{"sequential", "tiles are filled row by row from (0, 0)"}};
const std::vector<Word> kScheduleWords{
    {"pipelined", "as soon as its inputs have arrived"},
    {"timestep_sequential", "when all layers have finished the timestep before"}};
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
