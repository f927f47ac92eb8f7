#include "sim/traffic/pattern.h"

#include <algorithm>
#include <array>

#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

struct Word {
  const char* text;
  Pattern pattern;
};
constexpr std::array<Word, 4> kWords{{{"uniform", Pattern::kUniform},
                                      {"transpose", Pattern::kTranspose},
                                      {"hotspot", Pattern::kHotspot},
                                      {"neighbour", Pattern::kNeighbour}}};

std::string size_of(const ChipConfig& chip) {
  return std::to_string(chip.mesh.columns) + " x " + std::to_string(chip.mesh.rows) + " tiles";
}

/// Flits that a link with `fifo_flits` places at its other end, each busy `round_trip` cycles, carries in a
/// cycle.
double link_capacity(int fifo_flits, int round_trip) {
  return std::min(1.0, static_cast<double>(fifo_flits) / round_trip);
}

}  // namespace

Pattern pattern_of(const std::string& word, const std::string& place) {
  for (const auto& known : kWords) {
    if (word == known.text) return known.pattern;
  }
  throw InputError("command line", place, '"' + word + '"', kPatternWords);
}

std::string pattern_word(Pattern pattern) {
  for (const auto& known : kWords) {
    if (pattern == known.pattern) return known.text;
  }
  return "";
}

std::vector<Destinations> destinations_of(const ChipConfig& chip, const TrafficOptions& options) {
  const int columns = chip.mesh.columns;
  const int rows = chip.mesh.rows;
  const int tiles = columns * rows;
  if (tiles < 2) throw InputError(chip.path, "/mesh", size_of(chip), "two tiles or more for traffic");
  if (options.pattern == Pattern::kTranspose && columns != rows)
    throw InputError(chip.path, "/mesh", size_of(chip), "a square mesh for pattern transpose");
  if (options.destinations > 1 && options.pattern != Pattern::kUniform)
    throw InputError("command line", "--multicast", "pattern " + pattern_word(options.pattern),
                     "pattern uniform");
  if (options.destinations > std::min(64, tiles - 1))
    throw InputError("command line", "--multicast", std::to_string(options.destinations),
                     "1 to " + std::to_string(std::min(64, tiles - 1)) + " destinations on " + size_of(chip));
  if (options.destinations > 1 && options.packet_flits > chip.router.buffer_flits)
    throw InputError(
        chip.path, "/router/buffer_flits", std::to_string(chip.router.buffer_flits),
        "a FIFO that holds a multicast packet of " + std::to_string(options.packet_flits) + " flits whole");
  const int hot_column = options.hotspot_column < 0 ? columns / 2 : options.hotspot_column;
  const int hot_row = options.hotspot_row < 0 ? rows / 2 : options.hotspot_row;
  if (hot_column >= columns || hot_row >= rows)
    throw InputError("command line", "--hotspot", std::to_string(hot_column) + ',' + std::to_string(hot_row),
                     "a tile of the mesh of " + size_of(chip));
  const int hot = hot_row * columns + hot_column;
  std::vector<Destinations> all(static_cast<std::size_t>(tiles));
  for (int t = 0; t < tiles; ++t) {
    const int column = t % columns;
    const int row = t / columns;
    auto& to = all[static_cast<std::size_t>(t)];
    switch (options.pattern) {
      case Pattern::kUniform:
        to.uniform = 1;
        break;
      case Pattern::kTranspose:
        if (column != row) to.fixed = {{column * columns + row, 1.0}};
        break;
      case Pattern::kHotspot:
        if (t != hot) to.fixed = {{hot, options.hotspot_share}};
        to.uniform = t == hot ? 1 : 1 - options.hotspot_share;
        break;
      case Pattern::kNeighbour:
        if (row > 0) to.fixed.emplace_back(t - columns, 0);
        if (column > 0) to.fixed.emplace_back(t - 1, 0);
        if (column + 1 < columns) to.fixed.emplace_back(t + 1, 0);
        if (row + 1 < rows) to.fixed.emplace_back(t + columns, 0);
        for (auto& [tile, probability] : to.fixed) probability = 1.0 / static_cast<double>(to.fixed.size());
        break;
    }
  }
  return all;
}

int draw_destination(const Destinations& destinations, int tile, int tiles, RandomStream& random) {
  double left = random.unit();
  for (const auto& [to, probability] : destinations.fixed) {
    left -= probability;
    if (left < 0) return to;
  }
  if (destinations.uniform <= 0) return destinations.fixed.back().first;  // rounding of the probabilities
  const auto other = static_cast<int>(random.below(static_cast<std::uint64_t>(tiles - 1)));
  return other < tile ? other : other + 1;
}

