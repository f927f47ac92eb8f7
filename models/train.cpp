#include "models/train.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <thread>

#include "models/threads.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

// A batch is always worked on in this many parts, each with its own BatchNorm statistics, so that the result
// does not depend on how many of them run at once.
constexpr std::int64_t kShards = 2;

// Streams derived from the training seed.
constexpr std::uint64_t kOrderStream = 1, kAugmentStream = 2, kDropoutStream = 3;

constexpr std::int64_t kSide = 32, kPlane = kSide * kSide;

void check(const TrainOptions& options, const Dataset& dataset) {
  const auto require = [](bool good, const std::string& place, auto found, const std::string& expected) {
    if (!good) throw InputError("training", place, std::to_string(found), expected);
  };
  require(dataset.train.size() > 0, "dataset " + dataset.name, dataset.train.size(), "training images");
  require(options.epochs >= 0, "epochs", options.epochs, "at least 0");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.max_train_images >= 0, "training images", options.max_train_images, "at least 0");
  require(options.threads >= 1, "threads", options.threads, "at least 1");
  require(options.lr >= 0 && options.min_lr >= 0, "learning rate", options.lr, "at least 0");
}

/// The records of one epoch, in its order.
std::vector<std::int64_t> epoch_order(std::int64_t records, std::int64_t wanted, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(records));
  std::iota(order.begin(), order.end(), 0);
  const std::int64_t count = wanted > 0 ? std::min(wanted, records) : records;
  RandomStream random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto other = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(records - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  order.resize(static_cast<std::size_t>(count));
  return order;
}

/// Pixel value -> normalised value, per channel.
using Lookup = std::array<std::array<float, 256>, 3>;

Lookup lookup_of(const Dataset& dataset) {
  Lookup lookup{};
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t v = 0; v < 256; ++v) {
      lookup[c][v] = (static_cast<float>(v) / 255.0F - static_cast<float>(dataset.mean[c])) /
                     static_cast<float>(dataset.std[c]);
    }
  }
  return lookup;
}

/// One image, shifted (what comes in from outside is black) and mirrored as this draw says.
void copy_augmented(const std::uint8_t* pixels, float* out, const Lookup& lookup, std::uint64_t stream) {
  RandomStream random(stream);
  const std::int64_t shift_y = static_cast<std::int64_t>(random.below(9)) - 4;
  const std::int64_t shift_x = static_cast<std::int64_t>(random.below(9)) - 4;
  const bool mirror = random.below(2) == 1;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < kSide; ++y) {
      for (std::int64_t x = 0; x < kSide; ++x) {
        const std::int64_t sy = y + shift_y, sx = (mirror ? kSide - 1 - x : x) + shift_x;
        const bool inside = sy >= 0 && sy < kSide && sx >= 0 && sx < kSide;
        *out++ = lookup[c][inside ? pixels[static_cast<std::int64_t>(c) * kPlane + sy * kSide + sx] : 0];
      }
    }
  }
}

struct Batch {
  at::Tensor images, labels;
};

