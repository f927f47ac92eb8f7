#include "nas/study.h"

#include <algorithm>
#include <array>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "nas/optuna_export.h"
#include "nas/search_report.h"
#include "nas/settings.h"
#include "tools/spikeloop/commands.h"
#include "tools/spikeloop/options.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"

namespace spikeloop::tools {
namespace {

constexpr const char* kUsage =
    "usage: spikeloop study status STUDY\n"
    "       spikeloop study best STUDY [--csv]\n"
    "       spikeloop study pareto STUDY [--by FIELDS] [--csv]\n"
    "       spikeloop study show STUDY NUMBER\n"
    "       spikeloop study export STUDY --csv | --optuna FILE\n"
    "       spikeloop study retry STUDY [NUMBER]\n\n"
    "Looks into a study, also while its search is running. STUDY is the folder of a search or the\n"
    "study.db in it. status: how many candidates are in which state, and the stage that they wait for,\n"
    "run in or ended in; best: trained candidates, best first; pareto: those of them that no other\n"
    "beats in accuracy and costs; show: everything about one candidate; export: all candidates as CSV\n"
    "on standard output, or as a new file that Optuna opens. retry is the only one that changes the\n"
    "study: failed candidates (or the one of this number) wait again, for the same search command to\n"
    "go on with.";

/// Shortest text that reads back as the same number.
std::string exact(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

template <class T>
std::string text_of(const std::optional<T>& value) {
  if (!value) return "";
  if constexpr (std::is_same_v<T, double>)
    return exact(*value);
  else
    return std::to_string(*value);
}

std::string csv_quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

using Field = std::pair<std::string, std::string>;

using StageCosts = std::vector<std::pair<nas::Stage, std::optional<nas::Costs>>>;

StageCosts costs_of(const nas::Trial& trial) {
  return {{nas::Stage::kBound, trial.bound},
          {nas::Stage::kProvisional, trial.provisional},
          {nas::Stage::kMeasured, trial.measured},
          {nas::Stage::kFinal, trial.final_measured}};
}

/// Names of what some trials have and others don't, so that every row has the same columns.
struct Columns {
  std::set<std::string> scores;
  std::vector<std::string> costs;
};

Columns columns_of(const std::vector<nas::Trial>& trials) {
  Columns columns;
  std::set<std::string> named;
  for (const nas::Trial& trial : trials) {
    for (const auto& score : trial.scores) columns.scores.insert(score.first);
    for (const auto& stage : costs_of(trial))
      if (stage.second)
        for (const auto& field : stage.second->fields) named.insert(field.first);
  }
  for (const nas::Cost cost : nas::kAllCosts) columns.costs.emplace_back(nas::unit_key(cost));
  columns.costs.insert(columns.costs.end(), named.begin(), named.end());
  return columns;
}

/// All but the costs.
std::vector<Field> facts_of(const nas::Trial& trial, const Columns& columns) {
  std::vector<Field> fields{{"number", std::to_string(trial.number)},
                            {"round", std::to_string(trial.round)},
                            {"genotype", trial.genotype},
                            {"hash", trial.hash},
                            {"state", nas::to_string(trial.state)},
                            {"stage", nas::to_string(trial.stage)},
                            {"reason", trial.reason},
                            {"limits_exceeded", trial.limits_exceeded},
                            {"score", text_of(trial.score)}};
  for (const std::string& score : columns.scores) {
    const auto it = trial.scores.find(score);
    fields.emplace_back(score, it == trial.scores.end() ? "" : exact(it->second));
  }
  fields.emplace_back("accuracy", text_of(trial.accuracy));
  fields.emplace_back("final_accuracy", text_of(trial.final_accuracy));
  fields.emplace_back("artifacts", trial.artifacts);
  return fields;
}

std::vector<Field> fields_of(const nas::Trial& trial, const Columns& columns) {
  std::vector<Field> fields = facts_of(trial, columns);
  for (const auto& [stage, costs] : costs_of(trial))
    for (const std::string& field : columns.costs)
      fields.emplace_back(std::string(nas::to_string(stage)) + '_' + field,
                          costs ? text_of(costs->find(field)) : std::string());
  return fields;
}

void print_csv(const std::vector<nas::Trial>& trials, const Columns& columns) {
  std::string header;
  for (const Field& field : fields_of({}, columns)) header += (header.empty() ? "" : ",") + field.first;
  std::cout << header << '\n';
  for (const nas::Trial& trial : trials) {
    std::string row;
    const auto fields = fields_of(trial, columns);
    for (std::size_t i = 0; i < fields.size(); ++i) row += (i == 0 ? "" : ",") + csv_quoted(fields[i].second);
    std::cout << row << '\n';
  }
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// ", oldest lease 35 s ago by host:123" of the trials in `numbers`; "" when none of them has one.
std::string lease_text(const std::vector<nas::Lease>& leases, const std::set<std::int64_t>& numbers) {
  const nas::Lease* oldest = nullptr;
  for (const nas::Lease& lease : leases)
    if (numbers.count(lease.trial) > 0 && (oldest == nullptr || lease.taken_s < oldest->taken_s))
      oldest = &lease;
  if (oldest == nullptr) return "";
  return ", oldest lease " + format_duration(std::max(0.0, now_s() - oldest->taken_s)) + " ago by " +
         oldest->holder;
}

void print_status(const nas::Study& study, const std::string& path) {
  const std::vector<nas::Trial> trials = study.trials();
  const std::vector<nas::Lease> leases = study.leases();
  std::map<std::pair<nas::TrialState, nas::Stage>, std::set<std::int64_t>> by_state;
  for (const nas::Trial& trial : trials) by_state[{trial.state, trial.stage}].insert(trial.number);
  std::printf("%zu candidates, %s\n", trials.size(),
              nas::Study::is_locked(path) ? "a search is running" : "no search is running");
  for (const auto& [key, numbers] : by_state)
    std::printf("  %-10s %-12s %6zu%s\n", nas::to_string(key.first), nas::to_string(key.second),
                numbers.size(),
                key.first == nas::TrialState::kRunning ? lease_text(leases, numbers).c_str() : "");
  const std::vector<nas::Round> rounds = study.rounds();
  long long proposed = 0, repeated = 0;
  for (const nas::Round& round : rounds) {
    proposed += round.proposed;
    repeated += round.repeated;
  }
  if (!rounds.empty())
    std::printf("rounds: %zu, with %lld proposals, %lld of them repeats\n", rounds.size(), proposed,
                repeated);
  double total_s = 0;
  for (const nas::Timing& timing : study.timings()) total_s += timing.wall_s;
  std::printf("time in jobs: %s\n", format_duration(total_s).c_str());
}

/// A line per trial; `by`: fields besides the four costs.
void print_trained(const std::vector<nas::Trial>& trials, const std::vector<std::string>& by) {
  if (trials.empty()) std::printf("no candidate is trained and meets the limits (yet)\n");
  for (const nas::Trial& trial : trials) {
    const nas::Costs costs = *nas::latest_costs(trial);
    std::printf("%6lld  %s  %.2f %%", static_cast<long long>(trial.number), trial.genotype.c_str(),
                100 * *nas::latest_accuracy(trial));
    for (const nas::Cost cost : nas::kAllCosts)
      std::printf("  %s %s", nas::name(cost), nas::format_cost(cost, costs.get(cost)).c_str());
    for (const std::string& field : by)
      if (!nas::cost_of(field))
        std::printf("  %s %s", field.c_str(), nas::format_field(field, *costs.find(field)).c_str());
    std::printf("  %s\n", trial.artifacts.c_str());
  }
}

const nas::Trial& trial_of(const std::vector<nas::Trial>& trials, const std::string& path,
                           const std::string& number_text, const std::string& command) {
  std::int64_t number = -1;
  const char* end = number_text.data() + number_text.size();
  const auto [rest, error] = std::from_chars(number_text.data(), end, number);
  if (error != std::errc() || rest != end)
    throw InputError("command line", "study " + command, '"' + number_text + '"',
                     "the number of a candidate");
  for (const nas::Trial& trial : trials)
    if (trial.number == number) return trial;
  throw InputError(
      path, "candidate " + number_text, "none of this number",
      trials.empty() ? "a study with candidates" : "0 to " + std::to_string(trials.back().number));
}

/// "231.1 uJ (-6.5 %)": with the error against `measured` where that is known.
std::string cost_text(const std::optional<nas::Costs>& costs, const std::string& field,
                      const std::optional<nas::Costs>& measured) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  if (!costs || !costs->find(field)) return "";
  const double value = costs->find(field).value_or(kUnknown);
  const double truth = measured ? measured->find(field).value_or(kUnknown) : kUnknown;
  const std::string text = nas::format_field(field, value);
  if (std::isnan(truth)) return text;
  std::array<char, 48> error{};
  std::snprintf(error.data(), error.size(), " (%+.1f %%)", 100 * nas::relative_error(value, truth));
  return text + error.data();
}

/// A row per cost and a column per stage, with the error of the earlier ones against the measurement.
void print_costs(const nas::Trial& trial, const Columns& columns) {
  StageCosts stages = costs_of(trial);
  stages.erase(std::remove_if(stages.begin(), stages.end(), [](const auto& stage) { return !stage.second; }),
               stages.end());
  if (stages.empty()) return;
  std::printf("\n%-24s", "costs");
  for (const auto& stage : stages) std::printf(" %22s", nas::to_string(stage.first));
  std::printf("\n");
  for (const std::string& field : columns.costs) {
    std::string line;
    for (const auto& [stage, costs] : stages) {
      const bool estimate = stage < nas::Stage::kMeasured;
      const std::string text = cost_text(costs, field, estimate ? trial.measured : std::nullopt);
      line += ' ' + std::string(22 - std::min<std::size_t>(22, text.size()), ' ') + text;
    }
    std::printf("%-24s%s\n", field.c_str(), line.c_str());
  }
}

void print_trial(const nas::Study& study, const nas::Trial& trial) {
  const Columns columns = columns_of({trial});
  for (const Field& field : facts_of(trial, columns))
    if (!field.second.empty()) std::printf("%-24s %s\n", field.first.c_str(), field.second.c_str());
  for (const nas::Timing& timing : study.timings())
    if (timing.trial == trial.number)
      std::printf("%-24s %s, %lld MB\n", (std::string("time of ") + nas::to_string(timing.stage)).c_str(),
                  format_duration(timing.wall_s).c_str(), static_cast<long long>(timing.max_rss_kb / 1024));
  if (const auto attempts = study.attempts(trial.number, trial.stage); attempts > 0)
    std::printf("%-24s %lld\n", (std::string("attempts at ") + nas::to_string(trial.stage)).c_str(),
                static_cast<long long>(attempts));
  for (const nas::Lease& lease : study.leases())
    if (lease.trial == trial.number)
      std::printf("%-24s %s, %s ago\n", "lease", lease.holder.c_str(),
                  format_duration(std::max(0.0, now_s() - lease.taken_s)).c_str());
  print_costs(trial, columns);
}

/// Comma-separated fields, each once.
std::vector<std::string> parse_fields(const std::string& text) {
  std::vector<std::string> fields;
  std::istringstream in(text + ',');
  for (std::string field; std::getline(in, field, ',');) {
    if (field.empty() || std::find(fields.begin(), fields.end(), field) != fields.end())
      throw InputError("command line", "--by", '"' + text + '"',
                       "fields between commas, each once, such as energy_pj,latency_ns");
    fields.push_back(field);
  }
  return fields;
}

void export_to_optuna(const nas::Study& study, const std::string& path, const std::string& file) {
  const nas::SearchSettings settings = nas::settings_from_json(study.settings_json(), path);
  nas::OptunaStudy optuna;
  const auto folder = std::filesystem::absolute(path).lexically_normal().parent_path().filename();
  optuna.name = "spikeloop-" + folder.string();
  optuna.settings_json = study.settings_json();
  optuna.space = settings.space;
  optuna.limits = settings.limits;
  const std::vector<nas::Trial> trials = study.trials();
  nas::export_optuna(file, optuna, trials, study.timings());
  std::printf("%zu candidates as study \"%s\" in %s\n", trials.size(), optuna.name.c_str(), file.c_str());
}

void retry(const std::string& path, const std::string& number) {
  nas::Study study = nas::Study::open(path);
  const std::vector<nas::Trial> trials = study.trials();
  std::vector<nas::Trial> failed;
  if (!number.empty()) {
    const nas::Trial& trial = trial_of(trials, path, number, "retry");
    if (trial.state != nas::TrialState::kFail)
      throw InputError(path, "candidate " + number, nas::to_string(trial.state), "one that failed");
    failed.push_back(trial);
  } else {
    std::copy_if(trials.begin(), trials.end(), std::back_inserter(failed),
                 [](const nas::Trial& trial) { return trial.state == nas::TrialState::kFail; });
  }
  if (failed.empty()) std::printf("nothing to retry: no candidate failed\n");
  for (const nas::Trial& trial : failed) {
    // Else the search would take the failure that lies there for the outcome of the next attempt.
    const auto folder =
        std::filesystem::path(path).parent_path() / nas::job_folder(trial.number, trial.stage);
    std::filesystem::remove(folder / "result.json");
    study.retry(trial);
    std::printf("candidate %lld waits for stage %s again (failed with: %s)\n",
                static_cast<long long>(trial.number), nas::to_string(trial.stage), trial.reason.c_str());
  }
}

}  // namespace

int study_command(const std::vector<std::string>& arguments) {
  std::string what, path, number, by = nas::unit_key(nas::Cost::kEnergy), optuna;
  bool csv = false;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("what", po::value(&what), "status, best, pareto, show, export or retry")(
      "study", po::value(&path), "folder or study.db")("number", po::value(&number), "of a candidate")(
      "csv", po::bool_switch(&csv), "for best, pareto and export: comma-separated values")(
      "by", po::value(&by)->value_name("FIELDS"),
      "for pareto: costs to hold against accuracy, such as energy_pj,latency_ns; default energy_pj")(
      "optuna", po::value(&optuna)->value_name("FILE"), "for export: a new file for Optuna");
  line.positional.add("what", 1).add("study", 1).add("number", 1);
  if (!line.parse(arguments)) return 0;
  line.required("what");
  const std::vector<std::string> known{"status", "best", "pareto", "show", "export", "retry"};
  if (std::find(known.begin(), known.end(), what) == known.end()) {
    const std::string nearest = nearest_word(what, known);
    throw InputError("command line", "study", '"' + what + '"',
                     nearest.empty() ? "status, best, pareto, show, export or retry" : nearest);
  }
  line.required("study");
  if (csv && what != "best" && what != "pareto" && what != "export")
    throw InputError("command line", "--csv", "it beside " + what, "best, pareto or export");
  if (line.given("by") && what != "pareto")
    throw InputError("command line", "--by", "it beside " + what, "pareto");
  if (line.given("optuna") && what != "export")
    throw InputError("command line", "--optuna", "it beside " + what, "export");
  if (what == "export" && csv == line.given("optuna"))
    throw InputError("command line", "study export",
                     csv ? "--csv and --optuna" : "neither --csv nor --optuna", "one of them");
  if (line.given("number") && what != "show" && what != "retry")
    throw InputError("command line", "NUMBER", '"' + number + "\" behind " + what, "nothing, show or retry");
  if (what == "show") line.required("number");
  if (std::filesystem::is_directory(path)) path = (std::filesystem::path(path) / "study.db").string();
  if (what == "retry") {
    retry(path, number);
    return 0;
  }
  const nas::Study study = nas::Study::open_read_only(path);
  if (what == "status") {
    print_status(study, path);
    return 0;
  }
  if (what == "export" && !csv) {
    export_to_optuna(study, path, optuna);
    return 0;
  }
  const std::vector<nas::Trial> trials = study.trials();
  if (what == "show") {
    print_trial(study, trial_of(trials, path, number, what));
    return 0;
  }
  const std::vector<std::string> fields = parse_fields(by);
  const std::vector<nas::Trial> shown = what == "export"   ? trials
                                        : what == "pareto" ? nas::pareto_front(trials, fields, "--by")
                                                           : nas::ranked(trials);
  if (csv)
    print_csv(shown, columns_of(trials));
  else
    print_trained(shown, what == "pareto" ? fields : std::vector<std::string>());
  return 0;
}

}  // namespace spikeloop::tools
