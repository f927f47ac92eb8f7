#pragma once
#include <algorithm>
#include <vector>

#include "sim/rules/tile_core.h"

/// One tile by itself: a test puts flits and windows in by hand and looks at what happens when.
namespace spikeloop::testing {

class OneTile : private sim::TilePorts, private sim::Recorder {
 public:
  struct Limit {
    sim::Cycle arrival;
    int flow;
    std::int64_t limit;
  };
  OneTile(const sim::Plan& plan, const sim::ChipConfig& chip, const sim::Stimulus& stimulus, int tile = 0)
      : plan_(plan),
        chip_(chip),
        timing_(sim::make_timing(chip)),
        core_(plan_, chip_, timing_, tile, stimulus, *this, this) {}
  OneTile(const OneTile&) = delete;
  OneTile& operator=(const OneTile&) = delete;

  /// The flits of an item arrive one a cycle from `arrival` on.
  void packet(int route, std::int64_t item, int flits, sim::Cycle arrival) {
    for (int i = 0; i < flits; ++i)
      core_.put_flit({route, item, i == 0, i + 1 == flits, 0}, arrival + i * timing_.network_period);
  }
  /// Works all tile edges up to and with `end`.
  void run(sim::Cycle end) {
    for (; now_ <= end; now_ += timing_.tile_period) core_.evaluate(now_);
  }
  /// Cycles of all events of a kind with this index, in the order of items 0, 1, ...
  std::vector<sim::Cycle> when(sim::EventKind kind, int index) const {
    std::vector<sim::Event> found;
    for (const auto& e : events_)
      if (e.kind == kind && e.index == index) found.push_back(e);
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.item < b.item; });
    std::vector<sim::Cycle> cycles;
    for (const auto& e : found) cycles.push_back(e.cycle);
    return cycles;
  }
  sim::TileCore& core() { return core_; }
  const sim::Timing& timing() const { return timing_; }
  const std::vector<Limit>& limits() const { return limits_; }
  const std::vector<sim::Cycle>& flit_arrivals() const { return flit_arrivals_; }
  bool returns_credits = true;  ///< for the flits that it sends, as a router would, a cycle after arrival

 private:
  void inject_flit(const sim::Flit& flit, sim::Cycle arrival) override {
    flit_arrivals_.push_back(arrival);
    if (returns_credits) core_.put_injection_credit(flit.vc, arrival + timing_.network_period);
  }
  void return_credit(sim::Cycle) override {}
  void send_limit(int flow, std::int64_t limit, sim::Cycle arrival) override {
    limits_.push_back({arrival, flow, limit});
  }
  void timestep_done(int, int, sim::Cycle) override {}
  void start_sample(std::int64_t) override {}
  void record(const sim::Event& event) override { events_.push_back(event); }

  const sim::Plan& plan_;
  const sim::ChipConfig& chip_;
  sim::Timing timing_;
  std::vector<sim::Event> events_;
  std::vector<Limit> limits_;
  std::vector<sim::Cycle> flit_arrivals_;
  sim::TileCore core_;
  sim::Cycle now_ = 0;
};

}  // namespace spikeloop::testing
