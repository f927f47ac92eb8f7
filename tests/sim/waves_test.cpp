#include "sim/waves/waves.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>

#include "sim/engine/run.h"
#include "sim/waves/chip_waves.h"
#include "sim/waves/trace_waves.h"
#include "sim/waves/vcd2fst.h"
#include "tests/support/random_case.h"
#include "tests/support/tiny.h"
#include "tests/support/vcd.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::sim {
namespace {

using testing::NetworkBuilder;
using testing::parse_vcd;
using testing::TemporaryFolder;
using testing::tiny_chip;
using testing::Vcd;
using Changes = std::vector<std::pair<std::int64_t, std::uint64_t>>;

std::string output_of(const std::string& command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) {
    text.append(buffer.data(), n);
  }
  return text;
}

Vcd written(const Waves& waves) {
  TemporaryFolder folder;
  write_waves(folder.file("w.vcd"), waves);
  return parse_vcd(read_file(folder.file("w.vcd")));
}

/// Another PATH until the end of the scope.
class Path {
 public:
  explicit Path(const std::string& path) : old_(::getenv("PATH")) { ::setenv("PATH", path.c_str(), 1); }
  ~Path() { ::setenv("PATH", old_.c_str(), 1); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

 private:
  std::string old_;
};

Waves two_signals() {
  Waves waves;
  waves.signals = {{"top.unit.busy", 1}, {"top.items", 32}};
  waves.changes = {{0, 1, 7}, {2000, 0, 1}, {2000, 1, 8}, {5000, 0, 0}};
  waves.groups = {{"unit", {0, 1}}};
  waves.end_ps = 6000;
  return waves;
}

TEST(WaveFile, HasEveryChangeUnderItsPathAndEndsWithTheWindow) {
  const auto vcd = written(two_signals());
  EXPECT_EQ(vcd.timescale, "1ps");
  ASSERT_EQ(vcd.signals.size(), 2U);
  EXPECT_EQ(vcd.signals.at("SystemC.top.unit.busy"), (Changes{{0, 0}, {2000, 1}, {5000, 0}}));
  EXPECT_EQ(vcd.signals.at("SystemC.top.items"), (Changes{{0, 7}, {2000, 8}}));
  EXPECT_EQ(vcd.end, 6000);
}

TEST(WaveFile, TheSameWavesGiveTheSameBytesWithoutADate) {
  TemporaryFolder folder;
  for (const std::string ending : {"vcd", "fst"}) {
    if (ending == "fst" && !Vcd2fst::installed()) continue;
    write_waves(folder.file("w." + ending), two_signals());
    const auto bytes = read_file(folder.file("w." + ending));
    EXPECT_EQ(bytes.find(", 20"), std::string::npos) << "a date is left in " << ending;
    write_waves(folder.file("again." + ending), two_signals());
    EXPECT_EQ(read_file(folder.file("again." + ending)), bytes);
  }
}

TEST(WaveFile, SaveFileGroupsTheSignals) {
  EXPECT_EQ(save_file_name("/a/run.fst"), "/a/run.gtkw");
  EXPECT_EQ(save_file("/a/run.fst", two_signals()),
            "[dumpfile] \"run.fst\"\n[timestart] 0\n@800200\n-unit\n@28\nSystemC.top.unit.busy\n@24\n"
            "SystemC.top.items[31:0]\n@1000200\n-unit\n");
}

TEST(WaveFile, FstHoldsWhatTheVcdHolds) {
  if (!Vcd2fst::installed()) GTEST_SKIP() << "vcd2fst (package gtkwave) is not installed";
  TemporaryFolder folder;
  write_waves(folder.file("w.fst"), two_signals());
  const auto back = parse_vcd(output_of("fst2vcd '" + folder.file("w.fst") + "'"));
  const auto vcd = written(two_signals());
  EXPECT_EQ(back.signals, vcd.signals);
  EXPECT_EQ(back.end, vcd.end);
  EXPECT_EQ(back.timescale, vcd.timescale);
}

TEST(WaveFile, RefusesWhatItCannotWrite) {
  TemporaryFolder folder;
  EXPECT_THROW(require_wave_format("w.txt", "--waves"), InputError);
  EXPECT_THROW(write_waves(folder.file("none/w.vcd"), two_signals()), InputError);
  const Path path(folder.path());
  try {
    require_wave_format("w.fst", "--waves");
    ADD_FAILURE() << "vcd2fst is not there";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("gtkwave"), std::string::npos) << error.what();
  }
  EXPECT_THROW(write_waves(folder.file("w.fst"), two_signals()), InputError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

/// A converter that ends at once, or after some bytes: neither a hang nor a file.
TEST(WaveFile, AConverterThatFailsIsAnError) {
  auto waves = two_signals();
  for (std::int64_t t = 6000; t < 200'000; ++t)
    waves.changes.push_back({t, 1, static_cast<std::uint64_t>(t)});
  waves.end_ps = 200'000;
  for (const char* body : {"exit 3", "head -c 10 >/dev/null; exit 3"}) {
    TemporaryFolder programs;
    TemporaryFolder folder;
    write_file(programs.file("vcd2fst"), std::string("#!/bin/sh\necho no room\n") + body + "\n");
    ::chmod(programs.file("vcd2fst").c_str(), 0755);
    const Path path(programs.path() + ":/usr/bin:/bin");
    try {
      write_waves(folder.file("w.fst"), waves);
      ADD_FAILURE() << body;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("no room"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

// ---- the chip

constexpr const char* kCore = "SystemC.chip.tile_0_0.core.";

/// A convolution and its neurons on tile (0, 0); stages by kind.
struct Fixture {
  traces::Network network = NetworkBuilder({1, 1, 4}, 1)
                                .conv("conv", "input", 1, 1)
                                .lif("lif", {"conv"})
                                .output("lif", {1, 1, 4}, 1);
  ChipConfig chip = tiny_chip();
  Plan plan = make_plan(network, chip, 1, 1, "test");
  Timing timing = make_timing(chip);
  int stage(StageKind kind) const {
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      if (plan.stages[s].kind == kind) return static_cast<int>(s);
    }
    return -1;
  }
  Waves waves(const std::vector<Event>& events, WaveSelection selection = {}) const {
    ChipWaves recorder(plan, chip, timing, std::move(selection));
    recorder.start_sample(1);
    recorder.record({1, EventKind::kReadStart, 0, stage(StageKind::kMvm), 0});  // of another sample
    recorder.start_sample(0);
    for (const auto& e : events) recorder.record(e);
    return recorder.finish();
  }
  /// Window 0 is read in cycles 3 to 5, window 1 in 6, window 2 in 9; told out of order.
  std::vector<Event> reads() const {
    const int s = stage(StageKind::kMvm);
    return {{3, EventKind::kReadStart, 0, s, 0}, {6, EventKind::kReadStart, 0, s, 1},
            {6, EventKind::kReadEnd, 0, s, 0},   {7, EventKind::kReadEnd, 0, s, 1},
            {10, EventKind::kReadEnd, 0, s, 2},  {9, EventKind::kReadStart, 0, s, 2}};
  }
};

TEST(ChipWaves, BusyRisesAndFallsWithTheWorkAndStaysHighWithoutAGap) {
  const Fixture f;
  const auto vcd = written(f.waves(f.reads()));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("crossbars.busy")),
            (Changes{{0, 0}, {3000, 1}, {7000, 0}, {9000, 1}, {10000, 0}}));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("crossbars.window")), (Changes{{0, 0}, {6000, 1}, {9000, 2}}));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("shift_add.windows")),
            (Changes{{0, 0}, {6000, 1}, {7000, 2}, {10000, 3}}));
  EXPECT_EQ(vcd.signals.at("SystemC.chip.recorded"), (Changes{{0, 1}, {11000, 0}}));
  EXPECT_EQ(vcd.end, 11000);
}

