#include "nas/search_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kClosestShown = 3;

template <class... Args>
std::string format(const char* pattern, Args... args) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, args...);
  return text;
}

template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const std::optional<Costs>& costs) {
  if (!costs) return nullptr;
  Json json = Json::object();
  for (const auto& [field, value] : costs->fields) json[field] = value;
  for (const Cost cost : kAllCosts) json[unit_key(cost)] = costs->get(cost);
  return json;
}

/// What the earlier stages said of each cost, relative to what was measured: -0.9 is a bound at a tenth.
Json errors_of(const Trial& trial) {
  Json json = Json::object();
  if (!trial.measured) return json;
  for (const auto& [stage, costs] :
       {std::pair("bound", &trial.bound), std::pair("provisional", &trial.provisional)}) {
    if (!*costs) continue;
    for (const Cost cost : kAllCosts)
      json[stage][name(cost)] = relative_error((*costs)->get(cost), trial.measured->get(cost));
    for (const auto& [field, value] : (*costs)->fields)
      if (const auto measured = trial.measured->find(field))
        json[stage][field] = relative_error(value, *measured);
  }
  return json;
}

Json json_of(const Trial& trial) {
  return Json{{"number", trial.number},
              {"round", trial.round},
              {"genotype", trial.genotype},
              {"hash", trial.hash},
              {"state", to_string(trial.state)},
              {"stage", to_string(trial.stage)},
              {"reason", trial.reason},
              {"limits_exceeded", trial.limits_exceeded},
              {"score", json_of(trial.score)},
              {"scores", trial.scores},
              {"bound", json_of(trial.bound)},
              {"provisional", json_of(trial.provisional)},
              {"measured", json_of(trial.measured)},
              {"final", json_of(trial.final_measured)},
              {"errors", errors_of(trial)},
              {"accuracy", json_of(trial.accuracy)},
              {"final_accuracy", json_of(trial.final_accuracy)},
              {"artifacts", trial.artifacts}};
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

/// Infeasible trials by (stage, limit); "fit" stands for networks that don't fit the chip at all.
std::map<std::pair<Stage, std::string>, std::int64_t> rejections(const std::vector<Trial>& trials) {
  std::map<std::pair<Stage, std::string>, std::int64_t> counts;
  for (const Trial& trial : trials) {
    if (trial.state == TrialState::kInfeasible && trial.limits_exceeded.empty())
      ++counts[{trial.stage, "fit"}];
    for (const std::string& limit : split(trial.limits_exceeded)) ++counts[{trial.stage, limit}];
  }
  return counts;
}

std::int64_t count_state(const std::vector<Trial>& trials, TrialState state) {
  return std::count_if(trials.begin(), trials.end(), [&](const Trial& t) { return t.state == state; });
}

std::int64_t count_scored(const std::vector<Trial>& trials) {
  return std::count_if(trials.begin(), trials.end(),
                       [](const Trial& t) { return t.score || !t.scores.empty(); });
}

std::optional<double> score_against_lif_modules(const std::vector<Trial>& trials) {
  std::vector<double> scores, modules;
  for (const Trial& trial : trials) {
    const auto lif_modules = trial.scores.find("lif_modules");
    if (!trial.score || lif_modules == trial.scores.end()) continue;
    scores.push_back(*trial.score);
    modules.push_back(lif_modules->second);
  }
  return rank_correlation(scores, modules);
}

std::vector<double> mean_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = static_cast<double>(first + last) / 2;
    first = last + 1;
  }
  return ranks;
}

/// By how much a trial misses its worst limit.
double worst_excess(const Limits& limits, const Costs& costs) {
  double worst = 0;
  for (const Excess& e : exceeded(limits, costs)) worst = std::max(worst, relative_excess(e.limit, e.value));
  return worst;
}

