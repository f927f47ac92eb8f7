#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/engine/run.h"
#include "sim/rules/router.h"
#include "sim/stimulus.h"
#include "tests/support/tiny.h"
#include "traces/support/files.h"

namespace spikeloop::sim {
namespace {

/// Keeps every event.
class Log : public Recorder {
 public:
  void start_sample(std::int64_t /*position*/) override {}
  void record(const Event& event) override { events.push_back(event); }
  std::vector<Event> events;
};

struct Step {
  EventKind kind;
  int place;
  int index;  ///< stage, flow, route, or route * 8 + port
  std::string text;
};

std::string tile_name(const Plan& plan, int tile) {
  return "(" + std::to_string(plan.tile_column(tile)) + "," + std::to_string(plan.tile_row(tile)) + ")";
}

int stage_of(const Plan& plan, StageKind kind, const std::string& name) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    if (plan.stages[s].kind == kind && plan.stages[s].name.rfind(name, 0) == 0) return static_cast<int>(s);
  }
  throw std::logic_error("no stage " + name);
}

int flow_between(const Plan& plan, int producer, int consumer) {
  for (std::size_t f = 0; f < plan.flows.size(); ++f) {
    if (plan.flows[f].producer == producer && plan.flows[f].consumer == consumer) return static_cast<int>(f);
  }
  throw std::logic_error("no such flow");
}

/// Two layers of one pixel and two channels, a on tile (0,0), b on tile (1,0); channel 0 of a fires in the
/// only timestep. The table of what happens to that spike, as sim/README.md prints it.
std::string life_of_a_spike(Engine engine) {
  const auto network = testing::NetworkBuilder({1, 1, 1}, 1)
                           .conv("a", "input", 2, 1)
                           .lif("a.lif", {"a"})
                           .conv("b", "a.lif", 2, 1)
                           .lif("b.lif", {"b"})
                           .output("b.lif", {2, 1, 1}, 1);
  auto spikes = testing::random_trace(network, 1, 0.0, 1);
  spikes.nodes.at("a.lif").spikes[0][0] = {1};
  testing::TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), spikes);
  const traces::TraceReader trace(folder.file("t.h5"));
  const auto chip = testing::tiny_chip();
  const Plan plan = make_plan(network, chip, 1, 1, "test");
  const Timing timing = make_timing(chip);
  Log log;
  run_sample(plan, chip, timing, read_stimulus(plan, trace, 0), engine, &log);

  const int a = stage_of(plan, StageKind::kNode, "a");
  const int read = stage_of(plan, StageKind::kMvm, "b");
  const int b = stage_of(plan, StageKind::kNode, "b");
  const int bits = flow_between(plan, a, read);
  const int sums = flow_between(plan, read, b);
  const int route = plan.flows[static_cast<std::size_t>(bits)].route;
  const int from = plan.stages[static_cast<std::size_t>(a)].tile;
  const int to = plan.stages[static_cast<std::size_t>(b)].tile;
  const auto& piece = plan.stages[static_cast<std::size_t>(read)].pieces.at(0);
  const auto ceil_div = [](int x, int y) { return (x + y - 1) / y; };
  const auto cycles = [](int n) { return std::to_string(n) + (n == 1 ? " cycle" : " cycles"); };
  const std::vector<Step> steps{
      {EventKind::kNeuronStart, from, a, "neuron unit starts: its lanes take both channels at once"},
      {EventKind::kNeuronEnd, from, a,
       "lanes free; the unit's pipeline takes " + cycles(chip.neuron_unit.latency_cycles) + " more"},
      {EventKind::kNodeOut, from, a, "spikes out: the packet is written into the output buffer"},
      {EventKind::kFlitInjected, from, route,
       "a flit enters the router (its link takes " + cycles(chip.link.latency_cycles) + ")"},
      {EventKind::kFlitRouted, from, route * 8 + kEast,
       "router sends it east, " + cycles(chip.router.latency_cycles) + " after its arrival"},
      {EventKind::kFlitRouted, to, route * 8 + kLocal, "router sends it to its tile"},
      {EventKind::kFlitEjected, to, route, "packet register takes it"},
      {EventKind::kDelivered, to, bits,
       "its bits are in the input buffer, whose port took " +
           cycles(
               ceil_div(plan.flows[static_cast<std::size_t>(bits)].item_bits, chip.input_buffer.port_bits))},
      {EventKind::kFetchStart, to, read, "window fetch starts: its pixel is there"},
      {EventKind::kFetchEnd, to, read, "window register full"},
      {EventKind::kReadStart, to, read,
       "one pass over the crossbar: read, " + cycles(timing.read_cycles) + "; then " +
           std::to_string(ceil_div(piece.columns, timing.adcs_per_crossbar)) + " conversions of " +
           cycles(timing.conversion_cycles) + " on each ADC"},
      {EventKind::kReadEnd, to, read,
       "last conversion done; shift-and-add takes " + cycles(chip.shift_add.latency_cycles) +
           " (one crossbar: no adder tree)"},
      {EventKind::kSumsOut, to, read, "sums leave for the register before the node adder (1 cycle)"},
      {EventKind::kNodeAddStart, to, sums, "node adder starts: both channels at once"},
      {EventKind::kNodeAddEnd, to, sums, "sums are in the accumulator"},
      {EventKind::kNeuronStart, to, b, "neuron unit starts"},
      {EventKind::kNeuronEnd, to, b, "lanes free"},
      {EventKind::kNodeOut, to, b, "the next layer's spikes are out"},
  };
  std::vector<std::pair<Cycle, std::string>> rows;
  for (const auto& step : steps) {
    int flit = 0;
    std::sort(log.events.begin(), log.events.end());
    for (const auto& e : log.events) {
      if (e.kind != step.kind || e.place != step.place || e.index != step.index) continue;
      const bool flits = step.kind == EventKind::kFlitInjected || step.kind == EventKind::kFlitRouted ||
                         step.kind == EventKind::kFlitEjected;
      ++flit;
      const std::string text = !flits      ? step.text
                               : flit == 1 ? "header flit: " + step.text
                                           : "flit " + std::to_string(flit) + ": the same";
      rows.emplace_back(
          e.cycle, "| " + std::to_string(e.cycle) + " | " + tile_name(plan, e.place) + " | " + text + " |\n");
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  std::string table = "| cycle | tile | what happens |\n|---|---|---|\n";
  for (const auto& row : rows) table += row.second;
  return table;
}

TEST(LifeOfASpike, IsWhatTheReadmePrints) {
  const auto readme = read_file(std::string(SPIKELOOP_SOURCE_DIR) + "/sim/README.md");
  const std::string begin = "<!-- life of a spike: begin -->\n";
  const auto at = readme.find(begin);
  ASSERT_NE(at, std::string::npos);
  const auto end = readme.find("<!-- life of a spike: end -->", at);
  ASSERT_NE(end, std::string::npos);
  const auto printed = readme.substr(at + begin.size(), end - at - begin.size());
  for (const auto engine : {Engine::kFast, Engine::kReference}) {
    EXPECT_EQ(printed, life_of_a_spike(engine)) << "sim/README.md should have:\n" << life_of_a_spike(engine);
  }
}

}  // namespace
}  // namespace spikeloop::sim
