#include "sim/mapping/routes.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "sim/mapping/placement.h"

namespace spikeloop::sim {
namespace {

bool is_host(StageKind kind) { return kind == StageKind::kHostInput || kind == StageKind::kHostOutput; }

template <class T>
std::vector<T> moved(const std::vector<T>& values, const std::vector<int>& place_of_tile,
                     std::size_t places) {
  std::vector<T> result(places, T{});
  for (std::size_t t = 0; t < values.size(); ++t)
    result[static_cast<std::size_t>(place_of_tile[t])] = values[t];
  return result;
}

}  // namespace

void make_routes(Draft& d) {
  using Items = std::tuple<int, Flow::Payload, int, int, int, int>;
  std::map<Items, int> shared;
  for (std::size_t i = 0; i < d.plan.flows.size(); ++i) {
    auto& f = d.plan.flows[i];
    const auto& from = d.stage(f.producer);
    const auto& to = d.stage(f.consumer);
    f.local = from.tile == to.tile && !is_host(from.kind) && !is_host(to.kind);
    if (f.local) continue;
    const int next = static_cast<int>(d.plan.routes.size());
    f.route = next;
    const bool to_host = to.kind == StageKind::kHostOutput;
    if (d.chip.delivery == Delivery::kMulticast && !to_host && f.payload != Flow::Payload::kPartialSums) {
      const Items items{f.producer, f.payload, f.signal, f.channels, f.items, f.timesteps};
      f.route = shared.emplace(items, next).first->second;
    }
    if (f.route == next) {
      d.plan.routes.emplace_back();
      d.plan.routes.back().to_host = to_host;
    }
    auto& route = d.plan.routes[static_cast<std::size_t>(f.route)];
    route.flows.push_back(static_cast<int>(i));
    if (std::find(route.tiles.begin(), route.tiles.end(), to.tile) == route.tiles.end())
      route.tiles.push_back(to.tile);
  }
}

void move_to_places(Draft& d, const std::vector<int>& place_of_tile) {
  auto& plan = d.plan;
  const auto mesh = powered_mesh(d);
  const auto place = [&](int tile) { return place_of_tile[static_cast<std::size_t>(tile)]; };
  for (auto& s : plan.stages) s.tile = is_host(s.kind) ? mesh.host : place(s.tile);
  for (auto& layer : plan.layers)
    for (int& tile : layer.tiles) tile = place(tile);
  plan.columns = mesh.columns;
  plan.rows = mesh.rows;
  plan.tiles_used = static_cast<int>(plan.tile_layer.size());
  const auto places = static_cast<std::size_t>(mesh.columns) * static_cast<std::size_t>(mesh.rows);
  plan.tile_used = moved(std::vector<char>(plan.tile_layer.size(), 1), place_of_tile, places);
  plan.tile_layer = moved(plan.tile_layer, place_of_tile, places);
  plan.crossbars_used = moved(plan.crossbars_used, place_of_tile, places);
  for (auto& f : plan.flows)
    f.hops = tree_links(mesh.columns, d.stage(f.producer).tile, {d.stage(f.consumer).tile});
  for (auto& route : plan.routes) {
    for (int& tile : route.tiles) tile = route.to_host ? mesh.host : place(tile);
    std::sort(route.tiles.begin(), route.tiles.end());
    const auto& flow = plan.flows[static_cast<std::size_t>(route.flows.front())];
    route.links = tree_links(mesh.columns, d.stage(flow.producer).tile, route.tiles);
  }
}

}  // namespace spikeloop::sim
