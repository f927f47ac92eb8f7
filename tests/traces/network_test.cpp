#include "traces/network.h"

#include <algorithm>
#include <set>

#include "helpers.h"

namespace spikeloop::traces {
namespace {

using test::random_network;
using test::small_network;

TEST(Network, NamesTypesAndNeighbours) {
  const Network n = small_network();
  EXPECT_EQ(n.find("lif"), 3);
  EXPECT_EQ(n.find("nobody"), -1);
  EXPECT_EQ(n.inputs_of(2), (std::vector<int>{1, 4}));
  EXPECT_EQ(n.outputs_of(3), (std::vector<int>{4, 5}));
  EXPECT_STREQ(n.nodes[7].type(), "Affine");
  EXPECT_STREQ(n.nodes[5].type(), "AvgPool2d");
  EXPECT_TRUE(n.nodes[3].spiking());
  EXPECT_TRUE(n.nodes[8].spiking());
  EXPECT_FALSE(n.nodes[2].spiking());
}

TEST(Network, WeightMemoryCountsWeightsOnly) {
  const WeightMemory memory = weight_memory(small_network());
  EXPECT_EQ(memory.weights, 72 + 16 + 108);
  EXPECT_EQ(memory.bits, 72 * 4 + (16 + 108) * 32);
}

TEST(TopologicalOrder, ForwardEdgesGoForwardAndTiesGoByIndex) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Network n = random_network(seed);
    const std::vector<int> order = topological_order(n);
    ASSERT_EQ(std::set<int>(order.begin(), order.end()).size(), n.nodes.size());
    std::vector<int> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      place[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    for (const Edge& e : n.edges) {
      if (!e.backward) {
        EXPECT_LT(place[static_cast<std::size_t>(e.from)], place[static_cast<std::size_t>(e.to)]);
      }
    }
  }
  Network n;
  n.nodes.resize(4);
  n.edges = {{3, 0}};
  EXPECT_EQ(topological_order(n), (std::vector<int>{1, 2, 3, 0}));
}

TEST(TopologicalOrder, ForwardCycleIsAnError) {
  Network n;
  n.nodes.resize(2);
  n.edges = {{0, 1}, {1, 0}};
  test::expect_input_error([&] { topological_order(n); }, {"cycle"});
}

TEST(MarkBackwardEdges, TheEdgeThatClosesTheCycle) {
  Network n = small_network();
  for (Edge& e : n.edges) e.backward = !e.backward;  // whatever was there is replaced
  mark_backward_edges(n);
  for (const Edge& e : n.edges) EXPECT_EQ(e.backward, e.from == 4 && e.to == 2);
}

TEST(MarkBackwardEdges, SuccessorsInIndexOrderAndSelfLoops) {
  Network n;
  n.nodes.resize(4);
  n.nodes[0].params = InputParams{{1}};
  // 0 -> 2 before 0 -> 1 in the list: the search still takes 1 first, so 2 -> 1 closes the cycle 1 -> 2 -> 1.
  n.edges = {{0, 2}, {0, 1}, {2, 1}, {1, 2}, {2, 2}, {2, 3}};
  mark_backward_edges(n);
  std::vector<bool> backward;
  for (const Edge& e : n.edges) backward.push_back(e.backward);
  EXPECT_EQ(backward, (std::vector<bool>{false, false, true, false, true, false}));
}

TEST(MarkBackwardEdges, LeavesNoForwardCycle) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Network n = random_network(seed);
    mark_backward_edges(n);
    EXPECT_EQ(topological_order(n).size(), n.nodes.size()) << seed;
  }
}

TEST(NetworkHash, IsHexAndStable) {
  const std::string hash = network_hash(small_network());
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(hash, network_hash(small_network()));
}

TEST(NetworkHash, ChangesWithWhatTheNetworkComputes) {
  const std::string hash = network_hash(small_network());
  const std::vector<std::function<void(Network&)>> changes{
      [](Network& n) { n.nodes[1].as<Conv2dParams>()->weight.data[5] += 1; },
      [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->value[5] ^= 1; },
      [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised->bits = 5; },
      [](Network& n) { n.nodes[1].as<Conv2dParams>()->quantised.reset(); },
      [](Network& n) {
        n.nodes[1].as<Conv2dParams>()->bias = {{4}, {0, 0, 0, 0.5F}};
      },
      [](Network& n) { n.nodes[3].as<LifParams>()->spike_at_threshold = false; },
      [](Network& n) { n.nodes[3].as<LifParams>()->v_threshold.data[3] = 9; },
      [](Network& n) { n.nodes[5].as<Pool2dParams>()->average = false; },
      [](Network& n) { n.nodes[7].as<LinearParams>()->bias.data[0] = 9; },
      [](Network& n) { n.nodes[3].name = "lif1"; },
      [](Network& n) {
        n.edges.push_back({1, 2});
      },
      [](Network& n) {
        n.edges.pop_back(), n.edges.push_back({7, 9});
      },
      [](Network& n) { n.dt_s *= 2; },
      [](Network& n) { n.input_scale *= 2; },
      [](Network& n) { n.input_bits = 7; },
  };
  std::set<std::string> hashes{hash};
  for (const auto& change : changes) {
    Network n = small_network();
    change(n);
    hashes.insert(network_hash(n));
  }
  EXPECT_EQ(hashes.size(), changes.size() + 1);
}

TEST(NetworkHash, DoesNotDependOnWhatTheNetworkIsCalledOrHowItIsListed) {
  const Network base = small_network();
  Network n = base;
  n.dataset = "other";
  n.genotype = "other";
  // One value, one per channel, one per neuron.
  n.nodes[3].as<LifParams>()->tau = {{4}, std::vector<float>(4, 2e-3F)};
  n.nodes[3].as<LifParams>()->r = {{4, 6, 6}, std::vector<float>(144, 1.0F)};
  n.nodes[1].as<Conv2dParams>()->input_shape = {6, 6};
  std::reverse(n.edges.begin(), n.edges.end());
  std::reverse(n.nodes.begin(), n.nodes.end());
  const int last = static_cast<int>(n.nodes.size()) - 1;
  for (Edge& e : n.edges) {
    e.from = last - e.from;
    e.to = last - e.to;
  }
  EXPECT_EQ(network_hash(n), network_hash(base));
}

}  // namespace
}  // namespace spikeloop::traces
