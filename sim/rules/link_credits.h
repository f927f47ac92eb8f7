#pragma once
#include <vector>

#include "sim/rules/ring.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// The sending end of a link: how many free places it knows of in each FIFO (virtual channel) at the other
/// end. A flit takes one; the receiver returns it when the flit leaves the FIFO.
class LinkCredits {
 public:
  LinkCredits(int channels, int fifo_flits)
      : available_(static_cast<std::size_t>(channels), fifo_flits), fifo_flits_(fifo_flits) {}

  void put(int vc, Cycle arrival) { coming_.push({arrival, vc}); }
  /// Counts what has come until now. Returns whether anything has.
  bool take_arrivals(Cycle now) {
    bool any = false;
    for (; !coming_.empty() && coming_.front().arrival <= now; coming_.pop(), any = true) {
      ++available_[static_cast<std::size_t>(coming_.front().vc)];
    }
    return any;
  }
  Cycle next_arrival() const { return coming_.empty() ? kNever : coming_.front().arrival; }

  int channels() const { return static_cast<int>(available_.size()); }
  int available(int vc) const { return available_[static_cast<std::size_t>(vc)]; }
  void take(int vc) { --available_[static_cast<std::size_t>(vc)]; }
  /// Where a packet starts: the channel with the most places, the lowest of several.
  int freest() const {
    int best = 0;
    for (int vc = 1; vc < channels(); ++vc) {
      if (available(vc) > available(best)) best = vc;
    }
    return best;
  }
  /// Nothing is in the FIFOs or under way on either side.
  bool all_returned() const {
    for (int credits : available_) {
      if (credits != fifo_flits_) return false;
    }
    return true;
  }

 private:
  struct Coming {
    Cycle arrival;
    int vc;
  };
  std::vector<int> available_;
  Ring<Coming> coming_;
  int fifo_flits_;
};

}  // namespace spikeloop::sim
