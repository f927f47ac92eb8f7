#include "tests/support/random_case.h"

#include <algorithm>
#include <functional>

#include "tests/support/random_chip.h"
#include "tests/support/tiny.h"

namespace spikeloop::testing {
namespace {

using sim::ChipConfig;

constexpr std::array<std::pair<int, int>, 6> kEdges{{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};

int between(RandomStream& random, int low, int high) {
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// Where a network under construction is.
struct Place {
  std::string node;
  int channels, height, width;
};

void add_cell(NetworkBuilder& b, const Block& block, const std::string& prefix, Place& at) {
  const auto node = [&](int i) { return prefix + ".n" + std::to_string(i); };
  const auto operation = [&](const std::string& tag, int op, int from) {
    if (op == 1) return node(from);
    if (op == 4) {
      b.pool(prefix + ".pool" + tag, node(from), 3, 1, 1);
      return prefix + ".pool" + tag;
    }
    b.lif(prefix + ".lif" + tag, {node(from)});
    b.conv(prefix + ".conv" + tag, prefix + ".lif" + tag, at.channels, op == 2 ? 1 : 3);
    return prefix + ".conv" + tag;
  };
  b.sum(node(0), {at.node});
  for (int to = 1; to < 4; ++to) {
    std::vector<std::string> inputs;
    for (std::size_t e = 0; e < kEdges.size(); ++e) {
      const auto [from, end] = kEdges[e];
      if (end != to) continue;
      int op = block.forward[e];
      if (op == 0 && from == to - 1) op = 1;  // every node is reached
      if (op != 0) inputs.push_back(operation(std::to_string(from) + std::to_string(to), op, from));
    }
    b.sum(node(to), inputs);
  }
  for (std::size_t e = 0; e < kEdges.size(); ++e) {
    const auto [to, from] = kEdges[e];
    const int op = block.backward[e];
    if (op == 0) continue;
    b.edge(operation(std::to_string(from) + std::to_string(to), op, from), node(to), true);
  }
  at.node = node(3);
}

void add_block(NetworkBuilder& b, const Block& block, const std::string& prefix, Place& at) {
  const auto convolve = [&](const std::string& from) {
    const int padding = block.kernel / 2;
    b.conv(prefix + ".conv", from, block.channels, block.kernel, block.stride, padding);
    at = {prefix + ".conv", block.channels, (at.height + 2 * padding - block.kernel) / block.stride + 1,
          (at.width + 2 * padding - block.kernel) / block.stride + 1};
  };
  switch (block.kind) {
    case Block::Kind::kCell:
      add_cell(b, block, prefix, at);
      return;
    case Block::Kind::kConv:
      b.lif(prefix + ".lif", {at.node});
      convolve(prefix + ".lif");
      return;
    case Block::Kind::kPool:
      b.pool(prefix + ".pool", at.node, 3, block.stride, 1);
      at = {prefix + ".pool", at.channels, (at.height - 1) / block.stride + 1,
            (at.width - 1) / block.stride + 1};
      b.sum(prefix + ".sum", {at.node});
      at.node = prefix + ".sum";
      return;
    case Block::Kind::kSpikePool:
      b.lif(prefix + ".lif", {at.node});
      b.pool(prefix + ".pool", prefix + ".lif", 3, block.stride, 1);
      at = {prefix + ".pool", at.channels, (at.height - 1) / block.stride + 1,
            (at.width - 1) / block.stride + 1};
      Block after = block;
      after.stride = 1;
      const int padding = after.kernel / 2;
      b.conv(prefix + ".conv", at.node, after.channels, after.kernel, 1, padding);
      at = {prefix + ".conv", after.channels, at.height + 2 * padding - after.kernel + 1,
            at.width + 2 * padding - after.kernel + 1};
      return;
  }
}

Block random_block(RandomStream& random) {
  Block block;
  block.kind = static_cast<Block::Kind>(random.below(4));
  block.channels = between(random, 1, 4);
  block.kernel = between(random, 1, 3);
  block.stride = between(random, 1, 2);
  for (auto& op : block.forward) op = between(random, 0, 4);
  for (auto& op : block.backward) op = random.below(5) == 0 ? between(random, 1, 3) : 0;
  return block;
}

/// An option of the chip: how it is set back to its plain value and how it is printed.
struct Option {
  const char* name;
  bool (*reset)(ChipConfig& chip, const ChipConfig& plain);  ///< false: it is plain already
  std::string (*text)(const ChipConfig& chip);
};

std::string text_of(double value) {
  auto text = std::to_string(value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}
template <class Value>
std::string value_text(Value value) {
  if constexpr (std::is_enum_v<Value>) {
    return "choice " + std::to_string(static_cast<int>(value));
  } else {
    return text_of(static_cast<double>(value));
  }
}

#define OPTION(field)                                        \
  Option {                                                   \
#field,                                                    \
        [](ChipConfig& chip, const ChipConfig& plain) {        \
          if (chip.field == plain.field) return false;         \
          chip.field = plain.field;                            \
          return true;                                         \
        },                                                     \
        [](const ChipConfig& chip) { return value_text(chip.field); } \
  }

const std::vector<Option>& options() {
  static const std::vector<Option> all{
      OPTION(clock.array_mhz),
      OPTION(clock.network_mhz),
      OPTION(clock.frequency_mhz),
      OPTION(clock.crossing_cycles),
      OPTION(schedule),
      OPTION(placement),
      OPTION(delivery),
      OPTION(spike_encoding),
      OPTION(mapping),
      OPTION(weight_encoding),
      OPTION(router.routing),
      OPTION(router.virtual_channels),
      OPTION(router.buffer_flits),
      OPTION(router.latency_cycles),
      OPTION(link.latency_cycles),
      OPTION(mesh.columns),
      OPTION(mesh.rows),
      OPTION(mesh.flit_bits),
      OPTION(mesh.header_bits),
      OPTION(host_port.column),
      OPTION(host_port.row),
      OPTION(tile.max_copies),
      OPTION(tile.pes),
      OPTION(tile.barrier_latency_cycles),
      OPTION(pe.crossbars),
      OPTION(crossbar.rows),
      OPTION(crossbar.columns),
      OPTION(crossbar.cell_bits),
      OPTION(crossbar.max_active_rows),
      OPTION(crossbar.skip_zero),
      OPTION(crossbar.read_latency_ns),
      OPTION(crossbar.read_energy),
      OPTION(adc.kind),
      OPTION(adc.bits),
      OPTION(adc.pipeline_stages),
      OPTION(adc.columns_per_adc),
      OPTION(adc.sample_and_hold),
      OPTION(adc.conversion_latency_ns),
      OPTION(shift_add.latency_cycles),
      OPTION(adder_tree.latency_cycles_per_level),
      OPTION(adder_tree.lanes),
      OPTION(input_buffer.capacity_bits),
      OPTION(input_buffer.port_bits),
      OPTION(input_buffer.ports),
      OPTION(output_buffer.capacity_bits),
      OPTION(output_buffer.port_bits),
      OPTION(node_adder.lanes),
      OPTION(node_adder.value_bits),
      OPTION(node_memory.capacity_bits),
      OPTION(neuron_unit.lanes),
      OPTION(neuron_unit.latency_cycles),
      OPTION(neuron_unit.membrane_bits),
      OPTION(membrane_memory.capacity_bits),
      OPTION(pooling_unit.lanes),
      OPTION(pooling_memory.capacity_bits),
  };
  return all;
}
#undef OPTION

/// Smaller recipes, the largest steps first.
std::vector<Recipe> smaller_recipes(const Recipe& from) {
  std::vector<Recipe> smaller;
  const auto offer = [&](auto change) {
    Recipe r = from;
    change(r);
    smaller.push_back(std::move(r));
  };
  for (std::size_t i = 0; i < from.blocks.size(); ++i) {
    offer([&](Recipe& r) { r.blocks.erase(r.blocks.begin() + static_cast<std::ptrdiff_t>(i)); });
  }
  if (from.timesteps > 1) {
    offer([](Recipe& r) { r.timesteps = 1; });
    offer([](Recipe& r) { --r.timesteps; });
  }
  if (from.hidden > 0) offer([](Recipe& r) { r.hidden = 0; });
  if (from.classes > 1) offer([](Recipe& r) { r.classes = 1; });
  if (from.frames) offer([](Recipe& r) { r.frames = false; });
  if (from.rate > 0) {
    offer([](Recipe& r) { r.rate = 0; });
    if (from.rate > 0.02) offer([](Recipe& r) { r.rate /= 2; });
  }
  for (auto dimension : {&Recipe::height, &Recipe::width, &Recipe::input_channels, &Recipe::input_bits,
                         &Recipe::stem_channels, &Recipe::stem_kernel}) {
    if (from.*dimension <= 1) continue;
    offer([&](Recipe& r) { r.*dimension = 1; });
    offer([&](Recipe& r) { --(r.*dimension); });
  }
  for (std::size_t i = 0; i < from.blocks.size(); ++i) {
    const auto& block = from.blocks[i];
    const auto offer_block = [&](auto change) { offer([&](Recipe& r) { change(r.blocks[i]); }); };
    if (block.kind == Block::Kind::kCell) {
      for (std::size_t e = 0; e < kEdges.size(); ++e) {
        if (block.backward[e] != 0) offer_block([&](Block& b) { b.backward[e] = 0; });
        if (block.backward[e] > 1) offer_block([&](Block& b) { --b.backward[e]; });
        if (block.forward[e] != 0) offer_block([&](Block& b) { b.forward[e] = 0; });
        if (block.forward[e] > 1) offer_block([&](Block& b) { b.forward[e] = 1; });
        if (block.forward[e] > 2) offer_block([&](Block& b) { b.forward[e] = 2; });
      }
    } else {
      if (block.kind != Block::Kind::kConv) offer_block([](Block& b) { b.kind = Block::Kind::kConv; });
      for (auto size : {&Block::channels, &Block::kernel, &Block::stride}) {
        if (block.*size > 1) offer_block([&](Block& b) { --(b.*size); });
      }
    }
  }
  return smaller;
}

}  // namespace

ChipConfig plain_chip() {
  auto chip = tiny_chip();
  chip.mesh.columns = 6;
  chip.mesh.rows = 100;
  return chip;
}

Case random_case(RandomStream& random) {
  Case c;
  auto& r = c.recipe;
  r.height = between(random, 1, 5);
  r.width = between(random, 1, 5);
  r.input_channels = between(random, 1, 3);
  r.input_bits = between(random, 1, 5);
  r.timesteps = between(random, 1, 3);
  r.stem_channels = between(random, 1, 4);
  r.stem_kernel = between(random, 1, 3);
  r.frames = random.below(2) == 0;
  for (int i = between(random, 0, 2); i > 0; --i) r.blocks.push_back(random_block(random));
  r.classes = random.below(6) == 0 ? 0 : between(random, 1, 4);
  r.hidden = random.below(2) == 0 ? between(random, 1, 9) : 0;
  r.rate = random.below(8) == 0 ? 0 : random.unit() * random.unit();
  r.trace_seed = random.below(1000);
  c.chip = random_chip(random, network_of(r));
  return c;
}

traces::Network network_of(const Recipe& r) {
  NetworkBuilder b({r.input_channels, r.height, r.width}, r.input_bits);
  const int padding = r.stem_kernel / 2;
  b.conv("stem", "input", r.stem_channels, r.stem_kernel, 1, padding);
  Place at{"stem", r.stem_channels, r.height + 2 * padding - r.stem_kernel + 1,
           r.width + 2 * padding - r.stem_kernel + 1};
  for (std::size_t i = 0; i < r.blocks.size(); ++i)
    add_block(b, r.blocks[i], "b" + std::to_string(i + 1), at);
  b.lif("last", {at.node});
  b.flatten("flatten", "last");
  int features = at.channels * at.height * at.width;
  std::string end = "flatten";
  if (r.classes > 0 && r.hidden > 0) {
    b.linear("hidden", end, features, r.hidden);
    b.lif("hidden.lif", {"hidden"});
    end = "hidden.lif";
    features = r.hidden;
  }
  if (r.classes > 0) {
    b.linear("classes", end, features, r.classes);
    end = "classes";
    features = r.classes;
  }
  auto network = b.output(end, {features}, r.timesteps);
  RandomStream random(derive_seed(r.trace_seed, 1));
  const auto draw = [&](auto* params) {
    if (params == nullptr) return;
    for (std::size_t i = 0; i < params->quantised->value.size(); ++i) {
      const int value = between(random, -15, 15);
      params->quantised->value[i] = static_cast<std::int8_t>(value);
      params->weight.data[i] = static_cast<float>(value);
    }
  };
  for (auto& node : network.nodes) {
    draw(std::get_if<traces::Conv2dParams>(&node.params));
    draw(std::get_if<traces::LinearParams>(&node.params));
  }
  // Neurons with two states, and with none, among the others.
  RandomStream kinds(derive_seed(r.trace_seed, 3));
  const traces::Tensor one{{1}, {1}}, tau{{1}, {1e-4F}}, zero{{1}, {0}};
  for (auto& node : network.nodes) {
    if (node.as<traces::LifParams>() == nullptr) continue;
    const auto kind = kinds.below(6);
    if (kind == 0) node.params = traces::CubaLifParams{tau, tau, one, zero, one, one, zero, true, false};
    if (kind == 1) node.params = traces::ThresholdParams{one};
  }
  return network;
}

traces::SpikeTrace trace_of(const Recipe& r, const traces::Network& network) {
  return random_trace(network, 1, r.rate, derive_seed(r.trace_seed, 2), r.frames ? r.timesteps : 1);
}

std::vector<Case> smaller_cases(const Case& c) {
  std::vector<Case> smaller;
  for (auto& recipe : smaller_recipes(c.recipe)) smaller.push_back({c.chip, std::move(recipe)});
  const auto plain = plain_chip();
  for (const auto& option : options()) {
    auto chip = c.chip;
    if (option.reset(chip, plain)) smaller.push_back({std::move(chip), c.recipe});
  }
  return smaller;
}

std::string describe(const Case& c) {
  const auto& r = c.recipe;
  std::string text = "network: input " + std::to_string(r.input_channels) + " x " + std::to_string(r.height) +
                     " x " + std::to_string(r.width) + " of " + std::to_string(r.input_bits) + " bits" +
                     (r.frames ? ", another one per timestep" : "") + "; " + std::to_string(r.timesteps) +
                     " timesteps; spike rate " + text_of(r.rate) + ", trace seed " +
                     std::to_string(r.trace_seed) + "\n  stem " + std::to_string(r.stem_channels) +
                     " channels, kernel " + std::to_string(r.stem_kernel) + "\n";
  for (const auto& b : r.blocks) {
    if (b.kind == Block::Kind::kCell) {
      text += "  cell, edges 01 02 12 03 13 23: forward";
      for (int op : b.forward) text += " " + std::to_string(op);
      text += ", backward";
      for (int op : b.backward) text += " " + std::to_string(op);
      text += " (0 none, 1 skip, 2 conv 1x1, 3 conv 3x3, 4 pool)\n";
    } else {
      const bool conv = b.kind == Block::Kind::kConv;
      text += std::string("  ") +
              (conv                           ? "conv"
               : b.kind == Block::Kind::kPool ? "pool"
                                              : "spike pool, conv") +
              ", " + std::to_string(b.channels) + " channels, kernel " + std::to_string(b.kernel) +
              ", stride " + std::to_string(b.stride) + "\n";
    }
  }
  if (r.classes > 0)
    text += "  linear " + (r.hidden > 0 ? std::to_string(r.hidden) + ", " : "") + std::to_string(r.classes) +
            "\n";
  text += "chip: plain_chip()";
  const auto plain = plain_chip();
  for (const auto& option : options()) {
    auto chip = c.chip;
    if (option.reset(chip, plain)) text += std::string(", ") + option.name + " = " + option.text(c.chip);
  }
  return text + "\n";
}

}  // namespace spikeloop::testing
