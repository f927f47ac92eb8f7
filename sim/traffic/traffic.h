#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "sim/traffic/pattern.h"

/// The mesh under synthetic traffic: what its latency and throughput are before any network is mapped.
namespace spikeloop::sim {

/// Network cycles of the packets that were created in the measurement and have arrived (a multicast packet
/// counts at each destination).
struct LatencyStatistics {
  double mean = 0;
  std::int64_t median = 0, p99 = 0, most = 0;
};

struct TrafficResult {
  TrafficOptions options;
  double bound = 0;        ///< throughput_bound()
  double offered = 0;      ///< flits created in the measurement, per cycle and sending tile
  double accepted = 0;     ///< flits that arrived in it, per cycle, sending tile and destination of a packet
  bool saturated = false;  ///< accepted is below 95 % of offered: queues and latencies grow with time
  std::int64_t packets = 0, packets_measured = 0;  ///< created in the measurement; of them arrivals seen
  LatencyStatistics latency;                       ///< from creation to the tail's arrival
  LatencyStatistics network;                       ///< from the head's entry into its router on
  double mean_hops = 0;                ///< links between source and destination, of the packets measured
  double link_mean = 0, link_max = 0;  ///< flits per cycle in the measurement, of all links between routers
  std::string busiest_link;            ///< "(1, 0) east"
  std::vector<double> channel_share;   ///< of the flits on links, per virtual channel
  std::int64_t flits_injected = 0, flits_delivered = 0;  ///< of the whole run, which ends with an empty mesh
};

/// Warm-up, measurement, then on with the same load until the measured packets are in (unless saturated, and
/// no longer than warm-up and measurement), then sources stop and the mesh drains. Same options, same result.
/// Throws InputError for options that do not fit the chip, std::runtime_error when flits are lost.
TrafficResult run_traffic(const ChipConfig& chip, const TrafficOptions& options);

std::string traffic_table(const ChipConfig& chip, const std::vector<TrafficResult>& results);
std::string traffic_json(const ChipConfig& chip, const std::vector<TrafficResult>& results);
std::string traffic_csv(const std::vector<TrafficResult>& results);

}  // namespace spikeloop::sim
