#include "models/snasnet.h"

#include <ATen/ATen.h>

#include <cmath>

#include "models/snasnet_parts.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

using Shapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

// Node pairs in the order of the released ModuleLists; the two lists differ.
constexpr std::array<std::array<std::size_t, 2>, 6> kForwardPairs{
    {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
constexpr std::array<std::array<std::size_t, 2>, 6> kBackwardPairs{
    {{1, 0}, {2, 0}, {3, 0}, {2, 1}, {3, 1}, {3, 2}}};

bool is_convolution(Op op) { return op == Op::kConv1x1 || op == Op::kConv3x3; }

void check(const SnasnetSpec& spec) {
  const auto require = [](bool good, const std::string& place, auto found, const std::string& expected) {
    if (!good) throw InputError("network", place, std::to_string(found), expected);
  };
  require(spec.input_channels >= 1, "input channels", spec.input_channels, "at least 1");
  require(spec.channels >= 1, "channels", spec.channels, "at least 1");
  require(spec.stem_stride >= 1, "stem stride", spec.stem_stride, "at least 1");
  require(spec.second_pool >= 1, "second pooling", spec.second_pool, "at least 1");
  require(spec.hidden >= 0, "hidden neurons", spec.hidden, "at least 0");
  require(spec.classes >= 1 && spec.votes >= 1, "classes and votes", spec.classes * spec.votes, "at least 1");
  require(spec.timesteps >= 1, "timesteps", spec.timesteps, "at least 1");
  require(spec.neuron.tau >= 1.0, "tau", spec.neuron.tau, "at least 1 (in timesteps)");
  require(spec.neuron.threshold > 0, "threshold", spec.neuron.threshold, "above 0");
  const std::int64_t map = (spec.input_size + spec.stem_stride - 1) / spec.stem_stride / 2;
  require(map >= spec.second_pool, "second pooling", spec.second_pool,
          "at most the map of cell 2 (" + std::to_string(map) + ")");
}

/// Uniform in +-bound from the stream of one parameter.
void fill_uniform(at::Tensor& weight, double bound, std::uint64_t seed) {
  auto* data = weight.data_ptr<float>();
  for (std::int64_t i = 0; i < weight.numel(); ++i) {
    data[i] = static_cast<float>((2 * unit(seed, static_cast<std::uint64_t>(i)) - 1) * bound);
  }
}

/// Normal with this deviation (Box-Muller, two at a time).
void fill_normal(at::Tensor& weight, double deviation, std::uint64_t seed) {
  auto* data = weight.data_ptr<float>();
  const std::int64_t n = weight.numel();
  for (std::int64_t i = 0; i < n; i += 2) {
    const double u = 1.0 - unit(seed, static_cast<std::uint64_t>(i));  // (0, 1]
    const double angle = 6.283185307179586 * unit(seed, static_cast<std::uint64_t>(i) + 1);
    const double radius = deviation * std::sqrt(-2.0 * std::log(u));
    data[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < n) data[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

torch::nn::BatchNorm2d make_bn(std::int64_t channels) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels));
}

at::Tensor convolve(const at::Tensor& input, const Weights& conv, std::int64_t stride = 1) {
  const std::int64_t padding = conv->weight.size(2) / 2;
  return at::conv2d(input, conv->weight, {}, {stride, stride}, {padding, padding});
}

/// Sum in which an absent term is zero and an absent sum stays absent.
void add_to(at::Tensor& sum, const at::Tensor& term) {
  if (term.defined()) sum = sum.defined() ? sum + term : term;
}

}  // namespace

WeightsImpl::WeightsImpl(const std::vector<std::int64_t>& shape, bool with_bias) {
  weight = register_parameter("weight", at::empty(shape, at::kFloat));
  if (with_bias) bias = register_parameter("bias", at::zeros({shape[0]}, at::kFloat));
}

SnasnetImpl::SnasnetImpl(const SnasnetSpec& spec, std::uint64_t seed, bool draw_weights)
    : dropout_seed(derive_seed(seed, 0)), spec_(spec), state_(std::make_shared<State>()) {
  check(spec);
  State& s = *state_;
  const auto holder = [] { return std::make_shared<torch::nn::Module>(); };
  const auto add_weights = [&](torch::nn::Module& parent, const std::string& name,
                               const std::vector<std::int64_t>& shape, bool bias = false) {
    Weights weights(shape, bias);
    parent.register_module(name, weights);
    s.all_weights.push_back(weights);
    return weights;
  };
  const auto add_bn = [&](torch::nn::Module& parent, const std::string& name, std::int64_t channels) {
    return parent.register_module(name, make_bn(channels));
  };
  const auto add_cell = [&](std::size_t index, const CellMatrix& matrix, std::int64_t channels) {
    const std::string cell_name = "cell" + std::to_string(index + 1);
    const auto cell_module = register_module(cell_name, holder());
    Cell& cell = s.cells[index];
    for (const bool backward : {false, true}) {
      const std::string list_name = backward ? "cell_architecture_back" : "cell_architecture";
      const auto list = cell_module->register_module(list_name, holder());
      const auto& pairs = backward ? kBackwardPairs : kForwardPairs;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto [from, to] = pairs[i];
        CellEdge& edge = cell.edges[from][to];
        edge.op = matrix[from][to];
        if (backward && edge.op != Op::kZero) cell.feedback = true;
        if (!is_convolution(edge.op)) continue;
        const std::int64_t kernel = edge.op == Op::kConv3x3 ? 3 : 1;
        const auto module = list->register_module(std::to_string(i), holder());
        edge.lif_name = cell_name + "." + list_name + "." + std::to_string(i) + ".0";
        edge.conv = add_weights(*module, "1", {channels, channels, kernel, kernel});
        edge.bn = add_bn(*module, "2", channels);
      }
    }
  };

  const std::int64_t wide = 2 * spec.channels;
  const auto stem = register_module("stem", holder());
  s.stem = add_weights(*stem, "0", {spec.channels, spec.input_channels, 3, 3});
  s.stem_bn = add_bn(*stem, "1", spec.channels);
  add_cell(0, spec.cell1, spec.channels);
  const auto down = register_module("downconv1", holder());
  s.reduce_bn_in = add_bn(*down, "0", spec.channels);
  s.reduce = add_weights(*down, "2", {wide, spec.channels, 3, 3});
  s.reduce_bn_out = add_bn(*down, "3", wide);
  add_cell(1, spec.cell2, wide);
  const auto last = register_module("last_act", holder());
  s.last_bn = add_bn(*last, "0", wide);
  const std::int64_t map = (spec.input_size + spec.stem_stride - 1) / spec.stem_stride / 2 / spec.second_pool;
  const std::int64_t features = wide * map * map, outputs = spec.classes * spec.votes;
  const auto classifier = register_module("classifier", holder());
  if (spec.hidden > 0) {
    s.fc1 = add_weights(*classifier, "1", {spec.hidden, features});
    s.fc2 = add_weights(*classifier, "3", {outputs, spec.hidden}, true);
  } else {
    s.fc2 = add_weights(*classifier, "1", {outputs, features}, true);
  }
  if (!draw_weights) return;
  for (std::size_t i = 0; i < s.all_weights.size(); ++i) {
    at::Tensor weight = s.all_weights[i]->weight.detach();
    const std::uint64_t stream = derive_seed(seed, 1 + i);
    if (weight.dim() == 4) {
      const auto fan_in = static_cast<double>(weight.size(1) * weight.size(2) * weight.size(3));
      fill_uniform(weight, std::sqrt(6.0 / (5.0 * fan_in)), stream);  // Kaiming, a = 2
    } else {
      fill_normal(weight, 0.01, stream);
    }
  }
}

