#include "models/evaluate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <thread>

#include "models/loss.h"
#include "models/threads.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::models {
namespace {

struct Answer {
  at::Tensor predicted;
  double loss = 0;
  std::exception_ptr error;
};

void answer(const Classifier& worker, const Dataset& dataset, const Batch& batch, Answer& result) {
  try {
    const ThreadCount one_thread(1);
    const at::NoGradGuard no_grad;
    const at::Tensor output = worker(batch).cpu();
    if (output.dim() != 2 || output.size(1) != dataset.classes)
      throw InputError("network", "output", std::to_string(output.size(-1)) + " numbers per sample",
                       std::to_string(dataset.classes) + ", the classes of " + dataset.name);
    result.loss = cross_entropy_sum(output, {batch.labels, {}, {}}, 0).item<double>();
    result.predicted = output.argmax(1);
  } catch (...) {
    result.error = std::current_exception();
  }
}

void add(const Answer& result, const Batch& batch, Evaluation& evaluation) {
  if (result.error) std::rethrow_exception(result.error);
  const auto* predicted = result.predicted.data_ptr<std::int64_t>();
  const auto* labels = batch.labels.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < batch.labels.size(0); ++i) {
    ++evaluation.confusion.at(static_cast<std::size_t>(labels[i])).at(static_cast<std::size_t>(predicted[i]));
    evaluation.right += labels[i] == predicted[i] ? 1 : 0;
  }
  evaluation.loss += result.loss;
  evaluation.samples += batch.labels.size(0);
}

}  // namespace

Evaluation evaluate(const std::vector<Classifier>& workers, const Dataset& dataset, const SampleSet& set,
                    const EvaluateOptions& options) {
  const std::int64_t samples = set.size();
  if (samples == 0 || options.batch < 1)
    throw InputError(dataset.name, "evaluation", std::to_string(samples) + " samples", "at least 1");
  const auto classes = static_cast<std::size_t>(dataset.classes);
  Evaluation evaluation;
  evaluation.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  Progress progress("test", samples, "images", options.quiet);
  const std::size_t most = blas_takes_threads() ? workers.size() : 1;
  for (std::int64_t begin = 0; begin < samples;) {
    std::vector<Batch> batches;
    for (; batches.size() < most && begin < samples; begin += options.batch) {
      std::vector<std::int64_t> records(static_cast<std::size_t>(std::min(options.batch, samples - begin)));
      std::iota(records.begin(), records.end(), begin);
      batches.push_back(read_batch(dataset, set, records));
    }
    std::vector<Answer> answers(batches.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < batches.size(); ++i)
      threads.emplace_back([&, i] { answer(workers[i], dataset, batches[i], answers[i]); });
    answer(workers[0], dataset, batches[0], answers[0]);
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < batches.size(); ++i) {
      add(answers[i], batches[i], evaluation);
      progress.advance(batches[i].labels.size(0));
    }
  }
  evaluation.loss /= static_cast<double>(samples);
  char text[32];
  std::snprintf(text, sizeof text, "accuracy %.2f %%", 100 * evaluation.accuracy());
  progress.finish(text);
  return evaluation;
}

Evaluation evaluate(GraphNet& net, const Dataset& dataset, const SampleSet& set,
                    const EvaluateOptions& options) {
  const bool was_training = net->is_training();
  net->eval();
  const Evaluation evaluation = evaluate(std::vector<Classifier>{classifier(net)}, dataset, set, options);
  net->train(was_training);
  return evaluation;
}

Classifier classifier(GraphNet& net) {
  GraphNetImpl* const module = net.get();
  const std::vector<at::Tensor> parameters = net->parameters();
  const at::TensorOptions as =
      parameters.empty() ? at::TensorOptions(at::kFloat) : parameters.front().options();
  return [module, as](const Batch& batch) { return module->forward(batch.input.to(as)); };
}

}  // namespace spikeloop::models
