#include "models/train.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "models/batches.h"
#include "models/checkpoint.h"
#include "models/device.h"
#include "models/optimiser.h"
#include "models/schedule.h"
#include "models/shards.h"
#include "models/split.h"
#include "models/threads.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"
#include "traces/support/random.h"
#include "traces/support/sha256.h"

namespace spikeloop::models {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

// Derived from the training seed; shards and BatchLoader have others.
constexpr std::uint64_t kSplitStream = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// What tells one training from another.
std::string identity_of(const GraphNet& net, const Dataset& dataset, const TrainOptions& options) {
  Sha256 weights;
  for (const at::Tensor& tensor : weights_and_statistics(net)) {
    const at::Tensor here = tensor.cpu().contiguous();
    weights.update(here.data_ptr(), here.nbytes());
  }
  Sha256 labels;
  for (std::int64_t i = 0; i < dataset.train->size(); ++i) {
    const std::int64_t label = dataset.train->label(i);
    labels.update(&label, sizeof label);
  }
  Json data{{"name", dataset.name},
            {"samples", dataset.train->size()},
            {"sha256_of_labels", labels.hex_digest()},
            {"frames", dataset.frames},
            {"mean", dataset.mean},
            {"std", dataset.std}};
  if (dataset.events) data["framing"] = to_text(dataset.framing);
  return Json{{"training", Json::parse(to_json(options))},
              {"dataset", data},
              {"architecture", Json::parse(to_json(net->architecture()))},
              {"initial_weights", weights.hex_digest()}}
      .dump();
}

GraphNet& on_device(GraphNet& net, const std::string& device) {
  net->to(open_device(device, "--device"));
  return net;
}

class Trainer {
 public:
  Trainer(GraphNet& net, const Dataset& dataset, const TrainOptions& options, const TrainRun& run)
      : dataset_(dataset),
        options_(options),
        run_(run),
        split_(hold_out(dataset.train, options.validation_images, derive_seed(options.seed, kSplitStream))),
        shards_(on_device(net, options.device), dataset, options, run.threads) {
    const std::int64_t samples = split_.train->size();
    per_epoch_ = options.max_train_images > 0 ? std::min(options.max_train_images, samples) : samples;
    batches_ = divided_up(per_epoch_, options.batch);
    schedule_.kind = options.schedule;
    schedule_.lr = options.lr;
    schedule_.min_lr = options.min_lr;
    const std::int64_t epoch_steps = divided_up(batches_, options.accumulate);
    schedule_.steps = options.epochs * epoch_steps;
    schedule_.warmup_steps = std::llround(options.warmup_epochs * static_cast<double>(epoch_steps));
    state_.identity = identity_of(net, dataset, options);
    if (std::optional<Checkpoint> before = checkpoint_before())
      go_on(*before);
    else
      state_.optimiser = make_optimiser_state(options.optimiser, shards_.parameters());
  }

  TrainResult run() {
    const Clock::time_point start = saved_ = Clock::now();
    TrainResult result;
    result.was_finished = state_.finished;
    // Killed between the checkpoint and the other files, these are an epoch behind.
    if (!state_.metrics.empty()) report();
    while (!state_.finished && state_.epoch < options_.epochs) run_epoch(start);
    if (!state_.finished) {
      if (!state_.best.empty()) set_weights(state_.best);
      state_.finished = true;
      save();
    }
    result.epochs = state_.metrics;
    result.best_epoch = state_.best_epoch;
    result.stopped_early = state_.epoch < options_.epochs;
    result.seconds = seconds_since(start);
    return result;
  }

 private:
  // Checkpoints.

  std::optional<Checkpoint> checkpoint_before() {
    if (run_.checkpoint.empty() || run_.restart || !std::filesystem::exists(run_.checkpoint)) return {};
    Checkpoint checkpoint = load_checkpoint(run_.checkpoint);
    const std::string expected =
        "the checkpoint of a training with the same options, or another place for this one (or --restart)";
    if (!checkpoint.training) throw InputError(run_.checkpoint, "training", "only a network", expected);
    const std::string difference = first_difference(checkpoint.training->identity, state_.identity);
    if (!difference.empty()) throw InputError(run_.checkpoint, "training", difference, expected);
    check_state(*checkpoint.training);
    return checkpoint;
  }

