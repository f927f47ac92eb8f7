#include "nas/strategies/pareto.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace spikeloop::nas {

bool dominates(const Objectives& a, const Objectives& b) {
  return a[0] <= b[0] && a[1] <= b[1] && (a[0] < b[0] || a[1] < b[1]);
}

std::vector<std::vector<std::size_t>> nondominated_fronts(const std::vector<Objectives>& points) {
  std::vector<std::size_t> dominated_by(points.size());  // how many of those that aren't in a front yet
  for (std::size_t i = 0; i < points.size(); ++i)
    for (const Objectives& other : points)
      if (dominates(other, points[i])) ++dominated_by[i];
  std::vector<bool> placed(points.size());
  std::vector<std::vector<std::size_t>> fronts;
  for (std::size_t left = points.size(); left > 0; left -= fronts.back().size()) {
    std::vector<std::size_t>& front = fronts.emplace_back();
    for (std::size_t i = 0; i < points.size(); ++i)
      if (!placed[i] && dominated_by[i] == 0) front.push_back(i);
    for (const std::size_t i : front) {
      placed[i] = true;
      for (std::size_t j = 0; j < points.size(); ++j)
        if (dominates(points[i], points[j])) --dominated_by[j];
    }
  }
  return fronts;
}

std::vector<double> crowding_distances(const std::vector<Objectives>& front) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  std::vector<double> distances(front.size());
  std::vector<std::size_t> order(front.size());
  for (std::size_t m = 0; m < Objectives{}.size() && !front.empty(); ++m) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return front[a][m] < front[b][m]; });
    const double range = front[order.back()][m] - front[order.front()][m];
    distances[order.front()] = distances[order.back()] = kInfinite;
    for (std::size_t i = 1; i + 1 < order.size() && range > 0; ++i)
      distances[order[i]] += (front[order[i + 1]][m] - front[order[i - 1]][m]) / range;
  }
  return distances;
}

}  // namespace spikeloop::nas
