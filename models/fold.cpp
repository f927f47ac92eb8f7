#include "models/fold.h"

#include <ATen/ATen.h>

#include "models/graph_plan.h"

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

ScaleOffset scale_offset_of(const GraphNetImpl::Parameters& own) {
  const at::Tensor weight = wide(own.weight);
  const at::Tensor bias = own.bias.defined() ? wide(own.bias) : at::zeros_like(weight);
  if (!own.running_mean.defined()) return {weight, bias};
  const at::Tensor scale = weight / (wide(own.running_var) + kNormEpsilon).sqrt();
  return {scale, bias - wide(own.running_mean) * scale};
}

std::vector<Folds> folds_of(const Architecture& architecture) {
  const std::vector<bool> used = reaching_output(architecture);
  const std::size_t count = architecture.layers.size();
  std::vector<int> leaving(count, 0), entering(count, 0), next(count, -1);
  for (const LayerEdge& edge : architecture.edges) {
    const auto from = static_cast<std::size_t>(edge.from), to = static_cast<std::size_t>(edge.to);
    if (!used[from] || !used[to]) continue;
    ++leaving[from];
    ++entering[to];
    if (!edge.backward) next[from] = edge.to;
  }
  std::vector<Folds> folds(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool linear = architecture.layers[i].as<layer::Linear>() != nullptr;
    if (!linear && architecture.layers[i].as<layer::Conv>() == nullptr) continue;
    if (leaving[i] != 1 || next[i] < 0 || entering[static_cast<std::size_t>(next[i])] != 1) continue;
    const Layer& after = architecture.layers[static_cast<std::size_t>(next[i])];
    if (after.as<layer::BatchNorm>() != nullptr || after.as<layer::Affine>() != nullptr)
      folds[i].affine = next[i];
    if (linear && after.as<layer::Vote>() != nullptr) folds[i].vote = next[i];
  }
  return folds;
}

at::Tensor exported_weight(const GraphNetImpl& net, std::size_t layer, const Folds& folds) {
  at::Tensor weight = wide(net.parameters_of(layer).weight);
  if (folds.affine >= 0) {
    const auto& affine = net.parameters_of(static_cast<std::size_t>(folds.affine));
    weight = weight * per_output(scale_offset_of(affine).scale, weight);
  }
  if (folds.vote >= 0) weight = mean_of_votes(weight, net.architecture(), folds.vote);
  return weight.to(at::kFloat);
}

at::Tensor exported_bias(const GraphNetImpl& net, std::size_t layer, const Folds& folds) {
  at::Tensor bias = net.parameters_of(layer).bias;
  if (bias.defined()) bias = wide(bias);
  if (folds.affine >= 0) {
    const ScaleOffset affine = scale_offset_of(net.parameters_of(static_cast<std::size_t>(folds.affine)));
    bias = bias.defined() ? bias * affine.scale + affine.offset : affine.offset;
  }
  if (!bias.defined()) return bias;
  if (folds.vote >= 0) bias = mean_of_votes(bias, net.architecture(), folds.vote);
  return bias.to(at::kFloat);
}

}  // namespace spikeloop::models
