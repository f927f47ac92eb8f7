#include "models/train.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "helpers.h"
#include "models/networks.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

TrainOptions quick() {
  TrainOptions options;
  options.epochs = 1;
  options.batch = 16;
  options.quiet = true;
  return options;
}

std::vector<at::Tensor> trained(const Dataset& dataset, const TrainOptions& options,
                                const SnasnetSpec& spec) {
  GraphNet net(snasnet(spec), 1);
  train(net, dataset, options);
  auto tensors = net->parameters();
  for (const auto& buffer : net->buffers()) tensors.push_back(buffer);
  return tensors;
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

TEST(Train, TheSeedDecidesNotTheThreads) {
  const Dataset dataset = make_shapes(101, 0, 1);  // the last batch is not full, its second part smaller
  const SnasnetSpec spec = small_spec("0303/0030/2002/0200", 8);
  TrainOptions options = quick();
  const auto first = trained(dataset, options, spec);
  EXPECT_TRUE(same(first, trained(dataset, options, spec)));
  options.threads = 2;
  EXPECT_TRUE(same(first, trained(dataset, options, spec)));
  options.threads = 1;
  options.seed = 2;
  EXPECT_FALSE(same(first, trained(dataset, options, spec)));
}

TEST(Train, ABatchOfOneIsTrainedOn) {
  const Dataset dataset = make_shapes(5, 0, 1);
  TrainOptions options = quick();
  options.batch = 4;  // the last batch has one image, so one part of two
  const auto tensors = trained(dataset, options, small_spec("0003/0000/0000/0000"));
  for (const auto& tensor : tensors) EXPECT_TRUE(tensor.to(at::kDouble).isfinite().all().item<bool>());
}

TEST(Train, WeightDecayShrinksAWeightWithoutGradient) {
  // Node 1 leads nowhere: the convolution into it has no gradient. With momentum 0 every step multiplies it
  // with 1 - lr * weight_decay; its BatchNorm, without decay, stays.
  const Dataset dataset = make_shapes(32, 0, 1);
  TrainOptions options = quick();
  options.epochs = 2;  // 4 steps
  options.momentum = 0;
  options.lr = options.min_lr = 0.5;
  options.weight_decay = 0.1;
  SnasnetSpec spec = small_spec("0301/0000/0000/0000");
  GraphNet net(snasnet(spec), 1), untouched(snasnet(spec), 1);
  train(net, dataset, options);
  std::map<std::string, at::Tensor> after, before;
  for (const auto& item : net->named_parameters()) after[item.key()] = item.value().detach();
  for (const auto& item : untouched->named_parameters()) before[item.key()] = item.value().detach();
  const std::string edge = "cell1.cell_architecture.0.";
  EXPECT_TRUE(
      at::allclose(after.at(edge + "1.weight"), before.at(edge + "1.weight") * std::pow(0.95, 4), 1e-5));
  EXPECT_TRUE(at::equal(after.at(edge + "2.weight"), before.at(edge + "2.weight")));
  EXPECT_FALSE(at::equal(after.at("stem.0.weight"), before.at("stem.0.weight")));
}

TEST(Train, OnlyTheChosenNumberOfImagesIsUsed) {
  const Dataset dataset = make_shapes(64, 0, 1);
  TrainOptions options = quick();
  options.max_train_images = 32;
  const SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  const auto some = trained(dataset, options, spec);
  EXPECT_TRUE(same(some, trained(dataset, options, spec)));
  options.max_train_images = 0;
  EXPECT_FALSE(same(some, trained(dataset, options, spec)));
}

TEST(Train, BadOptionsAreRefused) {
  const Dataset dataset = make_shapes(4, 0, 1);
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  TrainOptions options = quick();
  options.batch = 0;
  EXPECT_TRUE(contains(error_of([&] { train(net, dataset, options); }), "batch"));
  EXPECT_TRUE(contains(error_of([&] { train(net, make_shapes(0, 4, 1), quick()); }), "training images"));
}

TEST(Train, LearnsShapes) {
  const Dataset dataset = make_shapes(10000, 1000, 1);
  SnasnetSpec spec = small_spec("0003/0000/0000/0000");
  spec.channels = 16;
  spec.timesteps = 2;
  TrainOptions options;
  options.epochs = 3;
  options.batch = 32;
  options.threads = 2;
  options.quiet = true;
  spec.dropout = 0;
  GraphNet net(snasnet(spec), 1);
  const TrainResult result = train(net, dataset, options);
  EXPECT_LT(result.epochs.back().train_loss, result.epochs.front().train_loss);
  EXPECT_GT(accuracy(net, dataset, dataset.test), 0.6);
}

TEST(Checkpoint, GivesBackTheSameNetworkAndBytes) {
  const TemporaryFolder folder;
  const Dataset dataset = make_shapes(32, 8, 1);
  GraphNet net(snasnet(small_spec("0303/0030/2002/0200", 8)), 1);
  train(net, dataset, quick());
  save_checkpoint(folder.file("a.pt"), net, dataset);
  save_checkpoint(folder.file("b.pt"), net, dataset);
  EXPECT_EQ(read_file(folder.file("a.pt")), read_file(folder.file("b.pt")));
  std::string name;
  GraphNet loaded = load_checkpoint(folder.file("a.pt"), &name);
  EXPECT_EQ(name, "shapes");
  EXPECT_EQ(to_json(loaded->architecture()), to_json(net->architecture()));
  const at::NoGradGuard no_grad;
  const at::Tensor x = normalise(dataset.test.images, dataset);
  EXPECT_TRUE(at::equal(net->forward(x), loaded->forward(x)));
}

TEST(Checkpoint, WrongOrTruncatedFilesAreNamed) {
  const TemporaryFolder folder;
  const std::string good = folder.file("good.pt"), bad = folder.file("bad.pt");
  GraphNet net(snasnet(small_spec("0003/0000/0000/0000")), 1);
  save_checkpoint(good, net, make_shapes(0, 0, 1));
  const std::string bytes = read_file(good);
  for (const std::string& content : {std::string(), std::string("no checkpoint"),
                                     bytes.substr(0, bytes.size() / 2), bytes.substr(0, bytes.size() - 1)}) {
    std::ofstream(bad, std::ios::binary) << content;
    EXPECT_TRUE(contains(error_of([&] { load_checkpoint(bad); }), "bad.pt")) << content.size() << " bytes";
  }
  EXPECT_TRUE(contains(error_of([&] { load_checkpoint(folder.file("none.pt")); }), "none.pt"));
}

}  // namespace
}  // namespace spikeloop::models
