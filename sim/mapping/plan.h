#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "traces/network.h"

/// What of a network runs where on a chip: the network lowered to stages on tiles and flows between them.
///
/// A *stage* works through its items in raster order, timestep after timestep: item n = timestep * (height *
/// width) + pixel. A *flow* carries the items of one stage to one other stage, in the same order, as packets
/// over the mesh or inside a tile. The receiver grants a window: the sender may send item n only while n <
/// limit, and the receiver raises the limit a row of pixels at a time as it frees memory. Memories are sized
/// so that a whole timestep of a node fits; that is what makes the dataflow free of deadlock: of the oldest
/// timestep in work, every item always has a place to go.
namespace spikeloop::sim {

/// A bit source that a crossbar reads or a packet carries as bits: a LIF layer, spike counts out of pooling,
/// or the encoded input.
struct Signal {
  enum class Kind { kSpikes, kCounts, kInput };
  Kind kind = Kind::kSpikes;
  std::string name;  ///< network node: trace name of a LIF layer, or the pooling's name
  int source = -1;   ///< counts: signal that is pooled
  int height = 1, width = 1, channels = 0;
  int bits = 1;  ///< bit planes: 1 for spikes, ceil(log2(k*k + 1)) for counts, input_bits for the input
  bool is_signed = false;  ///< the top bit plane counts negative (two's complement)
  bool is_static = false;  ///< the same at every timestep
  std::array<std::int64_t, 2> pool_kernel{1, 1}, pool_stride{1, 1}, pool_padding{0, 0};
};

enum class StageKind { kHostInput, kMvm, kNode, kPool, kHostOutput };

/// One crossbar's share of a weight matrix.
struct Piece {
  int row_block = 0, column_block = 0;  ///< row blocks of a column block add up to its outputs
  int row_begin = 0;                    ///< of the matrix's rows: kernel position * input channels + channel
  int rows = 0;                         ///< wordlines in use
  int outputs = 0;                      ///< channels that its columns hold
  int columns = 0;                      ///< bitlines in use: outputs x columns per output, reference column
  int pe = 0, crossbar = 0;             ///< of the first copy
};

struct Stage {
  StageKind kind = StageKind::kNode;
  std::string name;
  int layer = 0;  ///< index into Plan::layers
  int tile = -1;  ///< row * mesh columns + column; the host port's tile for host stages
  int height = 1, width = 1, channels = 0;  ///< of the items it produces (all channels of the layer)
  bool is_static = false;                   ///< works in timestep 0 only; receivers keep what it sent
  int timesteps =
      0;  ///< that it works through; the last one is left out where only a backward edge would use it
  std::vector<int> inputs, outputs;  ///< flows

  // kMvm: this tile's share of a convolution or linear layer
  int signal =
      -1;  ///< what its wordlines read (kMvm), what it pools (kPool of spikes), what it sends (kHostInput)
  std::array<int, 2> kernel{1, 1}, stride{1, 1}, padding{0, 0}, dilation{1, 1};
  bool whole_map = false;  ///< linear: one window is the whole map
  int weight_rows = 0;     ///< of the whole matrix
  int weight_bits = 8;
  std::vector<Piece> pieces;  ///< of one copy; first row block of a column block first
  /// Of the weights in this tile; window n is read by copy n % copies. A further copy is taken to sum its
  /// pieces in the time of the first.
  int copies = 1;
  /// Per piece and wordline: of one read; empty unless read_energy is "conductance" (row_energy.h).
  std::vector<std::vector<std::int64_t>> row_energy_aj;
  int channel_begin = 0, channel_end = 0;  ///< outputs whose sums end in this tile
  int send_begin = 0,
      send_end = 0;  ///< outputs whose partial sums go to the owner tile before it (empty: none)

