/// Every candidate of the space once, in the order of its index.
#include <algorithm>

#include "nas/strategy.h"

namespace spikeloop::nas {
namespace {
constexpr std::int64_t kRound = 32;
}  // namespace

std::vector<Candidate> propose_exhaustive(const Task& task, const History& history, std::int64_t round) {
  std::vector<Candidate> proposed;
  if (history.finished() >= task.budget) return proposed;
  const std::int64_t size = size_of(task.space, static_cast<std::int64_t>(task.cells.size()));
  const std::int64_t first = round * kRound;
  for (std::int64_t i = first; i < std::min(size, first + kRound); ++i)
    proposed.push_back(candidate_at(task.space, task.cells, i));
  return proposed;
}

}  // namespace spikeloop::nas
