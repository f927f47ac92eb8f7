#include "models/train.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>

#include "helpers.h"
#include "models/checkpoint.h"
#include "models/data/shapes.h"
#include "models/device.h"
#include "models/evaluate.h"
#include "models/split.h"
#include "traces/support/files.h"
#include "traces/support/random.h"

namespace spikeloop::models {
namespace {

/// conv - [BatchNorm] - neuron - pool - flatten - [dropout] - linear, for 32 x 32 images.
Architecture small_network(bool batch_norm = true, NeuronKind kind = NeuronKind::kPlif, double dropout = 0) {
  Architecture network;
  network.kind = "test";
  network.timesteps = 2;
  const auto add = [&](const std::string& name, layer::Params params) {
    network.layers.push_back({name, std::move(params), ""});
    const int last = static_cast<int>(network.layers.size()) - 1;
    if (last > 0) network.edges.push_back({last - 1, last, false});
  };
  layer::Conv conv;
  conv.out_channels = 4;
  conv.stride = 2;
  layer::Neuron neuron;
  neuron.spec.kind = kind;
  layer::Pool pool;
  pool.kernel = pool.stride = 4;
  layer::Linear linear;
  linear.out = 10;
  add("input", layer::Input{});
  add("conv", conv);
  if (batch_norm) add("norm", layer::BatchNorm{});
  add("neuron", neuron);
  add("pool", pool);
  add("flatten", layer::Flatten{});
  if (dropout > 0) add("dropout", layer::Dropout{dropout});
  add("linear", linear);
  add("output", layer::Output{});
  return network;
}

TrainOptions quick() {
  TrainOptions options;
  options.epochs = 1;
  options.batch = 16;
  options.lr = 0.05;
  return options;
}

TrainRun silent(int threads = 1) {
  TrainRun run;
  run.threads = threads;
  run.quiet = true;
  return run;
}

std::vector<at::Tensor> trained(const Dataset& dataset, const TrainOptions& options, const TrainRun& run,
                                const Architecture& architecture = small_network()) {
  GraphNet net(architecture, 1);
  train(net, dataset, options, run);
  return weights_and_statistics(net);
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

TEST(Train, TheSeedDecidesNotTheThreads) {
  const Dataset dataset = make_shapes(101, 0, 1);  // the last batch is not full, its second part smaller
  const Architecture network = small_network(true, NeuronKind::kPlif, 0.2);
  TrainOptions options = quick();
  options.cutmix = 1;
  options.cutout = 6;
  options.accumulate = 2;
  options.validation_images = 20;
  const auto first = trained(dataset, options, silent(), network);
  EXPECT_TRUE(same(first, trained(dataset, options, silent(), network)));
  EXPECT_TRUE(same(first, trained(dataset, options, silent(2), network)));
  options.seed = 2;
  EXPECT_FALSE(same(first, trained(dataset, options, silent(), network)));
}

TEST(Train, ABatchOfOneIsTrainedOn) {
  const Dataset dataset = make_shapes(5, 0, 1);
  TrainOptions options = quick();
  options.batch = 4;  // the last batch has one image, so one part of two
  for (const auto& tensor : trained(dataset, options, silent()))
    EXPECT_TRUE(tensor.to(at::kDouble).isfinite().all().item<bool>());
}

TEST(Train, WeightDecayActsOnConvolutionAndLinearWeightsOnly) {
  // One step without momentum: decay takes lr * decay of every decayed weight, and nothing else differs.
  const Dataset dataset = make_shapes(16, 0, 1);
  TrainOptions options = quick();
  options.optimiser.momentum = 0;
  std::array<std::map<std::string, at::Tensor>, 2> after;
  for (std::size_t i = 0; i < 2; ++i) {
    options.optimiser.weight_decay = i == 0 ? 0 : 0.5;
    GraphNet net(small_network(), 1);
    train(net, dataset, options, silent());
    for (const auto& item : net->named_parameters()) after[i][item.key()] = item.value().detach();
  }
  const GraphNet untouched(small_network(), 1);
  for (const auto& item : untouched->named_parameters()) {
    const std::string& name = item.key();
    const double decay = name == "conv.weight" || name == "linear.weight" ? options.lr * 0.5 : 0;
    EXPECT_TRUE(at::allclose(after[0].at(name) - decay * item.value(), after[1].at(name), 1e-6, 1e-7))
        << name;
    if (decay == 0) {
      EXPECT_TRUE(at::equal(after[0].at(name), after[1].at(name))) << name;
    }
  }
  EXPECT_EQ(after[0].count("neuron.w"), 1U);
}

TEST(Train, AccumulatedBatchesEqualTheBigOne) {
  const Dataset dataset = make_shapes(72, 0, 1);  // two whole steps and one of 8
  TrainOptions options = quick();
  options.augment = false;
  std::array<std::vector<at::Tensor>, 2> after;
  for (std::size_t i = 0; i < 2; ++i) {
    options.batch = i == 0 ? 32 : 8;
    options.accumulate = i == 0 ? 1 : 4;
    GraphNet net(small_network(false), 1);
    net->to(at::kDouble);
    train(net, dataset, options, silent());
    after[i] = weights_and_statistics(net);
  }
  const GraphNet untouched(small_network(false), 1);
  for (std::size_t p = 0; p < after[0].size(); ++p)
    EXPECT_TRUE(at::allclose(after[0][p], after[1][p], 1e-10, 1e-12)) << p;
  EXPECT_FALSE(at::equal(after[0][0].to(at::kFloat), weights_and_statistics(untouched)[0]));
}

TEST(Train, ClippingLimitsTheNormOfAStep) {
  const Dataset dataset = make_shapes(16, 0, 1);
  TrainOptions options = quick();
  options.optimiser.momentum = options.optimiser.weight_decay = 0;
  options.clip = 1e-3;
  GraphNet net(small_network(), 1), untouched(small_network(), 1);
  train(net, dataset, options, silent());
  double squares = 0;
  for (std::size_t p = 0; p < net->parameters().size(); ++p)
    squares += (net->parameters()[p] - untouched->parameters()[p]).pow(2).sum().item<double>();
  EXPECT_NEAR(std::sqrt(squares), options.lr * 1e-3, 1e-7);
}

TEST(Train, OnlyTheChosenNumberOfImagesIsUsed) {
  const Dataset dataset = make_shapes(64, 0, 1);
  TrainOptions options = quick();
  options.max_train_images = 32;
  const auto some = trained(dataset, options, silent());
  EXPECT_TRUE(same(some, trained(dataset, options, silent())));
  options.max_train_images = 0;
  EXPECT_FALSE(same(some, trained(dataset, options, silent())));
}

TEST(Train, StopsEarlyAndGoesBackToTheBestEpoch) {
  const Dataset dataset = make_shapes(64, 0, 1);
  TrainOptions options = quick();
  options.epochs = 50;
  options.validation_images = 16;
  options.patience = 2;
  options.lr = options.min_lr = 0;  // only BatchNorm's statistics move
  GraphNet net(small_network(), 1);
  const TrainResult result = train(net, dataset, options, silent());
  ASSERT_TRUE(result.stopped_early);
  ASSERT_GE(result.best_epoch, 1);
  EXPECT_EQ(static_cast<std::int64_t>(result.epochs.size()), result.best_epoch + 2);
  const auto& best = result.epochs[static_cast<std::size_t>(result.best_epoch - 1)];
  for (const EpochMetrics& epoch : result.epochs)
    EXPECT_LE(*epoch.validation_accuracy, *best.validation_accuracy);
  const Split split = hold_out(dataset.train, 16, derive_seed(options.seed, 5));
  EXPECT_EQ(evaluate(net, dataset, *split.validation).accuracy(), *best.validation_accuracy);
}

TEST(Train, LossPerTimestepTrainsAnotherNetwork) {
  const Dataset dataset = make_shapes(32, 0, 1);
  TrainOptions options = quick();
  const auto mean = trained(dataset, options, silent());
  options.loss = LossKind::kTet;
  EXPECT_FALSE(same(mean, trained(dataset, options, silent())));
}

TEST(Train, LearnsShapes) {
  const Dataset dataset = make_shapes(3000, 500, 1);
  TrainOptions options;
  options.epochs = 3;
  options.batch = 32;
  options.label_smoothing = 0.1;
  GraphNet net(small_network(), 1);
  const TrainResult result = train(net, dataset, options, silent(2));
  EXPECT_LT(result.epochs.back().train_loss, result.epochs.front().train_loss);
  EXPECT_GT(evaluate(net, dataset, *dataset.test).accuracy(), 0.2);
}

TEST(Train, BadOptionsAreRefused) {
  GraphNet net(small_network(), 1);
  TrainOptions options = quick();
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(0, 4, 1), options); }), "training images"));
  options.validation_images = 4;
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(4, 4, 1), options); }), "at most 3"));
  options = quick();
  options.min_lr = 0.06;
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(4, 4, 1), options); }), "at most lr"));
  options = quick();
  Architecture nothing;
  nothing.layers = {{"input", layer::Input{{3, 32, 32}}, ""},
                    {"flatten", layer::Flatten{}, ""},
                    {"output", layer::Output{}, ""}};
  nothing.edges = {{0, 1, false}, {1, 2, false}};
  GraphNet weightless(nothing, 1);
  EXPECT_TRUE(
      contains(error_of([&] { train(weightless, make_shapes(4, 4, 1), options); }), "weights to train"));
  options.device = "gpu";
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(4, 4, 1), options); }), "cpu, cuda or cuda:N"));
  options.device = "cpu";
  options.mixed_precision = true;
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(4, 4, 1), options); }), "mixed-precision"));
}

