#include "models/shards.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <exception>
#include <thread>

#include "models/device.h"
#include "models/loss.h"
#include "models/threads.h"
#include "models/train_quantised.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

constexpr std::uint64_t kDrawStream = 3;  // derived from the training seed

GraphNet copy_of(const GraphNet& net) {
  GraphNet copy(net->architecture(), 0, false);
  copy->to(net->parameters().front().options().device(), net->parameters().front().scalar_type());
  copy->stepwise = net->stepwise;
  copy->norm_momentum = net->norm_momentum;
  return copy;
}

/// Samples [begin, begin + size) of a batch.
Batch part_of(const Batch& batch, std::int64_t begin, std::int64_t size) {
  const auto cut = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.narrow(0, begin, size) : tensor;
  };
  return {batch.input.narrow(batch.input.dim() == 5 ? 1 : 0, begin, size), cut(batch.labels),
          cut(batch.labels2), cut(batch.share)};
}

}  // namespace

Shards::Shards(const GraphNet& net, const Dataset& dataset, const TrainOptions& options, int threads)
    : options_(options), at_once_(threads > 1 && blas_takes_threads()) {
  for (std::size_t i = 0; i < kShards; ++i) {
    Replica& replica = replicas_[i];
    replica.net = i == 0 ? net : copy_of(net);
    if (!options.qat.empty()) train_quantised(replica.net, dataset, parse_quantisation(options.qat, "--qat"));
    replica.parameters = replica.net->parameters();
    for (const at::Tensor& buffer : replica.net->buffers())
      if (buffer.is_floating_point()) replica.statistics.push_back(buffer);
    replica.net->train();
  }
  spread();
}

void Shards::spread_parameters() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 1; i < kShards; ++i)
    for (std::size_t p = 0; p < parameters().size(); ++p)
      replicas_[i].parameters[p].copy_(replicas_[0].parameters[p]);
}

void Shards::spread() {
  spread_parameters();
  const at::NoGradGuard no_grad;
  for (std::size_t i = 1; i < kShards; ++i)
    for (std::size_t b = 0; b < replicas_[0].statistics.size(); ++b)
      replicas_[i].statistics[b].copy_(replicas_[0].statistics[b]);
}

Evaluation Shards::evaluate_on(const Dataset& dataset, const SampleSet& set) {
  std::vector<Classifier> workers;
  for (Replica& replica : replicas_) {
    replica.net->eval();
    if (at_once_ || workers.empty()) workers.push_back(classifier(replica.net));
  }
  const Evaluation evaluation = evaluate(workers, dataset, set);
  for (Replica& replica : replicas_) replica.net->train();
  return evaluation;
}

Shards::Sums Shards::run(const Batch& batch, std::int64_t samples, std::int64_t number, double loss_scale) {
  std::array<Part, kShards> parts;
  std::vector<std::thread> threads;
  const auto count = batch.labels.size(0);
  const auto share = (count + static_cast<std::int64_t>(kShards) - 1) / static_cast<std::int64_t>(kShards);
  for (std::size_t i = kShards; i-- > 0;) {  // the caller's thread takes the first part
    const std::int64_t begin = static_cast<std::int64_t>(i) * share;
    const std::int64_t size = std::min(count, begin + share) - begin;
    if (size <= 0) continue;
    const std::uint64_t draws = derive_seed(
        derive_seed(derive_seed(options_.seed, kDrawStream), static_cast<std::uint64_t>(number)), i);
    const auto work = [=, &batch, &parts] {
      run_part(replicas_[i], part_of(batch, begin, size), draws, loss_scale / static_cast<double>(samples),
               parts[i]);
    };
    if (i > 0 && at_once_)
      threads.emplace_back(work);
    else
      work();
  }
  for (std::thread& thread : threads) thread.join();
  Sums sums;
  for (const Part& part : parts) {
    if (part.error) std::rethrow_exception(part.error);
    sums.loss += part.loss;
    sums.right += part.right;
  }
  average_statistics(parts);
  return sums;
}

void Shards::run_part(Replica& replica, const Batch& batch, std::uint64_t draws, double factor,
                      Part& part) const {
  try {
    const ThreadCount one_thread(1);
    GraphNet& net = replica.net;
    const at::TensorOptions as = replica.parameters.front().options();
    const auto here = [&](const at::Tensor& tensor) {
      return tensor.defined() ? tensor.to(as.device()) : tensor;
    };
    const Target target{here(batch.labels), here(batch.labels2), here(batch.share)};
    net->draw_seed = draws;
    at::Tensor output, steps;
    {
      OutputObserver take_steps;
      if (options_.loss == LossKind::kTet) take_steps = [&](const at::Tensor& outputs) { steps = outputs; };
      const Watching<OutputObserver> watching(net->output_observer, take_steps);
      const MixedPrecision mixed(options_.mixed_precision);
      output = net->forward(batch.input.to(as));
    }
    const at::Tensor loss =
        cross_entropy_sum(steps.defined() ? steps : output, target, options_.label_smoothing);
    (loss * factor).backward();
    part.loss = loss.item<double>();
    part.right = count_right(output.detach(), target);
    part.used = true;
  } catch (...) {
    part.error = std::current_exception();
  }
}

void Shards::average_statistics(const std::array<Part, kShards>& parts) {
  const at::NoGradGuard no_grad;
  const auto used = std::count_if(parts.begin(), parts.end(), [](const Part& part) { return part.used; });
  for (std::size_t b = 0; b < replicas_[0].statistics.size(); ++b) {
    at::Tensor& mean = replicas_[0].statistics[b];
    for (std::size_t i = 1; i < kShards; ++i)
      if (parts[i].used) mean.add_(replicas_[i].statistics[b]);
    if (used > 1) mean.div_(static_cast<double>(used));
    for (std::size_t i = 1; i < kShards; ++i) replicas_[i].statistics[b].copy_(mean);
  }
}

std::vector<at::Tensor> Shards::take_gradients() {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (std::size_t p = 0; p < parameters().size(); ++p) {
    at::Tensor sum;
    for (Replica& replica : replicas_) {
      at::Tensor& gradient = replica.parameters[p].mutable_grad();
      if (!gradient.defined()) continue;
      sum = sum.defined() ? sum.add_(gradient) : gradient;
      gradient = at::Tensor();
    }
    gradients.push_back(sum.defined() ? sum : at::zeros_like(parameters()[p]));
  }
  return gradients;
}

}  // namespace spikeloop::models