  // kNode: sum of its inputs, then the LIF layers behind it
  struct Lif {
    std::string name;
    int signal = -1;
    int states = 1;  ///< membrane memory words of a neuron: 1, 2 for CubaLIF, 0 for Threshold
    /// Of the lanes over the neurons: one per state, one to compare when there is none.
    int passes() const { return states > 1 ? states : 1; }
  };
  std::vector<Lif> lifs;
  std::int64_t neuron_states() const;  ///< over the LIF layers, per neuron
  std::int64_t neuron_passes() const;

  int items() const { return height * width; }
};

struct Flow {
  enum class Payload { kSpikes, kValues, kPartialSums };
  Payload payload = Payload::kValues;
  int producer = 0, consumer = 0;  ///< stages
  int signal = -1;                 ///< kSpikes: the bits; spikes travel as chip.spike_encoding says
  int channels = 0;                ///< carried per item
  int item_bits = 0;               ///< payload bits of an item
  int items = 1;                   ///< per timestep
  int row = 1;                     ///< items per row: the unit in which the receiver returns credits
  int timesteps = 0;               ///< that it carries: fewer than the network's when nobody needs the last
  int depth = 0;                   ///< window: items sent and not yet freed, at most
  bool is_static = false, backward = false;
  int hops = 0;        ///< links between the two routers
  bool local = false;  ///< same tile: no packet
  int route = -1;      ///< that carries its packets; -1 when local
};

/// The way of packets. Unicast: each flow that leaves its tile has a route of its own. Multicast: flows that
/// carry the same items of one stage share one, and routers fork its packets along the XY paths.
struct Route {
  std::vector<int> flows;  ///< to deliver; more than one of them may end in the same tile
  std::vector<int> tiles;  ///< where they end, each once, ascending
  bool to_host = false;    ///< the one destination is the host port beside tiles[0]
  int links = 0;           ///< that a flit passes in all; it leaves routers links + tiles times
};

struct LayerPlan {
  std::string name, kind;
  int crossbars = 0;         ///< with copies
  std::int64_t weights = 0;  ///< once, whatever the copies
  std::vector<int> tiles;
};

struct Plan {
  std::vector<Stage> stages;
  std::vector<Flow> flows;
  std::vector<Route> routes;
  std::vector<Signal> signals;
  std::vector<LayerPlan> layers;    ///< layer 0 is "(shared)"
  std::vector<int> tile_layer;      ///< per powered tile: the layer that pays its area and leakage, 0 if none
  std::vector<char> tile_used;      ///< per powered tile: whether anything lives there
  std::vector<int> crossbars_used;  ///< per powered tile: with weights in them, copies included
  int columns = 0, rows = 0;        ///< powered mesh: rows down to the last one in use
  int tiles_used = 0;
  int timesteps = 0;
  std::int64_t weights = 0, weight_memory_bits = 0;  ///< each weight once, whatever the copies

  int tile_column(int tile) const { return tile % columns; }
  int tile_row(int tile) const { return tile / columns; }
};

/// Flits of a packet with `payload_bits` behind its header.
int packet_flits(const ChipConfig& chip, int payload_bits);

/// Payload bits of the packet that carries an item of a flow. `signal`: the flow's, nullptr when it carries
/// values; `ones`: channels of the item with a value other than 0 (unused when it carries values).
///
/// Values, partial sums and the input always carry every bit. Spikes and counts carry none when none is set,
/// otherwise they travel as chip.spike_encoding says: `bitmap` channels x bits; `address_event` an address of
/// ceil(log2(channels)) bits, at least 1, per channel that is not 0, and its value where that has more than
/// one bit; `smaller` the smaller of the two.
int packet_payload_bits(const ChipConfig& chip, const Flow& flow, const Signal* signal, int ones);

/// Flits of the largest packet of a flow.
int packet_flits_worst(const ChipConfig& chip, const Flow& flow, const Signal* signal);

/// Lowers, maps and places. `input_frames`: 1 when the input is the same at every timestep. Throws InputError
/// naming `network_path` when the network does not fit (what it needs, what there is) or has a node the chip
/// cannot run.
Plan make_plan(const traces::Network& network, const ChipConfig& chip, int timesteps, int input_frames,
               const std::string& network_path);

}  // namespace spikeloop::sim
