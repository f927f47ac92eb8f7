#include "nas/score.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "models/batches.h"
#include "models/networks.h"
#include "models/threads.h"
#include "nas/sahd.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

using models::Architecture;
using models::CellMatrix;
using models::GraphNet;
using models::SnasnetSpec;

/// `count` different records of `n`, chosen by this seed (a partial Fisher-Yates shuffle).
std::vector<std::int64_t> choose(std::int64_t n, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  RandomStream random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto other = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  order.resize(static_cast<std::size_t>(count));
  return order;
}

const std::shared_ptr<const models::SampleSet>& samples_of(const models::Dataset& dataset) {
  return models::size_of(dataset.train) > 0 ? dataset.train : dataset.test;
}

/// Longest path in convolutions, and paths, from a cell's input to its output over forward edges.
void add_graph(const CellMatrix& cell, Score& score) {
  std::array<std::int64_t, 4> depth{0, -1, -1, -1}, paths{1, 0, 0, 0};
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      for (const models::CellOp& op : operations(cell[from][to])) {
        if (op == models::Op::kZero) continue;
        const bool convolution = models::is_convolution(op);
        score.convolutions += convolution ? 1 : 0;
        if (to <= from || depth[from] < 0) continue;
        depth[to] = std::max(depth[to], depth[from] + (convolution ? 1 : 0));
        paths[to] += paths[from];
      }
    }
  }
  score.depth += std::max<std::int64_t>(depth[3], 0);
  score.paths *= paths[3];
}

/// Layers [first, last) of a network, behind an Input of this shape and, where they have none, before an
/// Output.
Architecture part_of(const Architecture& whole, std::size_t first, std::size_t last,
                     const std::vector<std::int64_t>& shape) {
  Architecture part;
  part.kind = whole.kind;
  part.timesteps = whole.timesteps;
  part.layers.push_back({"part.input", models::layer::Input{{shape[0], shape[1], shape[2]}}, ""});
  for (std::size_t i = first; i < last; ++i) part.layers.push_back(whole.layers[i]);
  const auto inside = [&](int layer) {
    return static_cast<std::size_t>(layer) >= first && static_cast<std::size_t>(layer) < last;
  };
  const int shift = 1 - static_cast<int>(first);
  for (const models::LayerEdge& edge : whole.edges) {
    if (!inside(edge.to)) continue;
    part.edges.push_back({inside(edge.from) ? edge.from + shift : 0, edge.to + shift, edge.backward});
  }
  if (part.layers.back().as<models::layer::Output>() == nullptr) {
    part.layers.push_back({"part.output", models::layer::Output{}, ""});
    const int output = static_cast<int>(part.layers.size()) - 1;
    part.edges.push_back({output - 1, output, false});
  }
  return part;
}

std::size_t index_of(const Architecture& architecture, const std::string& layer) {
  std::size_t i = 0;
  while (architecture.layers[i].name != layer) ++i;
  return i;
}

using Weights = std::map<std::string, at::Tensor>;

/// A layer's weight in the network with every operation on every edge, whose 1 x 1 convolutions have names of
/// their own.
std::string weight_name(const models::Layer& layer) {
  const auto* conv = layer.as<models::layer::Conv>();
  const bool in_cell = layer.name.rfind("cell", 0) == 0;
  const bool told_apart = layer.name.size() > 4 && layer.name.compare(layer.name.size() - 4, 4, ".1x1") == 0;
  return conv != nullptr && in_cell && conv->kernel == 1 && !told_apart ? layer.name + ".1x1" : layer.name;
}

Weights draw_weights(SnasnetSpec spec, std::uint64_t seed, at::ScalarType type) {
  models::CellOp every(models::Op::kConv3x3);
  every.also = 1 << static_cast<int>(models::Op::kConv1x1);
  for (CellMatrix* cell : {&spec.cell1, &spec.cell2}) {
    for (std::size_t from = 0; from < 4; ++from) {
      for (std::size_t to = 0; to < 4; ++to) (*cell)[from][to] = from == to ? models::CellOp() : every;
    }
  }
  GraphNet net(models::snasnet(spec), seed);
  Weights weights;
  for (std::size_t i = 0; i < net->architecture().layers.size(); ++i) {
    const at::Tensor& weight = net->parameters_of(i).weight;
    if (weight.defined() && weight.dim() > 1)
      weights[weight_name(net->architecture().layers[i])] = weight.detach().to(type);
  }
  return weights;
}

