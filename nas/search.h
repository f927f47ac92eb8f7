#pragma once
#include <ostream>
#include <string>

#include "nas/settings.h"

namespace spikeloop::nas {

/// Runs a search from wherever its folder stands to its end: proposes candidates, rejects by bounds, scores,
/// measures untrained networks provisionally, trains and measures the best, picks the winner. Writes
/// study.db, candidates/, winner/ and result.json into `places.out` and a summary to `out`; progress goes to
/// stderr.
///
/// The same settings, chip and data give the same result.json whatever the number of jobs and however often
/// the search was killed on the way. Returns the exit code: 0 with a winner, 1 when no candidate meets the
/// limits. Throws InputError for wrong settings or files, before anything is written.
int run_search(const SearchSettings& settings, const SearchPlaces& places, std::ostream& out);

}  // namespace spikeloop::nas
