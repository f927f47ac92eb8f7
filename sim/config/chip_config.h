#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// One chip, as its configuration file describes it, checked and with every default filled in.
///
/// Units are in the names. Energies are dynamic energies per named event; leakage and area are per instance
/// of the component (per bit for memories). Every component object of the file carries a "source" text.
namespace spikeloop::sim {

/// Rows of the weight matrix: all of a window (ISAAC, NeuroSim), or a crossbar per kernel position with Cin
/// rows (SpikeSim).
enum class Mapping { kUnrolled, kKernelPosition };
/// Two adjacent columns hold + and - parts of a slice, or w + 2^(bits-1) is stored and a reference column
/// counts the active wordlines, whose share is subtracted.
enum class WeightEncoding { kDifferentialPair, kOffset };
/// Tiles filled row by row from (0, 0); every other row from the right; traffic x distance minimised.
enum class Placement { kSequential, kSnake, kOptimised };
enum class Schedule { kPipelined, kTimestepSequential, kLayerSequential };
enum class SpikeEncoding { kBitmap, kAddressEvent, kSmaller };  ///< of an item's spikes in a packet
enum class Delivery { kUnicast, kMulticast };  ///< one packet per destination tile, or one that routers fork
enum class Routing { kXy, kWestFirst };        ///< both minimal and free of deadlock; west-first is adaptive
enum class AdcKind { kSar, kFlash };
enum class ReadEnergy { kPerRow, kConductance };  ///< of a crossbar

constexpr int kMaxCellBits = 4;  ///< of crossbar.cell_bits

struct ChipConfig {
  std::string path;  ///< file it was read from, as given
  std::string name, description;

  /// Three clock domains: tiles; crossbars and ADCs; the network-on-chip with the host port.
  struct Clock {
    double frequency_mhz = 0;  ///< tiles
    double array_mhz = 0;      ///< crossbars and ADCs; 0 = as the tiles
    double network_mhz = 0;    ///< routers, links, host port; 0 = as the tiles
    int crossing_cycles = 2;   ///< of the receiver's clock, on top, where a signal passes between two clocks
  } clock;

  /// 2D mesh, wormhole, credit flow control.
  struct Mesh {
    int columns = 0, rows = 0;
    int flit_bits = 0;
    int header_bits = 0;  ///< of a packet: destination, stream, timestep, position
  } mesh;
  struct Router {
    int buffer_flits = 0;      ///< FIFO depth of each virtual channel of each of the five input ports
    int virtual_channels = 1;  ///< per port; a tile and the host take one packet at a time all the same
    Routing routing = Routing::kXy;
    int latency_cycles = 0;               ///< from a flit's arrival in the FIFO to its earliest departure
    double energy_pj_per_flit = 0;        ///< FIFO write and read, routing, arbitration, crossbar
    double area_um2 = 0, leakage_uw = 0;  ///< without its FIFOs if those are given per bit
    double buffer_area_um2_per_bit = 0, buffer_leakage_uw_per_kbit = 0;  ///< of its FIFOs
  } router;
  struct Link {
    int latency_cycles = 0;
    double length_mm = 0;
    double energy_pj_per_bit_mm = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< per router (its outgoing links)
  } link;
  /// Where inputs enter and results leave: a port of its own beside the router of tile (column, row).
  struct HostPort {
    int column = 0, row = 0;
    double energy_pj_per_bit = 0, area_um2 = 0, leakage_uw = 0;
  } host_port;

  struct Tile {
    int pes = 0;
    int max_copies = 1;  ///< of a layer's weights, in crossbars of its tile that would be free
    int barrier_latency_cycles =
        0;  ///< timestep_sequential: from the last stage's end to the next timestep's start
    double control_area_um2 = 0, control_leakage_uw = 0;
  } tile;
  struct Pe {
    int crossbars = 0;
  } pe;
  /// A dummy column of level-0 cells gives every read its baseline, the off current of the driven rows, which
  /// is subtracted before the conversion; area and energy of that column are part of the crossbar's numbers.
  /// Energies, areas and leakages of crossbar, wordline_driver and column_mux are given at reference_rows x
  /// reference_columns; other sizes follow (array_law.h).
  struct Crossbar {
    int rows = 0, columns = 0, cell_bits = 0;
    int reference_rows = 0, reference_columns = 0;
    int max_active_rows = 0;  ///< wordlines driven at once; a read of more takes several passes
    bool skip_zero = true;    ///< a window piece without an active wordline is not read
    double read_latency_ns = 0;
    double pulse_ns = 0;  ///< of it, how long the cells of a driven row conduct; 0 = all of it
    ReadEnergy read_energy = ReadEnergy::kPerRow;
    double energy_pj_per_active_row = 0;            ///< current of one driven wordline's cells over one read
    double area_um2 = 0, leakage_uw = 0;            ///< cells
    double edge_area_um2 = 0, edge_leakage_uw = 0;  ///< what lies along the edges: switches, write circuits
  } crossbar;
  struct WordlineDriver {
    double energy_pj_per_active_row = 0;         ///< follows the wordline's length
    double switch_energy_pj_per_active_row = 0;  ///< on top, at any length
    double area_um2 = 0, leakage_uw = 0;         ///< all rows of one crossbar
  } wordline_driver;
  struct ColumnMux {
    double energy_pj_per_conversion = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< all columns of one crossbar
  } column_mux;
  /// Functional mode, and read_energy "conductance": levels lie evenly between off and on conductance.
  struct Device {
    double on_resistance_kohm = 100, on_off_ratio = 17;
    double read_voltage_v = 0.5;
    double variation = 0;                                  ///< std of a cell's conductance, relative
    double stuck_on_fraction = 0, stuck_off_fraction = 0;  ///< of all cells
    double drift_exponent = 0, drift_time_s = 1;           ///< G(t) = G(1 s) * t^-exponent
    double read_noise = 0;           ///< std of a cell's current per read, relative; cells are independent
    double wire_resistance_ohm = 0;  ///< of a wordline or bitline, cell to cell
  } device;
  /// Energy, area, leakage and latency are given at reference_bits; others follow by kind (adc_law.h).
  struct Adc {
    AdcKind kind = AdcKind::kSar;
    int bits = 0;
    int reference_bits = 0;
    int pipeline_stages = 1;       ///< conversions in flight: one starts every latency / stages
    double full_scale_levels = 0;  ///< column sum, in cell levels, of the top code; 0 = a code per level
    double offset_lsb = 0;         ///< std of an ADC's offset
    double inl_lsb = 0;            ///< largest deviation of its curve from a line
    int columns_per_adc = 0;       ///< mux ratio: conversions in sequence per read
    bool sample_and_hold = false;  ///< the next read may overlap the conversions of the last
    double conversion_latency_ns = 0;
    double energy_pj_per_conversion = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one ADC
  } adc;
  struct ShiftAdd {
    int latency_cycles = 0;
    double energy_pj_per_conversion = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one per ADC
  } shift_add;
  /// Sums partial sums over the crossbars of a PE and over the PEs of a tile (and, on the owner tile, over
  /// tiles).
  struct AdderTree {
    int latency_cycles_per_level = 0;
    int lanes = 0;  ///< values summed per cycle when partial sums arrive from another tile
    double energy_pj_per_add = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one tile's
  } adder_tree;