class Trainer {
 public:
  Trainer(GraphNet& net, const Dataset& dataset, const TrainOptions& options)
      : dataset_(dataset), options_(options), lookup_(lookup_of(dataset)) {
    nets_[0] = net;
    for (std::size_t i = 1; i < kShards; ++i) nets_[i] = GraphNet(net->architecture(), 0, false);
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < kShards; ++i) {
      nets_[i]->train();
      parameters_[i] = nets_[i]->parameters();
      for (const auto& buffer : nets_[i]->buffers()) {
        if (buffer.is_floating_point()) statistics_[i].push_back(buffer);
      }
    }
    for (const auto& parameter : parameters_[0]) momentum_.push_back(at::zeros_like(parameter));
    for (std::size_t i = 1; i < kShards; ++i) copy_to(i);
  }

  TrainResult run() {
    const auto start = std::chrono::steady_clock::now();
    TrainResult result;
    const std::int64_t records = dataset_.train.size();
    const std::int64_t per_epoch =
        options_.max_train_images > 0 ? std::min(options_.max_train_images, records) : records;
    const std::int64_t batches = (per_epoch + options_.batch - 1) / options_.batch;
    const std::int64_t steps = batches * options_.epochs;
    std::int64_t step = 0;
    for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      const auto order = epoch_order(records, per_epoch, stream(kOrderStream, epoch));
      Progress progress("train epoch " + std::to_string(epoch + 1) + "/" + std::to_string(options_.epochs),
                        per_epoch, "images", options_.quiet);
      EpochStats stats;
      std::int64_t seen = 0;
      for (std::int64_t b = 0; b < batches; ++b, ++step) {
        const std::int64_t begin = b * options_.batch, end = std::min(per_epoch, begin + options_.batch);
        const double angle = 3.14159265358979323846 * static_cast<double>(step) / static_cast<double>(steps);
        const double lr = options_.min_lr + 0.5 * (options_.lr - options_.min_lr) * (1 + std::cos(angle));
        train_batch(order.data() + begin, end - begin, epoch, step, lr, stats);
        seen += end - begin;
        progress.advance(end - begin, summary(stats, seen));
      }
      const std::string text = summary(stats, seen);
      stats.train_loss /= static_cast<double>(seen);
      stats.train_accuracy /= static_cast<double>(seen);
      progress.finish(text);
      result.epochs.push_back(stats);
    }
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

 private:
  struct Part {
    double loss = 0, right = 0;
    bool used = false;
    std::exception_ptr error;
  };

  std::uint64_t stream(std::uint64_t kind, std::int64_t item) const {
    return derive_seed(derive_seed(options_.seed, kind), static_cast<std::uint64_t>(item));
  }

  static std::string summary(const EpochStats& sums, std::int64_t seen) {
    char text[64];
    std::snprintf(text, sizeof text, "loss %.3f  accuracy %.1f %%",
                  sums.train_loss / static_cast<double>(seen),
                  100 * sums.train_accuracy / static_cast<double>(seen));
    return text;
  }

  Batch make_batch(const std::int64_t* records, std::int64_t count, std::int64_t epoch) const {
    Batch batch{at::empty({count, 3, kSide, kSide}, at::kFloat), at::empty({count}, at::kLong)};
    const auto* pixels = dataset_.train.images.data_ptr<std::uint8_t>();
    const auto* labels = dataset_.train.labels.data_ptr<std::int64_t>();
    const std::uint64_t draws = stream(kAugmentStream, epoch);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t record = records[i];
      const auto* image = pixels + record * 3 * kPlane;
      float* out = batch.images.data_ptr<float>() + i * 3 * kPlane;
      batch.labels.data_ptr<std::int64_t>()[i] = labels[record];
      if (options_.augment) {
        copy_augmented(image, out, lookup_, derive_seed(draws, static_cast<std::uint64_t>(record)));
      } else {
        for (std::int64_t p = 0; p < 3 * kPlane; ++p) {
          out[p] = lookup_[static_cast<std::size_t>(p / kPlane)][image[p]];
        }
      }
    }
    return batch;
  }

  /// Forward and backward of one part of a batch on its own replica.
  void run_part(std::size_t i, const std::int64_t* records, std::int64_t count, std::int64_t epoch,
                std::int64_t step, std::int64_t batch_size, Part& part) {
    try {
      const ThreadCount one_thread(1);
      GraphNet& net = nets_[i];
      const auto device = parameters_[i].front().device();
      Batch batch = make_batch(records, count, epoch);
      batch.labels = batch.labels.to(device);
      net->draw_seed = derive_seed(stream(kDropoutStream, step), i);
      const at::Tensor output = net->forward(batch.images.to(device));
      const at::Tensor loss = at::cross_entropy_loss(output, batch.labels, {}, at::Reduction::Sum) /
                              static_cast<double>(batch_size);
      loss.backward();
      part.loss = loss.item<double>() * static_cast<double>(batch_size);
      part.right = output.argmax(1).eq(batch.labels).sum().item<double>();
      part.used = true;
    } catch (...) {
      part.error = std::current_exception();
    }
  }

  void train_batch(const std::int64_t* records, std::int64_t count, std::int64_t epoch, std::int64_t step,
                   double lr, EpochStats& stats) {
    std::array<Part, kShards> parts;
    std::vector<std::thread> threads;
    const std::int64_t share = (count + kShards - 1) / kShards;
    for (std::int64_t s = kShards - 1; s >= 0; --s) {  // the caller's thread takes the first part
      const std::int64_t begin = s * share, size = std::min(count, begin + share) - begin;
      if (size <= 0) continue;
      const auto i = static_cast<std::size_t>(s);
      const auto work = [=, &parts] { run_part(i, records + begin, size, epoch, step, count, parts[i]); };
      if (s > 0 && options_.threads > 1 && blas_takes_threads()) {
        threads.emplace_back(work);
      } else {
        work();
      }
    }
    for (auto& thread : threads) thread.join();
    for (const Part& part : parts) {
      if (part.error) std::rethrow_exception(part.error);
      stats.train_loss += part.loss;
      stats.train_accuracy += part.right;
    }
    update(parts, lr);
  }

  /// SGD on the sum of the parts' gradients, and equal statistics everywhere; always in the same order.
  void update(const std::array<Part, kShards>& parts, double lr) {
    const at::NoGradGuard no_grad;
    for (std::size_t p = 0; p < momentum_.size(); ++p) {
      at::Tensor& parameter = parameters_[0][p];
      at::Tensor gradient = parameter.grad();
      for (std::size_t i = 1; i < kShards; ++i) {
        const at::Tensor& other = parameters_[i][p].grad();
        if (!parts[i].used || !other.defined()) continue;
        gradient = gradient.defined() ? gradient.add_(other) : other.clone();
      }
      if (!gradient.defined()) gradient = at::zeros_like(parameter);  // a layer that nothing reads
      if (parameter.dim() > 1) gradient.add_(parameter, options_.weight_decay);
      momentum_[p].mul_(options_.momentum).add_(gradient);
      parameter.add_(momentum_[p], -lr);
      for (auto& replica : parameters_) {
        if (replica[p].grad().defined()) replica[p].mutable_grad() = at::Tensor();
      }
    }
    double used = 0;
    for (const Part& part : parts) used += part.used ? 1 : 0;
    for (std::size_t b = 0; b < statistics_[0].size(); ++b) {
      for (std::size_t i = 1; i < kShards; ++i) {
        if (parts[i].used) statistics_[0][b].add_(statistics_[i][b]);
      }
      if (used > 1) statistics_[0][b].div_(used);
    }
    for (std::size_t i = 1; i < kShards; ++i) copy_to(i);
  }

  void copy_to(std::size_t i) {
    for (std::size_t p = 0; p < parameters_[0].size(); ++p) parameters_[i][p].copy_(parameters_[0][p]);
    for (std::size_t b = 0; b < statistics_[0].size(); ++b) statistics_[i][b].copy_(statistics_[0][b]);
  }

  const Dataset& dataset_;
  const TrainOptions& options_;
  Lookup lookup_;
  std::array<GraphNet, kShards> nets_{GraphNet(nullptr), GraphNet(nullptr)};  ///< the first is the caller's
  std::array<std::vector<at::Tensor>, kShards> parameters_, statistics_;
  std::vector<at::Tensor> momentum_;
};

}  // namespace

