#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "nas/limits.h"
#include "nas/settings.h"
#include "nas/study.h"

/// The two files by which a search and the processes that evaluate its candidates talk: job.json in,
/// result.json out (renamed into place when it is complete). Nothing here needs torch.
namespace spikeloop::nas {

struct EvaluationJob {
  Stage stage = Stage::kScore;  ///< kScore, kProvisional, kMeasured or kFinal
  std::string genotype;
  SearchSettings settings;
  std::string chip_sha256;
  std::string data_sha256;  ///< of the dataset, see digest()
  SearchPlaces places;      ///< data, hw and overrides, as absolute paths; not part of the identity
  int threads = 1;          ///< likewise
  /// SHA-256 over what decides the result; a result file carries it, so that one left by an earlier run
  /// counts.
  std::string sha256() const;
};

struct EvaluationResult {
  std::string job_sha256;
  std::string failure;                   ///< empty: the rest counts
  std::optional<double> score;           ///< by the search's formula; absent: not finite
  std::map<std::string, double> scores;  ///< its parts and others, by name; finite ones only
  std::optional<Costs> costs;
  std::optional<double> accuracy;
};

void write_job(const std::string& path, const EvaluationJob& job);
EvaluationJob read_job(const std::string& path);
void write_result(const std::string& path, const EvaluationResult& result);
/// Absent when there is no complete result of this job at `path`.
std::optional<EvaluationResult> read_result(const std::string& path, const std::string& job_sha256);

/// The numbers in a measurement file of spikeloop-sim: those of its summary by their names ("weights"), of
/// its other objects by dotted paths ("energy.adc.dynamic_pj"), "tiles" that have a layer on them and
/// "crossbars" in use. A hardware block that the chip lacks has an area of 0. Throws InputError.
Costs read_measured_costs(const std::string& path);

}  // namespace spikeloop::nas