TEST(ChipWaves, AWindowCutsExactlyAndKnowsWhatWasBefore) {
  const Fixture f;
  WaveSelection selection;
  selection.from = 4;
  selection.to = 9;
  const auto vcd = written(f.waves(f.reads(), selection));
  EXPECT_EQ(vcd.signals.at("SystemC.chip.recorded"), (Changes{{0, 0}, {4000, 1}, {9000, 0}}));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("crossbars.busy")), (Changes{{0, 0}, {4000, 1}, {7000, 0}}));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("crossbars.window")), (Changes{{0, 0}, {6000, 1}}));
  EXPECT_EQ(vcd.end, 9000);
  selection.from = 7;
  const auto late = written(f.waves(f.reads(), selection));
  EXPECT_EQ(late.signals.at(kCore + std::string("crossbars.busy")), (Changes{{0, 0}}));
  EXPECT_EQ(late.signals.at(kCore + std::string("crossbars.window")), (Changes{{0, 0}, {7000, 1}}));
  EXPECT_EQ(late.signals.at(kCore + std::string("shift_add.windows")), (Changes{{0, 0}, {7000, 2}}));
  selection.from = 11;
  selection.to = kNever;
  EXPECT_THROW(f.waves(f.reads(), selection), InputError);
}

TEST(ChipWaves, PatternsChooseSignals) {
  const Fixture f;
  WaveSelection selection;
  selection.patterns = {"chip.tile_0_0.core.crossbars.*", "*.fetch.busy"};
  const auto waves = f.waves(f.reads(), selection);
  std::vector<std::string> paths;
  for (const auto& s : waves.signals) paths.push_back(s.path);
  EXPECT_EQ(paths,
            (std::vector<std::string>{"chip.tile_0_0.core.fetch.busy", "chip.tile_0_0.core.crossbars.busy",
                                      "chip.tile_0_0.core.crossbars.window",
                                      "chip.tile_0_0.core.crossbars.blocked", "chip.recorded"}));
  ASSERT_EQ(waves.groups.size(), 1U);
  EXPECT_EQ(waves.groups[0].title, "tile_0_0: conv, lif");
  EXPECT_EQ(waves.groups[0].signals, (std::vector<int>{0, 1, 2, 3}));
  selection.patterns = {"chip.tile_9_9.*"};
  EXPECT_THROW(f.waves({}, selection), InputError);
}

