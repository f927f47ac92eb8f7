#include "sim/mapping/placement.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "traces/support/random.h"

namespace spikeloop::sim {
namespace {

/// Evaluations of one traffic's cost, over all of a search: some tenths of a second.
constexpr std::int64_t kMostEvaluations = 24'000'000;
/// Of them, for threshold accepting, over all runs.
constexpr std::int64_t kMostThresholdEvaluations = 8'000'000, kThresholdEvaluationsPerPlace = 40'000;
constexpr int kThresholdRuns = 20;
constexpr std::uint64_t kSeed = 0x706C616365;

int distance(int columns, int a, int b) {
  return std::abs(a % columns - b % columns) + std::abs(a / columns - b / columns);
}

std::vector<int> rows_from_the_left(int tiles) {
  std::vector<int> places(static_cast<std::size_t>(tiles));
  std::iota(places.begin(), places.end(), 0);
  return places;
}

std::vector<int> snake(const PoweredMesh& mesh, int tiles) {
  auto places = rows_from_the_left(tiles);
  for (int& p : places) {
    const int row = p / mesh.columns;
    if (row % 2 == 1) p = row * mesh.columns + mesh.columns - 1 - p % mesh.columns;
  }
  return places;
}

/// Traffic to one destination costs the same in both directions: one entry for each pair of tiles.
std::vector<Traffic> merged(const std::vector<Traffic>& traffic) {
  std::map<std::pair<int, int>, std::int64_t> pairs;
  std::vector<Traffic> result;
  for (const auto& t : traffic) {
    if (t.to.size() > 1) {
      result.push_back(t);
    } else if (t.from != t.to[0]) {
      pairs[{std::min(t.from, t.to[0]), std::max(t.from, t.to[0])}] += t.flits;
    }
  }
  for (const auto& [ends, flits] : pairs) result.push_back({ends.first, {ends.second}, flits});
  return result;
}

/// Tiles on places, where every place holds a tile: those beyond the plan's are empty and have no traffic.
class Exchange {
 public:
  Exchange(const PoweredMesh& mesh, int tiles, const std::vector<Traffic>& traffic)
      : mesh_(mesh), tiles_(tiles), traffic_(merged(traffic)), seen_(traffic_.size(), 0) {
    const auto places = static_cast<std::size_t>(mesh.columns) * static_cast<std::size_t>(mesh.rows);
    of_tile_.resize(places);
    for (std::size_t i = 0; i < traffic_.size(); ++i) {
      if (traffic_[i].from != kHost) of_tile_[static_cast<std::size_t>(traffic_[i].from)].push_back(i);
      for (int tile : traffic_[i].to) {
        auto& list = of_tile_[static_cast<std::size_t>(tile)];
        if (list.empty() || list.back() != i) list.push_back(i);
      }
    }
  }

  void start(const std::vector<int>& place_of_tile) {
    place_ = place_of_tile;
    tile_.assign(of_tile_.size(), -1);
    for (std::size_t t = 0; t < place_.size(); ++t)
      tile_[static_cast<std::size_t>(place_[t])] = static_cast<int>(t);
    for (std::size_t p = 0; p < tile_.size(); ++p) {
      if (tile_[p] >= 0) continue;
      tile_[p] = static_cast<int>(place_.size());
      place_.push_back(static_cast<int>(p));
    }
    cost_ = 0;
    for (const auto& t : traffic_) cost_ += cost_of(t);
  }

  /// Exchanges what lies at two places if that costs less than `threshold` more.
  bool exchange(int p, int q, std::int64_t threshold) {
    const int a = tile_[static_cast<std::size_t>(p)];
    const int b = tile_[static_cast<std::size_t>(q)];
    if (a >= tiles_ && b >= tiles_) return false;
    const std::int64_t before = cost_around(a, b);
    swap_places(a, b);
    const std::int64_t change = cost_around(a, b) - before;
    if (change < threshold) {
      cost_ += change;
      return true;
    }
    swap_places(a, b);
    return false;
  }

  /// Until no exchange of two places helps, or the work is used up.
  void descend() {
    const int places = static_cast<int>(tile_.size());
    for (bool better = true; better;) {
      better = false;
      for (int p = 0; p < places; ++p) {
        for (int q = p + 1; q < places; ++q) {
          if (exchange(p, q, 0)) better = true;
          if (evaluations_ > kMostEvaluations) return;
        }
      }
    }
  }

  /// Threshold accepting from where it stands, within `budget` evaluations.
  void wander(std::uint64_t seed, std::int64_t budget) {
    RandomStream random(seed);
    const auto places = static_cast<std::uint64_t>(tile_.size());
    const std::int64_t first = evaluations_;
    const std::int64_t high = cost_ / std::max(1, tiles_);
    for (std::int64_t spent = 0; spent < budget; spent = evaluations_ - first + 1) {
      ++evaluations_;  // also where both places are empty
      const auto left = static_cast<double>(budget - spent) / static_cast<double>(budget);
      const auto p = static_cast<int>(random.below(places));
      const auto q = static_cast<int>(random.below(places));
      if (p != q) exchange(p, q, static_cast<std::int64_t>(static_cast<double>(high) * left * left));
    }
  }

  std::int64_t cost() const { return cost_; }
  std::vector<int> places() const { return {place_.begin(), place_.begin() + tiles_}; }

 private:
  int place_of(int tile) const { return tile == kHost ? mesh_.host : place_[static_cast<std::size_t>(tile)]; }

