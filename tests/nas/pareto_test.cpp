#include "nas/strategies/pareto.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#ifdef SPIKELOOP_PAGMO
#include <algorithm>
#include <pagmo/utils/multi_objective.hpp>
#include <tuple>

#include "traces/support/random.h"
#endif

namespace spikeloop::nas {
namespace {

TEST(Pareto, FrontsByHand) {
  const std::vector<Objectives> points{{1, 5}, {2, 3}, {4, 1}, {3, 4}, {5, 5}, {2, 3}, {4, 3}};
  const std::vector<std::vector<std::size_t>> fronts{{0, 1, 2, 5}, {3, 6}, {4}};
  EXPECT_EQ(nondominated_fronts(points), fronts);  // equal points don't dominate each other
  EXPECT_TRUE(nondominated_fronts({}).empty());
}

TEST(Pareto, CrowdingByHand) {
  // Ranges 4 and 8: the second (3-0)/4 + (8-3)/8, the third (4-1)/4 + (5-0)/8.
  const std::vector<double> distances = crowding_distances({{4, 0}, {1, 5}, {3, 3}, {0, 8}});
  EXPECT_TRUE(std::isinf(distances[0]) && std::isinf(distances[3]));
  EXPECT_DOUBLE_EQ(distances[1], 3.0 / 4 + 5.0 / 8);
  EXPECT_DOUBLE_EQ(distances[2], 3.0 / 4 + 5.0 / 8);
  for (const double distance : crowding_distances({{1, 1}, {1, 1}})) EXPECT_TRUE(std::isinf(distance));
  EXPECT_DOUBLE_EQ(crowding_distances({{0, 2}, {1, 2}, {4, 2}})[1], 1);
  EXPECT_TRUE(crowding_distances({}).empty());
}

TEST(Pareto, AgreesWithPagmo) {
#ifdef SPIKELOOP_PAGMO
  RandomStream random(3);
  for (int set = 0; set < 50; ++set) {
    std::vector<Objectives> points;
    std::vector<std::vector<double>> theirs;
    // Of two decimals in every other set, so that objectives and points are equal at times.
    for (int i = 0; i < 60; ++i) {
      Objectives point{random.unit(), random.unit()};
      for (double& value : point) value = set % 2 == 0 ? value : std::floor(value * 20) / 20;
      points.push_back(point);
      theirs.push_back({point[0], point[1]});
    }
    std::vector<std::vector<std::size_t>> fronts;
    const auto sorted = pagmo::fast_non_dominated_sorting(theirs);
    for (const auto& front : std::get<0>(sorted)) {
      fronts.emplace_back(front.begin(), front.end());
      std::sort(fronts.back().begin(), fronts.back().end());
    }
    ASSERT_EQ(nondominated_fronts(points), fronts) << "set " << set;
    for (const std::vector<std::size_t>& front : fronts) {
      if (set % 2 == 1 || front.size() < 2) continue;  // equal points: the order of the neighbours is free
      std::vector<Objectives> mine;
      std::vector<std::vector<double>> same;
      for (const std::size_t i : front) {
        mine.push_back(points[i]);
        same.push_back(theirs[i]);
      }
      const std::vector<double> expected = pagmo::crowding_distance(same), got = crowding_distances(mine);
      for (std::size_t i = 0; i < mine.size(); ++i) EXPECT_DOUBLE_EQ(got[i], expected[i]);
    }
  }
#else
  GTEST_SKIP() << "built without pagmo2 (libpagmo-dev), the oracle";
#endif
}

}  // namespace
}  // namespace spikeloop::nas
