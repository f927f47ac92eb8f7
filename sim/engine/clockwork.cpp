#include "sim/engine/clockwork.h"

namespace spikeloop::sim {

ClockedModule::ClockedModule(const sc_core::sc_module_name& name, const ClockDomain& domain)
    : sc_module(name), domain_(domain) {
  if (domain.clock() != nullptr) {
    SC_METHOD(on_edge);
    sensitive << domain.clock()->posedge_event();
    dont_initialize();
  } else {
    SC_METHOD(on_wake);  // the first time in cycle 0, then when its event fires
    sensitive << wake_;
  }
}

void ClockedModule::wake(Cycle cycle) {
  if (domain_.clock() != nullptr) return;                                // every edge is one already
  wake_.notify(kernel_time(domain_.edge_from(cycle) - kernel_cycle()));  // an earlier wake-up stays
}

void ClockedModule::on_wake() {
  const Cycle next = work(kernel_cycle());
  if (next != kNever) wake(next);
}

}  // namespace spikeloop::sim
