#include "tools/spikeloop/options.h"

#include <boost/program_options/value_semantic.hpp>
#include <cstdio>

#include "nas/candidate.h"
#include "nas/score.h"

namespace spikeloop::tools {

models::Framing DataOptions::framing(std::int64_t frames) const {
  models::Framing framing;
  framing.by = models::parse_framing(frames_by, "--frames-by");
  framing.frames = frames;
  framing.frame_us = frame_us;
  framing.from_first_event = from_first_event;
  framing.binary = binary;
  return framing;
}

void warn_of_clipped_inputs(std::int64_t count, int input_bits) {
  if (count == 0) return;
  std::fprintf(stderr,
               "warning: %lld input values do not fit %d bits and were limited to %d: shorter frames, or "
               "--binary-events, give smaller counts\n",
               static_cast<long long>(count), input_bits, (1 << (input_bits - 1)) - 1);
}

models::Framing DataOptions::framing(const CommandLine& line, std::int64_t frames,
                                     const std::string& input_code, const std::string& file) const {
  for (const char* option : {"frames-by", "frame-us", "from-first-event", "binary-events"})
    if (line.given(option)) return framing(frames);
  if (input_code.empty() || input_code == models::kRateCode) return framing(frames);
  models::Framing framing = models::framing_of(input_code, file);
  framing.frames = frames;
  return framing;
}

models::Dataset DataOptions::open(const CommandLine& line, std::int64_t timesteps,
                                  const std::string& input_code, const std::string& file, bool train) const {
  models::DatasetOptions options;
  options.dir = dir;
  options.framing = framing(line, timesteps, input_code, file);
  options.seed = nas::kShapesSeed;
  options.train = train;
  models::Dataset opened = models::open_dataset(dataset, options);
  models::fit_input(opened, input_code, timesteps, file);
  return opened;
}

void add_data_options(po::options_description& options, DataOptions& data) {
  std::string names;
  for (const models::DatasetKind& kind : models::dataset_kinds()) {
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  auto* dataset = po::value(&data.dataset)->value_name("NAME");
  if (!data.dataset.empty()) dataset->default_value(data.dataset);
  options.add_options()("dataset", dataset, names.c_str())(
      "data", po::value(&data.dir)->value_name("DIR"),
      "its folder; spikeloop datasets says what belongs there")(
      "frames-by", po::value(&data.frames_by)->value_name("HOW")->default_value(data.frames_by),
      "cut event recordings into frames, one a timestep, of equal time or of equal count of events")(
      "frame-us", po::value(&data.frame_us)->value_name("N")->default_value(0),
      "length of a frame in microseconds; 0: the recording's part of it")(
      "from-first-event", po::bool_switch(&data.from_first_event),
      "--frame-us counts from there, not from 0")("binary-events", po::bool_switch(&data.binary),
                                                  "a bit per pixel and frame instead of a count");
}

void add_network_options(po::options_description& options, models::SnasnetSpec& spec) {
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  options.add_options()("channels", number(spec.channels), "of stem and cell 1; cell 2 has twice as many")(
      "timesteps", po::value(&spec.timesteps)->value_name("T")->default_value(spec.timesteps),
      "of the network")("stem-stride", number(spec.stem_stride), "of the first convolution")(
      "second-pool", number(spec.second_pool), "kernel and stride of the pooling before the classifier")(
      "hidden", number(spec.hidden), "neurons of the hidden classifier layer; 0: none")(
      "votes", number(spec.votes), "outputs per class, averaged");
}

void add_score_options(po::options_description& options, nas::SearchSettings& settings) {
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  static const std::string kFormula = [] {
    std::string names;
    for (const std::string& name : nas::score_names()) names += (names.empty() ? "" : ", ") + name;
    return "one of " + names + ", or a sum; default sahd, of strategy loop \"100*depth + sahd\"";
  }();
  options.add_options()("score",
                        po::value(&settings.score)->value_name("FORMULA")->default_value(settings.score),
                        kFormula.c_str())("score-batch", number(settings.score_batch), "images it looks at")(
      "score-repeats", number(settings.score_repeats), "batches it is the mean of")(
      "score-channels", number(settings.score_channels), "width while scoring; 0: the network's")(
      "score-timesteps", number(settings.score_timesteps), "timesteps while scoring; 0: the network's")(
      "score-shrink", number(settings.score_shrink), "images averaged over squares of so many pixels a side")(
      "score-single", po::bool_switch(&settings.score_single), "single precision: faster, other last digits");
}

void add_training_options(po::options_description& options, nas::TrainRecipe& recipe) {
  const auto number = [](std::int64_t& target) {
    return po::value(&target)->value_name("N")->default_value(target);
  };
  options.add_options()("epochs", number(recipe.epochs), "of training")(
      "train-images", number(recipe.train_images), "per epoch; 0: all")("batch", number(recipe.batch),
                                                                        "images per step")(
      "lr", po::value(&recipe.lr)->value_name("X")->default_value(recipe.lr, "0.1"),
      "learning rate at the start")(
      "dropout", po::value(&recipe.dropout)->value_name("P")->default_value(recipe.dropout),
      "before the classifier");
}

}  // namespace spikeloop::tools
