#include "nas/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "models/data/shapes.h"
#include "nas/job.h"
#include "nas/settings.h"
#include "nas/study.h"
#include "tests/support/temporary_folder.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

using testing::TemporaryFolder;

namespace fs = std::filesystem;

/// A folder with programs in which the evaluator is the fake one.
void install_fake_programs(const std::string& folder) {
  fs::create_directories(folder);
  fs::copy_file(std::string(SPIKELOOP_SOURCE_DIR) + "/tests/nas/fake_evaluator.sh", folder + "/spikeloop");
  std::ofstream(folder + "/spikeloop-sim") << "#!/bin/sh\nexit 1\n";
  for (const char* name : {"/spikeloop", "/spikeloop-sim"})
    fs::permissions(folder + name, fs::perms::owner_all);
  fs::create_symlink(SPIKELOOP_JOB, folder + "/spikeloop-job");
}

SearchSettings small_settings() {
  SearchSettings settings;
  settings.dataset = "shapes";
  settings.spec.channels = 4;
  settings.spec.timesteps = 2;
  settings.spec.stem_stride = 2;
  settings.spec.second_pool = 4;
  settings.spec.hidden = 0;
  settings.candidates = 12;
  settings.train = 3;
  settings.seed = 5;
  settings.strategy = "snasnet";
  return settings;
}

SearchPlaces places_in(const TemporaryFolder& folder, int jobs) {
  SearchPlaces places;
  places.out = folder.file("run" + std::to_string(jobs));
  places.hw = std::string(SPIKELOOP_SOURCE_DIR) + "/hwconfigs/rram-32nm.json";
  places.programs = folder.file("programs");
  places.jobs = jobs;
  places.quiet = true;
  return places;
}

/// Far above every real bound, and in the middle of what the fake says.
constexpr double kFakeEnergyLimit = 9e14;