  std::int64_t cost_of(const Traffic& t) {
    ++evaluations_;
    if (t.to.size() == 1) return t.flits * distance(mesh_.columns, place_of(t.from), place_of(t.to[0]));
    evaluations_ += static_cast<std::int64_t>(t.to.size());
    ends_.clear();
    for (int tile : t.to) ends_.push_back(place_of(tile));
    return t.flits * tree_links(mesh_.columns, place_of(t.from), ends_);
  }

  /// Of all traffic of two tiles.
  std::int64_t cost_around(int a, int b) {
    ++stamp_;
    std::int64_t cost = 0;
    for (int tile : {a, b}) {
      for (auto i : of_tile_[static_cast<std::size_t>(tile)]) {
        if (seen_[i] == stamp_) continue;
        seen_[i] = stamp_;
        cost += cost_of(traffic_[i]);
      }
    }
    return cost;
  }

  void swap_places(int a, int b) {
    auto& pa = place_[static_cast<std::size_t>(a)];
    auto& pb = place_[static_cast<std::size_t>(b)];
    std::swap(pa, pb);
    tile_[static_cast<std::size_t>(pa)] = a;
    tile_[static_cast<std::size_t>(pb)] = b;
  }

  PoweredMesh mesh_;
  int tiles_;
  std::vector<Traffic> traffic_;
  std::vector<std::vector<std::size_t>> of_tile_;  ///< indices into traffic_
  std::vector<int> place_, tile_;                  ///< of tile, at place
  std::vector<std::int64_t> seen_;
  std::vector<int> ends_;
  std::int64_t stamp_ = 0, evaluations_ = 0, cost_ = 0;
};

std::vector<int> optimised(const PoweredMesh& mesh, int tiles, const std::vector<Traffic>& traffic) {
  Exchange search(mesh, tiles, traffic);
  std::vector<int> best;
  std::int64_t best_cost = std::numeric_limits<std::int64_t>::max();
  const auto keep = [&] {
    search.descend();
    if (search.cost() >= best_cost) return;
    best_cost = search.cost();
    best = search.places();
  };
  std::vector<std::vector<int>> starts{rows_from_the_left(tiles), snake(mesh, tiles)};
  if (traffic_cost(mesh, traffic, starts[1]) < traffic_cost(mesh, traffic, starts[0]))
    std::swap(starts[0], starts[1]);
  for (const auto& start : starts) {
    search.start(start);
    keep();
  }
  const std::int64_t places = std::int64_t{mesh.columns} * mesh.rows;
  const std::int64_t budget =
      std::min(kMostThresholdEvaluations, kThresholdEvaluationsPerPlace * places) / kThresholdRuns;
  for (int run = 0; run < kThresholdRuns; ++run) {
    search.start(best);
    search.wander(derive_seed(kSeed, static_cast<std::uint64_t>(run)), budget);
    keep();
  }
  return best;
}

}  // namespace

PoweredMesh powered_mesh(const Draft& d) {
  const int columns = d.chip.mesh.columns;
  const int rows = std::max(ceil_div(static_cast<std::int64_t>(d.plan.tile_layer.size()), columns),
                            d.chip.host_port.row + 1);
  return {columns, rows, d.chip.host_port.row * columns + d.chip.host_port.column};
}

int tree_links(int mesh_columns, int source, const std::vector<int>& destinations) {
  if (destinations.size() == 1) return distance(mesh_columns, source, destinations[0]);
  const int row = source / mesh_columns;
  int west = source % mesh_columns;
  int east = west;
  // In each column once, as far up and down as its farthest destination.
  std::vector<std::pair<int, int>> reach(static_cast<std::size_t>(mesh_columns), {row, row});
  for (int d : destinations) {
    auto& [top, bottom] = reach[static_cast<std::size_t>(d % mesh_columns)];
    top = std::min(top, d / mesh_columns);
    bottom = std::max(bottom, d / mesh_columns);
    west = std::min(west, d % mesh_columns);
    east = std::max(east, d % mesh_columns);
  }
  int links = east - west;
  for (const auto& [top, bottom] : reach) links += bottom - top;
  return links;
}

std::int64_t traffic_cost(const PoweredMesh& mesh, const std::vector<Traffic>& traffic,
                          const std::vector<int>& place_of_tile) {
  const auto place = [&](int tile) {
    return tile == kHost ? mesh.host : place_of_tile[static_cast<std::size_t>(tile)];
  };
  std::int64_t cost = 0;
  for (const auto& t : traffic) {
    std::vector<int> ends;
    for (int tile : t.to) ends.push_back(place(tile));
    cost += t.flits * tree_links(mesh.columns, place(t.from), ends);
  }
  return cost;
}

std::vector<int> place_tiles(Placement placement, const PoweredMesh& mesh, int tiles,
                             const std::vector<Traffic>& traffic) {
  switch (placement) {
    case Placement::kSnake:
      return snake(mesh, tiles);
    case Placement::kOptimised:
      return optimised(mesh, tiles, traffic);
    default:
      return rows_from_the_left(tiles);
  }
}

std::vector<int> choose_places(const Draft& d) {
  std::vector<Traffic> traffic;
  for (const auto& route : d.plan.routes) {
    const auto& flow = d.plan.flows[static_cast<std::size_t>(route.flows.front())];
    const auto& from = d.stage(flow.producer);
    Traffic t;
    t.from = from.kind == StageKind::kHostInput ? kHost : from.tile;
    t.to = route.to_host ? std::vector<int>{kHost} : route.tiles;
    t.flits = std::int64_t{packet_flits(d.chip, flow.item_bits)} * flow.items * flow.timesteps;
    traffic.push_back(std::move(t));
  }
  return place_tiles(d.chip.placement, powered_mesh(d), static_cast<int>(d.plan.tile_layer.size()), traffic);
}

}  // namespace spikeloop::sim
