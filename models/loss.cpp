#include "models/loss.h"

#include <ATen/ATen.h>

namespace spikeloop::models {
namespace {

at::Tensor losses(const at::Tensor& output, const at::Tensor& labels, double label_smoothing) {
  return at::cross_entropy_loss(output, labels, {}, at::Reduction::None, -100, label_smoothing);
}

at::Tensor losses(const at::Tensor& output, const Target& target, double label_smoothing) {
  const at::Tensor first = losses(output, target.labels, label_smoothing);
  if (!target.share.defined()) return first;
  const at::Tensor second = losses(output, target.labels2, label_smoothing);
  const at::Tensor share = target.share.to(output.scalar_type());
  return share * first + (1 - share) * second;
}

}  // namespace

at::Tensor cross_entropy_sum(const at::Tensor& output, const Target& target, double label_smoothing) {
  // Half precision would lose the small probabilities.
  const at::Tensor x = output.scalar_type() == at::kDouble ? output : output.to(at::kFloat);
  if (x.dim() == 2) return losses(x, target, label_smoothing).sum();
  at::Tensor sum;
  for (const at::Tensor& step : x.unbind(0)) {
    const at::Tensor one = losses(step, target, label_smoothing).sum();
    sum = sum.defined() ? sum + one : one;
  }
  return sum / static_cast<double>(x.size(0));
}

double count_right(const at::Tensor& output, const Target& target) {
  const at::NoGradGuard no_grad;
  const at::Tensor predicted = (output.dim() == 3 ? output.mean(0) : output).argmax(1);
  const at::Tensor right = predicted.eq(target.labels);
  if (!target.share.defined()) return right.sum().item<double>();
  const at::Tensor share = target.share.to(at::kDouble);
  return (share * right + (1 - share) * predicted.eq(target.labels2)).sum().item<double>();
}

}  // namespace spikeloop::models
