/// Random search, as released: model_snn.py:85-110 draws cells until one is valid and keeps the best score.
/// The released code draws the same cell again at times and scores it again; here a repeated one costs
/// nothing.
#include "nas/strategy.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {
constexpr std::int64_t kRound = 32;
}  // namespace

std::vector<Candidate> propose_snasnet(const Task& task, const History& history, std::int64_t round) {
  std::vector<Candidate> proposed;
  if (history.finished() >= task.budget) return proposed;
  for (std::int64_t i = 0; i < kRound; ++i) {
    // A stream for each draw, so that the sequence does not depend on the size of a round.
    RandomStream random(derive_seed(task.seed, static_cast<std::uint64_t>(round * kRound + i)));
    proposed.push_back(random_candidate(task.space, random));
  }
  return proposed;
}

}  // namespace spikeloop::nas
