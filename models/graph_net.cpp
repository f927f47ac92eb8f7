#include "models/graph_net.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

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

void fill(at::Tensor weight, const layer::Init& init, std::uint64_t seed) {
  const auto fan_in = static_cast<double>(weight.numel() / weight.size(0));
  const auto fan_out = static_cast<double>(weight.numel() / weight.size(1));
  switch (init.kind) {
    case layer::Init::Kind::kKaiming:
      return fill_uniform(weight, std::sqrt(6.0 / ((1 + init.value * init.value) * fan_in)), seed);
    case layer::Init::Kind::kXavier:
      return fill_uniform(weight, init.value * std::sqrt(6.0 / (fan_in + fan_out)), seed);
    case layer::Init::Kind::kNormal:
      return fill_normal(weight, init.value, seed);
  }
}

/// The module of this dotted name below `root`, made where absent. Not torch::nn::Conv2d and the like, whose
/// constructors draw from the global generator.
torch::nn::Module& module_at(torch::nn::Module& root, const std::string& name) {
  torch::nn::Module* module = &root;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string word = name.substr(begin, end - begin);
    const auto children = module->named_children();
    const auto* child = children.find(word);
    module = child != nullptr ? child->get()
                              : module->register_module(word, std::make_shared<torch::nn::Module>()).get();
    begin = end + 1;
  }
  return *module;
}

}  // namespace

GraphNetImpl::GraphNetImpl(const Architecture& architecture, std::uint64_t seed, bool draw)
    : draw_seed(derive_seed(seed, 0)), architecture_(architecture) {
  check(architecture);
  shapes_ = layer_shapes(architecture);
  const std::size_t count = architecture.layers.size();
  parameters_.resize(count);
  membranes_.resize(count);
  statistics_seen_.resize(count, 0);
  std::vector<std::vector<std::int64_t>> inputs(count);
  for (const LayerEdge& edge : architecture.edges) inputs[at(edge.to)] = shapes_[at(edge.from)];
  for (std::size_t i = 0; i < count; ++i) add_parameters(i, inputs[i]);
  if (draw) draw_weights(seed);
}

void GraphNetImpl::add_parameters(std::size_t index, const std::vector<std::int64_t>& in) {
  const Layer& layer = architecture_.layers[index];
  Parameters& own = parameters_[index];
  const std::string& name = layer.module.empty() ? layer.name : layer.module;
  if (const auto* conv = layer.as<layer::Conv>()) {
    torch::nn::Module& module = module_at(*this, name);
    own.weight = module.register_parameter(
        "weight",
        at::empty({conv->out_channels, in[0] / conv->groups, conv->kernel, conv->kernel}, at::kFloat));
    if (conv->bias) own.bias = module.register_parameter("bias", at::zeros({conv->out_channels}, at::kFloat));
  } else if (const auto* linear = layer.as<layer::Linear>()) {
    torch::nn::Module& module = module_at(*this, name);
    own.weight = module.register_parameter("weight", at::empty({linear->out, in[0]}, at::kFloat));
    if (linear->bias) own.bias = module.register_parameter("bias", at::zeros({linear->out}, at::kFloat));
  } else if (layer.as<layer::BatchNorm>() != nullptr) {
    torch::nn::Module& module = module_at(*this, name);
    own.weight = module.register_parameter("weight", at::ones({in[0]}, at::kFloat));
    own.bias = module.register_parameter("bias", at::zeros({in[0]}, at::kFloat));
    own.running_mean = module.register_buffer("running_mean", at::zeros({in[0]}, at::kFloat));
    own.running_var = module.register_buffer("running_var", at::ones({in[0]}, at::kFloat));
  } else if (const auto* affine = layer.as<layer::Affine>()) {
    torch::nn::Module& module = module_at(*this, name);
    own.weight = module.register_parameter("weight", at::ones({in[0]}, at::kFloat));
    if (affine->bias) own.bias = module.register_parameter("bias", at::zeros({in[0]}, at::kFloat));
  } else if (const auto* neuron = layer.as<layer::Neuron>();
             neuron != nullptr && neuron->spec.kind == NeuronKind::kPlif) {
    // 1 / tau = sigmoid(w)
    own.plif = module_at(*this, name)
                   .register_parameter("w", at::full({}, -std::log(neuron->spec.tau - 1), at::kFloat));
  }
}

void GraphNetImpl::draw_weights(std::uint64_t seed) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Layer& layer = architecture_.layers[i];
    const auto* conv = layer.as<layer::Conv>();
    const auto* linear = layer.as<layer::Linear>();
    if (conv == nullptr && linear == nullptr) continue;
    fill(parameters_[i].weight.detach(), conv != nullptr ? conv->init : linear->init,
         derive_seed(seed, ++number));
  }
}

std::int64_t GraphNetImpl::num_parameters() const {
  std::int64_t count = 0;
  for (const auto& parameter : parameters()) count += parameter.numel();
  return count;
}

void GraphNetImpl::reset_statistics() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    statistics_seen_[i] = 0;
    if (!parameters_[i].running_mean.defined()) continue;
    parameters_[i].running_mean.zero_();
    parameters_[i].running_var.fill_(1);
  }
}

}  // namespace spikeloop::models
