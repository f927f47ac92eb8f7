#include "nas/search.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "models/data/dataset.h"
#include "nas/candidate.h"
#include "nas/search_report.h"
#include "nas/search_run.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {

Search::Search(const SearchSettings& settings, const SearchPlaces& places, const sim::ChipConfig& chip,
               SearchData data, Study study)
    : settings_(settings),
      places_(places),
      study_(std::move(study)),
      data_(std::move(data)),
      trials_(study_.trials()),
      runner_(settings_, places_, chip.sha256, data_.sha256, study_, trials_),
      strategy_(strategy_named(settings.strategy, "--strategy")),
      feedback_(settings_.space) {
  for (const Trial& trial : trials_) hashes_.insert(trial.hash);
  chips_.emplace("", chip);
  task_.space = settings_.space;
  task_.cells = cells_of(settings_.space);
  task_.seed = seed_of(settings_, SeedOf::kDraws);
  task_.budget = settings_.candidates;
  task_.bound = [this](const Candidate& candidate) -> std::optional<Costs> {
    asked_ = to_text(candidate);
    const std::optional<Costs> bound = bound_of(candidate);
    if (!bound) passed_over_[asked_] = "fit";
    if (!bound || !corrects_bounds()) return bound;
    // Not what it costs at least: what it will cost, so that few are scored that the measurement rejects.
    Costs expected = feedback_.corrected(candidate, *bound, 0);
    if (feedback_.measurements() < CostFeedback::kFewest) return expected;
    const Costs growth = growth_in_training();
    for (const Cost cost : kAllCosts) expected.set(cost, expected.get(cost) * growth.get(cost));
    return expected;
  };
  task_.breaks_limits = [this](const Costs& costs) {
    const auto excess = exceeded(limits_of(settings_.limits, strategy_.limits), costs, CostKind::kLowerBound);
    if (!excess.empty()) passed_over_[asked_] = names(excess);
    return !excess.empty();
  };
}

void Search::run() {
  explore();
  refine();
  if (settings_.final_epochs > 0 && settings_.train > 0) train_finalists();
}

bool Search::reject_over_limits(Trial& trial, const Costs& costs, CostKind kind) const {
  const std::vector<Excess> excess = exceeded(settings_.limits, costs, kind);
  if (excess.empty()) return false;
  trial.state = TrialState::kInfeasible;
  trial.reason = describe(excess);
  trial.limits_exceeded = names(excess);
  return true;
}

/// What was measured so far corrects the bounds. Anew and in the order of numbers, so that the same trials
/// teach the same, bit for bit.
void Search::learn_from_measurements() {
  feedback_ = CostFeedback(settings_.space);
  for (const Trial& trial : trials_)
    if (trial.bound && trial.provisional)
      feedback_.add(parse_candidate(trial.genotype, "study"), *trial.bound, *trial.provisional);
}

/// Yields the trials that wait for `stage` or were interrupted in it, by number.
StageRunner::Next Search::unfinished(Stage stage) const {
  return [this, stage, position = std::size_t{0}]() mutable -> std::optional<std::size_t> {
    while (position < trials_.size()) {
      const Trial& trial = trials_[position++];
      const bool open = trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
      if (open && trial.stage == stage) return position - 1;
    }
    return std::nullopt;
  };
}

StageRunner::Next Search::one_after_the_other(const std::vector<std::size_t>& order) const {
  return [order, position = std::size_t{0}]() mutable -> std::optional<std::size_t> {
    return position < order.size() ? std::optional<std::size_t>(order[position++]) : std::nullopt;
  };
}

