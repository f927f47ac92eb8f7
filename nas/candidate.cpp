#include "nas/candidate.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "models/batches.h"
#include "models/export.h"
#include "models/quantise.h"
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

ScoreOptions score_options(const SearchSettings& settings) {
  ScoreOptions options;
  options.batch = settings.score_batch;
  options.repeats = static_cast<int>(settings.score_repeats);
  options.seed = seed_of(settings, SeedOf::kScore);
  options.channels = settings.score_channels;
  options.timesteps = static_cast<int>(settings.score_timesteps);
  options.image_shrink = static_cast<int>(settings.score_shrink);
  options.double_precision = !settings.score_single;
  return options;
}

sim::ChipConfig chip_of(const SearchPlaces& places, const Design& design) {
  std::vector<std::pair<std::string, std::string>> overrides = places.overrides;
  overrides.insert(overrides.end(), design.chip.begin(), design.chip.end());
  return sim::read_chip_config(places.hw, overrides);
}

void calibrate_batch_norm(models::GraphNet& net, const models::Dataset& dataset) {
  const bool training = net->is_training();
  const double momentum = net->norm_momentum;
  net->reset_statistics();
  net->norm_momentum = -1;  // plain mean over all batches
  net->train();
  const at::NoGradGuard no_grad;
  const std::int64_t images = std::min(models::size_of(dataset.train), kCalibrationImages);
  for (std::int64_t first = 0; first < images; first += kCalibrationBatch) {
    const std::int64_t count = std::min(images - first, kCalibrationBatch);
    net->forward(models::read_batch(dataset, *dataset.train, first, count).input);
  }
  net->train(training);
  net->norm_momentum = momentum;
}

traces::Network chip_network(models::GraphNet& net, const models::Dataset& dataset, int weight_bits) {
  net->eval();
  traces::Network network = models::export_network(net, dataset.name);
  models::Quantisation quantisation;
  quantisation.weight_bits = weight_bits;
  models::quantise(network, dataset, quantisation);
  return network;
}

traces::Network chip_network(models::GraphNet& net, const std::string& dataset,
                             const models::InputRange& input, int weight_bits) {
  net->eval();
  traces::Network network = models::export_network(net, dataset);
  models::Quantisation quantisation;
  quantisation.weight_bits = weight_bits;
  models::quantise_weights(network, quantisation);
  models::set_input(network, input);
  return network;
}

std::uint64_t seed_of(const SearchSettings& settings, SeedOf stream) {
  return derive_seed(settings.seed, static_cast<std::uint64_t>(stream));
}

}  // namespace spikeloop::nas
