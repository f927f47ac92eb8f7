#pragma once
#include "sim/mapping/draft.h"

namespace spikeloop::sim {

/// Gives every flow that leaves its tile a route: its own, or with delivery `multicast` one shared by all
/// flows that carry the same items of one stage to tiles (the host and partial sums have their own). Routes
/// end in tiles as homes.h numbered them.
void make_routes(Draft& draft);

/// Renumbers tiles to their places on the mesh (`place_of_tile`, placement.h) and computes what depends on
/// it: hops of flows, links of routes, and the powered mesh.
void move_to_places(Draft& draft, const std::vector<int>& place_of_tile);

}  // namespace spikeloop::sim