std::int64_t SnasnetImpl::num_parameters() const {
  std::int64_t count = 0;
  for (const auto& parameter : parameters()) count += parameter.numel();
  return count;
}

std::int64_t SnasnetImpl::num_lif_modules() const {
  std::int64_t count = spec_.hidden > 0 ? 3 : 2;
  for (const auto& cell : state_->cells) {
    for (const auto& row : cell.edges) {
      for (const auto& edge : row) count += is_convolution(edge.op) ? 1 : 0;
    }
  }
  return count;
}

/// One forward pass; holds what is needed for its length only.
class SnasnetForward {
 public:
  SnasnetForward(SnasnetImpl& net, SnasnetImpl::State& state, Shapes* shapes)
      : net_(net), spec_(net.spec()), state_(state), shapes_(shapes) {}

  at::Tensor run(const at::Tensor& images) {
    reset();
    const at::Tensor still = state_.stem_bn(convolve(images, state_.stem, spec_.stem_stride));
    note("stem", still);
    at::Tensor sum;
    for (step_ = 0; step_ < spec_.timesteps; ++step_) add_to(sum, timestep(still));
    return sum / spec_.timesteps;
  }

 private:
  void reset() {
    for (auto& memory : state_.cell_memory) {
      memory.feedback = {};
      for (auto& membrane : memory.membrane) keep_or_drop(membrane);
    }
    keep_or_drop(state_.reduce_membrane);
    keep_or_drop(state_.last_membrane);
    keep_or_drop(state_.classifier_membrane);
    state_.dropout_mask = at::Tensor();
  }
  void keep_or_drop(at::Tensor& membrane) const {
    membrane = net_.keep_state && membrane.defined() ? membrane.detach() : at::Tensor();
  }

  at::Tensor timestep(const at::Tensor& still) {
    at::Tensor x = cell(0, still);
    note("cell1", x);
    x = fire("downconv1.1", state_.reduce_bn_in(x), state_.reduce_membrane);
    x = state_.reduce_bn_out(convolve(x, state_.reduce));
    note("downconv1", x);
    x = at::avg_pool2d(x, 2, 2);
    note("resdownsample1", x);
    x = cell(1, x);
    note("cell2", x);
    x = fire("last_act.1", state_.last_bn(x), state_.last_membrane);
    note("last_act", x);
    x = at::avg_pool2d(x, spec_.second_pool, spec_.second_pool);
    note("resdownsample2", x);
    x = drop(x.flatten(1));
    note("classifier.0", x);
    if (spec_.hidden > 0) {
      x = at::linear(x, state_.fc1->weight);
      note("classifier.1", x);
      x = fire("classifier.2", x, state_.classifier_membrane);
      note("classifier.2", x);
    }
    x = at::linear(x, state_.fc2->weight, state_.fc2->bias);
    note(spec_.hidden > 0 ? "classifier.3" : "classifier.1", x);
    note("classifier", x);
    x = x.view({x.size(0), 1, spec_.classes, spec_.votes}).mean(3);
    note("boost", x);
    return x.squeeze(1);
  }

