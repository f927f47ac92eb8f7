#include "nas/study.h"

#include <algorithm>
#include <array>
#include <boost/program_options/value_semantic.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

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
    "       spikeloop study show STUDY NUMBER\n"
    "       spikeloop study export STUDY [--csv]\n\n"
    "Looks into a study without changing it, also while its search is running. STUDY is the folder\n"
    "of a search or the study.db in it. status: how many candidates are in which state, and the stage\n"
    "that they wait for, run in or ended in; best: trained candidates, best first; show: everything\n"
    "about one candidate; export: all candidates as CSV on standard output.";

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

std::vector<Field> fields_of(const nas::Trial& trial) {
  std::vector<Field> fields{{"number", std::to_string(trial.number)},
                            {"draw", std::to_string(trial.draw)},
                            {"genotype", trial.genotype},
                            {"hash", trial.hash},
                            {"state", nas::to_string(trial.state)},
                            {"stage", nas::to_string(trial.stage)},
                            {"reason", trial.reason},
                            {"limits_exceeded", trial.limits_exceeded},
                            {"score", text_of(trial.score)},
                            {"lif_modules", text_of(trial.lif_modules)},
                            {"convolutions", text_of(trial.convolutions)},
                            {"firing_rate", text_of(trial.firing_rate)}};
  const std::array<std::pair<const char*, const std::optional<nas::Costs>*>, 4> stages{
      {{"bound", &trial.bound},
       {"provisional", &trial.provisional},
       {"measured", &trial.measured},
       {"final", &trial.final_measured}}};
  for (const auto& [stage, costs] : stages)
    for (const nas::Cost cost : nas::kAllCosts)
      fields.emplace_back(std::string(stage) + '_' + nas::unit_key(cost),
                          *costs ? exact((*costs)->get(cost)) : "");
  fields.emplace_back("accuracy", text_of(trial.accuracy));
  fields.emplace_back("final_accuracy", text_of(trial.final_accuracy));
  fields.emplace_back("artifacts", trial.artifacts);
  return fields;
}

void print_csv(const std::vector<nas::Trial>& trials) {
  std::string header;
  for (const Field& field : fields_of({})) header += (header.empty() ? "" : ",") + field.first;
  std::cout << header << '\n';
  for (const nas::Trial& trial : trials) {
    std::string row;
    const auto fields = fields_of(trial);
    for (std::size_t i = 0; i < fields.size(); ++i) row += (i == 0 ? "" : ",") + csv_quoted(fields[i].second);
    std::cout << row << '\n';
  }
}

void print_status(const nas::Study& study) {
  const std::vector<nas::Trial> trials = study.trials();
  std::map<std::pair<nas::TrialState, nas::Stage>, int> counts;
  for (const nas::Trial& trial : trials) ++counts[{trial.state, trial.stage}];
  std::printf("%zu candidates\n", trials.size());
  for (const auto& [key, count] : counts)
    std::printf("  %-10s %-12s %6d\n", nas::to_string(key.first), nas::to_string(key.second), count);
  double total_s = 0;
  for (const nas::Timing& timing : study.timings()) total_s += timing.wall_s;
  std::printf("time in jobs: %s\n", format_duration(total_s).c_str());
}

void print_best(const nas::Study& study) {
  const std::vector<nas::Trial> best = nas::ranked(study.trials());
  if (best.empty()) std::printf("no candidate is trained and meets the limits (yet)\n");
  for (const nas::Trial& trial : best) {
    const nas::Costs costs = *nas::latest_costs(trial);
    std::printf("%6lld  %s  %.2f %%", static_cast<long long>(trial.number), trial.genotype.c_str(),
                100 * (nas::passed_final(trial) ? *trial.final_accuracy : *trial.accuracy));
    for (const nas::Cost cost : nas::kAllCosts)
      std::printf("  %s %s", nas::name(cost), nas::format_cost(cost, costs.get(cost)).c_str());
    std::printf("  %s\n", trial.artifacts.c_str());
  }
}

void print_trial(const nas::Study& study, const std::string& path, const std::string& number_text) {
  std::int64_t number = -1;
  const char* end = number_text.data() + number_text.size();
  const auto [rest, error] = std::from_chars(number_text.data(), end, number);
  if (error != std::errc() || rest != end)
    throw InputError("command line", "study show", '"' + number_text + '"', "the number of a candidate");
  for (const nas::Trial& trial : study.trials()) {
    if (trial.number != number) continue;
    for (const Field& field : fields_of(trial))
      if (!field.second.empty()) std::printf("%-24s %s\n", field.first.c_str(), field.second.c_str());
    for (const nas::Timing& timing : study.timings())
      if (timing.trial == number)
        std::printf("%-24s %s, %lld MB\n", (std::string("time of ") + nas::to_string(timing.stage)).c_str(),
                    format_duration(timing.wall_s).c_str(), static_cast<long long>(timing.max_rss_kb / 1024));
    return;
  }
  throw InputError(path, "candidate " + number_text, "none of this number",
                   "0 to " + std::to_string(static_cast<std::int64_t>(study.trials().size()) - 1));
}

}  // namespace

int study_command(const std::vector<std::string>& arguments) {
  std::string what, path, number;
  bool csv = false;
  CommandLine line;
  line.usage = kUsage;
  line.options.add_options()("what", po::value(&what), "status, best, show or export")(
      "study", po::value(&path), "folder or study.db")("number", po::value(&number), "of a candidate")(
      "csv", po::bool_switch(&csv),
      "for best: comma-separated values, the columns of export (which has no other format)");
  line.positional.add("what", 1).add("study", 1).add("number", 1);
  if (!line.parse(arguments)) return 0;
  line.required("what");
  const std::vector<std::string> known{"status", "best", "show", "export"};
  if (std::find(known.begin(), known.end(), what) == known.end()) {
    const std::string nearest = nearest_word(what, known);
    throw InputError("command line", "study", '"' + what + '"',
                     nearest.empty() ? "status, best, show or export" : nearest);
  }
  line.required("study");
  if (csv && what != "best" && what != "export")
    throw InputError("command line", "--csv", "it beside " + what, "best or export");
  if (line.given("number") && what != "show")
    throw InputError("command line", "NUMBER", '"' + number + "\" behind " + what, "nothing, or show");
  if (std::filesystem::is_directory(path)) path += "/study.db";
  const nas::Study study = nas::Study::open_read_only(path);
  if (what == "show") {
    line.required("number");
    print_trial(study, path, number);
  } else if (what == "export") {
    print_csv(study.trials());
  } else if (what == "best" && csv) {
    print_csv(nas::ranked(study.trials()));
  } else if (what == "best") {
    print_best(study);
  } else {
    print_status(study);
  }
  return 0;
}

}  // namespace spikeloop::tools
