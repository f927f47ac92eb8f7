#pragma once
#include <array>
#include <cstddef>
#include <vector>

/// Ranks of points by two objectives. Source: Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist
/// multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2), 2002, III-A and III-B.
namespace spikeloop::nas {

/// Both are to be small.
using Objectives = std::array<double, 2>;

/// Not worse in both and better in one.
bool dominates(const Objectives& a, const Objectives& b);

/// The places of the points that none dominates, then of those that only these dominate, and so on; each
/// front ascending.
std::vector<std::vector<std::size_t>> nondominated_fronts(const std::vector<Objectives>& points);

/// For each point of a front the sum over the objectives of the distance between its two neighbours, in
/// units of the front's range; infinite for the smallest and the largest. An objective that is the same for
/// all adds nothing.
std::vector<double> crowding_distances(const std::vector<Objectives>& front);

}  // namespace spikeloop::nas
