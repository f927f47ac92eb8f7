#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/config/chip_config.h"
#include "tools/sweep/axes.h"

/// The rows of a sweep and the tables made of them.
namespace spikeloop::tools {

/// What became of one combination.
struct SweepRow {
  std::int64_t number = 0;
  std::vector<std::string> values;  ///< one per axis
  /// "measured"; "refused": wrong values together, or the network does not fit the chip; "failed": the
  /// simulator crashed or was killed again and again. Words because they are the file's.
  std::string status;
  std::string message;  ///< "" when measured
  /// (column, value) in the order of columns; means per sample. Empty unless measured.
  std::vector<std::pair<std::string, double>> numbers;
  bool pareto = false;
  double wall_s = 0;  ///< of the process; not in the tables, which must not depend on the machine
  std::int64_t max_rss_kb = 0;

  bool measured() const { return status == "measured"; }
  const double* find(const std::string& column) const;
};

/// The numbers of a row out of a measurement file. Columns: samples, cycles, latency_ns, energy_pj,
/// dynamic_pj, leakage_pj, edp_pj_ns (energy x latency), area_um2, memory_bytes, tiles, crossbars (that hold
/// weights), utilisation (busy share of the tiles' crossbars), energy_COMPONENT_pj; correct and accuracy when
/// the crossbars computed. What the file does not have has no column. Throws InputError when it is no
/// measurement.
std::vector<std::pair<std::string, double>> numbers_of(const std::string& measurement_file);

/// Marks the measured rows that no other one beats: none is as good in latency, energy, area (and accuracy,
/// where there is one) and better in one of them.
void mark_pareto(std::vector<SweepRow>& rows);

std::string sweep_csv(const std::vector<Axis>& axes, const std::vector<SweepRow>& rows);
/// `identity`: a JSON object that says what was swept.
std::string sweep_json(const std::string& identity, const std::vector<Axis>& axes,
                       const std::vector<SweepRow>& rows);
/// number,wall_s,max_rss_kb: what differs from run to run.
std::string times_csv(const std::vector<SweepRow>& rows);
/// For people: every row, or those on the Pareto front when there are many.
std::string sweep_text(const std::vector<Axis>& axes, const std::vector<SweepRow>& rows);

}  // namespace spikeloop::tools
