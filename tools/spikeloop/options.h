#pragma once
#include <string>

#include "models/snasnet_spec.h"
#include "nas/settings.h"
#include "tools/support/command_line.h"

/// Groups of options that several subcommands share.
namespace spikeloop::tools {

/// --dataset, --data
void add_data_options(po::options_description& options, std::string& dataset, std::string& data);
/// --channels, --timesteps, ...; defaults are what `spec` holds.
void add_network_options(po::options_description& options, models::SnasnetSpec& spec);
/// --epochs, --batch, --lr, ...
void add_training_options(po::options_description& options, nas::TrainRecipe& recipe);

}  // namespace spikeloop::tools