GraphNet net_with(const Architecture& architecture, const Weights& weights, at::ScalarType type) {
  GraphNet net(architecture, 1, false);
  for (std::size_t i = 0; i < architecture.layers.size(); ++i) {
    const auto& own = net->parameters_of(i);
    if (own.weight.defined() && own.weight.dim() > 1)
      own.weight.set_data(weights.at(weight_name(architecture.layers[i])));
  }
  net->to(type);
  net->stepwise = true;
  net->train();
  return net;
}

/// The Output of a part at every timestep; its LIF calls go to `kernel`.
at::Tensor run(const Architecture& part, const Weights& weights, const at::Tensor& input,
               const std::map<std::string, std::int64_t>& lif_calls, SahdKernel* kernel) {
  GraphNet net = net_with(part, weights, input.scalar_type());
  if (kernel != nullptr) {
    net->observer = [&](const std::string& layer, int, const at::Tensor& spikes, const at::Tensor&) {
      kernel->add(spikes, lif_calls.at(layer));
    };
  }
  at::Tensor outputs;
  net->output_observer = [&](const at::Tensor& values) { outputs = values; };
  const at::Tensor mean = net->forward(input);
  return kernel != nullptr ? outputs : mean;
}

/// LIF modules of the released code for each layer of neurons.
std::map<std::string, std::int64_t> lif_calls_of(const SnasnetSpec& spec) {
  std::map<std::string, std::int64_t> calls;
  for (const models::ReleasedLif& lif : models::released_lifs(spec)) ++calls[lif.layer];
  return calls;
}

std::string macro_text(SnasnetSpec spec) {
  spec.cell1 = spec.cell2 = {};
  return models::to_json(models::snasnet(spec));
}

}  // namespace

/// What all candidates of one macro-architecture share.
struct Scorer::Macro {
  Weights weights;
  std::vector<at::Tensor> inputs;  ///< of each repeat
  std::vector<at::Tensor> stems;   ///< what the first cell takes
};

/// What all candidates with the same first cell share, in one repeat.
struct Scorer::Front {
  SahdKernel kernel;
  at::Tensor value;  ///< [T, B, 2 C, H, W]: what the second cell takes
};

Scorer::Scorer(const models::Dataset& dataset, const ScoreOptions& options)
    : dataset_(dataset), options_(options) {
  const std::int64_t available = models::size_of(samples_of(dataset));
  if (options.batch < 1 || options.batch > available) {
    throw InputError(dataset.name, "scoring batch", std::to_string(options.batch),
                     "1 to " + std::to_string(available) + " images");
  }
  const auto require = [&](bool good, const std::string& what, std::int64_t found,
                           const std::string& expected) {
    if (!good) throw InputError(dataset.name, "scoring " + what, std::to_string(found), expected);
  };
  require(options.repeats >= 1, "repeats", options.repeats, "at least 1");
  require(options.channels >= 0, "channels", options.channels, "at least 1, or 0 for the network's");
  require(options.timesteps >= 0, "timesteps", options.timesteps, "at least 1, or 0 for the network's");
  require(options.image_shrink >= 1 && dataset.height % options.image_shrink == 0 &&
              dataset.width % options.image_shrink == 0,
          "image shrink", options.image_shrink,
          "a divisor of the images' height " + std::to_string(dataset.height) + " and width " +
              std::to_string(dataset.width));
}

Scorer::~Scorer() = default;

SnasnetSpec Scorer::reduced(const SnasnetSpec& spec) const {
  SnasnetSpec less = spec;
  less.dropout = 0;
  if (options_.channels > 0) less.channels = options_.channels;
  if (options_.timesteps > 0) less.timesteps = options_.timesteps;
  if (dataset_.framed() && less.timesteps > spec.timesteps) {
    throw InputError(dataset_.name, "scoring timesteps", std::to_string(less.timesteps),
                     "at most the " + std::to_string(spec.timesteps) + " frames of a sample");
  }
  less.input_size /= options_.image_shrink;
  return less;
}

