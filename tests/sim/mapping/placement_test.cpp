#include "sim/mapping/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "tests/support/random_chip.h"

namespace spikeloop::sim {
namespace {

/// Links on the XY ways from one place to others, found by walking them.
int walked_links(int columns, int from, const std::vector<int>& to) {
  std::set<std::pair<int, int>> links;
  for (int end : to) {
    int at = from;
    while (at != end) {
      int next = at;
      if (at % columns != end % columns) {
        next += end % columns > at % columns ? 1 : -1;
      } else {
        next += end > at ? columns : -columns;
      }
      links.insert({at, next});
      at = next;
    }
  }
  return static_cast<int>(links.size());
}

std::int64_t walked_cost(const PoweredMesh& mesh, const std::vector<Traffic>& traffic,
                         const std::vector<int>& places) {
  const auto place = [&](int tile) {
    return tile == kHost ? mesh.host : places[static_cast<std::size_t>(tile)];
  };
  std::int64_t cost = 0;
  for (const auto& t : traffic) {
    std::vector<int> ends;
    for (int tile : t.to) ends.push_back(place(tile));
    cost += t.flits * walked_links(mesh.columns, place(t.from), ends);
  }
  return cost;
}

std::vector<Traffic> random_traffic(RandomStream& random, int tiles, int entries, bool multicast) {
  std::vector<Traffic> traffic;
  const auto tile = [&] { return static_cast<int>(random.below(static_cast<std::uint64_t>(tiles))); };
  for (int i = 0; i < entries; ++i) {
    Traffic t;
    t.from = i == 0 ? kHost : tile();
    const int most = multicast ? 1 + static_cast<int>(random.below(4)) : 1;
    std::set<int> ends;
    for (int k = 0; k < most; ++k) ends.insert(tile());
    ends.erase(t.from);
    t.to.assign(ends.begin(), ends.end());
    if (i == 1) t.to = {kHost};
    if (t.to.empty()) continue;
    t.flits = 1 + static_cast<std::int64_t>(random.below(100));
    traffic.push_back(t);
  }
  return traffic;
}

/// A mesh 4 wide, from place 5 = (1, 1):
///     . # . .      places 1 = (1,0), 2 = (2,0), 11 = (3,2), 10 = (2,2)
/// to (2,0), (2,2), (3,2) the tree goes east 5-6-7 (2 links), up at column 2 (1), down at columns 2 and 3
/// (2).
TEST(Placement, TreeLinksByHand) {
  EXPECT_EQ(tree_links(4, 5, {2, 10, 11}), 5);
  EXPECT_EQ(tree_links(4, 5, {4}), 1);
  EXPECT_EQ(tree_links(4, 5, {5}), 0);
  EXPECT_EQ(tree_links(4, 5, {1, 13}), 1 + 2) << "up and down the own column";
  EXPECT_EQ(tree_links(4, 0, {5, 10, 15}), 3 + 1 + 2 + 3) << "no diagonal is shared";
  RandomStream random(1);
  for (int n = 0; n < 200; ++n) {
    std::vector<int> ends;
    for (std::uint64_t k = 0; k <= random.below(6); ++k) ends.push_back(static_cast<int>(random.below(30)));
    const auto from = static_cast<int>(random.below(30));
    EXPECT_EQ(tree_links(5, from, ends), walked_links(5, from, ends));
  }
}

TEST(Placement, SequentialAndSnake) {
  const PoweredMesh mesh{3, 3, 0};
  EXPECT_EQ(place_tiles(Placement::kSequential, mesh, 7, {}), (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(place_tiles(Placement::kSnake, mesh, 7, {}), (std::vector<int>{0, 1, 2, 5, 4, 3, 6}));
  EXPECT_EQ(place_tiles(Placement::kSnake, mesh, 5, {}), (std::vector<int>{0, 1, 2, 5, 4}));
}

/// A chain whose host port is at the far end: the optimum turns it around, every link used by one hop.
TEST(Placement, OptimisedStartsAtTheHostPort) {
  const PoweredMesh mesh{4, 1, 3};
  std::vector<Traffic> chain{{kHost, {0}, 5}, {0, {1}, 5}, {1, {2}, 5}, {2, {3}, 5}};
  EXPECT_EQ(place_tiles(Placement::kOptimised, mesh, 4, chain), (std::vector<int>{3, 2, 1, 0}));
}

TEST(Placement, OptimisedIsTheBestOfAllOnSmallMeshes) {
  RandomStream random(17);
  for (int n = 0; n < 40; ++n) {
    const PoweredMesh mesh{1 + static_cast<int>(random.below(4)), 2, static_cast<int>(random.below(2))};
    const int places = mesh.columns * mesh.rows;
    const int tiles = std::max(2, std::min(7, places - static_cast<int>(random.below(2))));
    const auto traffic = random_traffic(random, tiles, 12, n % 2 == 0);
    std::vector<int> order(static_cast<std::size_t>(places));
    std::iota(order.begin(), order.end(), 0);
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    do {
      best = std::min(best, traffic_cost(mesh, traffic, order));
    } while (std::next_permutation(order.begin(), order.end()));
    const auto found = place_tiles(Placement::kOptimised, mesh, tiles, traffic);
    EXPECT_EQ(walked_cost(mesh, traffic, found), best) << "mesh " << n;
  }
}

/// Also: places are used once each, and within the powered rows.
TEST(Placement, OptimisedIsNeverWorseThanTheOthers) {
  RandomStream random(18);
  for (int n = 0; n < 12; ++n) {
    const int tiles = 2 + static_cast<int>(random.below(40));
    PoweredMesh mesh{1 + static_cast<int>(random.below(8)), 0, 0};
    mesh.rows = (tiles + mesh.columns - 1) / mesh.columns + static_cast<int>(random.below(2));
    const auto traffic = random_traffic(random, tiles, 3 * tiles, n % 2 == 0);
    const auto cost = [&](Placement p) {
      const auto places = place_tiles(p, mesh, tiles, traffic);
      std::set<int> used(places.begin(), places.end());
      EXPECT_EQ(static_cast<int>(used.size()), tiles);
      EXPECT_LT(*used.rbegin(), mesh.columns * mesh.rows);
      EXPECT_EQ(walked_cost(mesh, traffic, places), traffic_cost(mesh, traffic, places));
      return traffic_cost(mesh, traffic, places);
    };
    EXPECT_LE(cost(Placement::kOptimised), std::min(cost(Placement::kSequential), cost(Placement::kSnake)));
    if (n > 1) continue;
    EXPECT_EQ(place_tiles(Placement::kOptimised, mesh, tiles, traffic),
              place_tiles(Placement::kOptimised, mesh, tiles, traffic));
  }
}

/// Flits x links of a plan, dense.
std::int64_t plan_cost(const Plan& plan, const ChipConfig& chip) {
  std::int64_t cost = 0;
  for (const auto& r : plan.routes) {
    const auto& f = plan.flows[static_cast<std::size_t>(r.flows[0])];
    cost += std::int64_t{packet_flits(chip, f.item_bits)} * f.items * f.timesteps * r.links;
  }
  return cost;
}

/// The placement moves tiles and nothing else: stages keep their company, tiles their layers.
TEST(Placement, PlansDifferInTilesOnly) {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(derive_seed(19, seed));
    const auto network = testing::random_network(random);
    auto chip = testing::random_chip(random, network);
    chip.delivery = seed % 2 == 0 ? Delivery::kUnicast : Delivery::kMulticast;
    chip.router.buffer_flits = 64;
    std::vector<Plan> plans;
    for (auto p : {Placement::kSequential, Placement::kSnake, Placement::kOptimised}) {
      chip.placement = p;
      plans.push_back(make_plan(network, chip, network.timesteps, 1, "net"));
    }
    EXPECT_LE(plan_cost(plans[2], chip), plan_cost(plans[0], chip));
    EXPECT_LE(plan_cost(plans[2], chip), plan_cost(plans[1], chip));
    for (const auto& plan : plans) {
      EXPECT_EQ(plan.rows, plans[0].rows);
      EXPECT_EQ(plan.tiles_used, plans[0].tiles_used);
      EXPECT_EQ(std::count(plan.tile_used.begin(), plan.tile_used.end(), 1), plan.tiles_used);
      for (std::size_t a = 0; a < plan.stages.size(); ++a) {
        const auto& s = plan.stages[a];
        if (s.kind == StageKind::kHostInput || s.kind == StageKind::kHostOutput) {
          EXPECT_EQ(s.tile, chip.host_port.row * plan.columns + chip.host_port.column);
          continue;
        }
        const auto tile = static_cast<std::size_t>(s.tile);
        EXPECT_EQ(plan.tile_used[tile], 1);
        const auto& tiles = plan.layers[static_cast<std::size_t>(s.layer)].tiles;
        EXPECT_NE(std::find(tiles.begin(), tiles.end(), s.tile), tiles.end());
        if (s.kind == StageKind::kMvm) {
          EXPECT_EQ(plan.tile_layer[tile], s.layer);
          EXPECT_EQ(plan.crossbars_used[tile], static_cast<int>(s.pieces.size()) * s.copies);
        }
        for (std::size_t b = 0; b < a; ++b) {
          const auto kind = plan.stages[b].kind;
          if (kind == StageKind::kHostInput || kind == StageKind::kHostOutput) continue;
          EXPECT_EQ(s.tile == plan.stages[b].tile, plans[0].stages[a].tile == plans[0].stages[b].tile);
        }
      }
      for (const auto& f : plan.flows) {
        const auto from = plan.stages[static_cast<std::size_t>(f.producer)].tile;
        const auto to = plan.stages[static_cast<std::size_t>(f.consumer)].tile;
        EXPECT_EQ(f.hops, walked_links(plan.columns, from, {to}));
        if (f.local) {
          EXPECT_EQ(from, to);
        }
      }
      for (const auto& r : plan.routes) {
        const auto from =
            plan.stages[static_cast<std::size_t>(plan.flows[static_cast<std::size_t>(r.flows[0])].producer)];
        EXPECT_EQ(r.links, walked_links(plan.columns, from.tile, r.tiles));
      }
    }
  }
}

}  // namespace
}  // namespace spikeloop::sim