/// Evaluations that ever ran in this study's folder.
std::size_t evaluations(const SearchPlaces& places) {
  std::size_t count = 0;
  if (!fs::exists(places.out + "/candidates")) return 0;
  for (const auto& entry : fs::recursive_directory_iterator(places.out + "/candidates")) {
    if (entry.path().filename() != "evaluated") continue;
    const std::string text = read_file(entry.path().string());
    count += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  return count;
}

std::size_t first_pruned(const Study& study) {
  for (const Trial& trial : study.trials())
    if (trial.state == TrialState::kPruned) return static_cast<std::size_t>(trial.number);
  throw std::runtime_error("no trial was pruned");
}

std::string text_of_search(const SearchSettings& settings, const SearchPlaces& places, int expected_code) {
  std::ostringstream out;
  EXPECT_EQ(run_search(settings, places, out), expected_code) << out.str();
  return out.str();
}

nlohmann::json result_of(const SearchPlaces& places) {
  return nlohmann::json::parse(read_file(places.out + "/result.json"));
}

TEST(SearchSettings, ReadBackAsWritten) {
  SearchSettings settings = small_settings();
  settings.recipe.lr = 0.1 + 1e-12;
  settings.spec.neuron.tau = 4.0 / 3;
  settings.limits = {at_most(Cost::kEnergy, 1.0 / 3)};
  settings.space.cell_type = CellType::kForward;
  settings.space.shared_cell = false;
  settings.space.ops = parse_ops("skip,conv3x3(0.5),conv3x3", "test");
  settings.space.axes = {parse_axis("channels=8,16", "test"), parse_axis("crossbar.rows=64,128", "test")};
  settings.evaluator = "ask \"them\"";
  settings.seed = ~std::uint64_t{0};
  const std::string json = to_json(settings);
  const SearchSettings read = settings_from_json(json, "test");
  EXPECT_EQ(to_json(read), json);
  EXPECT_EQ(read.recipe.lr, settings.recipe.lr);
  EXPECT_EQ(limit_of(read.limits, Cost::kEnergy), 1.0 / 3);
  EXPECT_FALSE(limit_of(read.limits, Cost::kLatency));
  EXPECT_EQ(read.space.cell_type, CellType::kForward);
  EXPECT_FALSE(read.space.shared_cell);
  EXPECT_EQ(read.space.ops, settings.space.ops);
  EXPECT_EQ(read.space.axes.at(1).values, settings.space.axes.at(1).values);
  EXPECT_EQ(read.evaluator, settings.evaluator);
  EXPECT_EQ(read.seed, settings.seed);
  EXPECT_THROW(settings_from_json("{}", "test"), InputError);
}

TEST(SearchSettings, RangesAreChecked) {
  EXPECT_NO_THROW(check(small_settings()));
  SearchSettings settings = small_settings();
  settings.train = settings.candidates + 1;
  EXPECT_THROW(check(settings), InputError);
  settings = small_settings();
  settings.recipe.dropout = 1;
  EXPECT_THROW(check(settings), InputError);
  settings = small_settings();
  settings.recipe.lr = 0;
  EXPECT_THROW(check(settings), InputError);
}

TEST(SearchSettings, TheDatasetDecidesInputClassesAndRanges) {
  models::Dataset dataset = models::make_shapes(100, 20, 1);
  dataset.channels = 2;
  dataset.height = dataset.width = 34;
  dataset.classes = 7;
  SearchSettings settings = small_settings();
  fit_to(settings, dataset);
  EXPECT_EQ(settings.spec.input_channels, 2);
  EXPECT_EQ(settings.spec.input_size, 34);
  EXPECT_EQ(settings.spec.classes, 7);
  settings.spec.second_pool = 9;  // the last map is 8 x 8
  EXPECT_THROW(fit_to(settings, dataset), InputError);
  settings = small_settings();
  settings.samples = 21;
  EXPECT_THROW(fit_to(settings, dataset), InputError);
  settings = small_settings();
  dataset.width = 30;
  EXPECT_THROW(fit_to(settings, dataset), InputError);
}

TEST(Jobs, FilesReadBackAndResultsBelongToTheirJob) {
  const TemporaryFolder folder;
  EvaluationJob job;
  job.stage = Stage::kMeasured;
  job.genotype = "0303/0030/2002/0200|0303/0030/2002/0200";
  job.settings = small_settings();
  job.chip_sha256 = "12";
  job.places.hw = "chip.json";
  job.places.overrides = {{"crossbar.rows", "64"}};
  write_job(folder.file("job.json"), job);
  const EvaluationJob read = read_job(folder.file("job.json"));
  EXPECT_EQ(read.sha256(), job.sha256());
  EXPECT_EQ(read.stage, Stage::kMeasured);
  EXPECT_EQ(read.places.overrides, job.places.overrides);
  EvaluationJob moved = job;
  moved.places.hw = "elsewhere/chip.json";
  EXPECT_EQ(moved.sha256(), job.sha256()) << "where things lie is no part of a job's identity";
  EvaluationJob other = job;
  other.chip_sha256 = "13";
  EXPECT_NE(other.sha256(), job.sha256());

  EvaluationResult result;
  result.job_sha256 = job.sha256();
  result.costs = Costs{1, 2, 1.0 / 3, 4};
  result.accuracy = 0.1;
  const std::string path = folder.file("result.json");
  EXPECT_FALSE(read_result(path, job.sha256()));
  write_result(path, result);
  ASSERT_TRUE(read_result(path, job.sha256()));
  EXPECT_EQ(read_result(path, job.sha256())->costs->latency_ns, 1.0 / 3);
  EXPECT_EQ(read_result(path, job.sha256())->accuracy, 0.1);
  EXPECT_FALSE(read_result(path, other.sha256()));
  std::ofstream(path) << "{\"job_sha256\": ";
  EXPECT_FALSE(read_result(path, job.sha256()));
}

TEST(Jobs, MeasuredCostsMustBeWhole) {
  const TemporaryFolder folder;
  const std::string path = folder.file("measurement.json");
  std::ofstream(path)
      << R"({"summary": {"memory_bytes": 1, "area_um2": 2, "latency_ns": 3.5, "energy_pj": 4}})";
  EXPECT_EQ(read_measured_costs(path).latency_ns, 3.5);
  for (const char* text :
       {"{}", "[1", R"({"summary": {"memory_bytes": 1, "area_um2": 2, "latency_ns": 3.5}})",
        R"({"summary": {"memory_bytes": 1, "area_um2": 2, "latency_ns": -1, "energy_pj": 4}})",
        R"({"summary": {"memory_bytes": 1, "area_um2": 2, "latency_ns": "3", "energy_pj": 4}})"}) {
    std::ofstream(path) << text;
    EXPECT_THROW(read_measured_costs(path), InputError) << text;
  }
}

TEST(Jobs, AMeasurementsNumbersHaveNames) {
  const TemporaryFolder folder;
  const std::string path = folder.file("measurement.json");
  std::ofstream(path) << R"({"format": "spikeloop.measurement", "version": 1, "timesteps": 3,
    "chip": {"name": "c", "clock_mhz": 200},
    "summary": {"samples": 2, "memory_bytes": 1, "area_um2": 2, "latency_ns": 3.5, "energy_pj": 4, "weights": 9},
    "samples": [{"index": 0, "energy_pj": 8}], "network_on_chip": {"columns": 3, "packets": 77},
    "totals": {"energy_pj": 8, "crossbar_reads": 5}, "energy": {"adc": {"dynamic_pj": 1.5, "leakage_pj": 0.5}},
    "area": {"adc": 1.25}, "functional": {"accuracy": null, "agreement": 0.75, "layers": [{"clipped": 3}]},
    "tiles": [{"layers": ["a"], "crossbars_used": 3}, {"layers": [], "crossbars_used": 0},
              {"layers": ["b"], "crossbars_used": 4}]})";
  const Costs costs = read_measured_costs(path);
  EXPECT_EQ(costs.energy_pj, 4) << "of the summary, not the total";
  for (const auto& [field, value] :
       std::vector<std::pair<const char*, double>>{{"samples", 2},
                                                   {"weights", 9},
                                                   {"timesteps", 3},
                                                   {"chip.clock_mhz", 200},
                                                   {"tiles", 2},
                                                   {"crossbars", 7},
                                                   {"network_on_chip.packets", 77},
                                                   {"totals.energy_pj", 8},
                                                   {"energy.adc.dynamic_pj", 1.5},
                                                   {"area.adc", 1.25},
                                                   {"area.router", 0},
                                                   {"functional.agreement", 0.75}})
    EXPECT_EQ(costs.find(field), value) << field;
  for (const char* field : {"version", "functional.accuracy", "summary.weights", "functional.layers"})
    EXPECT_FALSE(costs.find(field)) << field;

  // Every field of a result comes back, and its accuracy is one.
  EvaluationResult result;
  result.job_sha256 = "1";
  result.costs = costs;
  result.accuracy = 0.5;
  write_result(folder.file("result.json"), result);
  const auto read = read_result(folder.file("result.json"), "1");
  ASSERT_TRUE(read && read->costs);
  EXPECT_EQ(read->costs->find("crossbars"), 7);
  EXPECT_EQ(read->costs->find("accuracy"), 0.5);
  EXPECT_FALSE(read->costs->fields.count("energy_pj"));
}

