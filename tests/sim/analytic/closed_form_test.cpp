#include "sim/analytic/closed_form.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/energy.h"
#include "sim/simulate.h"
#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"

namespace spikeloop::sim {
namespace {

/// A random network and chip with a trace of `rate`; 1.5 stands for every bit set, the input's too.
struct Draw {
  traces::Network network;
  ChipConfig chip;
  Plan plan;
  Stimulus stimulus;
  Measurement m;
};

Draw draw(std::uint64_t seed, double rate) {
  RandomStream random(derive_seed(41, seed));
  Draw d;
  d.network = testing::random_network(random);
  d.chip = testing::random_chip(random, d.network);
  auto data = testing::random_trace(d.network, 1, std::min(rate, 1.0), seed);
  if (rate > 1) {
    for (auto& value : data.input.data) value = -1;  // two's complement: all bits
    for (auto& [name, node] : data.nodes)
      for (auto& frame : node.spikes.at(0)) {
        for (std::int64_t bit = 0; bit < node.info.bits(); ++bit)
          frame[static_cast<std::size_t>(bit / 64)] |= std::uint64_t{1} << (bit % 64);
      }
  }
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), data);
  const traces::TraceReader trace(folder.file("t.h5"));
  d.plan = make_plan(d.network, d.chip, d.network.timesteps, 1, "net");
  d.stimulus = read_stimulus(d.plan, trace, 0);
  d.m = simulate(d.network, trace, d.chip);
  return d;
}

void expect_events(const ClosedForm& form, const Measurement& m) {
  ASSERT_EQ(form.layers.size(), m.layers.size());
  for (std::size_t i = 0; i < form.layers.size(); ++i) {
    SCOPED_TRACE(form.layers[i].name);
    EXPECT_EQ(form.layers[i].crossbar_reads, m.layers[i].crossbar_reads);
    for (std::size_t c = 0; c < kNumComponents; ++c) {
      EXPECT_EQ(form.layers[i].events.count[c], m.layers[i].events.count[c])
          << component_name(static_cast<Component>(c));
    }
  }
}

void expect_times(const ClosedForm& form, const Measurement& m) {
  const double cycle_ns = 1000.0 / m.clock_mhz;
  EXPECT_LE(form.least_ns, m.latency_ns(m.samples.at(0)));
  for (std::size_t i = 0; i < form.layers.size(); ++i) {
    const auto& layer = m.layers[i];
    EXPECT_LE(form.layers[i].least_ns, static_cast<double>(layer.last_cycle - layer.first_cycle) * cycle_ns)
        << layer.name;
  }
}

TEST(ClosedForm, EventsAreThoseMeasuredWhateverTheSpikes) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto d = draw(seed, 0.1 + 0.2 * static_cast<double>(seed % 5));
    const auto form = closed_form(d.plan, d.chip, d.stimulus);
    expect_events(form, d.m);
    expect_times(form, d.m);
    expect_times(least_closed_form(d.plan, d.chip), d.m);
    // Integers of 1e-6 pJ on both sides; layers are added up in another order.
    EXPECT_NEAR(form.dynamic_pj * 1e6, static_cast<double>(d.m.samples.at(0).energy.dynamic_aj), 0.5);
  }
}

TEST(ClosedForm, DenseEventsAreThoseOfAnInputWithEveryBitSet) {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto d = draw(seed, 1.5);
    const auto form = dense_closed_form(d.plan, d.chip);
    expect_events(form, d.m);
    expect_times(form, d.m);
  }
}

TEST(ClosedForm, LeastEventsAreThoseOfASilentInput) {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto d = draw(seed, 0.0);
    const auto form = least_closed_form(d.plan, d.chip);
    expect_events(form, d.m);
    expect_times(form, d.m);
  }
}

/// One 3 x 3 convolution, 2 -> 3 channels on 4 x 4 pixels, 8 x 8 crossbars of 4-bit cells, 5-bit weights: an
/// output takes 2 columns, so 18 rows and 6 columns lie in 3 row blocks (8, 8, 2 rows). Input of 1 bit, all
/// set. Of a corner window 4 of 9 positions are inside, of an edge's 6, in the middle 9.
TEST(ClosedForm, DenseReadsByHand) {
  const auto network = testing::NetworkBuilder({2, 4, 4}, 1)
                           .conv("c", "input", 3, 3)
                           .lif("l", {"c"})
                           .output("l", {3, 4, 4}, 2);
  auto chip = testing::tiny_chip();
  chip.mesh.columns = 4;
  const auto plan = make_plan(network, chip, 2, 1, "net");
  const auto form = dense_closed_form(plan, chip);
  const auto layer =
      std::find_if(form.layers.begin(), form.layers.end(), [](const auto& l) { return l.name == "c"; });
  ASSERT_NE(layer, form.layers.end());
  const int rows = 2 * (4 * 4 + 8 * 6 + 4 * 9);  // the static input is read once, not at both timesteps
  EXPECT_EQ(layer->events[Component::kCrossbar], rows);
  // Rows 16 and 17 are the kernel's last position: outside for the last row and column of windows (7 of 16).
  // Rows 0-7 are positions 0-3: outside for the top left window only (its first inside position is 4).
  const int reads = 15 + 16 + 9;
  EXPECT_EQ(layer->crossbar_reads, reads);
  EXPECT_EQ(layer->events[Component::kAdc], reads * 6);
}

}  // namespace
}  // namespace spikeloop::sim
