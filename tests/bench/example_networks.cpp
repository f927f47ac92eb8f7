#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/tiny.h"
#include "traces/nir.h"
#include "traces/support/random.h"

/// Writes the networks that the simulator is measured with: small_cnn, vgg9 (SpikeSim's shapes) and the two
/// published SNASNet cells at full width. Their weights are random (He), so their answers mean nothing; their
/// shapes, and the rates at which they fire on real images (5 to 20 %), do.
namespace spikeloop::bench {
namespace {

/// 8-bit integer weights with the spread that keeps the variance of sums of random spikes.
template <class Params>
void randomise(Params& p, std::int64_t fan_in, RandomStream& random) {
  constexpr double kSpread = 40;  // integers' standard deviation: the largest of millions stays near 127
  traces::QuantisedWeight q;
  q.bits = 8;
  q.scale = {static_cast<float>(std::sqrt(2.0 / static_cast<double>(fan_in)) / kSpread)};
  p.weight.data.clear();
  for (std::int64_t i = 0; i < p.weight.size(); ++i) {
    double sum = -6;  // of twelve uniform numbers: near enough to a normal one
    for (int k = 0; k < 12; ++k) sum += random.unit();
    const auto value = static_cast<std::int8_t>(std::lround(std::fmax(-127, std::fmin(127, sum * kSpread))));
    q.value.push_back(value);
    p.weight.data.push_back(q.scale[0] * static_cast<float>(value));
  }
  p.quantised = q;
}

traces::Network finished(traces::Network network, std::uint64_t seed) {
  const auto one = [](float v) { return traces::Tensor{{1}, {v}}; };
  network.dataset = "cifar10";
  network.input_scale = 2.2F / 127;  // covers CIFAR-10's normalised range
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    RandomStream random(derive_seed(seed, i));
    if (auto* conv = network.nodes[i].as<traces::Conv2dParams>())
      randomise(*conv, conv->weight.size() / conv->weight.shape[0], random);
    if (auto* linear = network.nodes[i].as<traces::LinearParams>())
      randomise(*linear, linear->weight.shape[1], random);
    // tau 4/3 timesteps and threshold 1 as SNASNet; a gain at which random layers keep firing.
    if (auto* lif = network.nodes[i].as<traces::LifParams>()) {
      lif->tau = one(static_cast<float>(network.dt_s * 4 / 3));
      lif->r = one(2.5F);
    }
  }
  return network;
}

traces::Network small_cnn() {
  testing::NetworkBuilder b({3, 32, 32});
  b.conv("conv1", "input", 16, 3).lif("lif1", {"conv1"}).pool("pool1", "lif1", 2, 2);
  b.conv("conv2", "pool1", 32, 3).lif("lif2", {"conv2"}).pool("pool2", "lif2", 4, 4);
  b.flatten("flatten", "pool2").linear("fc", "flatten", 32 * 4 * 4, 10);
  return b.output("fc", {10}, 4);
}

traces::Network vgg9() {
  struct Layer {
    int channels;
    bool pooled;
  };
  testing::NetworkBuilder b({3, 32, 32});
  std::string last = "input";
  int i = 0;
  for (const Layer& layer : {Layer{64, false}, Layer{64, true}, Layer{128, false}, Layer{128, true},
                             Layer{256, false}, Layer{256, false}, Layer{256, true}}) {
    const auto n = std::to_string(++i);
    b.conv("conv" + n, last, layer.channels, 3).lif("lif" + n, {"conv" + n});
    last = "lif" + n;
    if (layer.pooled) b.pool("pool" + n, last, 2, 2), last = "pool" + n;
  }
  b.flatten("flatten", last).linear("fc8", "flatten", 256 * 4 * 4, 1024).lif("lif8", {"fc8"});
  b.linear("fc9", "lif8", 1024, 10);
  return b.output("fc9", {10}, 5);
}

/// `rows` as published: rows[from][to] is 0 nothing, 1 skip, 2 conv 1x1, 3 conv 3x3, 4 average pooling 3x3.
std::string add_cell(testing::NetworkBuilder& b, const std::string& cell, const std::string& from,
                     int channels, const std::vector<std::string>& rows) {
  const auto node = [&](int i) { return cell + ".n" + std::to_string(i); };
  const auto named = [&](const char* kind, int from_node, int to) {
    return cell + "." + kind + std::to_string(from_node) + std::to_string(to);
  };
  std::map<int, bool> has_lif;
  const auto spikes_of = [&](int i) {
    const std::string name = cell + ".lif" + std::to_string(i);
    if (!has_lif[i]) b.lif(name, {node(i)});
    has_lif[i] = true;
    return name;
  };
  const auto add_edge = [&](int i, int to) -> std::string {
    const char op = rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(to)];
    if (op == '1') return node(i);
    if (op == '4') return b.pool(named("pool", i, to), node(i), 3, 1, 1), named("pool", i, to);
    const auto lif = spikes_of(i);
    return b.conv(named("conv", i, to), lif, channels, op == '2' ? 1 : 3), named("conv", i, to);
  };
  b.sum(node(0), {from});
  for (int to = 1; to < 4; ++to) {
    std::vector<std::string> inputs;
    for (int i = 0; i < to; ++i)
      if (rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(to)] != '0')
        inputs.push_back(add_edge(i, to));
    b.sum(node(to), inputs);
  }
  for (int i = 1; i < 4; ++i)
    for (int to = 0; to < i; ++to)
      if (rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(to)] != '0')
        b.edge(add_edge(i, to), node(to), true);
  return node(3);
}

traces::Network snasnet(const std::vector<std::string>& rows, int channels, int second_pool) {
  testing::NetworkBuilder b({3, 32, 32});
  b.conv("stem", "input", channels, 3);
  auto last = add_cell(b, "cell1", "stem", channels, rows);
  b.lif("reduce.lif", {last})
      .conv("reduce", "reduce.lif", 2 * channels, 3)
      .pool("reduce.pool", "reduce", 2, 2);
  last = add_cell(b, "cell2", "reduce.pool", 2 * channels, rows);
  b.lif("last.lif", {last})
      .pool("last.pool", "last.lif", second_pool, second_pool)
      .flatten("flatten", "last.pool");
  const int side = 16 / second_pool;
  b.linear("fc1", "flatten", 2 * channels * side * side, 1024)
      .lif("fc1.lif", {"fc1"})
      .linear("fc2", "fc1.lif", 1024, 10);
  return b.output("fc2", {10}, 5);
}

}  // namespace
}  // namespace spikeloop::bench

int main(int argc, char** argv) {
  using namespace spikeloop::bench;
  if (argc != 2 || argv[1][0] == '-') return std::fprintf(stderr, "usage: example_networks FOLDER\n"), 2;
  try {
    const std::string folder = argv[1];
    std::filesystem::create_directories(folder);
    const auto write = [&](const char* name, const spikeloop::traces::Network& network, std::uint64_t seed) {
      spikeloop::traces::write_nir(folder + "/" + name + ".nir", finished(network, seed));
      std::printf("%s/%s.nir\n", folder.c_str(), name);
    };
    write("small_cnn", small_cnn(), 1);
    write("vgg9", vgg9(), 2);
    // Released cells (SNASNet's README) with the published widths and second poolings; classes as CIFAR-10.
    write("snasnet_cifar10", snasnet({"0303", "0030", "2002", "0200"}, 256, 4), 3);
    write("snasnet_cifar100", snasnet({"0302", "0030", "3003", "0000"}, 128, 2), 4);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "example_networks: %s\n", error.what()), 1;
  }
  return 0;
}