namespace {

namespace fs = std::filesystem;

std::string study_settings(const SearchSettings& settings, const sim::ChipConfig& chip,
                           const std::string& data_sha256) {
  nlohmann::json json = nlohmann::json::parse(to_json(settings));
  json["chip"] = {{"name", chip.name}, {"sha256", chip.sha256}};
  json["data"] = {{"sha256", data_sha256}};
  json["version"] = SPIKELOOP_VERSION;
  return json.dump(2);
}

std::string canonical_path(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

void copy_winner(const std::string& out, const Trial& trial) {
  fs::create_directories(out + "/winner");
  for (const char* file : {"network.nir", "trace.h5", "measurement.json", "checkpoint.pt", "answer.json"}) {
    const std::string source = out + '/' + trial.artifacts + '/' + file;
    if (!fs::exists(source)) {  // of another kind of winner
      fs::remove(out + "/winner/" + file);
      continue;
    }
    write_atomically(out + "/winner/" + file, [&](const std::string& temporary) {
      fs::copy_file(source, temporary, fs::copy_options::overwrite_existing);
    });
  }
}

/// Every value of an axis must suit the network or the chip by itself.
void check_axes(const SearchSettings& settings, const SearchPlaces& places, const std::string& hw,
                const models::Dataset& dataset) {
  std::set<std::string> names;
  for (const Axis& axis : settings.space.axes) {
    if (!names.insert(axis.name).second)
      throw InputError("command line", "--vary", axis.name + " twice", "every name once");
    if (axis.name == "timesteps" && dataset.events)
      throw InputError("command line", "--vary", "timesteps with recordings of events",
                       "a data set of images: the timesteps decide how recordings are cut into frames");
    for (const auto& [path, value] : places.overrides)
      if (path == axis.name)
        throw InputError("command line", "--vary", axis.name + ", which --set fixes", "one of them");
    for (const std::string& value : axis.values) {
      if (axis.name == "weight_bits" && (std::stoll(value) < 2 || std::stoll(value) > 8))
        throw InputError("command line", "--vary", "weight_bits=" + value, "2 to 8");
      if (is_network_axis(axis.name)) continue;
      std::vector<std::pair<std::string, std::string>> overrides = places.overrides;
      overrides.emplace_back(axis.name, value);
      sim::read_chip_config(hw, overrides);
    }
  }
}

}  // namespace

int run_search(const SearchSettings& asked, const SearchPlaces& given, std::ostream& out) {
  SearchSettings settings = asked;
  check(settings);
  SearchPlaces places = given;
  for (std::string* path : {&places.out, &places.data, &places.hw, &places.programs})
    *path = canonical_path(*path);
  for (const char* program : {"spikeloop", "spikeloop-sim", "spikeloop-job"}) {
    const std::string path = places.programs + '/' + program;
    if (!fs::exists(path)) throw InputError(path, "start", "no such program", "it beside spikeloop");
  }
  sim::ChipConfig chip = sim::read_chip_config(given.hw, places.overrides);
  // Paths of this machine must not get into stored reasons.
  chip.path = chip.name;
  SearchData data;
  {  // not for longer: the jobs have the samples too
    const models::Dataset dataset = load_images(settings, given.data);  // that it is there and whole
    fit_to(settings, dataset);
    check_axes(settings, places, given.hw, dataset);
    data = {dataset.name, digest(dataset), models::input_range(dataset)};
  }
  std::error_code error;
  fs::create_directories(places.out, error);
  if (error) throw InputError(given.out, "create", error.message(), "a folder that can be made");

  const std::string stored = study_settings(settings, chip, data.sha256);
  Study study = Study::create_or_resume(given.out + "/study.db", stored);
  if (study.resumed() && !places.quiet) out << "continuing the study in " << given.out << '\n';
  Search search(settings, places, chip, std::move(data), std::move(study));
  search.run();
  const auto best = winner(search.trials(), settings.final_epochs > 0);
  if (best) copy_winner(places.out, *best);
  const Proposals proposals{settings.strategy, search.rounds()};
  write_file(places.out + "/result.json", result_json(stored, settings, search.trials(), proposals));
  out << summary(settings, search.trials(), given.out, proposals);
  return best ? 0 : 1;
}

}  // namespace spikeloop::nas
