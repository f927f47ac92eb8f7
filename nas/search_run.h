#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/quantise.h"
#include "nas/cost_feedback.h"
#include "nas/settings.h"
#include "nas/stage_runner.h"
#include "nas/strategy.h"
#include "nas/study.h"
#include "sim/config/chip_config.h"

/// A search while it runs: explore.cpp proposes, bounds and scores, refine.cpp measures and trains.
namespace spikeloop::nas {

/// What the search itself needs of the dataset.
struct SearchData {
  std::string name, sha256;
  models::InputRange input;
};

class Search {
 public:
  Search(const SearchSettings& settings, const SearchPlaces& places, const sim::ChipConfig& chip,
         SearchData data, Study study);
  void run();
  const std::vector<Trial>& trials() const { return trials_; }
  std::vector<Round> rounds() const { return study_.rounds(); }

 private:
  void explore();
  std::int64_t new_trials(const std::vector<Candidate>& proposals, std::int64_t round, std::int64_t wanted,
                          std::vector<Trial>& fresh);
  std::int64_t finished() const;
  bool fruitless(std::int64_t round) const;
  void score_waiting(StageProgress& progress);
  void measure_while_exploring(std::int64_t rounds);
  void add_observations();
  void learn_from_measurements();
  std::optional<Costs> bound_of(const Candidate& candidate, std::string* why_not = nullptr);
  void set_bound(Trial& trial, const Candidate& candidate);
  std::vector<std::size_t> open_candidates() const;
  bool drop_before_measuring(Trial& trial);
  bool corrects_bounds() const { return settings_.strategy == strategies().front().name; }
  Costs growth_in_training() const;
  bool is_risky(const Costs& provisional) const;
  void pass_provisionally(std::int64_t wanted, StageProgress& progress);
  void refine();
  void take_best_score(StageProgress& progress);
  void prune_open();
  void train_finalists();
  bool reject_over_limits(Trial& trial, const Costs& costs, CostKind kind) const;
  StageRunner::Next unfinished(Stage stage) const;
  StageRunner::Next one_after_the_other(const std::vector<std::size_t>& order) const;
  std::map<std::size_t, double> expected_gains(const std::vector<std::size_t>& open) const;
  StageProgress progress_of(const char* what, std::int64_t total) const {
    return {what, total, places_.quiet, std::nullopt};
  }

  SearchSettings settings_;
  SearchPlaces places_;
  Study study_;
  SearchData data_;
  std::vector<Trial> trials_;
  StageRunner runner_;
  const Strategy& strategy_;
  Task task_;
  History history_;
  std::size_t observed_ = 0;  ///< trials in the history
  std::set<std::string> hashes_;
  std::map<std::string, sim::ChipConfig> chips_;                                ///< by the choices' text
  std::map<std::string, std::pair<std::optional<Costs>, std::string>> bounds_;  ///< by the candidate's text
  CostFeedback feedback_;
  std::string asked_;                               ///< the candidate whose bound a strategy asked for last
  std::map<std::string, std::string> passed_over_;  ///< in this round, by the candidate's text: the limits
  std::set<std::size_t> resumed_;                   ///< interrupted final trainings that were taken up
};

}  // namespace spikeloop::nas
