#pragma once
#include <cstdint>
#include <map>
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

/// Where a trial's job lies, relative to the study's folder. The artifacts of the measurement that counts lie
/// at the top of the trial's.
std::string job_folder(std::int64_t trial, Stage stage);

/// One candidate and everything known about it.
struct Trial {
  std::int64_t number = 0;     ///< dense, in the order of proposal
  std::int64_t round = 0;      ///< of the strategy; proposals that repeat a candidate are not trials
  std::string genotype, hash;  ///< the text of a Candidate (nas/space.h); its identity
  TrialState state = TrialState::kWaiting;
  Stage stage = Stage::kBound;
  std::string reason;                    ///< why INFEASIBLE, PRUNED or FAIL
  std::string limits_exceeded;           ///< "latency,min accuracy"
  std::optional<double> score;           ///< what the search ranks by; absent: not scored, or not finite
  std::map<std::string, double> scores;  ///< its parts and what was seen with it: "sahd", "lif_modules", ...
  /// With the fields that limits name, see keep_named.
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

/// Who works on a RUNNING trial: a coordinator as "host:pid". Times are seconds since 1970.
struct Lease {
  std::int64_t trial = 0;
  std::string holder;
  double taken_s = 0;  ///< when it was taken or renewed last
  double until_s = 0;
};

/// A round of the strategy: how many candidates it proposed, and how many of them were known already.
struct Round {
  std::int64_t round = 0, proposed = 0, repeated = 0;
  /// How many it passed over because of their bounds, by the limit (see name(Limit)), or "fit": these are no
  /// trials. The same candidate may be passed over in several rounds.
  std::map<std::string, std::int64_t> passed_over = {};
};

/// The study file (SQLite, WAL): settings, trials and rounds, and apart from them timings, leases and
/// attempts, so that the trials of two runs of the same study are equal. One writer at a time (a lock file
/// beside it); every change is a transaction. Reading throws InputError for a damaged file.
class Study {
 public:
  /// Creates the file or opens it to go on. Throws InputError when another process is writing it, when it is
  /// not a study, of another version, or of a study with other settings (naming each difference). Leases that
  /// it has then are those of coordinators that died.
  static Study create_or_resume(const std::string& path, const std::string& settings_json);
  /// Opens a study that is there to change its trials. Throws like create_or_resume.
  static Study open(const std::string& path);
  static Study open_read_only(const std::string& path);
  /// Whether a process has it open for writing now.
  static bool is_locked(const std::string& path);
  ~Study();
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;

  const std::string& settings_json() const;
  bool resumed() const;  ///< it had trials when it was opened
  std::vector<Trial> trials() const;
  std::vector<Timing> timings() const;
  std::vector<Round> rounds() const;
  /// All of them or none.
  void insert(const std::vector<Trial>& trials);
  /// All of them and what is to be said of their round, or nothing.
  void insert(const std::vector<Trial>& trials, const Round& round);
  /// A trial that isn't RUNNING any more loses its lease.
  void update(const Trial& trial);
  /// All of them or none.
  void update(const std::vector<Trial>& trials);
  /// The outcome of a stage together with how long it took.
  void update(const Trial& trial, const Timing& timing);

  /// This process works on the trial until then (seconds since 1970), whoever did before.
  void lease(std::int64_t trial, double until_s);
  std::vector<Lease> leases() const;
  /// Counts one more attempt at a stage of a trial; returns how many there are with it.
  std::int64_t count_attempt(std::int64_t trial, Stage stage);
  std::int64_t attempts(std::int64_t trial, Stage stage) const;
  /// A failed trial waits again for the stage it failed in, with no attempts at it. Throws std::logic_error
  /// for a trial that isn't FAIL.
  void retry(const Trial& failed);

 private:
  struct File;
  explicit Study(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

/// "candidates: 24 in the study, 12 now; ..." for two settings objects; "" when they are equal.
std::string settings_difference(const std::string& stored_json, const std::string& given_json);

}  // namespace spikeloop::nas
