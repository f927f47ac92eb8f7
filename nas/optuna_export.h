#pragma once
#include <string>
#include <vector>

#include "nas/limits.h"
#include "nas/space.h"
#include "nas/study.h"

/// A study as a file that Optuna opens: SQLite, Optuna's schema version 12 (alembic v3.2.0.a; Optuna 3.2 to
/// 5.0). No LibTorch.
namespace spikeloop::nas {

struct OptunaStudy {
  std::string name;           ///< for optuna.load_study(study_name=...)
  std::string settings_json;  ///< becomes a user attribute
  Space space;                ///< what the parameters may be; what candidates have besides is added
  Limits limits;
};

/// Writes `path` at once or not at all; refuses one that exists. Throws InputError.
///
/// Parameters: every edge of a cell ("cell1.0>3", "cell2..." only where the two may differ) and every axis,
/// as categories. Objectives: accuracy (maximised), then the four costs (minimised), which only measured
/// candidates have: those are COMPLETE, also when they break a limit. An infeasible candidate that was never
/// measured is PRUNED. Every candidate with costs has Optuna's constraints, met when at most 0: "fit" (the
/// chip), then relative_excess of each limit, 0 where its field is not known. User attributes say the rest. A
/// study keeps durations only, so trials stand one after the other from 1970 on.
void export_optuna(const std::string& path, const OptunaStudy& study, const std::vector<Trial>& trials,
                   const std::vector<Timing>& timings);

}  // namespace spikeloop::nas
