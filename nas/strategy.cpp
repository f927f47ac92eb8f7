#include "nas/strategy.h"

#include <utility>

#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::nas {

Limits limits_of(const Limits& limits, LimitsSeen seen) {
  Limits result;
  for (const Limit& limit : limits)
    if (seen == LimitsSeen::kAll || (seen == LimitsSeen::kMemory && limit.field == unit_key(Cost::kMemory)))
      result.push_back(limit);
  return result;
}

void History::add(Observation observation) {
  if (observation.fitness) ++finished_;
  by_text_[to_text(observation.candidate)] = seen_.size();
  seen_.push_back(std::move(observation));
}

const Observation* History::find(const Candidate& candidate) const {
  const auto it = by_text_.find(to_text(candidate));
  return it == by_text_.end() ? nullptr : &seen_[it->second];
}

const std::vector<Strategy>& strategies() {
  static const std::vector<Strategy> kAll{
      {"loop", "our own: models what was seen, takes what promises most", LimitsSeen::kAll, false,
       propose_loop},
      {"snasnet", "random cells, as the released SNASNet (Kim et al. 2022); looks at no limit",
       LimitsSeen::kNone, false, propose_snasnet},
      {"spikenas",
       "drops operations that matter least, then cell by cell under the memory limit (after Putra and "
       "Shafique 2024)",
       LimitsSeen::kMemory, false, propose_spikenas},
      {"neuronas",
       "operations by effect and memory, then cell by cell under all limits (after Putra and Shafique "
       "2024)",
       LimitsSeen::kAll, false, propose_neuronas},
      {"lightsnn", "prunes a super-cell edge by edge (Abdennadher et al. 2025)", LimitsSeen::kNone, false,
       propose_lightsnn},
      {"nsga2", "evolves the front of fitness against energy (Deb et al. 2002)", LimitsSeen::kAll, true,
       propose_nsga2},
      {"exhaustive", "all candidates, one after the other", LimitsSeen::kAll, false, propose_exhaustive},
  };
  return kAll;
}

const Strategy& strategy_named(const std::string& name, const std::string& place) {
  std::vector<std::string> names;
  std::string all;
  for (const Strategy& strategy : strategies()) {
    if (name == strategy.name) return strategy;
    names.emplace_back(strategy.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  const std::string nearest = nearest_word(name, names);
  throw InputError("command line", place, '"' + name + '"',
                   "one of " + all + (nearest.empty() ? "" : " (did you mean " + nearest + "?)"));
}

RandomStream stream_of(const Task& task, std::int64_t round) {
  return RandomStream(derive_seed(task.seed, static_cast<std::uint64_t>(round)));
}

}  // namespace spikeloop::nas
