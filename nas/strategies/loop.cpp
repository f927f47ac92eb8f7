#include "nas/strategy.h"

namespace spikeloop::nas {

std::vector<Candidate> propose_loop(const Task& task, const History& history, std::int64_t round) {
  return propose_snasnet(task, history, round);
}

}  // namespace spikeloop::nas
