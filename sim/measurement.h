#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/component.h"
#include "sim/functional/functional_report.h"

/// What a simulation measured. Energies are integers in attojoule (1e-6 pJ) and areas integers in nm2 (1e-6
/// um2), so that every breakdown adds up to its total exactly; the JSON shows them as decimal pJ and um2.
namespace spikeloop::sim {

struct Energy {
  std::int64_t dynamic_aj = 0, leakage_aj = 0;
  std::int64_t total_aj() const { return dynamic_aj + leakage_aj; }
  Energy& operator+=(const Energy& other) {
    dynamic_aj += other.dynamic_aj;
    leakage_aj += other.leakage_aj;
    return *this;
  }
};

/// Indexed by Component.
using EnergyByComponent = std::array<Energy, kNumComponents>;
using AreaByComponent = std::array<std::int64_t, kNumComponents>;  ///< nm2

/// A stage of the network as it runs on the chip. Energies and counts are sums over all samples.
struct LayerReport {
  std::string name;  ///< network node ("cell1.conv01"); "(shared)" holds what belongs to no layer
  std::string kind;  ///< "convolution", "linear", "node", "pooling", "input", "output", "shared"
  int tiles = 0, crossbars = 0;
  std::int64_t weights = 0;
  std::int64_t items = 0;           ///< windows, pixels or vectors processed
  std::int64_t crossbar_reads = 0;  ///< passes, summed over crossbars
  std::int64_t input_ones = 0;      ///< set input bits over all windows and bit planes
  std::int64_t input_bits = 0;   ///< input bits over all windows and bit planes (rows of the weight matrix)
  std::int64_t busy_cycles = 0;  ///< of its main resource (crossbars, neuron unit, pooling unit)
  std::int64_t blocked_cycles = 0;               ///< results waiting for room downstream
  std::int64_t first_cycle = 0, last_cycle = 0;  ///< of the first sample: first start, last end
  std::int64_t span_cycles = 0;                  ///< from first start to last end, summed over all samples
  EventCounts events;
  EnergyByComponent energy{};
  AreaByComponent area{};
};

struct TileReport {
  int column = 0, row = 0;
  std::vector<std::string> layers;
  int crossbars_used = 0;
  int copies = 0;  ///< of its layer's weights that work side by side; 0 without crossbars in use
  /// Of the crossbars the sum over copies.
  std::int64_t crossbar_busy_cycles = 0, neuron_busy_cycles = 0, router_flits = 0;
  EnergyByComponent energy{};
  AreaByComponent area{};
};

struct SampleReport {
  std::int64_t index = 0;
  std::int32_t label = 0, prediction = 0;
  std::int64_t cycles = 0;
  Energy energy;
};

struct Measurement {
  std::string network_sha256, chip_name, chip_sha256, schedule, engine;
  int timesteps = 0;
  double clock_mhz = 0;  ///< of the cycles in here: the chip's clock, or the grid of its clocks
  std::vector<SampleReport> samples;
  std::vector<LayerReport> layers;
  std::vector<TileReport> tiles;  ///< powered ones: the mesh rows that the placement reaches
  int mesh_columns = 0, mesh_rows = 0;
  std::int64_t weights = 0, weight_memory_bits = 0;
  std::int64_t packets = 0, flits_injected = 0, flits_delivered = 0, flit_hops = 0;
  std::int64_t crossbar_reads = 0;
  EnergyByComponent energy{};  ///< over all samples
  AreaByComponent area{};
  std::optional<FunctionalReport> functional;  ///< of a run in functional mode

  double latency_ns(const SampleReport& sample) const {
    return static_cast<double>(sample.cycles) * 1000.0 / clock_mhz;
  }
  double mean_latency_ns() const;
  double mean_energy_pj() const;
  std::int64_t total_energy_aj() const;  ///< throws InputError when 64 bits do not hold it; so does the area
  std::int64_t total_area_nm2() const;
  double area_um2() const { return static_cast<double>(total_area_nm2()) * 1e-6; }
  double memory_bytes() const { return static_cast<double>(weight_memory_bits) / 8.0; }
};

/// One JSON object ("format": "spikeloop.measurement", version 1); keys are documented in sim/README.md.
/// The same measurement gives the same bytes.
std::string to_json(const Measurement& measurement);

}  // namespace spikeloop::sim
