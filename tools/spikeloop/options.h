#pragma once
#include <cstdint>
#include <string>

#include "models/data/dataset.h"
#include "models/snasnet_spec.h"
#include "nas/settings.h"
#include "tools/support/command_line.h"

/// Groups of options that several subcommands share.
namespace spikeloop::tools {

/// Which data and how event recordings become frames.
struct DataOptions {
  std::string dataset, dir;
  std::string frames_by = "time";
  std::int64_t frame_us = 0;
  bool from_first_event = false, binary = false;
  /// Throws InputError (command line). `frames`: 0 for the dataset's default.
  models::Framing framing(std::int64_t frames) const;
  /// For a network of this file: as it was trained (Network::input_code) unless an option says otherwise.
  models::Framing framing(const CommandLine& line, std::int64_t frames, const std::string& input_code,
                          const std::string& file) const;
  /// The data set for a network of this file, cut and coded as it wants; the training half only when `train`.
  models::Dataset open(const CommandLine& line, std::int64_t timesteps, const std::string& input_code,
                       const std::string& file, bool train = false) const;
};
/// Says on stderr that counts did not fit the input's integers; nothing when all did.
void warn_of_clipped_inputs(std::int64_t count, int input_bits);
/// --dataset, --data, --frames-by, --frame-us, --from-first-event, --binary-events
void add_data_options(po::options_description& options, DataOptions& data);
/// --channels, --timesteps, ...; defaults are what `spec` holds.
void add_network_options(po::options_description& options, models::SnasnetSpec& spec);
/// Which score, and at what fidelity.
void add_score_options(po::options_description& options, nas::SearchSettings& settings);
/// --epochs, --batch, --lr, ...
void add_training_options(po::options_description& options, nas::TrainRecipe& recipe);

}  // namespace spikeloop::tools
