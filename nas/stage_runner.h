#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nas/job.h"
#include "nas/settings.h"
#include "nas/study.h"
#include "traces/support/executor.h"
#include "traces/support/progress.h"

namespace spikeloop::nas {

/// A final training that failed or broke a limit takes nothing away from what was measured before.
void not_finished(Trial& trial, const std::string& why);

/// Progress of a stage over all calls that belong to it; shows nothing when nothing is done.
struct StageProgress {
  std::string what;
  std::int64_t total = 0;
  bool quiet = false;
  std::optional<Progress> shown;
  ~StageProgress() {
    if (shown) shown->finish();
  }
};

/// Takes trials through a stage, several at a time, each evaluated by a process in a folder of its own;
/// scores of several candidates share a process. Stores every change.
class StageRunner {
 public:
  /// Yields indices of trials; empty: no more.
  using Next = std::function<std::optional<std::size_t>()>;
  /// Fills in what a result says; does the trial count?
  using Commit = std::function<bool(Trial&, const EvaluationResult&)>;

  /// All of these must outlive the runner.
  StageRunner(const SearchSettings& settings, const SearchPlaces& places, std::string chip_sha256,
              std::string data_sha256, Study& study, std::vector<Trial>& trials);

  /// Takes trials from `next` through a stage until `wanted` of them count. Never starts one that might turn
  /// out not to be needed, and commits in the order of `next`: so the set of trials evaluated and every
  /// stored value are those of a run with one job. Returns how many count.
  std::int64_t run(Stage stage, std::int64_t wanted, StageProgress& progress, const Next& next,
                   const Commit& commit);

 private:
  EvaluationJob job_of(const Trial& trial, Stage stage) const;
  std::optional<EvaluationResult> outcome(const Trial& trial, Stage stage) const;
  void submit(const std::vector<std::size_t>& trials, Stage stage);
  void submit_in_groups(const std::vector<std::size_t>& trials, Stage stage);
  void renew_leases();
  JobEnd wait_for(const Trial& trial, Stage stage);
  void decide(std::size_t index, Stage stage, const JobEnd& end, bool alone);

  const SearchSettings& settings_;
  const SearchPlaces& places_;
  std::string chip_sha256_, data_sha256_;
  Study& study_;
  std::vector<Trial>& trials_;
  LocalExecutor executor_;
  std::int64_t next_job_ = 0;
  double renew_at_s_ = 0;
  std::map<std::int64_t, std::vector<std::size_t>> groups_;  ///< trials of a running job
  std::map<std::int64_t, JobEnd> ended_;                     ///< by trial
  std::set<std::int64_t> retried_;                           ///< trials whose job was lost once
};

}  // namespace spikeloop::nas