const Scorer::Macro& Scorer::macro_of(const SnasnetSpec& spec) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Macro>& known = macros_[macro_text(spec)];
  if (known != nullptr) return *known;
  const auto type = options_.double_precision ? at::kDouble : at::kFloat;
  auto macro = std::make_unique<Macro>();
  macro->weights = draw_weights(spec, options_.seed, type);
  const Architecture whole = models::snasnet(spec);
  const Architecture stem = part_of(whole, 1, index_of(whole, "cell1.node0"),
                                    {spec.input_channels, spec.input_size, spec.input_size});
  const auto& samples = samples_of(dataset_);
  for (int repeat = 0; repeat < options_.repeats; ++repeat) {
    const std::uint64_t stream =
        derive_seed(derive_seed(options_.seed, 0x5a4d), static_cast<unsigned>(repeat));
    const auto records = choose(models::size_of(samples), options_.batch, stream);
    at::Tensor input = models::read_batch(dataset_, *samples, records).input.to(type);
    if (input.dim() == 5) input = input.narrow(0, 0, spec.timesteps).contiguous();
    if (options_.image_shrink > 1) {
      auto shape = input.sizes().vec();
      for (std::size_t d = shape.size() - 2; d < shape.size(); ++d) shape[d] /= options_.image_shrink;
      input = at::avg_pool2d(input.flatten(0, input.dim() - 4), options_.image_shrink).reshape(shape);
    }
    macro->inputs.push_back(input);
    SahdKernel none;  // a stem has no neurons
    const at::Tensor value = run(stem, macro->weights, input, {}, input.dim() == 5 ? &none : nullptr);
    macro->stems.push_back(value);
  }
  known = std::move(macro);
  return *known;
}

Scorer::Front Scorer::front_of(const Macro& macro, const SnasnetSpec& spec, int repeat) const {
  const Architecture whole = models::snasnet(spec);
  const at::Tensor& stem = macro.stems[static_cast<std::size_t>(repeat)];
  const Architecture part = part_of(whole, index_of(whole, "cell1.node0"), index_of(whole, "cell2.node0"),
                                    stem.sizes().slice(stem.dim() - 3).vec());
  Front front;
  front.value = run(part, macro.weights, stem, lif_calls_of(spec), &front.kernel);
  return front;
}

Score Scorer::finish(const Macro& macro, const std::vector<Front>& fronts, const SnasnetSpec& spec) const {
  Score score;
  score.paths = 1;
  add_graph(spec.cell1, score);
  add_graph(spec.cell2, score);
  score.lif_modules = static_cast<std::int64_t>(models::released_lifs(spec).size());
  const Architecture whole = models::snasnet(spec);
  const auto lif_calls = lif_calls_of(spec);
  const auto repeats = static_cast<double>(fronts.size());
  for (const Front& front : fronts) {
    const Architecture part = part_of(whole, index_of(whole, "cell2.node0"), whole.layers.size(),
                                      front.value.sizes().slice(2).vec());
    SahdKernel back, kernel = front.kernel;
    run(part, macro.weights, front.value, lif_calls, &back);
    kernel.add(back);
    score.sahd += kernel.log_det().value / repeats;
    score.hamming += kernel.hamming_log_det().value / repeats;
    score.active_share += kernel.active_share() / repeats;
    score.firing_rate += kernel.firing_rate() / repeats;
  }
  return score;
}

Score Scorer::score(const SnasnetSpec& spec) const { return score_all({spec}).front(); }

std::vector<Score> Scorer::score_all(const std::vector<SnasnetSpec>& specs) const {
  const models::ThreadCount one_thread(1);  // sums in one order
  const at::NoGradGuard no_grad;
  std::map<std::string, std::vector<std::size_t>> by_front;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const SnasnetSpec spec = reduced(specs[i]);
    by_front[macro_text(spec) + models::to_text(spec.cell1, spec.cell1)].push_back(i);
  }
  std::vector<Score> scores(specs.size());
  for (const auto& [text, members] : by_front) {
    const SnasnetSpec first = reduced(specs[members.front()]);
    const Macro& macro = macro_of(first);
    std::vector<Front> fronts;
    for (int repeat = 0; repeat < options_.repeats; ++repeat)
      fronts.push_back(front_of(macro, first, repeat));
    for (const std::size_t i : members) scores[i] = finish(macro, fronts, reduced(specs[i]));
  }
  return scores;
}

GraphNet Scorer::network(const SnasnetSpec& spec) const {
  const models::ThreadCount one_thread(1);
  const at::NoGradGuard no_grad;
  const SnasnetSpec less = reduced(spec);
  return net_with(models::snasnet(less), macro_of(less).weights,
                  options_.double_precision ? at::kDouble : at::kFloat);
}

at::Tensor Scorer::input(const SnasnetSpec& spec, int repeat) const {
  const models::ThreadCount one_thread(1);
  const at::NoGradGuard no_grad;
  return macro_of(reduced(spec)).inputs.at(static_cast<std::size_t>(repeat));
}

Score score_network(const SnasnetSpec& spec, const models::Dataset& dataset, const ScoreOptions& options) {
  return Scorer(dataset, options).score(spec);
}

}  // namespace spikeloop::nas
