#include "sim/traffic/traffic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "sim/traffic/mesh.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

constexpr double kMostPackets = 1e7;
constexpr double kSaturation = 0.95;

constexpr std::array<const char*, kNumPorts> kPortNames{"tile", "north", "east", "south", "west", "host"};

LatencyStatistics statistics(std::vector<std::int64_t> values) {
  LatencyStatistics s;
  if (values.empty()) return s;
  double sum = 0;
  for (auto v : values) sum += static_cast<double>(v);
  s.mean = sum / static_cast<double>(values.size());
  const auto rank = [&](double share) {  // the smallest value that this share of all does not exceed
    const auto n = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n), values.end());
    return values[n];
  };
  s.median = rank(0.5);
  s.p99 = rank(0.99);
  s.most = rank(1);
  return s;
}

void check(const ChipConfig& chip, const TrafficOptions& o) {
  const auto refuse = [](const std::string& option, const std::string& found, const std::string& expected) {
    throw InputError("command line", option, found, expected);
  };
  if (!(o.rate > 0 && o.rate <= 1)) refuse("--rate", std::to_string(o.rate), "above 0, up to 1");
  if (o.packet_flits < 1 || o.packet_flits > 4096)
    refuse("--packet-flits", std::to_string(o.packet_flits), "1 to 4096");
  if (o.cycles < 1 || o.cycles > 1'000'000'000)
    refuse("--cycles", std::to_string(o.cycles), "1 to 1,000,000,000");
  if (o.warmup < 0 || o.warmup > 1'000'000'000)
    refuse("--warmup", std::to_string(o.warmup), "0 to 1,000,000,000");
  if (!(o.hotspot_share > 0 && o.hotspot_share <= 1))
    refuse("--hotspot-share", std::to_string(o.hotspot_share), "above 0, up to 1");
  if (o.destinations < 1) refuse("--multicast", std::to_string(o.destinations), "1 or more destinations");
  const double packets = 2.0 * static_cast<double>(o.warmup + o.cycles) * chip.mesh.columns * chip.mesh.rows *
                         o.rate / o.packet_flits;
  if (packets > kMostPackets)
    refuse("--cycles", std::to_string(static_cast<std::int64_t>(packets)) + " packets to send",
           "10,000,000 at most: fewer cycles, a lower rate or longer packets");
}

class Run {
 public:
  Run(const ChipConfig& chip, const TrafficOptions& options)
      : options_(options), destinations_(destinations_of(chip, options)), mesh_(chip) {
    for (int t = 0; t < mesh_.tiles(); ++t) {
      streams_.emplace_back(derive_seed(options.seed, static_cast<std::uint64_t>(t)));
      if (destinations_[static_cast<std::size_t>(t)].sends()) ++senders_;
    }
  }

  TrafficResult run() {
    TrafficResult r;
    r.options = options_;
    const auto measured_end = options_.warmup + options_.cycles;
    advance_to(options_.warmup);
    const auto before = link_flits();
    const auto delivered_before = mesh_.flits_delivered();
    advance_to(measured_end);
    const auto after = link_flits();
    const double time = static_cast<double>(options_.cycles) * senders_;
    r.packets = created_;
    r.offered = static_cast<double>(created_ * options_.packet_flits) / time;
    r.accepted =
        static_cast<double>(mesh_.flits_delivered() - delivered_before) / (time * options_.destinations);
    r.saturated = r.accepted < kSaturation * r.offered;
    count_links(before, after, r);
    const auto awaited = created_ * options_.destinations;
    while (!r.saturated && static_cast<std::int64_t>(total_.size()) < awaited &&
           mesh_.now() < 2 * measured_end) {
      advance_to(mesh_.now() + 1);
    }
    r.packets_measured = static_cast<std::int64_t>(total_.size());
    r.mean_hops = total_.empty() ? 0 : static_cast<double>(hops_) / static_cast<double>(total_.size());
    r.latency = statistics(std::move(total_));
    r.network = statistics(std::move(network_));
    mesh_.drop_waiting();
    while (!mesh_.empty()) mesh_.step();
    r.flits_injected = mesh_.flits_injected();
    r.flits_delivered = mesh_.flits_delivered();
    if (mesh_.flits_delivered() != mesh_.flits_to_deliver())
      throw std::runtime_error("flits got lost in the mesh: " + std::to_string(mesh_.flits_to_deliver()) +
                               " to deliver, " + std::to_string(mesh_.flits_delivered()) + " delivered");
    return r;
  }

 private:
  bool in_measurement(Cycle cycle) const {
    return cycle >= options_.warmup && cycle < options_.warmup + options_.cycles;
  }

  void advance_to(Cycle end) {
    while (mesh_.now() < end) {
      for (int t = 0; t < mesh_.tiles(); ++t) create(t);
      mesh_.step();
      for (const auto& d : mesh_.delivered()) {
        if (!in_measurement(d.created)) continue;
        total_.push_back(d.arrived - d.created);
        network_.push_back(d.arrived - d.injected);
        const int columns = mesh_.columns();
        hops_ += std::abs(d.source % columns - d.destination % columns) +
                 std::abs(d.source / columns - d.destination / columns);
      }
    }
  }

  void create(int tile) {
    const auto& to = destinations_[static_cast<std::size_t>(tile)];
    auto& random = streams_[static_cast<std::size_t>(tile)];
    if (!to.sends() || random.unit() >= options_.rate / options_.packet_flits) return;
    std::vector<int> ends;
    while (static_cast<int>(ends.size()) < options_.destinations) {
      const int end = draw_destination(to, tile, mesh_.tiles(), random);
      const auto place = std::lower_bound(ends.begin(), ends.end(), end);
      if (place == ends.end() || *place != end) ends.insert(place, end);
    }
    if (in_measurement(mesh_.now())) ++created_;
    mesh_.send(tile, std::move(ends), options_.packet_flits);
  }

  /// Per tile, port and channel.
  std::vector<std::int64_t> link_flits() const {
    std::vector<std::int64_t> flits;
    for (int t = 0; t < mesh_.tiles(); ++t)
      for (int port = 0; port < kNumPorts; ++port)
        for (int vc = 0; vc < mesh_.channels(); ++vc) flits.push_back(mesh_.flits(t, port, vc));
    return flits;
  }

  void count_links(const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
                   TrafficResult& r) const {
    const auto channels = static_cast<std::size_t>(mesh_.channels());
    r.channel_share.assign(channels, 0);
    std::int64_t all = 0;
    std::int64_t most = -1;
    int links = 0;
    for (int t = 0; t < mesh_.tiles(); ++t) {
      for (int port = kNorth; port <= kWest; ++port) {
        if (mesh_.neighbour(t, port) < 0) continue;
        ++links;
        std::int64_t flits = 0;
        for (std::size_t vc = 0; vc < channels; ++vc) {
          const auto i =
              (static_cast<std::size_t>(t) * kNumPorts + static_cast<std::size_t>(port)) * channels;
          flits += after[i + vc] - before[i + vc];
          r.channel_share[vc] += static_cast<double>(after[i + vc] - before[i + vc]);
        }
        all += flits;
        if (flits <= most) continue;
        most = flits;
        r.busiest_link = '(' + std::to_string(t % mesh_.columns()) + ", " +
                         std::to_string(t / mesh_.columns()) + ") " +
                         kPortNames[static_cast<std::size_t>(port)];
      }
    }
    const auto cycles = static_cast<double>(options_.cycles);
    r.link_mean = static_cast<double>(all) / cycles / links;
    r.link_max = static_cast<double>(most) / cycles;
    for (auto& share : r.channel_share) share = all == 0 ? 0 : share / static_cast<double>(all);
  }

  TrafficOptions options_;
  std::vector<Destinations> destinations_;
  Mesh mesh_;
  std::vector<RandomStream> streams_;  ///< per tile
  int senders_ = 0;
  std::int64_t created_ = 0, hops_ = 0;  ///< packets of the measurement
  std::vector<std::int64_t> total_, network_;
};

}  // namespace

TrafficResult run_traffic(const ChipConfig& chip, const TrafficOptions& options) {
  check(chip, options);
  auto result = Run(chip, options).run();
  result.bound = throughput_bound(chip, options);
  return result;
}

}  // namespace spikeloop::sim