  /// That the state is one which this training can be in: what is no tensor of its, or beyond its end, is
  /// damage.
  void check_state(const TrainState& state) {
    const auto require = [&](bool good, const char* place, const std::string& found,
                             const std::string& expected) {
      if (!good) throw InputError(run_.checkpoint, place, found, expected);
    };
    require(state.epoch >= 0 && state.epoch <= options_.epochs, "epoch", std::to_string(state.epoch),
            "0 to " + std::to_string(options_.epochs));
    const bool whole_steps = state.batch % options_.accumulate == 0;
    require(state.batch >= 0 && state.batch < std::max<std::int64_t>(1, batches_) && whole_steps, "batch",
            std::to_string(state.batch), "whole steps of an epoch's " + std::to_string(batches_));
    require(state.sums.seen == std::min(per_epoch_, state.batch * options_.batch), "samples",
            std::to_string(state.sums.seen), "those of " + std::to_string(state.batch) + " batches");
    require(static_cast<std::int64_t>(state.metrics.size()) == state.epoch, "metrics",
            std::to_string(state.metrics.size()) + " epochs", std::to_string(state.epoch));
    require(state.optimiser.steps >= 0 && state.optimiser.steps <= schedule_.steps, "steps",
            std::to_string(state.optimiser.steps), "0 to " + std::to_string(schedule_.steps));
    const bool scaled = std::isfinite(state.loss_scale.scale) && state.loss_scale.scale > 0;
    require(scaled, "loss scale", std::to_string(state.loss_scale.scale), "above 0");
    const OptimiserState fresh = make_optimiser_state(options_.optimiser, shards_.parameters());
    require_like(state.optimiser.first, fresh.first, "optimiser's first tensors");
    require_like(state.optimiser.second, fresh.second, "optimiser's second tensors");
    const bool best = state.best_epoch > 0;
    require(state.best_epoch >= 0 && state.best_epoch <= state.epoch, "best epoch",
            std::to_string(state.best_epoch), "0 to " + std::to_string(state.epoch));
    require_like(state.best, best ? weights_and_statistics(shards_.net()) : std::vector<at::Tensor>{},
                 "weights of the best epoch");
  }

  void require_like(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& like,
                    const char* place) const {
    if (tensors.size() != like.size())
      throw InputError(run_.checkpoint, place, std::to_string(tensors.size()), std::to_string(like.size()));
    for (std::size_t i = 0; i < like.size(); ++i)
      if (tensors[i].sizes() != like[i].sizes() || tensors[i].scalar_type() != like[i].scalar_type())
        throw InputError(run_.checkpoint, place, "number " + std::to_string(i) + " of another shape or type",
                         "that of the parameter");
  }

  void go_on(Checkpoint& before) {
    state_ = std::move(*before.training);
    const auto device = shards_.parameters().front().device();
    for (auto* tensors : {&state_.optimiser.first, &state_.optimiser.second, &state_.best})
      for (at::Tensor& tensor : *tensors) tensor = tensor.to(device);
    set_weights(weights_and_statistics(before.net));
    is_saved_ = true;
  }

  void save() {
    saved_ = Clock::now();
    if (run_.checkpoint.empty()) return;
    save_checkpoint(run_.checkpoint, shards_.net(), dataset_.name, &state_);
    is_saved_ = true;
  }

  void report() {
    if (run_.metrics.empty()) return;
    const Architecture& architecture = shards_.net()->architecture();
    write_metrics(run_.metrics, architecture.kind + ' ' + architecture.genotype + " on " + dataset_.name,
                  state_.metrics);
  }

  // Weights.

  void set_weights(const std::vector<at::Tensor>& tensors) {
    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor> own = weights_and_statistics(shards_.net());
    for (std::size_t i = 0; i < own.size(); ++i) own[i].copy_(tensors.at(i));
    shards_.spread();
  }

  // One epoch.

