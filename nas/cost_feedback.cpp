#include "nas/cost_feedback.h"

#include <algorithm>
#include <cmath>

namespace spikeloop::nas {

void CostFeedback::add(const Candidate& candidate, const Costs& bound, const Costs& measured) {
  for (const Cost cost : kAllCosts)
    if (!(bound.get(cost) > 0 && measured.get(cost) > 0)) return;  // no ratio
  for (std::size_t i = 0; i < kAllCosts.size(); ++i)
    log_ratios_[i].push_back(std::log(bound.get(kAllCosts[i]) / measured.get(kAllCosts[i])));
  seen_.push_back(features_of(candidate, space_));
}

Costs CostFeedback::corrected(const Candidate& candidate, const Costs& bound, double deviations) const {
  Costs result = bound;
  if (seen_.size() < kFewest) return result;
  std::vector<Features> features = seen_;
  features.push_back(features_of(candidate, space_));
  standardise(features);
  const Features asked = features.back();
  features.pop_back();
  for (std::size_t i = 0; i < kAllCosts.size(); ++i) {
    const std::vector<double>& ratios = log_ratios_[i];
    // Memory and area follow from the mapping: nothing to learn.
    if (std::all_of(ratios.begin(), ratios.end(), [](double r) { return std::abs(r) < 1e-9; })) continue;
    const Prediction log_ratio = Surrogate(space_, features, ratios).predict({asked}).front();
    const double factor = std::exp(-log_ratio.mean - deviations * log_ratio.deviation);
    result.set(kAllCosts[i], bound.get(kAllCosts[i]) * std::max(1.0, factor));
  }
  return result;
}

}  // namespace spikeloop::nas
