#pragma once
#include <cstdint>
#include <string>

#include "models/data/dataset.h"
#include "models/graph_net.h"
#include "models/quantise.h"
#include "nas/score.h"
#include "nas/settings.h"
#include "sim/config/chip_config.h"
#include "traces/network.h"

/// From settings to networks and data: what search, jobs and the command line share. Includes torch.
namespace spikeloop::nas {

/// `shapes` is the same set in every study, so that a record number means the same image.
constexpr std::uint64_t kShapesSeed = 1;

/// The dataset of a search. Event recordings have a frame for each of the network's timesteps.
models::Dataset load_images(const SearchSettings& settings, const std::string& dir);
/// How candidates are scored.
ScoreOptions score_options(const SearchSettings& settings);
/// The chip with a candidate's values. Throws InputError where they do not go together.
sim::ChipConfig chip_of(const SearchPlaces& places, const Design& design);

/// SHA-256 over what tells one dataset from another: the number of samples, every label and the first 4096
/// values of some 1000 samples. All of them would take a second for CIFAR-10 and minutes for folders of
/// files.
std::string digest(const models::Dataset& dataset);

/// Sets the BatchNorm statistics of an untrained network from training images (a network straight from its
/// constructor has none, and would hardly spike).
void calibrate_batch_norm(models::GraphNet& net, const models::Dataset& dataset);

/// What goes on the chip: exported and quantised.
traces::Network chip_network(models::GraphNet& net, const models::Dataset& dataset, int weight_bits);
/// The same without the dataset's samples: with the input's range that was found in them.
traces::Network chip_network(models::GraphNet& net, const std::string& dataset,
                             const models::InputRange& input, int weight_bits);

/// Streams that the study's seed is split into. Every candidate gets the same weights, images and training
/// order, so its result doesn't depend on its number.
enum class SeedOf : std::uint64_t { kDraws = 1, kScore = 2, kWeights = 3, kTraining = 4 };
std::uint64_t seed_of(const SearchSettings& settings, SeedOf stream);

}  // namespace spikeloop::nas
