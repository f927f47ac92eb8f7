#include "sim/rules/stepped_array.h"

#include <algorithm>

#include "sim/millionths.h"

namespace spikeloop::sim {
namespace {

/// What all crossbars of an array share.
struct Array {
  const ChipConfig& chip;
  const Timing& timing;
  const Stage& stage;
  StageCounters& counters;
};

/// One crossbar with its wordline drivers, column multiplexers, ADCs and shift-and-add.
class Crossbar {
 public:
  Crossbar(const Array& array, std::size_t piece)
      : array_(array),
        number_(piece),
        piece_(array.stage.pieces[piece]),
        phases_((piece_.columns + array.timing.adcs_per_crossbar - 1) / array.timing.adcs_per_crossbar),
        adcs_(static_cast<std::size_t>(array.timing.adcs_per_crossbar)) {}

  void begin(const Window& window) {
    window_ = &window;
    plane_ = 0;
    row_ = 0;
    driven_in_plane_ = false;
    was_read_ = false;
    start_read();
  }

  bool done() const {
    const auto idle = [](const std::vector<int>& conversions) { return conversions.empty(); };
    return read_left_ == 0 && !settled_ && !holding_ && std::all_of(adcs_.begin(), adcs_.end(), idle);
  }

  /// One array cycle: what starts with it, then what is over when it has passed.
  void step() {
    const bool sample_and_hold = array_.chip.adc.sample_and_hold;
    if (settled_ && !holding_) {
      settled_ = false;
      holding_ = true;
      phase_ = 0;
      interval_left_ = 0;
      if (sample_and_hold) start_read();
    }
    if (holding_ && interval_left_ == 0) start_conversions();

    if (read_left_ > 0 && --read_left_ == 0) settled_ = true;
    if (holding_ && --interval_left_ == 0 && phase_ == phases_) {
      holding_ = false;
      if (!sample_and_hold) start_read();
    }
    for (auto& conversions : adcs_) {
      for (auto& left : conversions) --left;
      while (!conversions.empty() && conversions.front() == 0) conversions.erase(conversions.begin());
    }
  }

 private:
  bool bit(int row) const {
    const auto r = static_cast<std::size_t>(row);
    return (window_->planes[static_cast<std::size_t>(plane_)][r / 64] >> (r % 64) & 1U) != 0;
  }

  /// Drives the next set wordlines, if any are left in any bit plane.
  void start_read() {
    for (; plane_ < static_cast<int>(window_->planes.size()); ++plane_) {
      int active = 0;
      for (; row_ < piece_.rows && active < array_.chip.crossbar.max_active_rows; ++row_) {
        if (!bit(piece_.row_begin + row_)) continue;
        ++active;
        ++array_.counters.events[Component::kCrossbar];
        ++array_.counters.events[Component::kWordlineDriver];
        if (!array_.stage.row_energy_aj.empty()) {
          auto& sum = array_.counters.crossbar_read_aj;
          sum = add_up_to_most(sum, array_.stage.row_energy_aj[number_][static_cast<std::size_t>(row_)]);
        }
      }
      const bool empty_pass = !driven_in_plane_ && !array_.chip.crossbar.skip_zero;
      if (active > 0 || empty_pass) {
        driven_in_plane_ = true;
        read_left_ = array_.timing.read_cycles;
        ++array_.counters.crossbar_reads;
        if (!was_read_) {
          was_read_ = true;
          array_.counters.events[Component::kAdderTree] += sums_additions(array_.chip, array_.stage, number_);
        }
        return;
      }
      row_ = 0;
      driven_in_plane_ = false;
    }
  }

  /// Each ADC starts on its next column, if it has one left.
  void start_conversions() {
    int column = phase_;
    for (auto& conversions : adcs_) {
      if (column < piece_.columns) {
        conversions.push_back(array_.timing.conversion_cycles);
        ++array_.counters.events[Component::kColumnMux];
        ++array_.counters.events[Component::kAdc];
        ++array_.counters.events[Component::kShiftAdd];
      }
      column += phases_;
    }
    ++phase_;
    interval_left_ = array_.timing.conversion_interval;
  }

  const Array& array_;
  std::size_t number_;
  const Piece& piece_;
  int phases_;

  const Window* window_ = nullptr;
  int plane_ = 0, row_ = 0;             ///< up to where wordlines have been driven
  bool driven_in_plane_ = false;        ///< whether the plane has had a pass
  bool was_read_ = false;               ///< in this window
  int read_left_ = 0;                   ///< cycles
  bool settled_ = false;                ///< currents wait for the ADCs
  bool holding_ = false;                ///< columns are still being sampled
  int phase_ = 0;                       ///< next column of each ADC
  int interval_left_ = 0;               ///< until an ADC samples the next
  std::vector<std::vector<int>> adcs_;  ///< cycles left of each conversion under way, oldest first
};

class SteppedArray : public CrossbarArray {
 public:
  SteppedArray(const ChipConfig& chip, const Timing& timing, const Stage& stage, StageCounters& counters)
      : array_{chip, timing, stage, counters}, copies_(static_cast<std::size_t>(stage.copies)) {
    for (auto& copy : copies_) {
      for (std::size_t p = 0; p < stage.pieces.size(); ++p) copy.crossbars.emplace_back(array_, p);
    }
  }

  void begin(int copy, const Window& window, Cycle start) override {
    auto& c = copies_[static_cast<std::size_t>(copy)];
    c.start = start;
    c.end = kNever;
    c.reading = true;
    for (auto& crossbar : c.crossbars) crossbar.begin(window);
    if (evaluated_ >= start) step(c, start);  // the array's turn in this cycle was before the tile's
  }

  Cycle end(int copy) const override { return copies_[static_cast<std::size_t>(copy)].end; }

  void evaluate(Cycle now) override {
    evaluated_ = now;
    for (auto& c : copies_) {
      if (c.reading && c.start <= now) step(c, now);
    }
  }

 private:
  struct Copy {
    std::vector<Crossbar> crossbars;
    Cycle start = 0, end = 0;
    bool reading = false;
  };

  void step(Copy& copy, Cycle now) {
    bool all_done = true;
    for (auto& crossbar : copy.crossbars) {
      if (!crossbar.done()) crossbar.step();
      all_done = all_done && crossbar.done();
    }
    if (!all_done) return;
    copy.reading = false;
    copy.end = now + array_.timing.array_period;
  }

  Array array_;
  std::vector<Copy> copies_;
  Cycle evaluated_ = -1;
};

}  // namespace

std::unique_ptr<CrossbarArray> make_stepped_array(const ChipConfig& chip, const Timing& timing,
                                                  const Stage& stage, StageCounters& counters) {
  return std::make_unique<SteppedArray>(chip, timing, stage, counters);
}

}  // namespace spikeloop::sim
