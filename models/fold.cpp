#include "models/fold.h"

#include <ATen/ATen.h>

namespace spikeloop::models {
namespace {

at::Tensor wide(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble); }

/// [N * votes, ...] -> [N, ...]
at::Tensor mean_of_votes(const at::Tensor& tensor, const Architecture& architecture, int vote) {
  const auto votes = architecture.layers[static_cast<std::size_t>(vote)].as<layer::Vote>()->votes;
  std::vector<std::int64_t> shape = tensor.sizes().vec();
  shape[0] /= votes;
  shape.insert(shape.begin() + 1, votes);
  return tensor.view(shape).mean(1);
}

/// One factor per output beside a weight's dimensions.
at::Tensor per_output(const at::Tensor& factor, const at::Tensor& weight) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(weight.dim()), 1);
  shape[0] = factor.numel();
  return factor.view(shape);
}

}  // namespace

NormAffine affine_of(const GraphNetImpl::Parameters& norm) {
  const at::Tensor scale = wide(norm.weight) / (wide(norm.running_var) + kNormEpsilon).sqrt();
  return {scale, wide(norm.bias) - wide(norm.running_mean) * scale};
}

Folds folds_of(const Architecture& architecture, std::size_t layer) {
  const auto index = static_cast<int>(layer);
  int next = -1, leaving = 0, entering = 0;
  for (const LayerEdge& edge : architecture.edges) {
    if (edge.from != index) continue;
    ++leaving;
    if (!edge.backward) next = edge.to;
  }
  if (leaving != 1 || next < 0) return {};
  for (const LayerEdge& edge : architecture.edges) entering += edge.to == next ? 1 : 0;
  if (entering != 1) return {};
  const Layer& after = architecture.layers[static_cast<std::size_t>(next)];
  const bool linear = architecture.layers[layer].as<layer::Linear>() != nullptr;
  Folds folds;
  if (after.as<layer::BatchNorm>() != nullptr) folds.norm = next;
  if (linear && after.as<layer::Vote>() != nullptr) folds.vote = next;
  return folds;
}

at::Tensor exported_weight(const GraphNetImpl& net, std::size_t layer) {
  const Folds folds = folds_of(net.architecture(), layer);
  at::Tensor weight = wide(net.parameters_of(layer).weight);
  if (folds.norm >= 0) {
    const auto& norm = net.parameters_of(static_cast<std::size_t>(folds.norm));
    weight = weight * per_output(affine_of(norm).scale, weight);
  }
  if (folds.vote >= 0) weight = mean_of_votes(weight, net.architecture(), folds.vote);
  return weight.to(at::kFloat);
}

at::Tensor exported_bias(const GraphNetImpl& net, std::size_t layer) {
  const Folds folds = folds_of(net.architecture(), layer);
  at::Tensor bias = net.parameters_of(layer).bias;
  if (bias.defined()) bias = wide(bias);
  if (folds.norm >= 0) {
    const NormAffine affine = affine_of(net.parameters_of(static_cast<std::size_t>(folds.norm)));
    bias = bias.defined() ? bias * affine.scale + affine.offset : affine.offset;
  }
  if (!bias.defined()) return bias;
  if (folds.vote >= 0) bias = mean_of_votes(bias, net.architecture(), folds.vote);
  return bias.to(at::kFloat);
}

}  // namespace spikeloop::models
