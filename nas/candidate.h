#pragma once
#include <cstdint>
#include <string>

#include "models/dataset.h"
#include "models/graph_net.h"
#include "models/snasnet_spec.h"
#include "nas/settings.h"
#include "traces/network.h"

/// From settings to networks and data: what search, jobs and the command line share. Includes torch.
namespace spikeloop::nas {

/// `shapes` is the same set in every study, so that a record number means the same image.
constexpr std::uint64_t kShapesSeed = 1;

/// The dataset, all of it: what an image is must not depend on how many of them are asked for.
models::Dataset load_images(const std::string& dataset, const std::string& dir);

/// SHA-256 over what tells one set of images from another: their number, every label and the first 64 pixel
/// values of every image. All pixels would take a second for CIFAR-10.
std::string digest(const models::Dataset& dataset);

models::SnasnetSpec candidate_spec(const SearchSettings& settings, const std::string& genotype);

/// Sets the BatchNorm statistics of an untrained network from training images (a network straight from its
/// constructor has none, and would hardly spike).
void calibrate_batch_norm(models::GraphNet& net, const models::Dataset& dataset);

/// What goes on the chip: exported and quantised to 8 bits.
traces::Network chip_network(models::GraphNet& net, const models::Dataset& dataset);

/// Streams that the study's seed is split into. Every candidate gets the same weights, images and training
/// order, so its result doesn't depend on its number.
enum class SeedOf : std::uint64_t { kDraws = 1, kScore = 2, kWeights = 3, kTraining = 4 };
std::uint64_t seed_of(const SearchSettings& settings, SeedOf stream);

}  // namespace spikeloop::nas
