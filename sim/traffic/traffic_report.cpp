#include <nlohmann/json.hpp>

#include "sim/config/text_format.h"
#include "sim/traffic/traffic.h"

namespace spikeloop::sim {
namespace {

using Json = nlohmann::ordered_json;

std::string routing_word(const ChipConfig& chip) {
  return chip.router.routing == Routing::kXy ? "xy" : "west_first";
}

/// Reads back as the same number.
std::string exact(double value) { return Json(value).dump(); }

Json latency_json(const LatencyStatistics& s) {
  return {{"mean", s.mean}, {"p50", s.median}, {"p99", s.p99}, {"max", s.most}};
}

std::string latency_cells(const LatencyStatistics& s) {
  return right(fixed_point(s.mean, 1), 10) + right(std::to_string(s.median), 7) +
         right(std::to_string(s.p99), 7) + right(std::to_string(s.most), 7);
}

std::string bound_line(const TrafficResult& r) {
  const std::string rate = fixed_point(r.bound, 3);
  if (r.options.pattern == Pattern::kUniform) return "The mesh carries at most " + rate + "\n";
  return "The mesh carries at most " + rate +
         " if every tile gets the same; beyond, tiles out of the way get more and the mean may be higher\n";
}

}  // namespace

std::string traffic_table(const ChipConfig& chip, const std::vector<TrafficResult>& results) {
  const auto& o = results.at(0).options;
  std::string text =
      chip.name + ": mesh of " + std::to_string(chip.mesh.columns) + " x " + std::to_string(chip.mesh.rows) +
      " tiles, " + routing_word(chip) + ", " + count_of(chip.router.virtual_channels, "virtual channel") +
      " of " + count_of(chip.router.buffer_flits, "flit") + ", router " +
      std::to_string(chip.router.latency_cycles) + " + link " + count_of(chip.link.latency_cycles, "cycle") +
      " at " + scaled(chip.network_mhz() * 1e6) + "Hz\n";
  text += pattern_word(o.pattern) + " traffic, packets of " + count_of(o.packet_flits, "flit") +
          (o.destinations > 1 ? " to " + count_of(o.destinations, "tile") + " each" : "") + "; " +
          grouped(o.warmup) + " cycles warm-up, " + grouped(o.cycles) + " measured, seed " +
          std::to_string(o.seed) + "\nRates in flits per cycle and sending tile; latencies in cycles\n" +
          bound_line(results.at(0)) + "\n";
  text +=
      "                          latency from creation            latency in the mesh           use of "
      "links\n"
      " offered  accepted      mean    p50    p99    max      mean    p50    p99    max   hops   mean    "
      "max  busiest\n";
  bool saturated = false;
  for (const auto& r : results) {
    text += right(fixed_point(r.offered, 4), 8) + right(fixed_point(r.accepted, 4), 9) +
            (r.saturated ? "*" : " ") + latency_cells(r.latency) + latency_cells(r.network) +
            right(fixed_point(r.mean_hops, 2), 7) + right(fixed_point(r.link_mean, 3), 7) +
            right(fixed_point(r.link_max, 3), 7) + "  " + r.busiest_link + "\n";
    saturated = saturated || r.saturated;
  }
  if (saturated)
    text += "* saturated: queues grow with time, and latencies are those of the packets that arrived\n";
  if (chip.router.virtual_channels > 1) {
    text += "\nFlits on links per virtual channel\n";
    for (const auto& r : results) {
      text += right(fixed_point(r.offered, 4), 8);
      for (double share : r.channel_share) text += right(fixed_point(100 * share, 1) + " %", 9);
      text += "\n";
    }
  }
  return text;
}

std::string traffic_json(const ChipConfig& chip, const std::vector<TrafficResult>& results) {
  Json json;
  json["format"] = "spikeloop.traffic";
  json["version"] = 1;
  json["chip"] = {{"name", chip.name}, {"sha256", chip.sha256}};
  json["network_mhz"] = chip.network_mhz();
  json["mesh"] = {{"columns", chip.mesh.columns}, {"rows", chip.mesh.rows}};
  json["runs"] = Json::array();
  for (const auto& r : results) {
    const auto& o = r.options;
    Json run = {{"pattern", pattern_word(o.pattern)}, {"rate", o.rate},     {"packet_flits", o.packet_flits},
                {"warmup_cycles", o.warmup},          {"cycles", o.cycles}, {"seed", o.seed},
                {"destinations", o.destinations}};
    if (o.pattern == Pattern::kHotspot) {
      run["hotspot"] = {o.hotspot_column < 0 ? chip.mesh.columns / 2 : o.hotspot_column,
                        o.hotspot_row < 0 ? chip.mesh.rows / 2 : o.hotspot_row};
      run["hotspot_share"] = o.hotspot_share;
    }
    run["bound_flits_per_cycle_per_tile"] = r.bound;
    run["offered_flits_per_cycle_per_tile"] = r.offered;
    run["accepted_flits_per_cycle_per_tile"] = r.accepted;
    run["saturated"] = r.saturated;
    run["packets"] = r.packets;
    run["packets_measured"] = r.packets_measured;
    run["latency_cycles"] = latency_json(r.latency);
    run["network_latency_cycles"] = latency_json(r.network);
    run["mean_hops"] = r.mean_hops;
    run["links"] = {{"mean_flits_per_cycle", r.link_mean},
                    {"max_flits_per_cycle", r.link_max},
                    {"busiest", r.busiest_link},
                    {"channel_share", r.channel_share}};
    run["flits_injected"] = r.flits_injected;
    run["flits_delivered"] = r.flits_delivered;
    json["runs"].push_back(std::move(run));
  }
  return json.dump(2) + "\n";
}

std::string traffic_csv(const std::vector<TrafficResult>& results) {
  std::string text =
      "pattern,rate,packet_flits,destinations,seed,bound,offered,accepted,saturated,packets,packets_measured,"
      "latency_mean,latency_p50,latency_p99,latency_max,network_mean,network_p50,network_p99,network_max,"
      "mean_hops,link_mean,link_max,busiest_link,flits_injected,flits_delivered\n";
  for (const auto& r : results) {
    const auto& o = r.options;
    std::string row = pattern_word(o.pattern) + ',' + exact(o.rate) + ',' + std::to_string(o.packet_flits) +
                      ',' + std::to_string(o.destinations) + ',' + std::to_string(o.seed) + ',' +
                      exact(r.bound) + ',' + exact(r.offered) + ',' + exact(r.accepted) + ',' +
                      (r.saturated ? "1" : "0") + ',' + std::to_string(r.packets) + ',' +
                      std::to_string(r.packets_measured);
    for (const auto* s : {&r.latency, &r.network}) {
      row += ',' + exact(s->mean) + ',' + std::to_string(s->median) + ',' + std::to_string(s->p99) + ',' +
             std::to_string(s->most);
    }
    row += ',' + exact(r.mean_hops) + ',' + exact(r.link_mean) + ',' + exact(r.link_max) + ",\"" +
           r.busiest_link + "\"," + std::to_string(r.flits_injected) + ',' +
           std::to_string(r.flits_delivered);
    text += row + '\n';
  }
  return text;
}

}  // namespace spikeloop::sim
