#include "models/train_options.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "models/words.h"

namespace spikeloop::models {
namespace {

using Json = nlohmann::json;

constexpr Words<OptimiserKind, 2> kOptimisers{
    {{"sgd", OptimiserKind::kSgd}, {"adamw", OptimiserKind::kAdamW}}};
constexpr Words<LossKind, 2> kLosses{{{"mean", LossKind::kMean}, {"tet", LossKind::kTet}}};

template <class Value>
std::string shown(const Value& value) {
  return Json(value).dump();
}

void require(bool good, const std::string& option, const std::string& found, const std::string& expected) {
  if (!good) throw InputError("training", option, found, expected);
}

template <class Value>
void require_range(const std::string& option, Value value, Value low, Value high) {
  require(value >= low && value <= high, option, shown(value), shown(low) + " to " + shown(high));
}

}  // namespace

void check(const TrainOptions& options) {
  constexpr std::int64_t kMany = 1'000'000'000;
  const auto share = [](const char* name, double value) {  // NaN fails too
    require(value >= 0 && value < 1, name, shown(value), "at least 0 and below 1");
  };
  const auto positive = [](const char* name, double value, double high) {
    require(value > 0 && value <= high, name, shown(value), "above 0, at most " + shown(high));
  };
  require_range<std::int64_t>("epochs", options.epochs, 0, kMany);
  require_range<std::int64_t>("batch", options.batch, 1, 1'000'000);
  require_range<std::int64_t>("accumulate", options.accumulate, 1, 1'000'000);
  require_range<std::int64_t>("train-images", options.max_train_images, 0, kMany);
  require_range<std::int64_t>("validation-images", options.validation_images, 0, kMany);
  require_range<std::int64_t>("patience", options.patience, 0, kMany);
  require(options.patience == 0 || options.validation_images > 0, "patience", shown(options.patience),
          "--validation-images as well: what would stop early otherwise");
  const OptimiserOptions& optimiser = options.optimiser;
  require_range("weight-decay", optimiser.weight_decay, 0.0, 1.0);
  share("momentum", optimiser.momentum);
  require(!optimiser.nesterov || (optimiser.kind == OptimiserKind::kSgd && optimiser.momentum > 0),
          "nesterov", std::string(to_text(optimiser.kind)) + " with momentum " + shown(optimiser.momentum),
          "sgd with a momentum above 0");
  share("beta1", optimiser.beta1);
  share("beta2", optimiser.beta2);
  positive("epsilon", optimiser.epsilon, 1);
  require_range("lr", options.lr, 0.0, 1e6);
  require_range("min-lr", options.min_lr, 0.0, 1e6);
  require(options.min_lr <= options.lr, "min-lr", shown(options.min_lr), "at most lr, " + shown(options.lr));
  require_range("warmup-epochs", options.warmup_epochs, 0.0, 1e6);
  require_range("clip", options.clip, 0.0, 1e12);
  share("label-smoothing", options.label_smoothing);
  require_range<std::int64_t>("crop-padding", options.crop_padding, 0, 1000);
  require_range<std::int64_t>("cutout", options.cutout, 0, 100'000);
  require_range("cutmix", options.cutmix, 0.0, 100.0);
  require(!options.mixed_precision || options.device.rfind("cuda", 0) == 0, "mixed-precision",
          "device " + options.device, "--device cuda: the CPU computes in single precision only");
}

std::string to_json(const TrainOptions& options) {
  const OptimiserOptions& optimiser = options.optimiser;
  return Json{{"epochs", options.epochs},
              {"batch", options.batch},
              {"accumulate", options.accumulate},
              {"train-images", options.max_train_images},
              {"validation-images", options.validation_images},
              {"patience", options.patience},
              {"optimiser", to_text(optimiser.kind)},
              {"weight-decay", optimiser.weight_decay},
              {"momentum", optimiser.momentum},
              {"nesterov", optimiser.nesterov},
              {"beta1", optimiser.beta1},
              {"beta2", optimiser.beta2},
              {"epsilon", optimiser.epsilon},
              {"schedule", to_text(options.schedule)},
              {"lr", options.lr},
              {"min-lr", options.min_lr},
              {"warmup-epochs", options.warmup_epochs},
              {"clip", options.clip},
              {"label-smoothing", options.label_smoothing},
              {"loss", to_text(options.loss)},
              {"augment", options.augment},
              {"crop-padding", options.crop_padding},
              {"mirror", options.mirror},
              {"cutout", options.cutout},
              {"cutmix", options.cutmix},
              {"mixed-precision", options.mixed_precision},
              {"qat", options.qat},
              {"seed", options.seed},
              {"device", options.device.substr(0, options.device.find(':'))}}
      .dump();
}

std::string first_difference(const std::string& before_json, const std::string& now_json) {
  const Json before = Json::parse(before_json).flatten(), now = Json::parse(now_json).flatten();
  const auto value_in = [](const Json& json, const std::string& key) {
    return json.contains(key) ? json.at(key).dump() : std::string("nothing");
  };
  const auto difference = [&](const std::string& key) {
    const std::string training = "/training/";
    return (key.rfind(training, 0) == 0 ? key.substr(training.size()) : key.substr(1)) + ": " +
           value_in(before, key) + " before, " + value_in(now, key) + " now";
  };
  for (const auto& [key, value] : now.items())
    if (!before.contains(key) || before.at(key) != value) return difference(key);
  for (const auto& [key, value] : before.items())
    if (!now.contains(key)) return difference(key);
  return "";
}

const char* to_text(OptimiserKind kind) { return word_of(kOptimisers, kind); }
const char* to_text(LossKind kind) { return word_of(kLosses, kind); }
OptimiserKind parse_optimiser_kind(const std::string& text, const std::string& place) {
  return parse_word(kOptimisers, text, place);
}
LossKind parse_loss_kind(const std::string& text, const std::string& place) {
  return parse_word(kLosses, text, place);
}

}  // namespace spikeloop::models