  BatchLoader::Options loader_options() const {
    BatchLoader::Options loader;
    loader.batch = options_.batch;
    loader.max_records = options_.max_train_images;
    if (options_.augment) {
      loader.augmentation.crop_padding = options_.crop_padding;
      loader.augmentation.mirror = options_.mirror;
    }
    loader.augmentation.cutout = options_.cutout;
    loader.augmentation.cutmix = options_.cutmix;
    loader.seed = options_.seed;
    loader.epoch = state_.epoch;
    loader.first_batch = state_.batch;
    loader.threads = run_.threads > 1 ? 1 : 0;
    return loader;
  }

  std::string note(Clock::time_point start) const {
    const auto seen = static_cast<double>(std::max<std::int64_t>(1, state_.sums.seen));
    char text[128];
    std::snprintf(text, sizeof text, "loss %.3f  accuracy %.1f %%  lr %.3g", state_.sums.loss / seen,
                  100 * state_.sums.right / seen, state_.sums.lr);
    const std::int64_t all = options_.epochs * per_epoch_;
    const std::int64_t left = all - state_.epoch * per_epoch_ - state_.sums.seen;
    if (done_here_ == 0 || options_.epochs < 2) return text;
    return text + std::string("  all epochs ") +
           format_duration(seconds_since(start) / static_cast<double>(done_here_) *
                           static_cast<double>(left)) +
           " left";
  }

  void run_epoch(Clock::time_point start) {
    const Clock::time_point epoch_start = Clock::now();
    BatchLoader loader(dataset_, split_.train, loader_options());
    const std::int64_t seen_before = state_.sums.seen;
    Progress progress(
        "train epoch " + std::to_string(state_.epoch + 1) + "/" + std::to_string(options_.epochs),
        per_epoch_ - seen_before, "images", run_.quiet);
    while (state_.batch < batches_) {
      const std::int64_t before = state_.sums.seen;
      run_step(loader);
      done_here_ += state_.sums.seen - before;
      progress.advance(state_.sums.seen - before, note(start));
      // The end of an epoch has a checkpoint of its own.
      if (state_.batch < batches_ && seconds_since(saved_) >= 60 * run_.checkpoint_minutes) save();
    }
    // Before the checkpoint: a run that is killed in between writes this line again.
    const double epoch_seconds = seconds_since(epoch_start);
    if (!run_.metrics.empty())
      write_time(run_.metrics, state_.epoch + 1, epoch_seconds,
                 static_cast<double>(state_.sums.seen - seen_before) / epoch_seconds);
    finish_epoch(progress);
  }

