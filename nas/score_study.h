#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "nas/score.h"
#include "nas/table.h"

/// How well scores rank cells whose trained accuracy is published.
namespace spikeloop::nas {

/// Kendall's tau-b of pairs of numbers: (concordant - discordant) / sqrt((pairs - ties in x) (pairs - ties in
/// y)) (Kendall, Biometrika 1945). -infinity and infinity are numbers like others. NaN for all equal on one
/// side, or fewer than two pairs.
double kendall_tau_b(const std::vector<double>& x, const std::vector<double>& y);
/// Spearman's rho: the correlation of ranks, ties at their mean.
double spearman_rho(const std::vector<double>& x, const std::vector<double>& y);
struct Interval {
  double low = 0, high = 0;
};
/// 95 % interval of a tau of n pairs: atanh(tau) is nearly normal with variance 0.437 / (n - 4) (Fieller,
/// Hartley, Pearson, Biometrika 1957). NaN below 5 pairs; the point itself for +-1.
Interval tau_interval(double tau, std::int64_t n);

struct ScoreStudyOptions {
  std::int64_t cells = 300;  ///< measured: random connected rows of the table
  /// Canonical forms that the learned score is fitted to, none of them measured; absent: all others.
  std::optional<std::int64_t> train_cells;
  std::uint64_t seed = 1;
  models::SnasnetSpec spec;              ///< macro-architecture; its cells are the table's
  std::vector<ScoreOptions> fidelities;  ///< of the zero-cost scores
  std::vector<ScoreFormula> formulas;    ///< combinations, at the first fidelity
  int jobs = 1;                          ///< threads; change nothing but the time
  bool quiet = false;
};

struct ScoreResult {
  std::string score;                    ///< "sahd", "learned", "val_acc_epoch10"
  std::optional<std::size_t> fidelity;  ///< of ScoreStudyOptions::fidelities
  std::int64_t fitted_on = 0;           ///< cells whose accuracy it has seen
  std::string fitted_on_table;          ///< "" where there are none
  double tau = 0, rho = 0;              ///< against test_acc
  Interval tau_95;
  std::optional<double> tau_to_fullest;  ///< against the same score at the costliest fidelity
  std::optional<double> cpu_s;           ///< per cell; absent: nothing is computed
};

struct ScoreStudy {
  std::int64_t cells = 0;       ///< measured
  std::int64_t not_finite = 0;  ///< of them without a finite SAHD at the first fidelity
  std::vector<ScoreResult> results;
};

/// Draws cells from `table` and compares scores with their test accuracies. `train_table`: of another data
/// set, to fit on in addition; null: none. Deterministic but for the times. Throws InputError for a table
/// with too few cells.
ScoreStudy study_scores(const Table& table, const Table* train_table, const models::Dataset& dataset,
                        const ScoreStudyOptions& options);

/// "channels 16, timesteps 2, batch 64, images / 2, single precision"
std::string to_text(const ScoreOptions& fidelity);
/// "channels=128,timesteps=5,batch=256": also repeats=, shrink=, precision=double|single; the rest as in
/// `other`. Throws InputError naming `place`.
ScoreOptions parse_fidelity(const std::string& text, const ScoreOptions& other, const std::string& place);

/// The table for people, and one JSON object; times only under the key "times".
std::string report(const ScoreStudy& study, const ScoreStudyOptions& options, const std::string& table_file);
std::string to_json(const ScoreStudy& study, const ScoreStudyOptions& options, const std::string& table_file);

}  // namespace spikeloop::nas
