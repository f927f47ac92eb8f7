#include "sim/engine/fresh_kernel.h"

#include <gtest/gtest.h>

namespace spikeloop::sim {
namespace {

class Counter : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Counter);
  explicit Counter(const sc_core::sc_module_name& name) : sc_module(name) { SC_METHOD(on_tick); }
  int ticks = 0;

 private:
  void on_tick() {
    if (++ticks < 5) next_trigger(1, sc_core::SC_NS);
  }
};

TEST(FreshKernel, TwoSimulationsInOneProcessGiveTheSame) {
  for (int run = 0; run < 2; ++run) {
    FreshKernel kernel;
    Counter counter("counter");
    sc_core::sc_start();
    EXPECT_EQ(counter.ticks, 5);
    EXPECT_EQ(sc_core::sc_time_stamp(), sc_core::sc_time(4, sc_core::SC_NS));
  }
}

}  // namespace
}  // namespace spikeloop::sim
