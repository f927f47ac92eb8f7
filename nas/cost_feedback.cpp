#include "nas/cost_feedback.h"

#include <algorithm>
#include <cmath>

namespace spikeloop::nas {

void CostFeedback::add(const Candidate& candidate, const Costs& bound, const Costs& measured) {
  for (const Cost cost : kAllCosts)
    if (!(bound.get(cost) > 0 && measured.get(cost) > 0)) return;  // no ratio
  for (std::size_t i = 0; i < kAllCosts.size(); ++i)
    log_ratios_[i].push_back(std::log(measured.get(kAllCosts[i]) / bound.get(kAllCosts[i])));
  seen_.push_back(features_of(candidate, space_));
  models_.clear();
}

Costs CostFeedback::corrected(const Candidate& candidate, const Costs& bound) const {
  if (seen_.size() < kFewest) return bound;
  if (models_.empty()) {
    for (const std::vector<double>& ratios : log_ratios_) {
      const bool exact =
          std::all_of(ratios.begin(), ratios.end(), [](double r) { return std::abs(r) < 1e-9; });
      models_.push_back(exact ? std::nullopt : std::optional<Surrogate>(Surrogate(seen_, ratios)));
    }
  }
  Costs result = bound;
  const Features features = features_of(candidate, space_);
  for (std::size_t i = 0; i < kAllCosts.size(); ++i) {
    if (!models_[i]) continue;
    const Surrogate::Prediction log_ratio = models_[i]->predict(features);
    const double factor = std::exp(log_ratio.mean - 2 * log_ratio.deviation);
    result.set(kAllCosts[i], bound.get(kAllCosts[i]) * std::max(1.0, factor));
  }
  return result;
}

}  // namespace spikeloop::nas
