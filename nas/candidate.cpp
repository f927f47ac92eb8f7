#include "nas/candidate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/batchnorm.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "models/batches.h"
#include "models/export.h"
#include "traces/support/random.h"
#include "traces/support/sha256.h"

namespace spikeloop::nas {

namespace {
constexpr std::int64_t kDigestSamples = 1000, kDigestValues = 4096;
constexpr std::int64_t kCalibrationImages = 256, kCalibrationBatch = 64;
}  // namespace

models::Dataset load_images(const SearchSettings& settings, const std::string& dir) {
  models::DatasetOptions options;
  options.dir = dir;
  options.framing = settings.framing;
  options.framing.frames = settings.spec.timesteps;
  options.seed = kShapesSeed;
  return models::open_dataset(settings.dataset, options);
}

std::string digest(const models::Dataset& dataset) {
  Sha256 sha;
  std::vector<std::uint8_t> sample(static_cast<std::size_t>(dataset.sample_bytes()));
  const auto values = static_cast<std::size_t>(std::min(dataset.sample_bytes(), kDigestValues));
  for (const auto& set : {dataset.train, dataset.test}) {
    const std::int64_t size = models::size_of(set), step = std::max<std::int64_t>(1, size / kDigestSamples);
    sha.update(std::to_string(size) + ' ');
    for (std::int64_t i = 0; i < size; ++i) sha.update(std::to_string(set->label(i)) + ' ');
    for (std::int64_t i = 0; i < size; i += step) {
      set->read(i, sample.data());
      sha.update(sample.data(), values);
    }
  }
  return sha.hex_digest();
}

models::SnasnetSpec candidate_spec(const SearchSettings& settings, const std::string& genotype) {
  models::SnasnetSpec spec = settings.spec;
  models::parse_cells(genotype, "genotype", spec.cell1, spec.cell2);
  return spec;
}

void calibrate_batch_norm(models::Snasnet& net, const models::Dataset& dataset) {
  std::vector<std::shared_ptr<torch::nn::BatchNorm2dImpl>> norms;
  for (const auto& module : net->modules())
    if (auto norm = std::dynamic_pointer_cast<torch::nn::BatchNorm2dImpl>(module)) norms.push_back(norm);
  std::vector<c10::optional<double>> momenta;
  for (const auto& norm : norms) {
    norm->reset_running_stats();
    momenta.push_back(norm->options.momentum());
    norm->options.momentum(c10::nullopt);  // plain mean over all batches and timesteps
  }
  const bool training = net->is_training();
  net->train();
  const at::NoGradGuard no_grad;
  const std::int64_t images = std::min(models::size_of(dataset.train), kCalibrationImages);
  for (std::int64_t first = 0; first < images; first += kCalibrationBatch) {
    const std::int64_t count = std::min(images - first, kCalibrationBatch);
    net->forward(models::read_batch(dataset, *dataset.train, first, count).input);
  }
  net->train(training);
  for (std::size_t i = 0; i < norms.size(); ++i) norms[i]->options.momentum(momenta[i]);
}

traces::Network chip_network(models::Snasnet& net, const models::Dataset& dataset) {
  net->eval();
  traces::Network network = models::export_network(net, dataset);
  models::quantise(network, dataset);
  return network;
}

std::uint64_t seed_of(const SearchSettings& settings, SeedOf stream) {
  return derive_seed(settings.seed, static_cast<std::uint64_t>(stream));
}

}  // namespace spikeloop::nas