  at::Tensor fire(const std::string& name, const at::Tensor& input, at::Tensor& membrane) {
    const LifStep lif = lif_step(input, membrane, spec_.neuron.tau, spec_.neuron.threshold);
    membrane = lif.membrane;
    if (net_.observer) net_.observer(name, step_, lif.spikes, lif.membrane);
    return lif.spikes;
  }

  /// Values of a cell's nodes in one timestep, as its edges read them (feedback added).
  struct Nodes {
    std::array<at::Tensor, 4> value, spikes;
  };

  /// Output of an edge; undefined is zero. Edges out of one node have LIFs with the same input, hence the
  /// same spikes: one is computed for all of them, and the observer is told of each.
  at::Tensor edge(Nodes& nodes, std::size_t index, std::size_t from, std::size_t to, const at::Tensor& like) {
    const CellEdge& edge = state_.cells[index].edges[from][to];
    at::Tensor& value = nodes.value[from];
    if (edge.op == Op::kZero) return {};
    if (edge.op == Op::kSkip) return value;
    if (edge.op == Op::kAvgPool3x3) return value.defined() ? average_pool3x3(value) : at::Tensor();
    if (!value.defined()) value = at::zeros_like(like);
    at::Tensor& membrane = state_.cell_memory[index].membrane[from];
    if (!nodes.spikes[from].defined()) {
      const LifStep lif = lif_step(value, membrane, spec_.neuron.tau, spec_.neuron.threshold);
      membrane = lif.membrane;
      nodes.spikes[from] = lif.spikes;
    }
    if (net_.observer) net_.observer(edge.lif_name, step_, nodes.spikes[from], membrane);
    at::Tensor result = convolve(nodes.spikes[from], edge.conv);
    torch::nn::BatchNorm2d bn = edge.bn;
    return bn(result);
  }

  at::Tensor cell(std::size_t index, const at::Tensor& input) {
    auto& feedback = state_.cell_memory[index].feedback;
    Nodes nodes;
    nodes.value[0] = input;
    add_to(nodes.value[0], feedback[0]);
    for (std::size_t to = 1; to < 4; ++to) {
      for (std::size_t from = 0; from < to; ++from) {
        add_to(nodes.value[to], edge(nodes, index, from, to, input));
      }
      if (to < 3) add_to(nodes.value[to], feedback[to]);
    }
    at::Tensor output = nodes.value[3].defined() ? nodes.value[3] : at::zeros_like(input);
    // What the last timestep would feed back is used by nobody; only who counts LIF calls wants it.
    const bool last = step_ + 1 == spec_.timesteps && !net_.observer && !net_.keep_state;
    if (state_.cells[index].feedback && !last) {
      std::array<at::Tensor, 4> next;
      for (const auto& [from, to] : kBackwardPairs) add_to(next[to], edge(nodes, index, from, to, input));
      feedback = next;
    }
    return output;
  }

  /// Dropout with one mask for the whole forward pass.
  at::Tensor drop(const at::Tensor& x) {
    if (!net_.is_training() || net_.dropout <= 0) return x;
    if (!state_.dropout_mask.defined()) {
      at::Tensor mask = at::empty(x.sizes(), at::kFloat);
      auto* data = mask.data_ptr<float>();
      const auto kept = static_cast<float>(1 / (1 - net_.dropout));
      for (std::int64_t i = 0; i < mask.numel(); ++i) {
        data[i] = unit(net_.dropout_seed, static_cast<std::uint64_t>(i)) < net_.dropout ? 0.0F : kept;
      }
      state_.dropout_mask = mask.to(x.options());
      net_.dropout_seed = derive_seed(net_.dropout_seed, 1);
    }
    return x * state_.dropout_mask;
  }

  void note(const char* stage, const at::Tensor& x) {
    if (shapes_ != nullptr && step_ == 0) shapes_->emplace_back(stage, x.sizes().vec());
  }

  SnasnetImpl& net_;
  const SnasnetSpec& spec_;
  SnasnetImpl::State& state_;
  Shapes* shapes_;
  int step_ = 0;
};

at::Tensor SnasnetImpl::forward(const at::Tensor& images) {
  return SnasnetForward(*this, *state_, nullptr).run(images);
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> SnasnetImpl::stage_shapes(
    const at::Tensor& images) {
  Shapes shapes;
  const at::NoGradGuard no_grad;
  SnasnetForward(*this, *state_, &shapes).run(images);
  return shapes;
}

}  // namespace spikeloop::models
