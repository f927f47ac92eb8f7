#pragma once
#include <memory>
#include <systemc>

#include "sim/rules/timing.h"
#include "sim/simulate.h"

/// When modules are evaluated: the one difference in structure between the two engines.
namespace spikeloop::sim {

/// One Cycle of the chip's grid in kernel time. The number is arbitrary: latencies are reported from cycles.
inline constexpr std::uint64_t kCyclePs = 1000;

/// The cycle that the kernel is in.
inline Cycle kernel_cycle() { return static_cast<Cycle>(sc_core::sc_time_stamp().value() / kCyclePs); }
inline sc_core::sc_time kernel_time(Cycle cycles) {
  return sc_core::sc_time::from_value(static_cast<std::uint64_t>(cycles) * kCyclePs);
}

/// A clock of the chip: edges at 0, period, 2 x period, ... A real sc_clock in the reference engine only; the
/// fast engine computes when the next edge is.
class ClockDomain {
 public:
  ClockDomain(const char* name, Cycle period, Engine engine) : period_(period) {
    if (engine == Engine::kReference) clock_ = std::make_unique<sc_core::sc_clock>(name, kernel_time(period));
  }
  Cycle period() const { return period_; }
  Cycle edge_from(Cycle cycle) const { return (cycle + period_ - 1) / period_ * period_; }
  sc_core::sc_clock* clock() const { return clock_.get(); }

 private:
  Cycle period_;
  std::unique_ptr<sc_core::sc_clock> clock_;
};

/// A module whose rule works at the edges of its clock: at every one (reference), or at those only in which
/// the rule may have work (fast). What passes between modules arrives at least a cycle after it was sent, so
/// the order in which the kernel runs them within a cycle does not matter.
class ClockedModule : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(ClockedModule);
  ClockedModule(const sc_core::sc_module_name& name, const ClockDomain& domain);
  /// Something arrives for the rule in `cycle`: it must be evaluated at the first edge from then on.
  void wake(Cycle cycle);

 protected:
  /// Evaluates the rule. Returns the next cycle in which it may have work untold, kNever when none.
  virtual Cycle work(Cycle now) = 0;

 private:
  void on_edge() { work(kernel_cycle()); }
  void on_wake();
  const ClockDomain& domain_;
  sc_core::sc_event wake_{"wake"};
};

}  // namespace spikeloop::sim
