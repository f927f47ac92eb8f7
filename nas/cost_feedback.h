#pragma once
#include <array>
#include <utility>
#include <vector>

#include "nas/limits.h"
#include "nas/surrogate.h"

namespace spikeloop::nas {

/// What measurements teach about bounds. A bound from the mapping is far below what contention makes of it
/// (latency by a factor of 50), but by much the same factor for candidates alike: log(measured / bound) is
/// modelled by Gaussian process regression over their structure, one cost at a time.
class CostFeedback {
 public:
  explicit CostFeedback(Space space) : space_(std::move(space)) {}
  void add(const Candidate& candidate, const Costs& bound, const Costs& measured);
  std::size_t measurements() const { return seen_.size(); }
  /// bound x exp(mean - `deviations` of it), never below the bound: with 0 what `candidate` is expected to
  /// cost by all that was measured, with 2 what it costs almost surely. The bound itself with fewer than
  /// kFewest measurements.
  Costs corrected(const Candidate& candidate, const Costs& bound, double deviations) const;
  static constexpr std::size_t kFewest = 4;

 private:
  Space space_;
  std::vector<Features> seen_;
  /// log(bound / measured): the surrogate takes low values less seriously, which here are surprisingly high
  /// measurements.
  std::array<std::vector<double>, kAllCosts.size()> log_ratios_;
};

}  // namespace spikeloop::nas
