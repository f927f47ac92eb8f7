#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nas/limits.h"

namespace spikeloop::nas {

enum class TrialState { kWaiting, kRunning, kComplete, kPruned, kInfeasible, kFail };
const char* to_string(TrialState state);  ///< "WAITING", ...

/// How far a trial got, in the order a trial goes through: the stage it waits for, runs in or ended in.
enum class Stage { kBound, kScore, kProvisional, kMeasured, kFinal };
const char* to_string(Stage stage);  ///< "bound", "score", "provisional", "measured", "final"

/// One candidate and everything known about it.
struct Trial {
  std::int64_t number = 0;  ///< dense, in the order of proposal
  std::int64_t draw = 0;    ///< of the strategy; draws that repeat a candidate are not trials
  std::string genotype, hash;
  TrialState state = TrialState::kWaiting;
  Stage stage = Stage::kBound;
  std::string reason;           ///< why INFEASIBLE, PRUNED or FAIL
  std::string limits_exceeded;  ///< "latency,energy"
  std::optional<double> score;  ///< absent: not scored, or not finite
  std::optional<std::int64_t> lif_modules, convolutions;
  std::optional<double> firing_rate;
  std::optional<Costs> bound, provisional, measured, final_measured;
  std::optional<double> accuracy, final_accuracy;  ///< of the quantised network
  std::string artifacts;                           ///< folder relative to the study's, "" when there is none
};

struct Timing {
  std::int64_t trial = 0;
  Stage stage = Stage::kScore;
  double wall_s = 0;
  std::int64_t max_rss_kb = 0;
};

/// The study file (SQLite, WAL): settings, trials, and apart from them the timings, so that the trials of two
/// runs of the same study are equal. One writer at a time (a lock file beside it); every change is a
/// transaction.
class Study {
 public:
  /// Creates the file or opens it to go on. Throws InputError when another process is writing it, when it is
  /// not a study, of another version, or of a study with other settings (naming each difference).
  static Study create_or_resume(const std::string& path, const std::string& settings_json);
  static Study open_read_only(const std::string& path);
  ~Study();
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;

  const std::string& settings_json() const;
  bool resumed() const;  ///< it had trials when it was opened
  std::vector<Trial> trials() const;
  std::vector<Timing> timings() const;
  void insert(const Trial& trial);
  void update(const Trial& trial);
  /// The outcome of a stage together with how long it took.
  void update(const Trial& trial, const Timing& timing);

 private:
  struct File;
  explicit Study(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

/// "candidates: 24 in the study, 12 now; ..." for two settings objects; "" when they are equal.
std::string settings_difference(const std::string& stored_json, const std::string& given_json);

}  // namespace spikeloop::nas