TEST(ChipWaves, MoreChangesThanAllowedAreRefusedWithAdvice) {
  const Fixture f;
  WaveSelection selection;
  selection.patterns = {"*.crossbars.busy"};
  selection.most_changes = 6;  // of three windows, start and end
  EXPECT_NO_THROW(f.waves(f.reads(), selection));
  selection.most_changes = 5;
  try {
    f.waves(f.reads(), selection);
    ADD_FAILURE() << "six changes";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("--wave-window"), std::string::npos) << error.what();
  }
}

/// A period of 10000 / 3 ps: every edge at the nearest picosecond.
TEST(ChipWaves, TimesAreThoseOfTheClock) {
  Fixture f;
  f.chip.clock.frequency_mhz = 300;
  f.timing = make_timing(f.chip);
  const auto vcd = written(f.waves(f.reads()));
  EXPECT_EQ(vcd.signals.at(kCore + std::string("crossbars.busy")),
            (Changes{{0, 0}, {10000, 1}, {23333, 0}, {30000, 1}, {33333, 0}}));
}

std::int64_t cycle_of(std::int64_t ps, const Timing& timing) {
  return std::llround(static_cast<double>(ps) * timing.grid_mhz / 1e6);
}

/// Value x cycles, over the whole file.
std::int64_t area_under(const Vcd& vcd, const std::string& path, const Timing& timing) {
  const auto found = vcd.signals.find(path);
  if (found == vcd.signals.end()) return 0;
  std::int64_t area = 0;
  for (std::size_t i = 0; i < found->second.size(); ++i) {
    const auto [time, value] = found->second[i];
    const auto next = i + 1 < found->second.size() ? found->second[i + 1].first : vcd.end;
    area += static_cast<std::int64_t>(value) * (cycle_of(next, timing) - cycle_of(time, timing));
  }
  return area;
}

