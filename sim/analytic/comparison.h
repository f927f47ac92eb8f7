#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/analytic/spikesim.h"
#include "sim/config/chip_config.h"
#include "sim/measurement.h"
#include "traces/network.h"
#include "traces/spike_trace.h"

/// A measurement beside the analytic models, layer by layer, with the reason for each difference that has a
/// name.
namespace spikeloop::sim {

/// Why a layer's measurement and SpikeSim's formula differ. Only reasons that are there are listed.
struct Reason {
  std::string name;   ///< one of kReasons
  double value = 0;   ///< its number, mean per sample
  std::string unit;   ///< "cycle", "pJ", "1" (a ratio)
  std::string words;  ///< the number explained
};
inline constexpr const char* kReasons[] = {
    "sparsity",       ///< set input bits / input bits
    "multi_pass",     ///< reads / reads that would do if all rows could be driven at once
    "bit_planes",     ///< of a multi-bit input, which the formula takes for spikes
    "weight_slices",  ///< columns per output: signs and cells of few bits
    "static_input",   ///< timesteps that the formula charges and the chip leaves out
    "backward_edge",  ///< the same behind a backward edge: nobody needs its last timestep
    "contention",     ///< cycles that results waited for room downstream
    "stalls",         ///< cycles of its tiles between first start and last end neither busy nor blocked
    "mesh",           ///< energy of routers and links
    "leakage",        ///< energy of leakage, which the formula does not have
    "not_modelled",   ///< energy of a layer that SpikeSim does not have: linear, pooling, ports
    "in_formula",     ///< a node: the formula charges neurons inside its layers
};

struct LayerComparison {
  std::string name, kind;
  // measured, means per sample
  double energy_pj = 0, dynamic_pj = 0;
  double span_ns = 0;  ///< first start to last end
  double busy_ns = 0;  ///< of its main resource, mean of its tiles and copies
  // SpikeSim, convolutions only
  std::optional<double> spikesim_pj, spikesim_ns, event_pj;
  // closed form, means per sample
  double closed_pj = 0;      ///< dynamic, of these samples: the measured one
  double dense_pj = 0;       ///< dynamic, every input bit set
  double least_ns = 0;       ///< of the span, from these samples' bits
  bool same_events = false;  ///< every event count of the closed form is the measured one
  std::vector<Reason> reasons;
};

struct Comparison {
  spikesim::Parameters parameters;
  std::vector<std::string> notes;  ///< what SpikeSim's script would not do with this network, and as what
  std::vector<LayerComparison> layers;
  // totals per sample
  double energy_pj = 0, latency_ns = 0, area_um2 = 0;
  double spikesim_pj = 0, spikesim_ns = 0, spikesim_um2 = 0, event_pj = 0;
  double closed_pj = 0, dense_pj = 0, least_ns = 0;
};

/// `measurement`: of a replay of the trace's own spikes, which the models take too; a functional run's is a
/// std::invalid_argument. `positions`: the samples that were measured, by position in the trace. SpikeSim's
/// parameters: X the crossbar's rows, P the PEs of a tile, T the trace's timesteps, the tiles' clock; k is
/// each layer's own.
Comparison compare_analytic(const traces::Network& network, const traces::TraceReader& trace,
                            const ChipConfig& chip, const Measurement& measurement,
                            std::vector<std::int64_t> positions, const std::string& network_path);

std::string table(const Comparison& comparison);
/// The measurement's JSON (measurement.h) with the comparison under "analytic".
std::string add_to_json(const std::string& measurement_json, const Comparison& comparison);

}  // namespace spikeloop::sim