TEST(Train, AnAbsentGpuIsNamed) {
  if (torch::cuda::is_available()) GTEST_SKIP() << "this machine has one";
  EXPECT_TRUE(contains(error_of([] { open_device("cuda:0", "--device"); }), "no CUDA device"));
  EXPECT_TRUE(contains(error_of([] { open_device("cuda:", "--device"); }), "cpu, cuda or cuda:N"));
}

TEST(Train, MixedPrecisionTrainsOnAGpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no GPU";
  TrainOptions options = quick();
  options.device = "cuda";
  const auto exact = trained(make_shapes(64, 0, 1), options, silent());
  options.mixed_precision = true;
  const auto mixed = trained(make_shapes(64, 0, 1), options, silent());
  const GraphNet untrained(small_network(), 1);
  const auto first = weights_and_statistics(untrained);
  double moved = 0;
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    EXPECT_TRUE(at::allclose(mixed[i], exact[i], 0.1, 0.05)) << i;
    moved += (mixed[i] - first[i]).abs().sum().item<double>();
  }
  EXPECT_GT(moved, 0);
}

TEST(Train, DivergenceStopsWithAMessageAndNoCheckpoint) {
  const TemporaryFolder folder;
  GraphNet net(small_network(), 1);
  {
    const at::NoGradGuard no_grad;
    net->parameters().back().fill_(std::numeric_limits<float>::quiet_NaN());
  }
  TrainRun run = silent();
  run.checkpoint = folder.file("checkpoint.pt");
  try {
    train(net, make_shapes(32, 0, 1), quick(), run);
    FAIL() << "trained on";
  } catch (const std::runtime_error& error) {
    EXPECT_TRUE(contains(error.what(), "diverged in epoch 1, step 0: the loss is"));
  }
  EXPECT_FALSE(std::filesystem::exists(run.checkpoint));
}

