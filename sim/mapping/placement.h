#pragma once
#include <cstdint>
#include <vector>

#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// The mesh rows that are on, down to the last that holds a tile in use or the host port.
struct PoweredMesh {
  int columns = 1, rows = 1;
  int host = 0;  ///< place of the tile that the host port is beside; a place is row * columns + column
};
PoweredMesh powered_mesh(const Draft& draft);

/// Links of the union of the XY paths (along the source's row first, then along columns) from one place to
/// others: what each flit of a multicast packet passes; the distance for a single destination.
int tree_links(int mesh_columns, int source, const std::vector<int>& destinations);

inline constexpr int kHost = -1;

/// What goes from one tile (or the host) to others, in numbers of homes.h.
struct Traffic {
  int from = kHost;
  std::vector<int> to;
  std::int64_t flits = 0;  ///< per sample
};

/// Flits x links of all traffic when tile t lies at place_of_tile[t].
std::int64_t traffic_cost(const PoweredMesh& mesh, const std::vector<Traffic>& traffic,
                          const std::vector<int>& place_of_tile);

/// The place of each tile. `sequential` fills rows from the left; `snake` turns around at the end of each
/// row. `optimised` exchanges places, also with places of the powered rows that hold no tile (so the area is
/// that of `sequential`), until no exchange of two lowers traffic_cost: from sequential, from snake, and from
/// the ends of 20 runs of threshold accepting (Dueck and Scheuer, 1990: an exchange that costs less than a
/// falling threshold is taken), of which the best result is kept. Integers and a fixed seed, so that every
/// machine finds the same. Work is bounded (0.3 s for 256 tiles), so on the largest plans the last exchanges
/// may be missing. On meshes of 8 tiles it finds the optimum of all permutations (placement_test).
std::vector<int> place_tiles(Placement placement, const PoweredMesh& mesh, int tiles,
                             const std::vector<Traffic>& traffic);

/// place_tiles for a plan whose routes are made. Traffic is estimated dense: every packet carries all its
/// item's bits, at every timestep that its flow works through, header included.
std::vector<int> choose_places(const Draft& draft);

}  // namespace spikeloop::sim