/// Limits and, per stage, how many candidates broke them.
std::string rejection_table(const SearchSettings& settings, const std::vector<Trial>& trials) {
  static constexpr std::array<Stage, 4> kStages{Stage::kBound, Stage::kProvisional, Stage::kMeasured,
                                                Stage::kFinal};
  const auto counts = rejections(trials);
  const auto count = [&](Stage stage, const std::string& limit) {
    const auto it = counts.find({stage, limit});
    return it == counts.end() ? std::int64_t{0} : it->second;
  };
  std::size_t width = 9;
  for (const Limit& limit : settings.limits) width = std::max(width, name(limit).size());
  std::string text = format("  %-*s %14s   rejected: %6s %12s %9s %6s\n", static_cast<int>(width), "",
                            "limit", "bound", "provisional", "measured", "final");
  const auto row = [&](const std::string& what, const std::string& limit) {
    text += format("  %-*s %14s             ", static_cast<int>(width), what.c_str(), limit.c_str());
    static constexpr std::array<int, 4> kWidths{6, 12, 9, 6};
    for (std::size_t i = 0; i < kStages.size(); ++i)
      text +=
          format("%s%*lld", i == 0 ? "" : " ", kWidths[i], static_cast<long long>(count(kStages[i], what)));
    text += '\n';
  };
  for (const Cost cost : kAllCosts) {
    const auto limit = limit_of(settings.limits, cost);
    row(name(cost), limit ? format_cost(cost, *limit) : "none");
  }
  for (const Limit& limit : settings.limits)
    if (limit.side == Limit::Side::kAtLeast || !cost_of(limit.field))
      row(name(limit), format_field(limit.field, limit.value));
  row("fit", "the chip");
  return text;
}

std::string percent(const std::optional<double>& value) {
  return value ? format("%.2f %%", 100 * *value) : "-";
}

std::string trained_table(const std::vector<Trial>& trials) {
  std::string text = format("  %6s  %-39s %9s %9s %10s %10s %10s %10s  %s\n", "number", "cells", "score",
                            "accuracy", "latency", "energy", "area", "memory", "state");
  for (const Trial& trial : trials) {
    const auto& costs = trial.measured;
    if (!costs) continue;
    text += format("  %6lld  %-39s %9.3f %9s %10s %10s %10s %10s  %s", static_cast<long long>(trial.number),
                   trial.genotype.c_str(), trial.score.value_or(NAN), percent(trial.accuracy).c_str(),
                   format_cost(Cost::kLatency, costs->latency_ns).c_str(),
                   format_cost(Cost::kEnergy, costs->energy_pj).c_str(),
                   format_cost(Cost::kArea, costs->area_um2).c_str(),
                   format_cost(Cost::kMemory, costs->memory_bytes).c_str(), to_string(trial.state));
    text += (trial.reason.empty() ? "" : ": " + trial.reason) + '\n';
  }
  return text;
}

bool is_cost_name(const std::string& text) {
  return std::any_of(kAllCosts.begin(), kAllCosts.end(), [&](Cost cost) { return text == name(cost); });
}

std::string error_table(const std::vector<Trial>& trials) {
  std::string text;
  for (const Trial& trial : trials) {
    const Json errors = errors_of(trial);
    for (const auto& [stage, by_cost] : errors.items()) {
      text += format("  %6lld  %-11s", static_cast<long long>(trial.number), stage.c_str());
      const auto add_error = [&](const std::string& what) {
        text += "  " + what + format(" %+7.1f %%", 100 * by_cost[what].get<double>());
      };
      for (const Cost cost : kAllCosts) add_error(name(cost));
      for (const auto& [what, error] : by_cost.items())
        if (!is_cost_name(what)) add_error(what);
      text += '\n';
    }
  }
  if (text.empty()) return text;
  return "What the earlier stages said, relative to the measurement:\n" + text;
}

Round sum_of(const std::vector<Round>& rounds) {
  Round sum;
  for (const Round& round : rounds) {
    sum.proposed += round.proposed;
    sum.repeated += round.repeated;
    for (const auto& [limit, count] : round.passed_over) sum.passed_over[limit] += count;
  }
  return sum;
}

