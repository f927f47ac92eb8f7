#include "nas/candidate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "models/export.h"
#include "traces/support/random.h"
#include "traces/support/sha256.h"

namespace spikeloop::nas {

namespace {
constexpr std::int64_t kDigestPixels = 64;  ///< of each image
constexpr std::int64_t kCalibrationImages = 256, kCalibrationBatch = 64;
}  // namespace

models::Dataset load_images(const std::string& dataset, const std::string& dir) {
  return models::load_dataset(dataset, dir, kShapesSeed);
}

std::string digest(const models::Dataset& dataset) {
  Sha256 sha;
  for (const models::ImageSet* set : {&dataset.train, &dataset.test}) {
    sha.update(std::to_string(set->size()) + ' ');
    const at::Tensor labels = set->labels.contiguous();
    sha.update(labels.data_ptr<std::int64_t>(), static_cast<std::size_t>(labels.nbytes()));
    const at::Tensor pixels = set->images.flatten(1).slice(1, 0, kDigestPixels).contiguous();
    sha.update(pixels.data_ptr<std::uint8_t>(), static_cast<std::size_t>(pixels.nbytes()));
  }
  return sha.hex_digest();
}

models::SnasnetSpec candidate_spec(const SearchSettings& settings, const std::string& genotype) {
  models::SnasnetSpec spec = settings.spec;
  models::parse_cells(genotype, "genotype", spec.cell1, spec.cell2);
  spec.dropout = settings.recipe.dropout;
  return spec;
}

void calibrate_batch_norm(models::GraphNet& net, const models::Dataset& dataset) {
  const bool training = net->is_training();
  const double momentum = net->norm_momentum;
  net->reset_statistics();
  net->norm_momentum = -1;  // plain mean over all batches
  net->train();
  const at::NoGradGuard no_grad;
  const std::int64_t images = std::min(dataset.train.size(), kCalibrationImages);
  for (std::int64_t first = 0; first < images; first += kCalibrationBatch) {
    const std::int64_t end = std::min(images, first + kCalibrationBatch);
    net->forward(models::normalise(dataset.train.images.slice(0, first, end), dataset));
  }
  net->train(training);
  net->norm_momentum = momentum;
}

traces::Network chip_network(models::GraphNet& net, const models::Dataset& dataset) {
  net->eval();
  traces::Network network = models::export_network(net, dataset.name);
  models::quantise(network, dataset);
  return network;
}

std::uint64_t seed_of(const SearchSettings& settings, SeedOf stream) {
  return derive_seed(settings.seed, static_cast<std::uint64_t>(stream));
}

}  // namespace spikeloop::nas