/// Fails after so many reads, as a machine would.
class Failing : public SampleSet {
 public:
  Failing(std::shared_ptr<const SampleSet> set, int reads) : set_(std::move(set)), left_(reads) {}
  std::int64_t size() const override { return set_->size(); }
  std::int64_t label(std::int64_t index) const override { return set_->label(index); }
  void read(std::int64_t index, std::uint8_t* out) const override {
    if (--left_ < 0) throw std::runtime_error("pulled the plug");
    set_->read(index, out);
  }

 private:
  std::shared_ptr<const SampleSet> set_;
  mutable std::atomic<int> left_;
};

TrainOptions eventful() {
  TrainOptions options = quick();
  options.epochs = 3;
  options.cutmix = 0.5;
  options.accumulate = 2;
  options.validation_images = 20;
  options.patience = 1;
  options.optimiser.kind = OptimiserKind::kAdamW;
  options.lr = 0.01;
  return options;
}

TEST(Resume, GoesOnExactlyFromAnyPlace) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(120, 0, 1);
  const Architecture network = small_network(true, NeuronKind::kPlif, 0.2);
  TrainRun run = silent();
  run.checkpoint_minutes = 1e-9;  // after every step
  run.checkpoint = folder.file("whole.pt");
  trained(dataset, eventful(), run, network);
  const std::string whole = read_file(run.checkpoint);
  run.checkpoint = folder.file("pieces.pt");
  int interruptions = 0;
  for (int reads = 30; reads < 2000; reads += 47) {  // also in the middle of a step and of a validation
    Dataset failing = dataset;
    failing.train = std::make_shared<Failing>(dataset.train, reads % 97);
    run.threads = 1 + reads % 2;
    try {
      trained(failing, eventful(), run, network);
      break;
    } catch (const std::runtime_error& error) {
      ASSERT_TRUE(contains(error.what(), "pulled the plug"));
      ++interruptions;
    }
  }
  EXPECT_GE(interruptions, 5);
  GraphNet net(network, 1);
  run.threads = 1;
  train(net, dataset, eventful(), run);
  EXPECT_TRUE(read_file(run.checkpoint) == whole);
  const TrainResult again = train(net = GraphNet(network, 1), dataset, eventful(), run);
  EXPECT_TRUE(again.was_finished);
  EXPECT_TRUE(read_file(run.checkpoint) == whole);
}

