#include "sim/analytic/closed_form.h"

#include "sim/bounds.h"
#include "sim/energy.h"

namespace spikeloop::sim {
namespace {

ClosedForm closed_form(const Plan& plan, const ChipConfig& chip, const Stimulus* stimulus) {
  const Work work = count_work(plan, chip, stimulus);
  const auto event_aj = event_energy_aj(chip);
  ClosedForm form;
  form.least_ns = work.least_ns;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const auto& counted = work.layers[i];
    EnergyByComponent energy{};
    charge(counted.events, event_aj, energy);
    std::int64_t aj = counted.crossbar_read_aj;
    for (const auto& e : energy) aj += e.dynamic_aj;
    form.layers.push_back({plan.layers[i].name, plan.layers[i].kind, counted.events, counted.crossbar_reads,
                           static_cast<double>(aj) * 1e-6, counted.least_ns});
    form.dynamic_pj += form.layers.back().dynamic_pj;
  }
  return form;
}

}  // namespace

ClosedForm closed_form(const Plan& plan, const ChipConfig& chip, const Stimulus& stimulus) {
  return closed_form(plan, chip, &stimulus);
}

ClosedForm dense_closed_form(const Plan& plan, const ChipConfig& chip) {
  return closed_form(plan, chip, dense_stimulus(plan));
}

ClosedForm least_closed_form(const Plan& plan, const ChipConfig& chip) {
  return closed_form(plan, chip, nullptr);
}

}  // namespace spikeloop::sim
