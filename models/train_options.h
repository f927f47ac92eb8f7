#pragma once
#include <cstdint>
#include <string>

#include "models/schedule.h"

/// How a network is trained, as plain data. Plain C++, no LibTorch.
namespace spikeloop::models {

enum class OptimiserKind { kSgd, kAdamW };
/// mean: cross-entropy of the output's mean over timesteps; tet: mean over timesteps of the output's
/// cross-entropy (Deng et al., Temporal Efficient Training, ICLR 2022, without its regularising term).
enum class LossKind { kMean, kTet };

/// Weight decay acts on the weights of convolutions and linear layers, not on biases, BatchNorm and PLIF's w.
/// (The released SNASNet passes its 5e-4 as SGD's fourth argument, which is dampening: it trains without
/// any.)
struct OptimiserOptions {
  OptimiserKind kind = OptimiserKind::kSgd;
  double weight_decay = 5e-4;
  double momentum = 0.9;  ///< SGD's
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< AdamW's
};

/// Everything that decides a training's result besides network and dataset.
struct TrainOptions {
  std::int64_t epochs = 2;
  std::int64_t batch = 64;             ///< samples per forward and backward
  std::int64_t accumulate = 1;         ///< batches per step of the optimiser
  std::int64_t max_train_images = 0;   ///< per epoch, a seeded choice without repeats; 0 = all
  std::int64_t validation_images = 0;  ///< held out of the training set by the seed; 0: none
  std::int64_t patience = 0;  ///< stop after so many epochs without a better validation accuracy, and go back
                              ///< to the best epoch's weights; 0: never
  OptimiserOptions optimiser;
  ScheduleKind schedule = ScheduleKind::kCosine;
  double lr = 0.1, min_lr = 1e-3, warmup_epochs = 0;
  double clip = 0;             ///< largest norm of all gradients together; 0: no limit
  double label_smoothing = 0;  ///< share of the target spread evenly over the classes
  LossKind loss = LossKind::kMean;
  bool augment = true;            ///< random crop and mirror
  std::int64_t crop_padding = 4;  ///< pixels; of the crop
  bool mirror = true;             ///< flip half of the images
  std::int64_t cutout = 0;        ///< side of the square that is cut out; 0: none
  double cutmix = 0;              ///< CutMix's Beta(a, a); 0: none
  bool mixed_precision = false;   ///< half precision with a scaled loss; CUDA only
  std::string qat;                ///< quantisation-aware: what parse_quantisation takes; "": float weights
  std::uint64_t seed = 1;
  std::string device = "cpu";  ///< "cpu", "cuda" or "cuda:N"
};

/// Throws InputError ("training", option) for a value out of its range.
void check(const TrainOptions& options);

/// One JSON object, keyed by the command line's option names; numbers read back exactly.
std::string to_json(const TrainOptions& options);
/// The first place where two JSON objects differ, "lr: 0.1 before, 0.2 now", or "": members of "training" by
/// their own name, others by their path. For saying why a training cannot go on.
std::string first_difference(const std::string& before_json, const std::string& now_json);

const char* to_text(OptimiserKind kind);
const char* to_text(LossKind kind);
OptimiserKind parse_optimiser_kind(const std::string& text, const std::string& place);
LossKind parse_loss_kind(const std::string& text, const std::string& place);

}  // namespace spikeloop::models
