#include "sim/simulate.h"

#include "sim/accountant.h"
#include "sim/engine/run.h"
#include "sim/mapping/plan.h"
#include "sim/stimulus.h"
#include "traces/support/error.h"
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

Measurement simulate(const traces::Network& network, const traces::TraceReader& trace, const ChipConfig& chip,
                     const SimulateOptions& options) {
  check_trace(network, trace, options.network_path);
  const int timesteps = trace.header().timesteps;
  const auto num_samples = static_cast<std::int64_t>(trace.samples().size());
  auto positions = options.positions;
  if (positions.empty()) {
    for (std::int64_t i = 0; i < num_samples; ++i) positions.push_back(i);
  }
  for (auto p : positions) {
    if (p < 0 || p >= num_samples) {
      throw InputError(trace.path(), "/samples", "no sample at position " + std::to_string(p),
                       "0 to " + std::to_string(num_samples - 1));
    }
  }
  const auto first_input = trace.input(positions.front());
  const int frames = first_input.frames == 0 ? 1 : static_cast<int>(first_input.frames);
  const Plan plan = make_plan(network, chip, timesteps, frames, options.network_path);
  const Timing timing = make_timing(chip);

  Measurement m;
  m.network_sha256 = trace.header().network_sha256;
  m.chip_name = chip.name;
  m.chip_sha256 = chip.sha256;
  m.schedule = schedule_name(chip.schedule);
  m.engine = options.engine == Engine::kFast ? "fast" : "reference";
  m.timesteps = timesteps;
  m.clock_mhz = timing.grid_mhz;
  m.mesh_columns = plan.columns;
  m.mesh_rows = plan.rows;
  m.weights = plan.weights;
  m.weight_memory_bits = plan.weight_memory_bits;

  Accountant accountant(plan, chip, m);
  Progress progress("simulate", static_cast<std::int64_t>(positions.size()), "samples", options.quiet);
  for (auto position : positions) {
    const auto stimulus = read_stimulus(plan, trace, position);
    if (options.recorder != nullptr) options.recorder->start_sample(position);
    const auto run = run_sample(plan, chip, timing, stimulus, options.engine, options.recorder);
    const auto& info = trace.samples()[static_cast<std::size_t>(position)];
    SampleReport sample;
    sample.index = info.index;
    sample.label = info.label;
    sample.prediction = info.prediction;
    sample.cycles = run.cycles;
    accountant.add_sample(run, sample);
    m.samples.push_back(sample);
    progress.advance();
  }
  progress.finish();
  accountant.finish();
  return m;
}

}  // namespace spikeloop::sim
