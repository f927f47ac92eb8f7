#include "nas/settings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "traces/support/error.h"
#include "traces/support/sha256.h"

namespace spikeloop::nas {
namespace {

using Json = nlohmann::json;

/// Names every field once, for writing and reading.
template <class Settings, class Field>
void for_each_field(Settings& s, Field&& field) {
  field("/dataset", s.dataset);
  field("/framing/frame_us", s.framing.frame_us);
  field("/framing/from_first_event", s.framing.from_first_event);
  field("/framing/binary", s.framing.binary);
  field("/seed", s.seed);
  field("/candidates", s.candidates);
  field("/train", s.train);
  field("/score/batch", s.score_batch);
  field("/score/repeats", s.score_repeats);
  field("/score/formula", s.score);
  field("/score/channels", s.score_channels);
  field("/score/timesteps", s.score_timesteps);
  field("/score/shrink", s.score_shrink);
  field("/score/single", s.score_single);
  field("/strategy", s.strategy);
  field("/evaluator", s.evaluator);
  field("/space/shared_cell", s.space.shared_cell);
  field("/space/direct_edge", s.space.direct_edge);
  field("/network/weight_bits", s.weight_bits);
  field("/network/input_channels", s.spec.input_channels);
  field("/network/input_size", s.spec.input_size);
  field("/network/channels", s.spec.channels);
  field("/network/stem_stride", s.spec.stem_stride);
  field("/network/second_pool", s.spec.second_pool);
  field("/network/hidden", s.spec.hidden);
  field("/network/classes", s.spec.classes);
  field("/network/votes", s.spec.votes);
  field("/network/timesteps", s.spec.timesteps);
  field("/network/tau", s.spec.neuron.tau);
  field("/network/threshold", s.spec.neuron.threshold);
  field("/training/epochs", s.recipe.epochs);
  field("/training/train_images", s.recipe.train_images);
  field("/training/batch", s.recipe.batch);
  field("/training/lr", s.recipe.lr);
  field("/training/momentum", s.recipe.momentum);
  field("/training/weight_decay", s.recipe.weight_decay);
  field("/training/min_lr", s.recipe.min_lr);
  field("/training/dropout", s.recipe.dropout);
  field("/training/augment", s.recipe.augment);
  field("/training/final_epochs", s.final_epochs);
  field("/training/final_train_images", s.final_train_images);
  field("/training/finalists", s.finalists);
  field("/test_images", s.test_images);
  field("/provisional_samples", s.provisional_samples);
  field("/samples", s.samples);
}

void require(bool good, const char* option, const std::string& found, const char* expected) {
  if (!good) throw InputError("command line", option, found, expected);
}

void require_range(const char* option, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw InputError("command line", option, std::to_string(value),
                   std::to_string(low) + " to " + std::to_string(high));
}

}  // namespace

models::SnasnetSpec default_spec() {
  models::SnasnetSpec spec;
  spec.channels = 16;
  spec.stem_stride = 2;
  spec.second_pool = 2;
  spec.hidden = 0;
  spec.timesteps = 3;
  return spec;
}

const char* default_score(const std::string& strategy) {
  return strategy == "loop" ? "100*depth + sahd" : "sahd";
}

void check(const SearchSettings& s) {
  constexpr std::int64_t kMany = 1'000'000'000;
  require_range("--candidates", s.candidates, 1, 1'000'000);
  require_range("--train", s.train, 0, s.candidates);
  require_range("--finalists", s.finalists, 1, std::max<std::int64_t>(1, s.train));
  require_range("--weight-bits", s.weight_bits, 2, 8);
  require_range("--score-channels", s.score_channels, 0, 4096);
  require_range("--score-timesteps", s.score_timesteps, 0, 1000);
  require_range("--score-shrink", s.score_shrink, 1, 64);
  require_range("--score-batch", s.score_batch, 2, 4096);
  require_range("--score-repeats", s.score_repeats, 1, 100);
  require_range("--channels", s.spec.channels, 1, 4096);
  require_range("--timesteps", s.spec.timesteps, 1, 1000);
  require_range("--stem-stride", s.spec.stem_stride, 1, 4);
  require_range("--hidden", s.spec.hidden, 0, 65536);
  require_range("--votes", s.spec.votes, 1, 100);
  require_range("--epochs", s.recipe.epochs, 1, kMany);
  require_range("--final-epochs", s.final_epochs, 0, kMany);
  require_range("--batch", s.recipe.batch, 2, 65536);
  require_range("--samples", s.samples, 1, kMany);
  require_range("--provisional-samples", s.provisional_samples, 1, kMany);
  require(s.recipe.lr > 0 && s.recipe.lr <= 100, "--lr", std::to_string(s.recipe.lr), "above 0, at most 100");
  require(s.recipe.dropout >= 0 && s.recipe.dropout < 1, "--dropout", std::to_string(s.recipe.dropout),
          "0 or more, below 1");
}

void fit_to(SearchSettings& s, const models::Dataset& dataset) {
  const std::int64_t train = models::size_of(dataset.train), test = models::size_of(dataset.test);
  require_range("--score-batch", s.score_batch, 2, train);
  require_range("--train-images", s.recipe.train_images, 0, train);
  require_range("--final-train-images", s.final_train_images, 0, train);
  require_range("--test-images", s.test_images, 0, test);
  require_range("--samples", s.samples, 1, test);
  require_range("--provisional-samples", s.provisional_samples, 1, test);
  require(
      dataset.height == dataset.width, "--dataset",
      std::to_string(dataset.height) + " x " + std::to_string(dataset.width) + " pixels in " + dataset.name,
      "as many rows as columns");
  s.spec.input_channels = dataset.channels;
  s.spec.input_size = dataset.height;
  s.spec.classes = dataset.classes;
  const std::int64_t map = (s.spec.input_size + s.spec.stem_stride - 1) / s.spec.stem_stride / 2;
  require_range("--second-pool", s.spec.second_pool, 1, map);
}

Design design_of(const SearchSettings& settings, const Candidate& candidate) {
  Design design;
  design.spec = settings.spec;
  design.spec.cell1 = candidate.cell1;
  design.spec.cell2 = candidate.cell2;
  design.spec.dropout = settings.recipe.dropout;
  design.weight_bits = static_cast<int>(settings.weight_bits);
  for (const auto& [name, value] : candidate.choices) {
    const auto number = [&] { return std::stoll(value); };  // parse_axis made sure that it is one
    if (name == "channels")
      design.spec.channels = number();
    else if (name == "timesteps")
      design.spec.timesteps = static_cast<int>(number());
    else if (name == "weight_bits")
      design.weight_bits = static_cast<int>(number());
    else
      design.chip.emplace_back(name, value);
  }
  return design;
}

std::string candidate_hash(const Design& design, const std::string& dataset, std::uint64_t seed) {
  const models::SnasnetSpec& spec = design.spec;
  const models::NeuronSpec& neuron = spec.neuron;
  char reals[160];
  std::snprintf(reals, sizeof reals, "%a %a %a %a", neuron.tau, neuron.threshold, neuron.alpha,
                neuron.v_reset);
  std::string text = "spikeloop.candidate 2\n";
  text += models::to_text(canonical(spec.cell1), canonical(spec.cell2)) + '\n';
  for (const std::int64_t value :
       {spec.input_channels, spec.input_size, spec.channels, spec.stem_stride, spec.stem_pool,
        spec.second_pool, spec.hidden, spec.classes, spec.votes, static_cast<std::int64_t>(spec.timesteps),
        static_cast<std::int64_t>(design.weight_bits), static_cast<std::int64_t>(spec.max_pool),
        static_cast<std::int64_t>(spec.input), static_cast<std::int64_t>(neuron.decay_input)})
    text += std::to_string(value) + ' ';
  for (const char* word :
       {models::to_text(neuron.kind), models::to_text(neuron.reset), models::to_text(neuron.surrogate)})
    text += std::string(word) + ' ';
  text += std::string(reals) + '\n' + dataset + '\n' + std::to_string(seed);
  for (const auto& [path, value] : design.chip) text += '\n' + path + '=' + value;
  return sha256_hex(text);
}

std::string to_json(const SearchSettings& settings) {
  Json json = Json::object();
  for_each_field(settings,
                 [&](const char* pointer, const auto& value) { json[Json::json_pointer(pointer)] = value; });
  json["limits"] = Json::array();
  for (const Limit& limit : settings.limits) json["limits"].push_back(to_text(limit));
  json["space"]["cell_type"] = to_string(settings.space.cell_type);
  json["space"]["ops"] = to_text(settings.space.ops);
  json["space"]["axes"] = Json::array();
  for (const Axis& axis : settings.space.axes)
    json["space"]["axes"].push_back({{"name", axis.name}, {"values", axis.values}});
  json["framing"]["by"] = models::to_string(settings.framing.by);
  return json.dump(2);
}

SearchSettings settings_from_json(const std::string& text, const std::string& file) {
  SearchSettings settings;
  try {
    const Json json = Json::parse(text);
    for_each_field(settings, [&](const char* pointer, auto& value) {
      json.at(Json::json_pointer(pointer)).get_to(value);
    });
    for (const Json& limit : json.at("limits"))
      add(settings.limits, parse_limit(limit.get<std::string>(), "/limits", FieldNames::kAny), "/limits");
    const Json& space = json.at("space");
    settings.space.cell_type = parse_cell_type(space.at("cell_type").get<std::string>(), "/space/cell_type");
    settings.space.ops = parse_ops(space.at("ops").get<std::string>(), "/space/ops");
    for (const Json& axis : space.at("axes"))
      settings.space.axes.push_back(
          {axis.at("name").get<std::string>(), axis.at("values").get<std::vector<std::string>>()});
    settings.framing.by =
        models::parse_framing(json.at("framing").at("by").get<std::string>(), "/framing/by");
  } catch (const Json::exception& error) {
    throw InputError(file, "settings", error.what(), "the settings of a search");
  }
  return settings;
}

}  // namespace spikeloop::nas
