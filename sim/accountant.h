#pragma once
#include <array>
#include <cstdint>

#include "sim/energy.h"
#include "sim/mapping/plan.h"
#include "sim/measurement.h"
#include "sim/run_result.h"

namespace spikeloop::sim {

/// Turns what happened on a chip, sample by sample, into a measurement: events x energy, leakage x time, and
/// the area of what is powered, per component, layer and tile.
///
/// Integers throughout, so the parts add up to the totals exactly. What a stage does is charged to its layer
/// and its tile; router passes and links to the layer that sends and to the tile of the router; area and
/// leakage of a tile to the layer that it holds.
class Accountant {
 public:
  /// Fills in what does not depend on samples: layers, tiles, area.
  Accountant(const Plan& plan, const ChipConfig& chip, Measurement& measurement);
  /// Adds a run, and its energy to `sample` (whose cycles are known).
  void add_sample(const RunResult& run, SampleReport& sample);
  /// Once, after the last sample. Throws std::runtime_error when flits got lost or energy charged to layers
  /// by their packets' ways isn't what the routers counted.
  void finish();

 private:
  LayerReport& layer_of_tile(int tile);
  void add_stage(std::size_t stage, const StageCounters& counters);
  void add_spans(const RunResult& run);
  void add_traffic(const RunResult& run);
  void add_leakage(double time_ns);
  void add_area();
  template <class Add>
  void for_each_inventory(const Add& add);

  const Plan& plan_;
  Measurement& m_;
  std::array<std::int64_t, kNumComponents> event_aj_;
  Inventory tile_, router_, host_;
  int host_tile_;
  std::int64_t deliveries_due_ = 0;  ///< flits injected, times the places that each must reach
};

}  // namespace spikeloop::sim