TEST(Resume, AnotherTrainingIsRefusedWithTheDifference) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(32, 0, 1);
  TrainRun run = silent();
  run.checkpoint = folder.file("checkpoint.pt");
  const auto first = trained(dataset, quick(), run);
  TrainOptions other = quick();
  other.lr = 0.2;
  const auto again = [&](const TrainOptions& options, const Dataset& data, const Architecture& network) {
    return error_of([&] { trained(data, options, run, network); });
  };
  EXPECT_TRUE(contains(again(other, dataset, small_network()), "lr: 0.05 before, 0.2 now"));
  EXPECT_TRUE(
      contains(again(quick(), make_shapes(33, 0, 1), small_network()), "dataset/samples: 32 before, 33"));
  EXPECT_TRUE(contains(again(quick(), dataset, small_network(false)), "architecture/"));
  GraphNet elsewhere(small_network(), 2);
  EXPECT_TRUE(contains(error_of([&] { train(elsewhere, dataset, quick(), run); }), "initial_weights"));
  run.restart = true;
  EXPECT_FALSE(same(first, trained(dataset, other, run)));
}

TEST(Resume, OtherFramesOfTheSameEventsAreRefused) {
  const TemporaryFolder folder;
  Dataset dataset = make_shapes(32, 0, 1);
  dataset.events = true;
  dataset.frames = 1;
  Architecture network = small_network();
  network.timesteps = 1;
  TrainRun run = silent();
  run.checkpoint = folder.file("checkpoint.pt");
  dataset.framing.by = Framing::By::kCount;
  trained(dataset, quick(), run, network);
  EXPECT_EQ(load_checkpoint(run.checkpoint).input_code, "count");
  dataset.framing.binary = true;
  EXPECT_TRUE(contains(error_of([&] { trained(dataset, quick(), run, network); }), "dataset/framing"));
}

TEST(Resume, AStateThatCannotBeIsRefused) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(64, 0, 1);
  TrainRun run = silent();
  run.checkpoint = folder.file("checkpoint.pt");
  trained(dataset, quick(), run);
  const auto error = [&](auto change) {
    Checkpoint damaged = load_checkpoint(run.checkpoint);
    change(*damaged.training);
    TrainRun again = run;
    again.checkpoint = folder.file("damaged.pt");
    save_checkpoint(again.checkpoint, damaged.net, dataset.name, &*damaged.training);
    return error_of([&] { trained(dataset, quick(), again); });
  };
  EXPECT_EQ(error([](TrainState&) {}), "");
  EXPECT_TRUE(contains(error([](TrainState& s) { s.optimiser.first.pop_back(); }), "optimiser's first"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.optimiser.first[0] = at::zeros({1}); }), "number 0"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.optimiser.second.push_back(at::zeros({1})); }), "second"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.best.push_back(at::zeros({1})); }), "best"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.epoch = 2; }), "damaged.pt: epoch"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.epoch = -1; }), "epoch"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.batch = 4; }), "batch"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.optimiser.steps = -1; }), "steps"));
  EXPECT_TRUE(contains(error([](TrainState& s) { s.identity = "{"; }), "damaged.pt: training"));
}