/// On random chips and networks, what the waves show adds up to what the run counted.
TEST(ChipWaves, AddUpToTheCountersOfTheRun) {
  int runs = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomStream random(seed);
    const auto drawn = testing::random_case(random);
    const auto& chip = drawn.chip;
    const auto network = testing::network_of(drawn.recipe);
    TemporaryFolder folder;
    traces::write_trace(folder.file("t.h5"), testing::trace_of(drawn.recipe, network));
    const traces::TraceReader trace(folder.file("t.h5"));
    Plan plan;
    try {
      plan = plan_for(network, trace, chip, {});
    } catch (const InputError&) {
      continue;  // does not fit
    }
    ++runs;
    const Timing timing = make_timing(chip);
    ChipWaves recorder(plan, chip, timing, {});
    recorder.start_sample(0);
    const auto run = run_sample(plan, chip, timing, read_stimulus(plan, trace, 0), Engine::kFast, &recorder);
    const auto vcd = written(recorder.finish());

    std::int64_t host_input = 0;
    for (std::size_t r = 0; r < plan.routes.size(); ++r) {
      const auto& flow = plan.flows[static_cast<std::size_t>(plan.routes[r].flows.at(0))];
      if (plan.stages[static_cast<std::size_t>(flow.producer)].kind == StageKind::kHostInput) {
        host_input += run.route_flits[r];
      }
    }
    EXPECT_EQ(vcd.last("SystemC.chip.host.input.flits"), static_cast<std::uint64_t>(host_input));
    for (int t = 0; t < plan.columns * plan.rows; ++t) {
      const std::string tile = "SystemC.chip.tile_" + std::to_string(plan.tile_column(t)) + "_" +
                               std::to_string(plan.tile_row(t)) + ".";
      SCOPED_TRACE(tile);
      std::array<std::int64_t, 3> busy{};
      std::array<std::int64_t, 3> blocked{};
      int copies = 0;
      for (std::size_t s = 0; s < plan.stages.size(); ++s) {
        const auto& stage = plan.stages[s];
        if (stage.tile != t || stage.kind == StageKind::kHostInput || stage.kind == StageKind::kHostOutput)
          continue;
        const std::size_t unit = stage.kind == StageKind::kMvm ? 0 : stage.kind == StageKind::kNode ? 1 : 2;
        busy[unit] += run.stages[s].busy_cycles;
        blocked[unit] += run.stages[s].blocked_cycles;
        if (unit == 0) copies = stage.copies;
      }
      std::int64_t crossbars = copies > 1 ? 0 : area_under(vcd, tile + "core.crossbars.busy", timing);
      for (int c = 0; copies > 1 && c < copies; ++c) {
        crossbars += area_under(vcd, tile + "core.crossbars.copy_" + std::to_string(c) + ".busy", timing);
      }
      EXPECT_EQ(crossbars, busy[0]);
      EXPECT_EQ(area_under(vcd, tile + "core.neuron_unit.busy", timing), busy[1]);
      EXPECT_EQ(area_under(vcd, tile + "core.pooling_unit.busy", timing), busy[2]);
      EXPECT_EQ(area_under(vcd, tile + "core.crossbars.blocked", timing), blocked[0]);
      EXPECT_EQ(area_under(vcd, tile + "core.neuron_unit.blocked", timing), blocked[1]);
      EXPECT_EQ(area_under(vcd, tile + "core.pooling_unit.blocked", timing), blocked[2]);
      if (copies > 0) {
        EXPECT_EQ(vcd.last(tile + "core.shift_add.windows"), 0U);
      }
      if (busy[0] + busy[1] + busy[2] > 0) {
        EXPECT_EQ(vcd.last(tile + "core.output_buffer.bits"), 0U);
      }
      std::int64_t routed = 0;
      std::int64_t port_cycles = 0;
      for (const char* port : {"local", "north", "east", "south", "west", "host"}) {
        if (vcd.signals.count(tile + "router." + port + ".flits") == 0) continue;
        routed += static_cast<std::int64_t>(vcd.last(tile + "router." + port + ".flits"));
        port_cycles += area_under(vcd, tile + "router." + port + ".busy", timing);
      }
      EXPECT_EQ(routed, run.routers[static_cast<std::size_t>(t)].flits);
      EXPECT_EQ(port_cycles, routed * timing.network_period);
    }
  }
  EXPECT_GT(runs, 20);
}

