#pragma once
#include <string>

#include "models/train_options.h"
#include "tools/support/command_line.h"

namespace spikeloop::tools {

/// --epochs, --lr, --optimiser, ...: what decides a training, in two groups. Words become values in
/// finish, after parsing.
struct TrainingChoice {
  models::TrainOptions options;
  std::string optimiser, schedule, loss;
  bool no_augment = false, no_mirror = false;
};
void add_recipe_options(po::options_description& optimiser, po::options_description& data,
                        TrainingChoice& choice);
/// Throws InputError for words and values that are wrong.
models::TrainOptions finish(TrainingChoice choice);

}  // namespace spikeloop::tools
