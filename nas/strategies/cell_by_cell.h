#pragma once
#include <cstdint>
#include <vector>

#include "nas/strategy.h"

/// What SpikeNAS and NeuroNAS have in common: first which operations matter, then one cell after the other
/// over those that do.
namespace spikeloop::nas {

/// How much each operation of task.space.ops is worth, given the fitness that is lost without it.
using WorthOfOps = std::vector<double> (*)(const Task& task, const std::vector<double>& impacts);

/// Round 0, the analysis: random candidates of all operations and, for each operation, as many of all others;
/// together a fifth of the budget, at least one of each kind. The impact of an operation is the mean of two
/// drops, that of the mean fitness and that of the best. Left out where nothing can be dropped (at most three
/// operations) or where it would take more than a quarter of the budget.
///
/// Then the three operations of most worth, a convolution among them where the space has one. The first pass
/// varies cell 1 with the other cell as in the best candidate so far, the second varies cell 2 with the best
/// cell 1; each goes through the cells of these operations in a seeded order, passing over what is known and
/// what its bound rules out, and gets half of what is left of the budget. A shared cell is varied in both.
/// Axes are drawn for each candidate of the analysis and of the first pass, then stay at the best's values.
/// What budget remains when the cells are used up goes to further passes, as long as these find anything new.
std::vector<Candidate> propose_cell_by_cell(const Task& task, const History& history, std::int64_t round,
                                            WorthOfOps worth);

}  // namespace spikeloop::nas
