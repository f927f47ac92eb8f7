#include "sim/engine/run.h"

#include <algorithm>

#include "sim/engine/chip_module.h"
#include "sim/engine/fresh_kernel.h"
#include "sim/engine/stall.h"

namespace spikeloop::sim {
namespace {

RunResult result_of(const Plan& plan, ChipModule& chip) {
  RunResult r;
  r.stages.resize(plan.stages.size());
  r.route_flits.assign(plan.routes.size(), 0);
  const auto add_sender = [&](const auto& rule) {
    r.packets += rule.packets();
    r.flits_injected += rule.flits_injected();
    r.flits_delivered += rule.flits_ejected();
    for (std::size_t i = 0; i < r.route_flits.size(); ++i) {
      r.route_flits[i] += rule.flits_of_route(static_cast<int>(i));
    }
  };
  for (const auto& tile : chip.tiles()) {
    r.routers.push_back({tile->router->rule().flits(), tile->router->rule().link_flits()});
    if (!tile->core) continue;
    const auto& rule = tile->core->rule();
    add_sender(rule);
    for (int s : rule.stages()) r.stages[static_cast<std::size_t>(s)] = rule.counters(s);
  }
  add_sender(chip.host());
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const auto kind = plan.stages[s].kind;
    if (kind != StageKind::kHostInput && kind != StageKind::kHostOutput) continue;
    r.stages[s] = chip.host().counters(static_cast<int>(s));
  }
  r.cycles = chip.host().last_arrival() + 1;
  return r;
}

/// Grows with everything that a rule does and stands still when nothing happens.
std::int64_t progress(const RunResult& r) {
  std::int64_t sum = r.flits_injected + r.flits_delivered;
  for (const auto& s : r.stages) {
    sum += s.items + s.busy_cycles;
    for (auto count : s.events.count) sum += count;
  }
  for (const auto& router : r.routers) sum += router.flits;
  return sum;
}

[[noreturn]] void report_stall(const Plan& plan, const ChipConfig& chip, ChipModule& module,
                               const RunResult& result) {
  auto waits = module.host().waits();
  for (const auto& tile : module.tiles()) {
    if (!tile->core) continue;
    const auto more = tile->core->rule().waits();
    waits.insert(waits.end(), more.begin(), more.end());
  }
  Cycle last = 0;
  for (const auto& s : result.stages) last = std::max(last, s.last_cycle);
  throw_stall(plan, chip, waits, last);
}

}  // namespace

/// The kernel runs in slices. All is over when every stage has done its items and every flow has delivered
/// its own, needed or not: then no flit is under way and no unit has work. The chip has stopped before when
/// nothing has happened for longer than anything on it can take (in the fast engine: when no module waits for
/// a cycle).
RunResult run_sample(const Plan& plan, const ChipConfig& chip, const Timing& timing, const Stimulus& stimulus,
                     Engine engine, Recorder* recorder) {
  FreshKernel kernel;
  ChipModule module("chip", plan, chip, timing, stimulus, engine, recorder);
  const Cycle patience = longest_silence(plan, chip, timing);
  const Cycle slice = engine == Engine::kFast ? patience : std::min(patience, 256 * timing.tile_period);
  const auto may_go_on = [&] { return engine == Engine::kReference || sc_core::sc_pending_activity(); };
  RunResult result;
  std::int64_t last = -1;
  Cycle silent = 0;
  do {
    sc_core::sc_start(kernel_time(slice));
    result = result_of(plan, module);
    silent = progress(result) == last ? silent + slice : 0;
    last = progress(result);
  } while (!module.finished() && silent <= patience && may_go_on());
  if (!module.finished()) report_stall(plan, chip, module, result);
  return result;
}

}  // namespace spikeloop::sim
