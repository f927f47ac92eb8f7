#include "tools/spikeloop/training_options.h"

#include <boost/program_options/value_semantic.hpp>

#include "traces/support/error.h"

namespace spikeloop::tools {

void add_recipe_options(po::options_description& optimiser, po::options_description& data,
                        TrainingChoice& choice) {
  models::TrainOptions& o = choice.options;
  choice.optimiser = to_text(o.optimiser.kind);
  choice.schedule = to_text(o.schedule);
  choice.loss = to_text(o.loss);
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  const auto real = [](double& target, const char* text) {
    return po::value(&target)->value_name("X")->default_value(target, text);
  };
  const auto word = [](std::string& target) {
    return po::value(&target)->value_name("NAME")->default_value(target);
  };
  optimiser.add_options()("epochs", number(o.epochs), "of training")(
      "batch", number(o.batch), "images per forward and backward")("accumulate", number(o.accumulate),
                                                                   "batches per step of the optimiser")(
      "optimiser", word(choice.optimiser), "sgd or adamw")("lr", real(o.lr, "0.1"), "highest learning rate")(
      "min-lr", real(o.min_lr, "0.001"), "last learning rate")("schedule", word(choice.schedule),
                                                               "cosine, onecycle or constant")(
      "warmup-epochs", real(o.warmup_epochs, "0"), "in which the rate rises to --lr")(
      "momentum", real(o.optimiser.momentum, "0.9"), "of sgd")(
      "nesterov", po::bool_switch(&o.optimiser.nesterov), "sgd with Nesterov's momentum")(
      "beta1", real(o.optimiser.beta1, "0.9"), "of adamw")("beta2", real(o.optimiser.beta2, "0.999"),
                                                           "of adamw")(
      "weight-decay", real(o.optimiser.weight_decay, "0.0005"),
      "of convolution and linear weights (the released SNASNet, by mistake, trains without)")(
      "clip", real(o.clip, "0"), "largest norm of a step's gradient; 0: no limit")(
      "label-smoothing", real(o.label_smoothing, "0"), "share of the target spread over all classes")(
      "loss", word(choice.loss), "mean (of the output over time) or tet (mean of the losses over time)")(
      "patience", number(o.patience),
      "stop after so many epochs without better validation accuracy and take the best; 0: never")(
      "qat", po::value(&o.qat)->value_name("BITS"),
      "train with quantised weights, such as 4 or 8:per-tensor (spikeloop quantise --help)")(
      "mixed-precision", po::bool_switch(&o.mixed_precision), "half precision where it is safe; GPU only");
  data.add_options()("train-images", number(o.max_train_images), "per epoch; 0: all")(
      "validation-images", number(o.validation_images), "held out of the training images")(
      "no-augment", po::bool_switch(&choice.no_augment), "no random crops and flips")(
      "crop-padding", number(o.crop_padding), "pixels that a random crop moves at most")(
      "no-mirror", po::bool_switch(&choice.no_mirror), "no random flips (digits, gestures)")(
      "cutout", number(o.cutout), "side of a square that is cut out; 0: none")(
      "cutmix", real(o.cutmix, "0"), "a of CutMix's Beta(a, a); 0: none");
}

models::TrainOptions finish(TrainingChoice choice) {
  models::TrainOptions& options = choice.options;
  options.optimiser.kind = models::parse_optimiser_kind(choice.optimiser, "--optimiser");
  options.schedule = models::parse_schedule_kind(choice.schedule, "--schedule");
  options.loss = models::parse_loss_kind(choice.loss, "--loss");
  options.augment = !choice.no_augment;
  options.mirror = !choice.no_mirror;
  models::check(options);
  return options;
}

}  // namespace spikeloop::tools
