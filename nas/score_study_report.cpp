#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "nas/score_study.h"
#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

/// JSON has no word for what cannot be computed.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

std::string cost_text(const std::optional<double>& cpu_s) {
  char text[32];
  std::snprintf(text, sizeof text, "%9.3f ms", 1e3 * cpu_s.value_or(0));
  return cpu_s ? text : "-";
}

}  // namespace

std::string to_text(const ScoreOptions& fidelity) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (fidelity.channels > 0) add("channels " + std::to_string(fidelity.channels));
  if (fidelity.timesteps > 0) add("timesteps " + std::to_string(fidelity.timesteps));
  add("batch " + std::to_string(fidelity.batch));
  if (fidelity.repeats > 1) add("repeats " + std::to_string(fidelity.repeats));
  if (fidelity.image_shrink > 1) add("images / " + std::to_string(fidelity.image_shrink));
  add(fidelity.double_precision ? "double precision" : "single precision");
  return text;
}

ScoreOptions parse_fidelity(const std::string& text, const ScoreOptions& other, const std::string& place) {
  ScoreOptions options = other;
  const auto refuse = [&](const std::string& found) {
    throw InputError("command line", place, '"' + text + "\" (" + found + ")",
                     "channels=, timesteps=, batch=, repeats=, shrink= with a number from 1 on, "
                     "precision=double or single, joined by commas");
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) refuse('"' + part + '"');
    const std::string key = part.substr(0, equals), word = part.substr(equals + 1);
    if (key == "precision") {
      if (word != "double" && word != "single") refuse("precision \"" + word + '"');
      options.double_precision = word == "double";
      continue;
    }
    int value = 0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || rest != word.data() + word.size() || value < 1)
      refuse(key + " \"" + word + '"');
    if (key == "channels") {
      options.channels = value;
    } else if (key == "timesteps") {
      options.timesteps = value;
    } else if (key == "batch") {
      options.batch = value;
    } else if (key == "repeats") {
      options.repeats = value;
    } else if (key == "shrink") {
      options.image_shrink = value;
    } else {
      refuse('"' + key + '"');
    }
  }
  return options;
}

std::string report(const ScoreStudy& study, const ScoreStudyOptions& options, const std::string& table_file) {
  std::string text =
      std::to_string(study.cells) + " random connected cells of " + table_file + ", seed " +
      std::to_string(options.seed) +
      "; rank correlation with their test accuracies\n"
      "tau: Kendall's tau-b, with a 95 % interval; rho: Spearman's; to full: tau of a score to "
      "itself at\nthe costliest fidelity; cost: CPU time per cell\n";
  for (std::size_t f = 0; f < options.fidelities.size(); ++f)
    text += "fidelity " + std::to_string(f + 1) + ": " + to_text(options.fidelities[f]) + '\n';
  if (study.not_finite > 0)
    text += std::to_string(study.not_finite) + " cells have no finite sahd at fidelity 1 and rank lowest\n";
  char line[256];
  std::snprintf(line, sizeof line, "%-18s %8s  %6s  %-16s %6s %8s %12s  %s\n", "score", "fidelity", "tau",
                "95 %", "rho", "to full", "cost", "fitted on");
  text += line;
  for (const ScoreResult& result : study.results) {
    char interval[32], full[16] = "-";
    std::snprintf(interval, sizeof interval, "%.3f to %.3f", result.tau_95.low, result.tau_95.high);
    if (result.tau_to_fullest) std::snprintf(full, sizeof full, "%.3f", *result.tau_to_fullest);
    std::snprintf(line, sizeof line, "%-18s %8s  %6.3f  %-16s %6.3f %8s %12s  ", result.score.c_str(),
                  result.fidelity ? std::to_string(*result.fidelity + 1).c_str() : "-", result.tau, interval,
                  result.rho, full, cost_text(result.cpu_s).c_str());
    text += line;
    text += result.fitted_on == 0 ? "-"
                                  : "test accuracies of " + std::to_string(result.fitted_on) +
                                        " other forms of cells of " + result.fitted_on_table;
    text += '\n';
  }
  return text +
         "learned: Gaussian process on a cell's structure, fitted to accuracies of trained cells as told; "
         "it is no\nzero-cost score.\nval_acc_*: published accuracies after some epochs of training, for "
         "comparison.\n";
}

std::string to_json(const ScoreStudy& study, const ScoreStudyOptions& options,
                    const std::string& table_file) {
  nlohmann::json json, results = nlohmann::json::array(), times = nlohmann::json::array();
  json["table"] = table_file;
  json["cells"] = study.cells;
  json["not_finite"] = study.not_finite;
  json["seed"] = options.seed;
  for (const ScoreOptions& f : options.fidelities) {
    json["fidelities"].push_back({{"channels", f.channels > 0 ? f.channels : options.spec.channels},
                                  {"timesteps", f.timesteps > 0 ? f.timesteps : options.spec.timesteps},
                                  {"batch", f.batch},
                                  {"repeats", f.repeats},
                                  {"image_shrink", f.image_shrink},
                                  {"double_precision", f.double_precision}});
  }
  for (const ScoreResult& result : study.results) {
    nlohmann::json one{{"score", result.score},
                       {"tau_b", number(result.tau)},
                       {"tau_b_95", {number(result.tau_95.low), number(result.tau_95.high)}},
                       {"spearman", number(result.rho)},
                       {"fitted_on", result.fitted_on}};
    if (result.fitted_on > 0) one["fitted_on_table"] = result.fitted_on_table;
    if (result.fidelity) one["fidelity"] = *result.fidelity;
    if (result.tau_to_fullest) one["tau_b_to_fullest"] = number(*result.tau_to_fullest);
    results.push_back(one);
    times.push_back(result.cpu_s ? number(*result.cpu_s) : nlohmann::json(nullptr));
  }
  json["results"] = results;
  json["times"] = {{"cpu_s_per_cell", times}};
  return json.dump(2) + '\n';
}

}  // namespace spikeloop::nas