  void finish_epoch(Progress& progress) {
    EpochMetrics metrics;
    const auto seen = static_cast<double>(state_.sums.seen);
    metrics.epoch = state_.epoch + 1;
    metrics.step = state_.optimiser.steps;
    metrics.lr = state_.sums.lr;
    metrics.train_loss = state_.sums.loss / seen;
    metrics.train_accuracy = state_.sums.right / seen;
    char text[128];
    const int length = std::snprintf(text, sizeof text, "loss %.3f  accuracy %.1f %%", metrics.train_loss,
                                     100 * metrics.train_accuracy);
    if (split_.validation) {
      const Evaluation evaluation = shards_.evaluate_on(dataset_, *split_.validation);
      if (!std::isfinite(evaluation.loss))
        diverged("the validation loss is " + std::to_string(evaluation.loss));
      metrics.validation_loss = evaluation.loss;
      metrics.validation_accuracy = evaluation.accuracy();
      std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length), "  validation %.2f %%",
                    100 * evaluation.accuracy());
    }
    state_.metrics.push_back(metrics);
    ++state_.epoch;
    state_.batch = 0;
    state_.sums = {};
    progress.finish(text);
    stop_early(metrics);
    // The last one is saved when the result is known.
    if (state_.finished || state_.epoch < options_.epochs) save();
    report();
  }

  /// Keeps the best weights, and ends the training when they have been the best for too long.
  void stop_early(const EpochMetrics& metrics) {
    if (options_.patience == 0) return;
    if (state_.best_epoch == 0 || *metrics.validation_accuracy > state_.best_accuracy) {
      state_.best_epoch = metrics.epoch;
      state_.best_accuracy = *metrics.validation_accuracy;
      state_.best.clear();
      for (const at::Tensor& tensor : weights_and_statistics(shards_.net()))
        state_.best.push_back(tensor.clone());
    } else if (metrics.epoch - state_.best_epoch >= options_.patience) {
      set_weights(state_.best);
      state_.finished = true;
    }
  }

  // One step.

  /// `accumulate` batches, or what the epoch has left, and one step of the optimiser.
  void run_step(BatchLoader& loader) {
    const std::int64_t samples =
        std::min(per_epoch_ - state_.batch * options_.batch, options_.batch * options_.accumulate);
    double loss = 0;
    for (std::int64_t i = 0; i < options_.accumulate && state_.batch < batches_; ++i, ++state_.batch) {
      Batch batch;
      if (!loader.next(batch)) throw std::logic_error("fewer batches than the epoch has");
      const Shards::Sums sums = shards_.run(batch, samples, state_.epoch * batches_ + state_.batch,
                                            options_.mixed_precision ? state_.loss_scale.scale : 1);
      loss += sums.loss;
      state_.sums.loss += sums.loss;
      state_.sums.right += sums.right;
      state_.sums.seen += batch.labels.size(0);
    }
    if (!std::isfinite(loss)) diverged("the loss is " + std::to_string(loss));
    update();
  }

  [[noreturn]] void diverged(const std::string& what) const {
    throw std::runtime_error("training diverged in epoch " + std::to_string(state_.epoch + 1) + ", step " +
                             std::to_string(state_.optimiser.steps) + ": " + what + " at learning rate " +
                             Json(learning_rate(schedule_, state_.optimiser.steps)).dump() +
                             (is_saved_ ? "; " + run_.checkpoint + " holds an earlier state" : ""));
  }

  void update() {
    const at::NoGradGuard no_grad;
    state_.sums.lr = learning_rate(schedule_, state_.optimiser.steps);
    const std::vector<at::Tensor> gradients = shards_.take_gradients();
    if (options_.mixed_precision)
      for (const at::Tensor& gradient : gradients) gradient.div_(state_.loss_scale.scale);
    const double norm = gradient_norm(gradients);
    if (options_.mixed_precision) state_.loss_scale.update(std::isfinite(norm));
    if (!std::isfinite(norm)) {
      constexpr double kLeastScale = 1.0 / 65536;  // no overflow any more
      if (!options_.mixed_precision || state_.loss_scale.scale < kLeastScale)
        diverged("a gradient is not finite");
      ++state_.optimiser.steps;  // skipped, but counted: the learning rate goes on
      return;
    }
    if (options_.clip > 0 && norm > options_.clip)
      for (const at::Tensor& gradient : gradients) gradient.mul_(options_.clip / norm);
    optimiser_step(options_.optimiser, state_.sums.lr, shards_.parameters(), gradients, state_.optimiser);
    shards_.spread_parameters();
  }

  const Dataset& dataset_;
  const TrainOptions& options_;
  const TrainRun& run_;
  const Split split_;
  std::int64_t per_epoch_ = 0, batches_ = 0;  ///< of one epoch
  Schedule schedule_;
  Shards shards_;
  TrainState state_;
  Clock::time_point saved_;
  bool is_saved_ = false;       ///< the checkpoint is one of this training
  std::int64_t done_here_ = 0;  ///< samples of this run
};

}  // namespace

TrainResult train(GraphNet& net, const Dataset& dataset, const TrainOptions& options, const TrainRun& run) {
  check(options);
  const auto require = [](bool good, const std::string& place, const std::string& found,
                          const std::string& expected) {
    if (!good) throw InputError("training", place, found, expected);
  };
  const std::int64_t samples = dataset.train ? dataset.train->size() : 0;
  require(!net->parameters().empty(), "network", "none", "weights to train");
  require(samples > 0, "dataset " + dataset.name, std::to_string(samples), "training images");
  require(run.threads >= 1, "threads", std::to_string(run.threads), "at least 1");
  require(run.checkpoint_minutes > 0, "checkpoint-minutes", std::to_string(run.checkpoint_minutes),
          "above 0");
  const ThreadCount one_thread(1);
  TrainResult result = Trainer(net, dataset, options, run).run();
  net->to(c10::Device(c10::kCPU));
  net->eval();
  return result;
}

}  // namespace spikeloop::models