TEST(SearchFlow, SameResultWhateverTheNumberOfJobs) {
  const TemporaryFolder folder;
  install_fake_programs(folder.file("programs"));
  SearchSettings settings = small_settings();
  settings.limits = {at_most(Cost::kEnergy, kFakeEnergyLimit)};
  settings.final_epochs = 1;
  const SearchPlaces one = places_in(folder, 1), many = places_in(folder, 5);
  const std::string text = text_of_search(settings, one, 0);
  EXPECT_NE(text.find("Winner: candidate"), std::string::npos) << text;
  text_of_search(settings, many, 0);
  const std::string bytes = read_file(one.out + "/result.json");
  EXPECT_EQ(bytes, read_file(many.out + "/result.json"));
  EXPECT_EQ(read_file(one.out + "/winner/network.nir"), read_file(many.out + "/winner/network.nir"));
  EXPECT_EQ(bytes.find(folder.path()), std::string::npos) << "paths of this machine";

  // What the fake makes happen did happen, so that the comparison covers it.
  const nlohmann::json result = nlohmann::json::parse(bytes);
  EXPECT_EQ(result["counts"]["scored"], settings.candidates);
  EXPECT_GE(result["counts"]["failed"], 1);
  EXPECT_GE(result["counts"]["rejected"]["provisional"]["energy"], 1);
  EXPECT_GE(result["counts"]["rejected"]["measured"]["energy"], 1);
  std::set<std::string> hashes;
  for (const auto& candidate : result["candidates"]) {
    hashes.insert(candidate["hash"].get<std::string>());
    const std::string state = candidate["state"];
    EXPECT_TRUE(state == "COMPLETE" || state == "PRUNED" || state == "INFEASIBLE" || state == "FAIL")
        << state;
    if (state == "FAIL") {
      EXPECT_EQ(candidate["reason"], "signal 11 (Segmentation fault), see candidates/" +
                                         candidate["number"].dump() + "/score/log.txt");
    }
    if (!candidate["measured"].is_null()) {
      EXPECT_EQ(candidate["errors"].size(), 2U);
      EXPECT_LE(candidate["errors"]["bound"]["energy"], 0) << "fake energies are far above the bound";
    }
  }
  EXPECT_EQ(hashes.size(), result["candidates"].size()) << "no candidate twice";
}