TEST(Split, HoldsOutBySeed) {
  const Dataset dataset = make_shapes(50, 0, 1);
  const Split a = hold_out(dataset.train, 20, 1), b = hold_out(dataset.train, 20, 1),
              c = hold_out(dataset.train, 20, 2);
  EXPECT_EQ(a.train->size(), 30);
  ASSERT_EQ(a.validation->size(), 20);
  const auto bytes = static_cast<std::size_t>(dataset.sample_bytes());
  const auto sample = [&](const std::shared_ptr<const SampleSet>& set, std::int64_t i) {
    std::string pixels(bytes, '\0');
    set->read(i, reinterpret_cast<std::uint8_t*>(pixels.data()));
    return pixels;
  };
  std::map<std::string, int> seen;
  for (std::int64_t i = 0; i < 30; ++i) ++seen[sample(a.train, i)];
  bool differs = false;
  for (std::int64_t i = 0; i < 20; ++i) {
    ++seen[sample(a.validation, i)];
    EXPECT_EQ(sample(a.validation, i), sample(b.validation, i));
    EXPECT_EQ(a.validation->label(i), b.validation->label(i));
    differs = differs || sample(a.validation, i) != sample(c.validation, i);
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(seen.size(), 50U);  // every sample in one part
}

TEST(Checkpoint, GivesBackTheSameNetworkAndBytes) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(32, 8, 1);
  GraphNet net(small_network(), 1);
  train(net, dataset, quick(), silent());
  save_checkpoint(folder.file("a.pt"), net, dataset.name);
  save_checkpoint(folder.file("b.pt"), net, dataset.name);
  EXPECT_TRUE(read_file(folder.file("a.pt")) == read_file(folder.file("b.pt")));
  Checkpoint loaded = load_checkpoint(folder.file("a.pt"));
  EXPECT_EQ(loaded.dataset, "shapes");
  EXPECT_FALSE(loaded.training);
  EXPECT_EQ(to_json(loaded.net->architecture()), to_json(net->architecture()));
  EXPECT_TRUE(same(weights_and_statistics(loaded.net), weights_and_statistics(net)));
}

TEST(Checkpoint, WrongOrTruncatedFilesAreNamed) {
  const TemporaryFolder folder;
  const std::string good = folder.file("good.pt"), bad = folder.file("bad.pt");
  save_checkpoint(good, GraphNet(small_network(), 1), "shapes");
  const std::string bytes = read_file(good);
  for (const std::string& content : {std::string(), std::string("no checkpoint"),
                                     bytes.substr(0, bytes.size() / 2), bytes.substr(0, bytes.size() - 1)}) {
    std::ofstream(bad, std::ios::binary) << content;
    EXPECT_TRUE(contains(error_of([&] { load_checkpoint(bad); }), "bad.pt")) << content.size() << " bytes";
  }
  EXPECT_TRUE(contains(error_of([&] { load_checkpoint(folder.file("none.pt")); }), "none.pt"));
}

TEST(Evaluate, CountsAndConfusionAreOfTheAnswersWhateverTheWorkers) {
  const Dataset dataset = make_shapes(0, 30, 1);
  GraphNet net(small_network(), 1), twin(small_network(), 1);
  net->eval();
  twin->eval();
  EvaluateOptions options;
  options.batch = 7;
  const Evaluation one = evaluate(net, dataset, *dataset.test, options);
  const Evaluation two = evaluate({classifier(net), classifier(twin)}, dataset, *dataset.test, options);
  EXPECT_EQ(one.samples, 30);
  EXPECT_EQ(one.loss, two.loss);
  EXPECT_EQ(one.confusion, two.confusion);
  std::int64_t right = 0, all = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    right += one.confusion[i][i];
    for (std::size_t k = 0; k < 10; ++k) all += one.confusion[i][k];
  }
  EXPECT_EQ(right, one.right);
  EXPECT_EQ(all, 30);
  EXPECT_TRUE(contains(error_of([&] { evaluate(net, dataset, *make_shapes(0, 0, 1).test); }), "0 samples"));
}

}  // namespace
}  // namespace spikeloop::models
