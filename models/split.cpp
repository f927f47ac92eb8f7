#include "models/split.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

class Subset : public SampleSet {
 public:
  Subset(std::shared_ptr<const SampleSet> set, std::vector<std::int64_t> indices)
      : set_(std::move(set)), indices_(std::move(indices)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  std::int64_t label(std::int64_t index) const override { return set_->label(at(index)); }
  void read(std::int64_t index, std::uint8_t* out) const override { set_->read(at(index), out); }

 private:
  std::int64_t at(std::int64_t index) const { return indices_.at(static_cast<std::size_t>(index)); }
  std::shared_ptr<const SampleSet> set_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

std::shared_ptr<const SampleSet> subset(std::shared_ptr<const SampleSet> set,
                                        std::vector<std::int64_t> indices) {
  return std::make_shared<Subset>(std::move(set), std::move(indices));
}

Split hold_out(std::shared_ptr<const SampleSet> set, std::int64_t validation, std::uint64_t seed) {
  if (validation <= 0) return {std::move(set), nullptr};
  const std::int64_t records = set->size();
  if (validation >= records)
    throw InputError("training", "validation-images",
                     std::to_string(validation) + " of " + std::to_string(records) + " training samples",
                     "at most " + std::to_string(records - 1));
  std::vector<std::int64_t> order(static_cast<std::size_t>(records));
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(seed);
  for (std::int64_t i = 0; i < validation; ++i) {
    const auto other = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(records - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  const auto border = order.begin() + validation;
  std::sort(order.begin(), border);
  std::sort(border, order.end());
  return {subset(set, {border, order.end()}), subset(set, {order.begin(), border})};
}

}  // namespace spikeloop::models
