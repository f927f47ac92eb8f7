#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nas/limits.h"
#include "nas/space.h"

/// How a search chooses what to look at next. A strategy is a pure function of what was seen and of the
/// study's seed: it has no state, so there is nothing to checkpoint, and it knows nothing of processes, so
/// their number changes nothing. No LibTorch.
namespace spikeloop::nas {

/// A candidate that was proposed in an earlier round and is decided.
struct Observation {
  Candidate candidate;  ///< canonical
  std::int64_t round = 0;
  bool feasible = false;          ///< met all limits that were checked, and did not fail
  std::optional<double> fitness;  ///< score or accuracy, more is better; absent: infeasible or failed
  std::optional<Costs> costs;     ///< the latest known
};

class History {
 public:
  void add(Observation observation);
  const std::vector<Observation>& seen() const { return seen_; }
  const Observation* find(const Candidate& candidate) const;  ///< canonical; null: never decided
  std::int64_t finished() const { return finished_; }         ///< with a fitness

 private:
  std::vector<Observation> seen_;
  std::map<std::string, std::size_t> by_text_;
  std::int64_t finished_ = 0;
};

struct Task {
  Space space;
  std::vector<models::CellMatrix> cells;  ///< cells_of(space)
  std::uint64_t seed = 1;
  std::int64_t budget = 0;  ///< candidates that may get a fitness
  /// What a candidate costs at least, from a closed form, without building a network; empty: unknown.
  /// Absent: it does not fit the chip.
  std::function<std::optional<Costs>(const Candidate&)> bound;
  /// Is a limit that this strategy looks at broken already by these costs? Empty: there are no limits.
  std::function<bool(const Costs&)> breaks_limits;
};

/// Which limits a strategy looks at before it spends a score. Measurements are held to all of them.
enum class LimitsSeen { kNone, kMemory, kAll };
Limits limits_of(const Limits& limits, LimitsSeen seen);

struct Strategy {
  const char* name;
  const char* text;  ///< for --help: what it is and where it comes from
  LimitsSeen limits;
  bool wants_costs;  ///< measures every candidate, not only the best
  /// What to look at in round `round` (0, 1, ...), given everything decided in the rounds before. May repeat
  /// known candidates, which cost nothing; infeasible ones don't count in the budget. Empty: done.
  std::vector<Candidate> (*propose)(const Task& task, const History& history, std::int64_t round);
};

/// snasnet, spikenas, neuronas, lightsnn, nsga2, exhaustive, loop.
const std::vector<Strategy>& strategies();
/// Throws InputError naming `place`, with the nearest.
const Strategy& strategy_named(const std::string& name, const std::string& place);

/// A stream for what round `round` draws.
RandomStream stream_of(const Task& task, std::int64_t round);

// The strategies, each in a file of its own under strategies/, which says what is published and what is
// reconstructed.
std::vector<Candidate> propose_snasnet(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_spikenas(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_neuronas(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_lightsnn(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_nsga2(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_exhaustive(const Task& task, const History& history, std::int64_t round);
std::vector<Candidate> propose_loop(const Task& task, const History& history, std::int64_t round);

}  // namespace spikeloop::nas