std::string winner_text(const SearchSettings& settings, const Trial& trial) {
  const Costs costs = *latest_costs(trial);
  const bool final = passed_final(trial);
  const std::int64_t epochs = final ? settings.final_epochs : settings.recipe.epochs;
  std::string text;
  if (!trial.measured) {
    text += format("Winner by score, not trained: candidate %lld, %s, score %.3f\n",
                   static_cast<long long>(trial.number), trial.genotype.c_str(), trial.score.value_or(NAN));
  } else {
    if (settings.final_epochs > 0 && !final)
      text += "No final training gave a network within the limits: the best of the short training.\n";
    const int bits = design_of(settings, parse_candidate(trial.genotype, "study")).weight_bits;
    text += format("Winner: candidate %lld, %s, test accuracy %s after %lld epoch%s (%d-bit weights)\n",
                   static_cast<long long>(trial.number), trial.genotype.c_str(),
                   percent(latest_accuracy(trial)).c_str(), static_cast<long long>(epochs),
                   epochs == 1 ? "" : "s", bits);
  }
  for (const Cost cost : {Cost::kLatency, Cost::kEnergy, Cost::kArea, Cost::kMemory}) {
    const auto limit = limit_of(settings.limits, cost);
    text += format("  %-8s %12s", name(cost), format_cost(cost, costs.get(cost)).c_str());
    if (limit) {
      text += format("  of at most %s (%.1f %%)", format_cost(cost, *limit).c_str(),
                     100 * costs.get(cost) / *limit);
    } else {
      text += "  (no limit)";
    }
    text += '\n';
  }
  for (const Limit& limit : settings.limits) {
    const bool from_below = limit.side == Limit::Side::kAtLeast;
    const auto value = costs.find(limit.field);
    if ((!from_below && cost_of(limit.field)) || !value) continue;
    text += format("  %-8s %12s", limit.field.c_str(), format_field(limit.field, *value).c_str()) +
            (from_below ? "  of at least " : "  of at most ") + format_field(limit.field, limit.value) + '\n';
  }
  return text;
}

std::string closest_text(const SearchSettings& settings, const std::vector<Trial>& trials) {
  std::vector<std::pair<double, const Trial*>> closest;
  for (const Trial& trial : trials)
    if (const auto costs = latest_costs(trial); costs && trial.state == TrialState::kInfeasible)
      closest.emplace_back(worst_excess(settings.limits, *costs), &trial);
  std::stable_sort(closest.begin(), closest.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> misfits;  // reason -> candidates, the first
  const bool no_score = closest.empty() && count_state(trials, TrialState::kInfeasible) == 0;
  for (const Trial& trial : trials) {
    if (no_score ? trial.state != TrialState::kPruned || trial.score.has_value()
                 : trial.state != TrialState::kInfeasible || !trial.limits_exceeded.empty())
      continue;
    const std::size_t after_name = trial.reason.find(": ");  // "candidate 3: " would tell equal ones apart
    const auto [it, fresh] = misfits.try_emplace(
        after_name == std::string::npos ? trial.reason : trial.reason.substr(after_name + 2), 0,
        trial.number);
    ++it->second.first;
  }
  std::string text = !closest.empty() || misfits.empty() ? "No candidate meets the limits.\n"
                     : no_score                          ? "No candidate got a score.\n"
                                                         : "No candidate fits the chip.\n";
  if (!closest.empty()) text += "Closest:\n";
  for (std::size_t i = 0; i < std::min(closest.size(), kClosestShown); ++i) {
    const Trial& trial = *closest[i].second;
    text += format("  %6lld  %s  (%s) ", static_cast<long long>(trial.number), trial.genotype.c_str(),
                   to_string(trial.stage)) +
            trial.reason + '\n';
  }
  if (!misfits.empty()) text += no_score ? "Why:\n" : "Not fitting the chip, the most frequent reasons:\n";
  std::vector<std::pair<std::int64_t, std::string>> reasons;  // many candidates first, then by the first one
  for (const auto& [reason, count] : misfits)
    reasons.emplace_back(count.first, format("  %6lld  ", static_cast<long long>(count.second)) + reason);
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < std::min(reasons.size(), kClosestShown); ++i) text += reasons[i].second + '\n';
  return text;
}

}  // namespace

