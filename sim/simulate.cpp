#include "sim/simulate.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "sim/accountant.h"
#include "sim/engine/run.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/support/progress.h"

namespace spikeloop::sim {
namespace {

const char* schedule_name(Schedule schedule) {
  switch (schedule) {
    case Schedule::kPipelined:
      return "pipelined";
    case Schedule::kTimestepSequential:
      return "timestep_sequential";
    case Schedule::kLayerSequential:
      return "layer_sequential";
  }
  return "";
}

}  // namespace

Plan plan_for(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
              const SimulateOptions& options) {
  check_trace(network, trace, options.network_path);
  const auto first_input = trace.input(chosen_samples(trace, options.positions).front());
  const int frames = first_input.frames == 0 ? 1 : static_cast<int>(first_input.frames);
  return make_plan(network, chip, trace.header().timesteps, frames, options.network_path);
}

Measurement simulate(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
                     const SimulateOptions& options) {
  const auto positions = chosen_samples(trace, options.positions);
  const Plan plan = plan_for(network, trace, chip, options);
  const Timing timing = make_timing(chip);

  Measurement m;
  m.network_sha256 = trace.header().network_sha256;
  m.chip_name = chip.name;
  m.chip_sha256 = chip.sha256;
  m.schedule = schedule_name(chip.schedule);
  m.engine = options.engine == Engine::kFast ? "fast" : "reference";
  m.timesteps = plan.timesteps;
  m.clock_mhz = timing.grid_mhz;
  m.mesh_columns = plan.columns;
  m.mesh_rows = plan.rows;
  m.weights = plan.weights;
  m.weight_memory_bits = plan.weight_memory_bits;

  if (options.functional && options.functional->ideal_adc_bits)
    throw std::invalid_argument("ADCs that differ by layer have no time and energy: run_functional() alone");
  std::optional<FunctionalChip> functional;
  if (options.functional) functional.emplace(network, plan, chip, *options.functional, options.network_path);
  Accountant accountant(plan, chip, m);
  Progress progress("simulate", static_cast<std::int64_t>(positions.size()), "samples", options.quiet);
  for (auto position : positions) {
    auto computed = functional ? std::make_optional(functional->run(trace, position)) : std::nullopt;
    const auto stimulus = computed ? std::move(computed->stimulus) : read_stimulus(plan, trace, position);
    if (options.recorder != nullptr) options.recorder->start_sample(position);
    const auto run = run_sample(plan, chip, timing, stimulus, options.engine, options.recorder);
    const auto& info = trace.samples()[static_cast<std::size_t>(position)];
    SampleReport sample;
    sample.index = info.index;
    sample.label = info.label;
    sample.prediction = computed ? computed->prediction : info.prediction;
    sample.cycles = run.cycles;
    accountant.add_sample(run, sample);
    m.samples.push_back(sample);
    progress.advance();
  }
  progress.finish();
  if (functional) m.functional = functional->report();
  accountant.finish();
  return m;
}

}  // namespace spikeloop::sim
