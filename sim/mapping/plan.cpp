#include "sim/mapping/plan.h"

#include "sim/mapping/flows.h"
#include "sim/mapping/homes.h"
#include "sim/mapping/lowering.h"
#include "sim/mapping/memories.h"
#include "sim/mapping/placement.h"
#include "sim/mapping/routes.h"
#include "sim/mapping/row_energy.h"
#include "sim/mapping/timesteps.h"

namespace spikeloop::sim {

std::int64_t Stage::neuron_states() const {
  std::int64_t sum = 0;
  for (const auto& lif : lifs) sum += lif.states;
  return sum;
}

std::int64_t Stage::neuron_passes() const {
  std::int64_t sum = 0;
  for (const auto& lif : lifs) sum += lif.passes();
  return sum;
}

Plan make_plan(const traces::Network& network, const ChipConfig& chip, int timesteps, int input_frames,
               const std::string& network_path) {
  Draft draft{network, chip, network_path, input_frames == 1};
  draft.plan.timesteps = timesteps;
  draft.plan.layers.push_back({"(shared)", "shared", 0, 0, {}});
  lower(draft);
  add_flows(draft);
  mark_static(draft.plan, draft.input_static, network_path);
  count_timesteps(draft.plan);
  size_windows(draft);
  choose_homes(draft);
  make_routes(draft);
  move_to_places(draft, choose_places(draft));
  check_memories(draft);
  if (chip.crossbar.read_energy == ReadEnergy::kConductance) fill_row_energies(draft.plan, network, chip);
  return std::move(draft.plan);
}

}  // namespace spikeloop::sim
