#include <ATen/ATen.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>

#include "models/graph_net.h"
#include "models/graph_plan.h"
#include "models/neurons.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Streams of a forward's draw_seed.
constexpr std::uint64_t kNextForward = 0, kDropoutStream = 2;

/// Adds up terms in the order they come; nothing is copied for a single one.
class Adder {
 public:
  void add(const at::Tensor& term) {
    if (!term.defined()) return;
    if (!sum_.defined()) {
      sum_ = term;
    } else if (own_ && sum_.dim() >= term.dim()) {
      sum_.add_(term);
    } else {
      sum_ = sum_ + term;
      own_ = true;
    }
  }
  const at::Tensor& sum() const { return sum_; }

 private:
  at::Tensor sum_;
  bool own_ = false;  ///< nobody else holds the sum
};

/// Mixed precision keeps no membranes in half precision: small charges would be lost.
at::Tensor single_precision(const at::Tensor& x) {
  return x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
}

/// Layers whose inputs hold 0 and 1 only.
std::vector<bool> binary_inputs(const Architecture& architecture) {
  std::vector<int> sources(architecture.layers.size(), 0);
  std::vector<bool> binary(architecture.layers.size(), false);
  for (const LayerEdge& edge : architecture.edges) {
    ++sources[at(edge.to)];
    binary[at(edge.to)] = architecture.layers[at(edge.from)].as<layer::Neuron>() != nullptr;
  }
  for (std::size_t i = 0; i < binary.size(); ++i) binary[i] = binary[i] && sources[i] == 1;
  return binary;
}

}  // namespace

/// One forward pass; holds what is needed for its length only. A value is [B, ...] where it is the same at
/// every timestep (still), else [T, B, ...].
class GraphNetImpl::Forward {
 public:
  Forward(GraphNetImpl& net, const at::Tensor& input)
      : net_(net),
        layers_(net.architecture_.layers),
        timesteps_(net.architecture_.timesteps),
        binary_(binary_inputs(net.architecture_)),
        value_(layers_.size()),
        steps_(layers_.size()),
        forward_(layers_.size()),
        backward_(layers_.size()),
        affine_(layers_.size()),
        weights_(layers_.size()) {
    for (const LayerEdge& edge : net.architecture_.edges) {
      (edge.backward ? backward_ : forward_)[at(edge.to)].push_back(edge.from);
    }
    take(input);
    still_ = still_layers(net.architecture_, input_.dim() == 4);
    plan_ = plan_of(net.architecture_, still_, net.stepwise);
    if (!net.is_training()) fold_norms();
    all_ = static_cast<bool>(net.observer) || (net.stepwise && net.keep_state);
  }

  at::Tensor run() {
    at::Tensor result;
    const std::vector<std::vector<int>> last_read = layers_by_last_reader();
    for (std::size_t b = 0; b < plan_.blocks.size(); ++b) {
      const Block& block = plan_.blocks[b];
      const int layer = block.layers.front();
      if (block.stepwise) {
        run_steps(block);
      } else if (all_ || plan_.used[at(layer)]) {
        run_folded(layer);
        if (layers_[at(layer)].as<layer::Output>() != nullptr) result = value_[at(layer)];
      }
      for (const int read : last_read[b]) {
        value_[at(read)] = at::Tensor();
        steps_[at(read)].clear();
      }
    }
    net_.draw_seed = derive_seed(net_.draw_seed, kNextForward);
    const bool still = still_.at(output_);
    if (net_.output_observer) net_.output_observer(still ? every_step(result) : result);
    return still ? result : result.mean(0);
  }

 private:
  /// For each block the layers that nothing reads after it: all values at once would be most of the memory.
  std::vector<std::vector<int>> layers_by_last_reader() const {
    std::vector<int> last(layers_.size(), -1);
    for (const LayerEdge& edge : net_.architecture_.edges)
      last[at(edge.from)] = std::max(last[at(edge.from)], plan_.block_of[at(edge.to)]);
    std::vector<std::vector<int>> layers(plan_.blocks.size());
    for (std::size_t i = 0; i < last.size(); ++i)
      if (last[i] >= 0) layers[at(last[i])].push_back(static_cast<int>(i));
    return layers;
  }