TrainResult train(GraphNet& net, const Dataset& dataset, const TrainOptions& options) {
  check(options, dataset);
  const ThreadCount one_thread(1);
  TrainResult result = Trainer(net, dataset, options).run();
  net->eval();
  return result;
}

double accuracy(GraphNet& net, const Dataset& dataset, const ImageSet& images, std::int64_t batch,
                bool quiet) {
  if (images.size() == 0 || batch < 1) {
    throw InputError(dataset.name, "accuracy", std::to_string(images.size()) + " images", "at least 1");
  }
  const at::NoGradGuard no_grad;
  const ThreadCount one_thread(1);
  const bool was_training = net->is_training();
  net->eval();
  const auto parameter = net->parameters().front();
  Progress progress("test", images.size(), "images", quiet);
  std::int64_t right = 0;
  for (std::int64_t begin = 0; begin < images.size(); begin += batch) {
    const std::int64_t count = std::min(batch, images.size() - begin);
    const at::Tensor x = normalise(images.images.narrow(0, begin, count), dataset).to(parameter.options());
    const at::Tensor predicted = net->forward(x).argmax(1).cpu();
    right += predicted.eq(images.labels.narrow(0, begin, count)).sum().item<std::int64_t>();
    progress.advance(count);
  }
  net->train(was_training);
  const double fraction = static_cast<double>(right) / static_cast<double>(images.size());
  char text[32];
  std::snprintf(text, sizeof text, "accuracy %.2f %%", 100 * fraction);
  progress.finish(text);
  return fraction;
}

}  // namespace spikeloop::models