// ---- spike traces

TEST(TraceWaves, ShowWhoFiresInWhichTimestep) {
  const auto network =
      NetworkBuilder({1, 1, 2}).conv("c", "input", 3, 1).lif("a-b", {"c"}).output("a-b", {3, 1, 2}, 4);
  auto trace = testing::random_trace(network, 2, 0.0, 1);
  auto& spikes = trace.nodes.at("a-b").spikes;
  spikes[0][1] = {0b000'110};  // pixel 0: channels 1 and 2
  spikes[0][2] = {0b010'010};  // channel 1 of both pixels
  spikes[1][0] = {0b000'001};
  TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), trace);
  const traces::TraceReader reader(folder.file("t.h5"));
  TraceWaveSelection selection;
  selection.samples = {0, 1};
  selection.neurons = {1, 4};
  const auto vcd = written(trace_waves(reader, selection).waves);
  EXPECT_EQ(vcd.timescale, "1ns");
  EXPECT_EQ(vcd.end, 8);
  EXPECT_EQ(vcd.signals.at("SystemC.trace.sample"), (Changes{{0, 0}, {4, 1}}));
  EXPECT_EQ(vcd.at("SystemC.trace.timestep", 6), 2U);
  EXPECT_EQ(vcd.signals.at("SystemC.trace.a_b.spikes"), (Changes{{0, 0}, {1, 2}, {3, 0}, {4, 1}, {5, 0}}));
  EXPECT_EQ(vcd.signals.at("SystemC.trace.a_b.y0_x0_c1"), (Changes{{0, 0}, {1, 1}, {3, 0}}));
  EXPECT_EQ(vcd.signals.at("SystemC.trace.a_b.y0_x1_c1"), (Changes{{0, 0}, {2, 1}, {3, 0}}));
  EXPECT_EQ(vcd.signals.size(), 5U);
  selection.nodes = {"b*"};
  EXPECT_THROW(trace_waves(reader, selection), InputError);
  selection.nodes = {"a*"};
  selection.neurons = {6};
  EXPECT_THROW(trace_waves(reader, selection), InputError);
  selection.neurons = {0};
  selection.samples = {2};
  EXPECT_THROW(trace_waves(reader, selection), InputError);
}

/// 25,600 neurons beside 12,800 and 6,400: the smaller two fit a viewer's 20,000, and each has its count.
TEST(TraceWaves, ShowTheNeuronsOfTheLayersThatFit) {
  const auto network = NetworkBuilder({1, 80, 80})
                           .conv("c1", "input", 4, 1)
                           .lif("large", {"c1"})
                           .conv("c2", "large", 2, 1)
                           .lif("middle", {"c2"})
                           .conv("c3", "middle", 1, 1)
                           .lif("small", {"c3"})
                           .output("small", {1, 80, 80}, 1);
  TemporaryFolder folder;
  traces::write_trace(folder.file("t.h5"), testing::random_trace(network, 1, 0.1, 1));
  const traces::TraceReader reader(folder.file("t.h5"));
  const auto all = trace_waves(reader, {});
  EXPECT_EQ(all.counts_only, std::vector<std::string>{"large"});
  EXPECT_EQ(all.waves.signals.size(), 2U + 3U + 12800U + 6400U);
  TraceWaveSelection selection;
  selection.nodes = {"large"};
  selection.neurons = {0, 1};
  const auto chosen = trace_waves(reader, selection);
  EXPECT_EQ(chosen.waves.signals.size(), 5U);
  EXPECT_TRUE(chosen.counts_only.empty());
  selection.neurons.resize(25'600);
  std::iota(selection.neurons.begin(), selection.neurons.end(), 0);
  EXPECT_THROW(trace_waves(reader, selection), InputError) << "a choice that is too large is refused";
}

}  // namespace
}  // namespace spikeloop::sim