  void take(const at::Tensor& input) {
    std::size_t index = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].as<layer::Input>() != nullptr) index = i;
      if (layers_[i].as<layer::Output>() != nullptr) output_ = i;
    }
    const auto* params = layers_[index].as<layer::Input>();
    const at::IntArrayRef shape(params->shape.data(), params->shape.size());
    const bool frames = input.dim() == 5;
    const std::string wanted = "[" + std::to_string(timesteps_) +
                               " timesteps, batch, channels, height, width] or "
                               "[batch, channels, height, width] with " +
                               c10::str(shape);
    if ((input.dim() != 4 && !frames) || input.sizes().slice(frames ? 2 : 1) != shape ||
        (frames && input.size(0) != timesteps_)) {
      throw InputError("network", "input", "a shape of " + c10::str(input.sizes()), wanted);
    }
    if (!frames && params->code != layer::InputCode::kDirect) {
      throw InputError("network", "input", "still images of shape " + c10::str(input.sizes()),
                       "frames: the network's input is events or spikes");
    }
    input_ = net_.input_transform ? net_.input_transform(input) : input;
    batch_ = input.size(frames ? 1 : 0);
  }

  // Evaluation: BatchNorm is a factor and an offset, which a neuron takes before charging, or else a
  // convolution into its weight.
  struct Affine {
    at::Tensor factor, offset;
  };

  void fold_norms() {
    std::vector<std::vector<int>> readers(layers_.size());
    for (const LayerEdge& edge : net_.architecture_.edges) readers[at(edge.from)].push_back(edge.to);
    const auto alone = [&](int layer) {
      return forward_[at(layer)].size() == 1 && backward_[at(layer)].empty();
    };
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Parameters& own = net_.parameters_[i];
      if (layers_[i].as<layer::BatchNorm>() == nullptr || !alone(static_cast<int>(i))) continue;
      const bool neurons = std::all_of(readers[i].begin(), readers[i].end(), [&](int reader) {
        return layers_[at(reader)].as<layer::Neuron>() != nullptr && alone(reader);
      });
      const int source = forward_[i].front();
      const bool convolution =
          layers_[at(source)].as<layer::Conv>() != nullptr && readers[at(source)].size() == 1;
      if (!neurons && !convolution) continue;
      const at::Tensor factor = own.weight / (own.running_var + kNormEpsilon).sqrt();
      const Affine affine{factor, own.bias - own.running_mean * factor};
      if (!neurons) affine_[at(source)] = affine;
      for (const int reader : readers[i]) {
        if (neurons) affine_[at(reader)] = affine;
      }
      taken_over_.insert(static_cast<int>(i));
    }
  }

  std::vector<std::int64_t> batched(std::size_t layer) const {
    std::vector<std::int64_t> shape = net_.shapes_[layer];
    shape.insert(shape.begin(), batch_);
    return shape;
  }

  at::Tensor zeros(std::size_t layer) const { return at::zeros(batched(layer), input_.options()); }

  /// What the layer before a layer gives where nothing comes in yet.
  at::Tensor zero_input(int layer) const {
    const auto& sources = backward_[at(layer)];
    return zeros(sources.empty() ? at(layer) : at(sources.front()));
  }

  // Folded.

  /// Value of the timestep before, zero at the first.
  at::Tensor delayed(int layer) const {
    const at::Tensor& value = value_[at(layer)];
    const at::Tensor moving = still_[at(layer)] ? every_step(value) : value;
    return at::cat({at::zeros_like(moving.narrow(0, 0, 1)), moving.narrow(0, 0, timesteps_ - 1)});
  }
  /// A still value at every timestep, without copies.
  at::Tensor every_step(const at::Tensor& still) const {
    std::vector<std::int64_t> shape = still.sizes().vec();
    shape.insert(shape.begin(), timesteps_);
    return still.unsqueeze(0).expand(shape);
  }

  /// [T * B, ...] of a layer as [T, B, ...].
  at::Tensor with_time(std::size_t layer, const at::Tensor& folded) const {
    std::vector<std::int64_t> shape = batched(layer);
    shape.insert(shape.begin(), folded.size(0) / std::max<std::int64_t>(batch_, 1));
    return folded.reshape(shape);
  }

  at::Tensor gather(int layer) const {
    Adder forward, backward;
    for (const int from : forward_[at(layer)]) forward.add(value_[at(from)]);
    for (const int from : backward_[at(layer)]) backward.add(delayed(from));
    forward.add(backward.sum());
    return forward.sum().defined() ? forward.sum() : zero_input(layer);
  }

  void run_folded(int index) {
    const Layer& layer = layers_[at(index)];
    at::Tensor& value = value_[at(index)];
    if (layer.as<layer::Input>() != nullptr) {
      value = input_;
      return;
    }
    const at::Tensor x = gather(index);
    if (const auto* neuron = layer.as<layer::Neuron>()) {
      value = fire(index, neuron->spec, moving(index, x) ? x : every_step(x));
    } else if (layer.as<layer::Dropout>() != nullptr) {
      value = drop(index, x);
    } else if (still_[at(index)]) {
      value = apply(index, x);
    } else {
      value = with_time(at(index), apply(index, x.flatten(0, 1)));
    }
  }
  /// Whether the input of a layer has a time axis.
  bool moving(int layer, const at::Tensor& x) const {
    const auto& sources = forward_[at(layer)].empty() ? backward_[at(layer)] : forward_[at(layer)];
    return x.dim() == static_cast<std::int64_t>(net_.shapes_[at(sources.front())].size()) + 2;
  }

  NeuronParameters neuron_parameters(int index) const {
    NeuronParameters parameters;
    parameters.plif_weight = net_.parameters_[at(index)].plif;
    parameters.factor = affine_[at(index)].factor;
    parameters.offset = affine_[at(index)].offset;
    return parameters;
  }

  at::Tensor fire(int index, const NeuronSpec& spec, const at::Tensor& x) {
    NeuronParameters parameters = neuron_parameters(index);
    parameters.all_membranes = static_cast<bool>(net_.observer);
    const NeuronOutput output = run_neurons(single_precision(x), {}, spec, parameters);
    for (int t = 0; t < timesteps_ && net_.observer; ++t) {
      net_.observer(layers_[at(index)].name, t, output.spikes[t], output.membranes[t]);
    }
    return output.spikes;
  }

  at::Tensor fire_step(int index, const NeuronSpec& spec, const at::Tensor& x, at::Tensor& membrane, int t) {
    const NeuronOutput output =
        run_neurons(single_precision(x).unsqueeze(0), membrane, spec, neuron_parameters(index));
    membrane = output.membrane;
    const at::Tensor spikes = output.spikes.squeeze(0);
    if (net_.observer) net_.observer(layers_[at(index)].name, t, spikes, membrane);
    return spikes;
  }

  // Step by step.

  /// A value of another block at timestep t.
  at::Tensor from_outside(int layer, int t) {
    if (still_[at(layer)]) return value_[at(layer)];
    auto& steps = steps_[at(layer)];
    // Split and cat along the batch keep the memory format, which unbind's gradient and stack do not.
    if (steps.empty()) steps = value_[at(layer)].flatten(0, 1).split(batch_);
    return steps[at(t)];
  }

  at::Tensor gather_step(int layer, int t) {
    const int own = plan_.block_of[at(layer)];
    const auto inside = [&](int from) { return plan_.block_of[at(from)] == own; };
    Adder forward, backward;
    for (const int from : forward_[at(layer)]) {
      forward.add(inside(from) ? now_[at(from)] : from_outside(from, t));
    }
    for (const int from : backward_[at(layer)]) {
      if (t > 0) backward.add(inside(from) ? before_[at(from)] : from_outside(from, t - 1));
    }
    forward.add(backward.sum());
    return forward.sum().defined() ? forward.sum() : zero_input(layer);
  }

  void run_steps(const Block& block) {
    now_.assign(layers_.size(), {});
    before_.assign(layers_.size(), {});
    std::vector<at::Tensor> membranes(layers_.size());
    if (net_.stepwise && net_.keep_state) {
      for (const int layer : block.layers) {
        const at::Tensor& kept = net_.membranes_[at(layer)];
        if (kept.defined()) membranes[at(layer)] = kept.detach();
      }
    }
    std::vector<std::vector<at::Tensor>> record(layers_.size());
    for (int t = 0; t < timesteps_; ++t) {
      for (const int index : block.layers) {
        const auto i = at(index);
        if (!all_ && !(plan_.used[i] && (t + 1 < timesteps_ || plan_.needed_last[i]))) continue;
        const at::Tensor x = gather_step(index, t);
        if (const auto* neuron = layers_[i].as<layer::Neuron>()) {
          now_[i] = fire_step(index, neuron->spec, x, membranes[i], t);
        } else if (layers_[i].as<layer::Dropout>() != nullptr) {
          now_[i] = drop(index, x);
        } else {
          now_[i] = apply(index, x);
        }
        if (plan_.read_outside[i]) record[i].push_back(now_[i]);
      }
      std::swap(now_, before_);
    }
    for (const int layer : block.layers) {
      if (!record[at(layer)].empty()) value_[at(layer)] = with_time(at(layer), at::cat(record[at(layer)]));
      if (net_.keep_state) net_.membranes_[at(layer)] = membranes[at(layer)];
    }
  }

  // One layer, [N, ...] -> [N, ...]

  const at::Tensor& weight_of(std::size_t index) {
    at::Tensor& weight = weights_[index];
    if (weight.defined()) return weight;
    weight = net_.weight_transform ? net_.weight_transform(net_, index) : net_.parameters_[index].weight;
    if (affine_[index].factor.defined()) weight = weight * affine_[index].factor.view({-1, 1, 1, 1});
    return weight;
  }

  at::Tensor convolution(int index, const layer::Conv& conv, const at::Tensor& x) {
    const at::Tensor y =
        convolve(x, weight_of(at(index)), conv.stride, conv.padding, conv.groups, binary_[at(index)]);
    const Affine& affine = affine_[at(index)];
    at::Tensor bias = net_.parameters_[at(index)].bias;
    if (affine.offset.defined()) bias = bias.defined() ? bias * affine.factor + affine.offset : affine.offset;
    return bias.defined() ? y.add_(bias.view({-1, 1, 1})) : y;
  }

  at::Tensor apply(int index, const at::Tensor& x) {
    const Layer& layer = layers_[at(index)];
    const Parameters& own = net_.parameters_[at(index)];
    if (const auto* conv = layer.as<layer::Conv>()) return convolution(index, *conv, x);
    if (layer.as<layer::Linear>() != nullptr) return at::linear(x, weight_of(at(index)), own.bias);
    if (layer.as<layer::BatchNorm>() != nullptr) {
      return taken_over_.count(index) > 0 ? x : normalise(index, x);
    }
    if (layer.as<layer::Affine>() != nullptr) return scale(own, x);
    if (const auto* pool = layer.as<layer::Pool>()) return apply_pool(*pool, x);
    if (layer.as<layer::Flatten>() != nullptr) return x.flatten(1);
    if (const auto* vote = layer.as<layer::Vote>()) {
      return x.view({x.size(0), x.size(1) / vote->votes, vote->votes}).mean(2);
    }
    return x;  // Sum, Output
  }

  static at::Tensor scale(const Parameters& own, const at::Tensor& x) {
    std::vector<std::int64_t> per_channel(static_cast<std::size_t>(x.dim()) - 1, 1);
    per_channel[0] = -1;
    const at::Tensor y = x * own.weight.view(per_channel);
    return own.bias.defined() ? y + own.bias.view(per_channel) : y;
  }

  at::Tensor normalise(int index, const at::Tensor& x) {
    const Parameters& own = net_.parameters_[at(index)];
    if (!net_.is_training()) {
      return batch_norm_eval(x, own.weight, own.bias, own.running_mean, own.running_var, kNormEpsilon);
    }
    std::int64_t& counted = net_.statistics_seen_[at(index)];
    if (x.numel() > x.size(1)) ++counted;  // else batch_norm_train leaves the statistics alone
    const auto seen = static_cast<double>(std::max<std::int64_t>(counted, 1));
    const double momentum = net_.norm_momentum < 0 ? 1 / seen : net_.norm_momentum;
    return batch_norm_train(x, own.weight, own.bias, own.running_mean, own.running_var, momentum,
                            kNormEpsilon);
  }

  static at::Tensor apply_pool(const layer::Pool& pool, const at::Tensor& x) {
    if (pool.kind == layer::Pool::Kind::kMax) {
      return at::max_pool2d(x, pool.kernel, pool.stride, pool.padding);
    }
    const bool average = pool.kind == layer::Pool::Kind::kAverage;
    if (average && pool.kernel == 3 && pool.stride == 1 && pool.padding == 1) return average_pool3x3(x);
    return at::avg_pool2d(x, pool.kernel, pool.stride, pool.padding, false, true,
                          average ? c10::nullopt : c10::optional<std::int64_t>(1));
  }

  /// Dropout with one mask for the whole forward pass.
  at::Tensor drop(int index, const at::Tensor& x) {
    const double probability = layers_[at(index)].as<layer::Dropout>()->probability;
    if (!net_.is_training() || probability <= 0) return x;
    at::Tensor& mask = masks_[index];
    if (!mask.defined()) {
      const std::uint64_t stream = derive_seed(net_.draw_seed, kDropoutStream + at(index));
      mask = at::empty(batched(at(index)), at::kFloat);
      auto* data = mask.data_ptr<float>();
      const auto kept = static_cast<float>(1 / (1 - probability));
      for (std::int64_t i = 0; i < mask.numel(); ++i) {
        data[i] = unit(stream, static_cast<std::uint64_t>(i)) < probability ? 0.0F : kept;
      }
      mask = mask.to(x.options());
    }
    return x * mask;
  }

  GraphNetImpl& net_;
  const std::vector<Layer>& layers_;
  const int timesteps_;
  std::int64_t batch_ = 0;
  std::size_t output_ = 0;
  at::Tensor input_;
  GraphPlan plan_;
  bool all_ = false;  ///< also layers that the Output does not need
  std::vector<bool> still_, binary_;
  std::vector<at::Tensor> value_;
  std::vector<std::vector<at::Tensor>> steps_;  ///< of a value that a stepwise block reads
  std::vector<std::vector<int>> forward_, backward_;
  std::vector<at::Tensor> now_, before_;  ///< of the running stepwise block
  std::map<int, at::Tensor> masks_;
  std::vector<Affine> affine_;       ///< that a convolution or neuron layer takes over in evaluation
  std::vector<at::Tensor> weights_;  ///< as computed with in this forward
  std::set<int> taken_over_;
};

at::Tensor GraphNetImpl::forward(const at::Tensor& input) { return Forward(*this, input).run(); }

}  // namespace spikeloop::models
