#include "sim/rules/arrival_order.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "traces/support/random.h"

namespace spikeloop::sim {
namespace {

TEST(ArrivalOrder, CountsItemsInOrder) {
  ArrivalOrder order;
  EXPECT_EQ(order.prefix(), 0);
  for (std::int64_t i = 0; i < 5; ++i) {
    order.add(i);
    EXPECT_EQ(order.prefix(), i + 1);
  }
}

TEST(ArrivalOrder, WaitsForTheGapToClose) {
  ArrivalOrder order;
  for (std::int64_t item : {2, 1, 4}) {
    order.add(item);
    EXPECT_EQ(order.prefix(), 0);
  }
  order.add(0);
  EXPECT_EQ(order.prefix(), 3);
  order.add(3);
  EXPECT_EQ(order.prefix(), 5);
}

TEST(ArrivalOrder, RefusesAnItemThatCameBefore) {
  ArrivalOrder order;
  order.add(0);
  order.add(2);
  EXPECT_THROW(order.add(0), std::logic_error);
  EXPECT_THROW(order.add(2), std::logic_error);
}

TEST(ArrivalOrder, AgreesWithASetForRandomOrders) {
  RandomStream random(7);
  for (int run = 0; run < 50; ++run) {
    std::vector<std::int64_t> items(40);
    std::iota(items.begin(), items.end(), 0);
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
    ArrivalOrder order;
    std::set<std::int64_t> seen;
    for (auto item : items) {
      order.add(item);
      seen.insert(item);
      std::int64_t complete = 0;
      while (seen.count(complete) > 0) ++complete;
      EXPECT_EQ(order.prefix(), complete);
    }
  }
}

}  // namespace
}  // namespace spikeloop::sim