double relative_error(double estimate, double measured) {
  return measured == 0 ? 0 : estimate / measured - 1;
}

bool passed_final(const Trial& trial) {
  return trial.stage == Stage::kFinal && trial.state == TrialState::kComplete && trial.final_measured &&
         trial.final_accuracy && trial.reason.empty();
}

std::optional<Costs> latest_costs(const Trial& trial) {
  if (passed_final(trial)) return trial.final_measured;
  for (const auto* costs : {&trial.measured, &trial.provisional, &trial.bound})
    if (*costs) return *costs;
  return std::nullopt;
}

std::optional<double> latest_accuracy(const Trial& trial) {
  return passed_final(trial) ? trial.final_accuracy : trial.accuracy;
}

std::vector<Trial> ranked(const std::vector<Trial>& trials) {
  std::vector<Trial> result;
  for (const Trial& trial : trials)
    if (trial.state == TrialState::kComplete && trial.measured && trial.accuracy) result.push_back(trial);
  const auto before = [](const Trial& a, const Trial& b) {
    const double accuracy_a = *latest_accuracy(a), accuracy_b = *latest_accuracy(b);
    if (accuracy_a != accuracy_b) return accuracy_a > accuracy_b;
    const double energy_a = latest_costs(a)->energy_pj, energy_b = latest_costs(b)->energy_pj;
    if (energy_a != energy_b) return energy_a < energy_b;
    return a.number < b.number;
  };
  std::sort(result.begin(), result.end(), before);
  return result;
}

std::vector<Trial> pareto_front(const std::vector<Trial>& trials, const std::vector<std::string>& by,
                                const std::string& place) {
  const std::vector<Trial> all = ranked(trials);
  std::vector<std::vector<double>> points;  // less is better
  for (const Trial& trial : all) {
    const Costs costs = *latest_costs(trial);
    std::vector<double>& point = points.emplace_back(std::vector{-*latest_accuracy(trial)});
    for (const std::string& field : by) {
      const auto value = costs.find(field);
      if (!value)
        throw InputError("command line", place, "the field \"" + field + '"',
                         "memory_bytes, area_um2, latency_ns, energy_pj, or a field that a limit of the "
                         "search names");
      point.push_back(*value);
    }
  }
  std::vector<Trial> front;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto beats = [&](const std::vector<double>& other) {
      bool no_worse = true;
      for (std::size_t k = 0; k < other.size(); ++k) no_worse = no_worse && other[k] <= points[i][k];
      return no_worse && other != points[i];
    };
    if (std::none_of(points.begin(), points.end(), beats)) front.push_back(all[i]);
  }
  return front;
}

std::optional<Trial> winner(const std::vector<Trial>& trials, bool with_final_training) {
  const std::vector<Trial> best = ranked(trials);
  if (with_final_training)
    for (const Trial& trial : best)
      if (passed_final(trial)) return trial;
  if (!best.empty()) return best.front();
  for (const Trial& trial : trials)  // of a search that trains nothing
    if (trial.stage == Stage::kProvisional && trial.state == TrialState::kComplete) return trial;
  return std::nullopt;
}

std::optional<double> rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.size() < 3) return std::nullopt;
  const std::vector<double> ranks_a = mean_ranks(a), ranks_b = mean_ranks(b);
  const double mean = static_cast<double>(a.size() - 1) / 2;
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (ranks_a[i] - mean) * (ranks_a[i] - mean);
    bb += (ranks_b[i] - mean) * (ranks_b[i] - mean);
    ab += (ranks_a[i] - mean) * (ranks_b[i] - mean);
  }
  if (aa == 0 || bb == 0) return std::nullopt;
  return ab / std::sqrt(aa * bb);
}

