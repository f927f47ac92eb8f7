/// SpikeNAS (Putra and Shafique, 2402.11322). Published: the analysis of what each operation contributes, the
/// search of each cell on its own without looking at anything twice, the memory budget inside the loop.
/// Reconstructed, as neither code nor tables could be had: the random candidates of the analysis, the number
/// of operations kept, the order of the cells, the shares of the budget (see cell_by_cell.h).
#include "nas/strategies/cell_by_cell.h"

namespace spikeloop::nas {

std::vector<Candidate> propose_spikenas(const Task& task, const History& history, std::int64_t round) {
  return propose_cell_by_cell(task, history, round,
                              [](const Task&, const std::vector<double>& impacts) { return impacts; });
}

}  // namespace spikeloop::nas
