#include "sim/network_description.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/config/text_format.h"

namespace spikeloop::sim {
namespace {

std::string percent(double part, double whole) {
  return fixed_point(whole > 0 ? 100 * part / whole : 0.0, 1) + " %";
}

/// "0-3, 7" of sorted tiles, each once.
std::string ranges(std::vector<int> tiles) {
  std::sort(tiles.begin(), tiles.end());
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  std::string text;
  for (std::size_t i = 0; i < tiles.size();) {
    std::size_t end = i;
    while (end + 1 < tiles.size() && tiles[end + 1] == tiles[end] + 1) ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(tiles[i]);
    if (end > i) text += "-" + std::to_string(tiles[end]);
    i = end + 1;
  }
  return text;
}

}  // namespace

std::string describe_plan(const Plan& plan, const ChipConfig& chip) {
  const std::int64_t cells = std::int64_t{chip.crossbar.rows} * chip.crossbar.columns;
  const std::int64_t per_tile = std::int64_t{chip.tile.pes} * chip.pe.crossbars;
  std::size_t width = 7;
  for (const auto& layer : plan.layers) width = std::max(width, layer.name.size() + 2);

  std::string table = "  " + left("layer", width) + left("kind", 13) + left("tiles", 14) +
                      right("copies", 7) + right("crossbars", 11) + right("cells used", 12) +
                      right("weights", 12) + right("windows", 10) + "\n";
  std::int64_t crossbars = 0;
  std::int64_t cells_used = 0;
  for (std::size_t i = 1; i < plan.layers.size(); ++i) {
    const auto& layer = plan.layers[i];
    std::int64_t used = 0;
    std::int64_t windows = 0;
    int copies = 1;
    for (const auto& s : plan.stages) {
      if (static_cast<std::size_t>(s.layer) != i) continue;
      windows = std::max(windows, std::int64_t{s.timesteps} * s.items());
      copies = s.copies;
      for (const auto& piece : s.pieces) used += std::int64_t{piece.rows} * piece.columns * s.copies;
    }
    crossbars += layer.crossbars;
    cells_used += used;
    const bool holds = layer.crossbars > 0;
    table +=
        "  " + left(layer.name, width) + left(layer.kind, 13) +
        left(layer.tiles.empty() ? "host port" : ranges(layer.tiles), 14) +
        right(holds ? std::to_string(copies) : "-", 7) +
        right(holds ? std::to_string(layer.crossbars) : "-", 11) +
        right(holds ? percent(static_cast<double>(used), static_cast<double>(layer.crossbars * cells)) : "-",
              12) +
        right(holds ? grouped(layer.weights) : "-", 12) + right(grouped(windows), 10) + "\n";
  }

  const std::int64_t tiles = std::int64_t{chip.mesh.columns} * chip.mesh.rows;
  std::int64_t links = 0;
  for (const auto& route : plan.routes) links += route.links;
  std::string out = "\nthe network on it\n";
  out += "  " + count_of(plan.tiles_used, "tile") + " of " + grouped(tiles) + ", " +
         count_of(crossbars, "crossbar") + " of the " + grouped(plan.tiles_used * per_tile) + " in them, " +
         percent(static_cast<double>(cells_used), static_cast<double>(crossbars * cells)) +
         " of whose cells are used; " + grouped(plan.weights) + " weights, " +
         fixed_point(static_cast<double>(plan.weight_memory_bits) / 8192.0, 1) + " KiB\n";
  out += "  " + count_of(static_cast<std::int64_t>(plan.routes.size()), "route") + " of " +
         fixed_point(
             plan.routes.empty() ? 0.0 : static_cast<double>(links) / static_cast<double>(plan.routes.size()),
             2) +
         " links on the mesh, " +
         grouped(std::count_if(plan.flows.begin(), plan.flows.end(), [](const Flow& f) { return f.local; })) +
         " flows within tiles; " + count_of(plan.timesteps, "timestep") + "\n";
  for (const auto& signal : plan.signals) {
    if (signal.kind != Signal::Kind::kInput || plan.timesteps == 1) continue;
    out += signal.is_static
               ? "  input the same at every timestep, as of images: the layers that read it work once, and\n"
                 "  what adds their results keeps them (frames of events, which change, take less memory)\n"
               : "  input of its own at every timestep\n";
  }
  return out + table;
}

}  // namespace spikeloop::sim