std::string result_json(const std::string& study_settings, const SearchSettings& settings,
                        const std::vector<Trial>& trials, const Proposals& proposals) {
  Json json{{"format", "spikeloop.search"}, {"version", 2}, {"settings", Json::parse(study_settings)}};
  if (!proposals.strategy.empty()) {
    const Round all = sum_of(proposals.rounds);
    json["strategy"] = {{"name", proposals.strategy},
                        {"rounds", proposals.rounds.size()},
                        {"proposed", all.proposed},
                        {"repeated", all.repeated},
                        {"passed_over", all.passed_over}};
  }
  Json rejected = Json::object();
  for (const auto& [key, count] : rejections(trials)) rejected[to_string(key.first)][key.second] = count;
  json["counts"] = {{"candidates", trials.size()},
                    {"scored", count_scored(trials)},
                    {"complete", count_state(trials, TrialState::kComplete)},
                    {"pruned", count_state(trials, TrialState::kPruned)},
                    {"infeasible", count_state(trials, TrialState::kInfeasible)},
                    {"failed", count_state(trials, TrialState::kFail)},
                    {"rejected", rejected}};
  json["rank_correlation_of_score_with_lif_modules"] = json_of(score_against_lif_modules(trials));
  json["candidates"] = Json::array();
  for (const Trial& trial : trials) json["candidates"].push_back(json_of(trial));
  json["winner"] = nullptr;
  if (const auto best = winner(trials, settings.final_epochs > 0)) {
    json["winner"] = {{"number", best->number},
                      {"genotype", best->genotype},
                      {"accuracy", json_of(best->accuracy)},
                      {"final_accuracy", json_of(passed_final(*best) ? best->final_accuracy : std::nullopt)},
                      {"measured", json_of(best->measured)},
                      {"final", json_of(passed_final(*best) ? best->final_measured : std::nullopt)},
                      {"score", json_of(best->score)},
                      {"costs", json_of(latest_costs(*best))},
                      {"artifacts", "winner"}};
  }
  return json.dump(2) + '\n';
}

std::string summary(const SearchSettings& settings, const std::vector<Trial>& trials,
                    const std::string& folder, const Proposals& proposals) {
  std::string text = format("%zu candidates, %lld scored, %lld failed\n", trials.size(),
                            static_cast<long long>(count_scored(trials)),
                            static_cast<long long>(count_state(trials, TrialState::kFail)));
  if (!proposals.strategy.empty()) {
    const Round all = sum_of(proposals.rounds);
    text += "strategy " + proposals.strategy +
            format(": %zu rounds, %lld proposals, %lld of them repeats\n", proposals.rounds.size(),
                   static_cast<long long>(all.proposed), static_cast<long long>(all.repeated));
    std::string over;
    for (const auto& [limit, count] : all.passed_over)
      over += (over.empty() ? "" : ", ") + limit + format(" %lld", static_cast<long long>(count));
    if (!over.empty()) text += "passed over by their bounds, in all rounds: " + over + '\n';
  }
  if (count_scored(trials) < settings.candidates)
    text += format("No more candidates came before %lld could be scored.\n",
                   static_cast<long long>(settings.candidates));
  text += rejection_table(settings, trials);
  if (const auto correlation = score_against_lif_modules(trials))
    text += format("Rank correlation of the score with the number of LIF modules: %.3f\n", *correlation);
  if (settings.train > 0) text += "\nTrained and measured:\n" + trained_table(trials);
  text += '\n' + error_table(trials) + '\n';
  const auto best = winner(trials, settings.final_epochs > 0);
  text += best ? winner_text(settings, *best) : closest_text(settings, trials);
  if (folder.empty()) return text;
  if (best)
    text += std::string("  network, trace, measurement") + (best->measured ? " and checkpoint: " : ": ") +
            folder + "/winner\n";
  return text + "Everything: " + folder + "/result.json, " + folder + "/study.db\n";
}

}  // namespace spikeloop::nas
