#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/config/chip_config.h"
#include "traces/support/random.h"

namespace spikeloop::sim {

enum class Pattern {
  kUniform,    ///< every other tile alike
  kTranspose,  ///< tile (column, row) to tile (row, column); a square mesh, its diagonal is silent
  kHotspot,    ///< a share to one tile, the rest uniform
  kNeighbour,  ///< one of the adjacent tiles, each alike
};
inline constexpr const char* kPatternWords = "uniform, transpose, hotspot or neighbour";
/// Throws InputError naming `place`.
Pattern pattern_of(const std::string& word, const std::string& place);
std::string pattern_word(Pattern pattern);

struct TrafficOptions {
  Pattern pattern = Pattern::kUniform;
  double rate = 0.1;  ///< flits per network cycle and sending tile; packets start at random (Bernoulli)
  int packet_flits = 4;
  std::int64_t warmup = 2000, cycles = 10000;  ///< network cycles before, and of, the measurement
  std::uint64_t seed = 1;
  int hotspot_column = -1, hotspot_row = -1;  ///< -1: the middle of the mesh
  double hotspot_share = 0.1;
  int destinations = 1;  ///< of every packet; more than one: multicast (uniform only)
};

/// Where the packets of a tile go: to fixed tiles with a probability each, else (the rest) to any other tile
/// alike.
struct Destinations {
  std::vector<std::pair<int, double>> fixed;
  double uniform = 0;  ///< probability of the rest; fixed empty and 0: the tile sends nothing
  bool sends() const { return uniform > 0 || !fixed.empty(); }
};

/// Per tile. Throws InputError when the chip's mesh or the options do not allow the pattern.
std::vector<Destinations> destinations_of(const ChipConfig& chip, const TrafficOptions& options);

/// Where a packet of `tile` goes: one draw, or two for the uniform rest.
int draw_destination(const Destinations& destinations, int tile, int tiles, RandomStream& random);

/// The rate, in flits per cycle and sending tile, above which this chip's mesh cannot carry all that the
/// tiles send when they all send alike: the tightest of the links (expected flits on it; with west_first,
/// which chooses among links, of all straight cuts between two columns or rows, expected flits across /
/// links), and of the sources and sinks (a flit a cycle). Beyond it some tiles are held up more than others,
/// and the mean over tiles, TrafficResult::accepted, may be above it, except with uniform traffic. A link
/// carries min(1, channels x buffer / (2 link + router cycles)) flits a cycle, a sink's min(1, buffer / (2
/// link cycles)). Multicast: sources and sinks only.
double throughput_bound(const ChipConfig& chip, const TrafficOptions& options);

}  // namespace spikeloop::sim
