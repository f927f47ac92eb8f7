#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nas/settings.h"
#include "nas/study.h"

/// What a search says at its end, as a file and as text. Both are functions of the study alone.
namespace spikeloop::nas {

/// Trained for longer, measured again, and within the limits.
bool passed_final(const Trial& trial);

/// Best first: higher accuracy, then lower energy, then lower number. Only trials that were measured and meet
/// the limits; on their final measurement when they passed it.
std::vector<Trial> ranked(const std::vector<Trial>& trials);

/// The winner: the best of `ranked`; with final training the one that passed it, and the best measured one
/// when none did. Of a search that trains nothing the best score within the limits.
std::optional<Trial> winner(const std::vector<Trial>& trials, bool with_final_training);

/// The costs that count for a trial: the latest of its stages, the final one only when it was passed.
std::optional<Costs> latest_costs(const Trial& trial);

/// Of `trials` those that none of them beats: no other is at least as accurate and costs at most as much of
/// every field in `by` (of latest_costs), and is better in one of these. Most accurate first, as in ranked.
/// Throws InputError (command line, `place`) for a field that one of them does not know.
std::vector<Trial> pareto_front(const std::vector<Trial>& trials, const std::vector<std::string>& by,
                                const std::string& place);

/// The test accuracy that counts, 0 to 1: after the final training when it was passed.
std::optional<double> latest_accuracy(const Trial& trial);

/// estimate / measured - 1: -0.9 is an estimate of a tenth.
double relative_error(double estimate, double measured);

/// Spearman's rank correlation with mean ranks for ties; absent when one side is constant or there are fewer
/// than 3.
std::optional<double> rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// What the strategy did.
struct Proposals {
  std::string strategy;  ///< its name; empty: nothing is said of it
  std::vector<Round> rounds;
};

/// result.json: no times, no paths of this machine. `study_settings` is the study's settings text.
std::string result_json(const std::string& study_settings, const SearchSettings& settings,
                        const std::vector<Trial>& trials, const Proposals& proposals = {});

/// Readable summary. `folder` is the study's, for the last lines; empty: without them.
std::string summary(const SearchSettings& settings, const std::vector<Trial>& trials,
                    const std::string& folder, const Proposals& proposals = {});

}  // namespace spikeloop::nas
