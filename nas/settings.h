#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "models/snasnet_spec.h"
#include "nas/limits.h"
#include "nas/space.h"

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
/// What a strategy ranks by unless told otherwise: the published ones by SAHD; our own by the longest chain
/// of convolutions first, which ranks trained cells better (score-study on SpikeNAS-Bench), then by SAHD.
const char* default_score(const std::string& strategy);

/// Everything that decides a search's result, apart from the chip.
struct SearchSettings {
  std::string dataset = "cifar10";
  models::Framing framing;                    ///< of event recordings; a frame for each timestep
  models::SnasnetSpec spec = default_spec();  ///< its cells are the candidates'
  std::int64_t weight_bits = 8;
  std::string strategy = "loop";
  Space space;
  std::uint64_t seed = 1;
  std::int64_t candidates = 24;  ///< to be scored
  std::int64_t train = 4;        ///< of them to be trained; 0: the best score wins
  std::string score = "sahd";    ///< formula, see nas/score.h; a search's default: default_score()
  std::int64_t score_batch = 64, score_repeats = 1;
  std::int64_t score_channels = 0, score_timesteps = 0;  ///< 0: the network's
  std::int64_t score_shrink = 1;                         ///< pixels a side that become one
  bool score_single = false;                             ///< precision
  TrainRecipe recipe;
  std::int64_t final_epochs = 0;        ///< 0: nothing is trained again
  std::int64_t finalists = 1;           ///< best ones of the short training that are
  std::int64_t final_train_images = 0;  ///< per epoch; 0: all
  std::int64_t test_images = 0;         ///< for accuracies; 0: all
  std::int64_t provisional_samples = 1, samples = 4;
  Limits limits;
  std::string evaluator;  ///< command that measures in place of spikeloop-sim (nas/evaluator.h); "": none
};

/// What a candidate's text means: the network to build, and the chip's changed values.
struct Design {
  models::SnasnetSpec spec;
  int weight_bits = 8;
  std::vector<std::pair<std::string, std::string>> chip;  ///< behind SearchPlaces::overrides
};
Design design_of(const SearchSettings& settings, const Candidate& candidate);

/// Identity of a candidate: SHA-256 over the canonical cells, the rest of the network, the chip's values, the
/// dataset and the seed that draws weights, images and training order. Equal hash, equal result.
std::string candidate_hash(const Design& design, const std::string& dataset, std::uint64_t seed);

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
  /// Words before each job's command ("srun", "-n1"): where it runs. It must wait for the job's end.
  std::vector<std::string> launcher;
  int jobs = 1;
  /// A job that runs for longer is killed, and after a second try counts as failed; 0: never. For a score: a
  /// candidate's share.
  double job_limit_s = 0;
  bool quiet = false;
};

}  // namespace spikeloop::nas