namespace {

/// Flits on the busiest link of XY routing when every sending tile sends one. Packets go along their row
/// first: the link from column c to c + 1 of a row carries what the row's tiles up to c send to columns
/// beyond, the link from row r to r + 1 of a column what all tiles of the rows up to r send to it beyond.
double busiest_xy_link(const ChipConfig& chip, const std::vector<Destinations>& all) {
  const int columns = chip.mesh.columns;
  const int rows = chip.mesh.rows;
  const int tiles = columns * rows;
  enum Side : std::size_t { kEastward, kWestward, kSouthward, kNorthward };
  std::array<std::vector<double>, 4> load;  // per tile that the link leaves
  for (auto& side : load) side.assign(all.size(), 0);
  const auto at = [&](Side side, int column, int row) -> double& {
    return load[side][static_cast<std::size_t>(row * columns + column)];
  };
  std::vector<double> of_row(static_cast<std::size_t>(rows));  // what its tiles send to each tile elsewhere
  const auto uniform = [&](int column, int row) {
    return all[static_cast<std::size_t>(row * columns + column)].uniform / (tiles - 1);
  };
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) of_row[static_cast<std::size_t>(r)] += uniform(c, r);
    double west = 0;
    for (int c = 0; c + 1 < columns; ++c) {
      west += uniform(c, r);
      const double east = of_row[static_cast<std::size_t>(r)] - west;
      at(kEastward, c, r) += west * (columns - 1 - c) * rows;
      at(kWestward, c + 1, r) += east * (c + 1) * rows;
    }
  }
  double whole = 0;
  for (double sent : of_row) whole += sent;
  double north = 0;
  for (int r = 0; r + 1 < rows; ++r) {
    north += of_row[static_cast<std::size_t>(r)];
    for (int c = 0; c < columns; ++c) {
      at(kSouthward, c, r) += north * (rows - 1 - r);
      at(kNorthward, c, r + 1) += (whole - north) * (r + 1);
    }
  }
  for (int t = 0; t < tiles; ++t) {
    for (const auto& [end, probability] : all[static_cast<std::size_t>(t)].fixed) {
      int c = t % columns;
      int r = t / columns;
      for (; c < end % columns; ++c) at(kEastward, c, r) += probability;
      for (; c > end % columns; --c) at(kWestward, c, r) += probability;
      for (; r < end / columns; ++r) at(kSouthward, c, r) += probability;
      for (; r > end / columns; --r) at(kNorthward, c, r) += probability;
    }
  }
  double most = 0;
  for (const auto& side : load) most = std::max(most, *std::max_element(side.begin(), side.end()));
  return most;
}

}  // namespace

double throughput_bound(const ChipConfig& chip, const TrafficOptions& options) {
  const auto all = destinations_of(chip, options);
  const int columns = chip.mesh.columns;
  const int rows = chip.mesh.rows;
  const int tiles = columns * rows;
  const double link = link_capacity(chip.router.virtual_channels * chip.router.buffer_flits,
                                    2 * chip.link.latency_cycles + chip.router.latency_cycles);
  const double sink = link_capacity(chip.router.buffer_flits, 2 * chip.link.latency_cycles);
  double bound = link;  // of a source's link
  if (options.destinations > 1) return std::min(bound, sink / options.destinations);

  // Flits that reach each tile when every sending tile sends one.
  double uniform = 0;
  for (const auto& to : all) uniform += to.uniform / (tiles - 1);
  std::vector<double> arriving(static_cast<std::size_t>(tiles));
  for (std::size_t t = 0; t < all.size(); ++t) {
    arriving[t] += uniform - all[t].uniform / (tiles - 1);
    for (const auto& [to, probability] : all[t].fixed) arriving[static_cast<std::size_t>(to)] += probability;
  }
  bound = std::min(bound, sink / *std::max_element(arriving.begin(), arriving.end()));

  if (chip.router.routing == Routing::kXy) {
    const double most = busiest_xy_link(chip, all);
    return most > 0 ? std::min(bound, link / most) : bound;
  }
  const auto cut = [&](int before, int links, const auto& place) {  // place(tile) < before: on this side
    const int near = before * links;
    std::array<double, 2> across{};  // forward, back
    for (int t = 0; t < tiles; ++t) {
      const auto& to = all[static_cast<std::size_t>(t)];
      const bool here = place(t) < before;
      auto& load = across[here ? 0 : 1];
      load += to.uniform * (here ? tiles - near : near) / (tiles - 1);
      for (const auto& [end, probability] : to.fixed) {
        if ((place(end) < before) != here) load += probability;
      }
    }
    const double most = std::max(across[0], across[1]);
    if (most > 0) bound = std::min(bound, link * links / most);
  };
  for (int c = 1; c < columns; ++c) cut(c, rows, [&](int tile) { return tile % columns; });
  for (int r = 1; r < rows; ++r) cut(r, columns, [&](int tile) { return tile / columns; });
  return bound;
}

}  // namespace spikeloop::sim
