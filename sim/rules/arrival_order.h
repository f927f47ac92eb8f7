#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace spikeloop::sim {

/// Which of a flow's items have arrived, when they may overtake each other on the way (virtual channels,
/// adaptive routing): takes item numbers in any order and knows how many are complete from the start.
///
/// In order, an item costs a comparison and an increment. The items beyond the first gap (fewer than the
/// flow's depth) are kept ascending: as most of them come in order among themselves, they go to the end, and
/// leave together when the gap closes.
class ArrivalOrder {
 public:
  /// Throws std::logic_error when the item was there before: a packet is delivered exactly once.
  void add(std::int64_t item) {
    if (item == prefix_) {
      ++prefix_;
      if (!beyond_.empty()) close_gap();
      return;
    }
    const auto place = beyond_.empty() || beyond_.back() < item
                           ? beyond_.end()
                           : std::lower_bound(beyond_.begin(), beyond_.end(), item);
    if (item < prefix_ || (place != beyond_.end() && *place == item)) {
      throw std::logic_error("item " + std::to_string(item) + " arrived twice");
    }
    beyond_.insert(place, item);
  }
  std::int64_t prefix() const { return prefix_; }  ///< items 0 .. prefix - 1 have all arrived

 private:
  void close_gap() {
    auto end = beyond_.begin();
    while (end != beyond_.end() && *end == prefix_) {
      ++end;
      ++prefix_;
    }
    beyond_.erase(beyond_.begin(), end);
  }

  std::int64_t prefix_ = 0;
  std::vector<std::int64_t> beyond_;
};

}  // namespace spikeloop::sim
