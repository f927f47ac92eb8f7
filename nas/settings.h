#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/snasnet_spec.h"
#include "nas/genotype.h"
#include "nas/limits.h"

namespace spikeloop::nas {

/// The one place of the default recipe: networks small enough to train on two cores, and how they are
/// trained.
struct TrainRecipe {
  std::int64_t epochs = 2;
  std::int64_t train_images = 0;  ///< of the dataset's, a seeded choice per epoch; 0: all
  std::int64_t batch = 64;
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4, min_lr = 1e-3;
  double dropout = 0;
  bool augment = true;
};

models::SnasnetSpec default_spec();

/// Everything that decides a search's result, apart from the chip.
struct SearchSettings {
  std::string dataset = "cifar10";
  models::Framing framing;                    ///< of event recordings; a frame for each timestep
  models::SnasnetSpec spec = default_spec();  ///< its cells are the candidates'
  CellType cell_type = CellType::kBackward;
  bool shared_cell = true;
  std::uint64_t seed = 1;
  std::int64_t candidates = 24;  ///< to be scored
  std::int64_t train = 4;        ///< of them to be trained
  std::int64_t score_batch = 64, score_repeats = 1;
  TrainRecipe recipe;
  std::int64_t final_epochs = 0;        ///< 0: the winner isn't trained again
  std::int64_t final_train_images = 0;  ///< per epoch; 0: all
  std::int64_t test_images = 0;         ///< for accuracies; 0: all
  std::int64_t provisional_samples = 1, samples = 4;
  Limits limits;
};

/// Throws InputError (command line, option) for a value out of its range, whatever the dataset.
void check(const SearchSettings& settings);
/// Takes the network's input and classes from the dataset. Throws InputError for what the dataset does not
/// have or the network cannot take.
void fit_to(SearchSettings& settings, const models::Dataset& dataset);

/// One JSON object, keys sorted, numbers that read back exactly: equal settings, equal text.
std::string to_json(const SearchSettings& settings);
/// Inverse of to_json. Throws InputError naming `file`.
SearchSettings settings_from_json(const std::string& json, const std::string& file);

/// Where a search finds and puts things, and how many processes it uses: nothing of this changes a result.
struct SearchPlaces {
  std::string out;   ///< the study's folder
  std::string data;  ///< of the dataset
  std::string hw;    ///< chip configuration
  std::vector<std::pair<std::string, std::string>> overrides;
  std::string programs;  ///< folder of spikeloop, spikeloop-sim and spikeloop-job
  int jobs = 1;
  bool quiet = false;
};

}  // namespace spikeloop::nas