  /// A memory of a tile: capacity, and energy, area and leakage per bit.
  struct Memory {
    std::int64_t capacity_bits = 0;
    double read_energy_pj_per_bit = 0, write_energy_pj_per_bit = 0;
    double area_um2_per_bit = 0, leakage_uw_per_kbit = 0;
  };
  struct InputBuffer : Memory {
    int port_bits = 0;  ///< per cycle: read into the window register, written from the packet register
    int ports = 2;      ///< 2: one reads, one writes; 1: they take turns
  } input_buffer;
  struct OutputBuffer : Memory {  ///< holds packets until the router takes their flits
    int port_bits = 0;            ///< written per cycle
  } output_buffer;
  /// Sums of a cell's nodes: contributions are added to the accumulator of their pixel as they arrive.
  struct NodeAdder {
    int lanes = 0;       ///< channels added per cycle
    int value_bits = 0;  ///< of a value on links, in accumulators and buffers
    double energy_pj_per_add = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one lane
  } node_adder;
  Memory node_memory;
  struct NeuronUnit {
    int lanes = 0;           ///< neurons updated per cycle
    int latency_cycles = 0;  ///< pipeline depth: from the last lane's input to the spike
    int membrane_bits = 0;
    double energy_pj_per_update = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one lane
  } neuron_unit;
  Memory membrane_memory;
  struct PoolingUnit {
    int lanes = 0;  ///< additions per cycle
    double energy_pj_per_add = 0;
    double area_um2 = 0, leakage_uw = 0;  ///< one lane
  } pooling_unit;
  Memory pooling_memory;  ///< line buffers of the pooling unit

  Mapping mapping = Mapping::kUnrolled;
  WeightEncoding weight_encoding = WeightEncoding::kDifferentialPair;
  int weight_bits = 8;  ///< of networks that carry no quantisation; others say it themselves
  Placement placement = Placement::kSequential;
  Schedule schedule = Schedule::kPipelined;
  SpikeEncoding spike_encoding = SpikeEncoding::kBitmap;
  Delivery delivery = Delivery::kUnicast;

  double array_mhz() const { return clock.array_mhz > 0 ? clock.array_mhz : clock.frequency_mhz; }
  double network_mhz() const { return clock.network_mhz > 0 ? clock.network_mhz : clock.frequency_mhz; }

  /// (JSON pointer of a component, its source text), in file order.
  std::vector<std::pair<std::string, std::string>> sources;
  std::string sha256;  ///< of the resolved values, for studies and measurements
};

/// Columns that one output's weights take in a crossbar.
int columns_per_output(const ChipConfig& chip, int weight_bits);
/// Columns of a crossbar that count active wordlines (offset encoding).
int reference_columns(const ChipConfig& chip);

/// The smallest frequency that all three clocks divide, in Hz; 0 when its period would be below a picosecond.
std::int64_t clock_grid_hz(const ChipConfig& chip);

/// A value given on the command line: ("crossbar.rows", "64"). The text is read as the field's type.
using Overrides = std::vector<std::pair<std::string, std::string>>;

/// Throws InputError when no chip could take this value: an unknown path, another type, out of range. Whether
/// it goes with a chip's other values is for read_chip_config.
void check_override(const std::string& path, const std::string& text);

/// Reads, resolves "extends", applies overrides, checks ranges and cross-field rules. Throws InputError.
ChipConfig read_chip_config(const std::string& path, const Overrides& overrides = {});

}  // namespace spikeloop::sim