TEST(SearchFlow, GoesOnWithoutRepeatingWork) {
  const TemporaryFolder folder;
  install_fake_programs(folder.file("programs"));
  SearchSettings settings = small_settings();
  settings.limits = {at_most(Cost::kEnergy, kFakeEnergyLimit)};
  const SearchPlaces places = places_in(folder, 2);
  text_of_search(settings, places, 0);
  const std::string bytes = read_file(places.out + "/result.json");
  const std::size_t jobs = evaluations(places);
  text_of_search(settings, places, 0);
  EXPECT_EQ(read_file(places.out + "/result.json"), bytes);
  EXPECT_EQ(evaluations(places), jobs) << "a finished search evaluates nothing";

  // As a kill leaves it: one trial still marked as running its score, its result there but not committed.
  const std::string study_path = places.out + "/study.db";
  {
    Study study = Study::create_or_resume(study_path, Study::open_read_only(study_path).settings_json());
    Trial trial = study.trials().at(first_pruned(study));
    trial.state = TrialState::kRunning;
    trial.stage = Stage::kScore;
    trial.score.reset();
    trial.scores.clear();
    trial.reason.clear();
    study.update(trial);
  }
  text_of_search(settings, places, 0);
  EXPECT_EQ(read_file(places.out + "/result.json"), bytes);
  EXPECT_EQ(evaluations(places), jobs) << "a result that is there counts";

  // And one whose job was lost half-way.
  {
    Study study = Study::create_or_resume(study_path, Study::open_read_only(study_path).settings_json());
    Trial trial = study.trials().at(first_pruned(study));
    trial.state = TrialState::kRunning;
    trial.stage = Stage::kScore;
    trial.score.reset();
    trial.scores.clear();
    study.update(trial);
    fs::remove(places.out + "/candidates/" + std::to_string(trial.number) + "/score/result.json");
  }
  text_of_search(settings, places, 0);
  EXPECT_EQ(read_file(places.out + "/result.json"), bytes);
  EXPECT_EQ(evaluations(places), jobs + 1);
}

TEST(SearchFlow, BoundsRejectBeforeAnythingIsScored) {
  const TemporaryFolder folder;
  install_fake_programs(folder.file("programs"));
  SearchSettings settings = small_settings();
  settings.strategy = "loop";
  settings.candidates = 3;
  settings.train = 1;
  settings.limits = {at_most(Cost::kLatency, 1)};
  const SearchPlaces places = places_in(folder, 1);
  const std::string text = text_of_search(settings, places, 1);
  EXPECT_NE(text.find("No candidate meets the limits"), std::string::npos) << text;
  EXPECT_NE(text.find("Closest:"), std::string::npos) << text;
  EXPECT_NE(text.find("No more candidates came"), std::string::npos) << text;
  const nlohmann::json result = result_of(places);
  EXPECT_TRUE(result["winner"].is_null());
  EXPECT_EQ(result["counts"]["scored"], 0);
  EXPECT_EQ(result["counts"]["rejected"]["bound"]["latency"], result["candidates"].size());
  EXPECT_GT(result["candidates"].size(), 5U);
  EXPECT_EQ(evaluations(places), 0U);
  EXPECT_FALSE(fs::exists(places.out + "/winner"));
}

TEST(SearchFlow, OtherSettingsAreRefused) {
  const TemporaryFolder folder;
  install_fake_programs(folder.file("programs"));
  SearchSettings settings = small_settings();
  settings.candidates = 3;
  settings.train = 1;
  const SearchPlaces places = places_in(folder, 1);
  text_of_search(settings, places, 0);
  const std::string bytes = read_file(places.out + "/result.json");
  settings.seed += 1;
  std::ostringstream out;
  EXPECT_THROW(run_search(settings, places, out), InputError);
  settings.seed -= 1;
  SearchPlaces other_chip = places;
  other_chip.overrides = {{"adc.columns_per_adc", "4"}};
  EXPECT_THROW(run_search(settings, other_chip, out), InputError);
  EXPECT_EQ(read_file(places.out + "/result.json"), bytes);
  SearchPlaces no_programs = places;
  no_programs.programs = folder.file("absent");
  no_programs.out = folder.file("nothing");
  EXPECT_THROW(run_search(settings, no_programs, out), InputError);
  EXPECT_FALSE(fs::exists(no_programs.out));
}

}  // namespace
}  // namespace spikeloop::nas
