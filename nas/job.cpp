#include "nas/job.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/component.h"
#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/sha256.h"

namespace spikeloop::nas {
namespace {

using Json = nlohmann::json;

constexpr std::array<Stage, 4> kJobStages{Stage::kScore, Stage::kProvisional, Stage::kMeasured,
                                          Stage::kFinal};

Json inputs(const EvaluationJob& job) {
  return Json{{"stage", to_string(job.stage)},
              {"genotype", job.genotype},
              {"settings", Json::parse(to_json(job.settings))},
              {"chip_sha256", job.chip_sha256},
              {"data_sha256", job.data_sha256},
              {"program", SPIKELOOP_VERSION}};
}

template <class T>
void put(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

template <class T>
void get(const Json& json, const char* key, std::optional<T>& value) {
  if (json.contains(key)) value = json.at(key).get<T>();
}

/// The numbers in `json` and in the objects in it by dotted path; lists are left out.
void collect(const Json& json, const std::string& prefix, std::map<std::string, double>& fields) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) collect(value, prefix + key + '.', fields);
    if (value.is_number()) fields[prefix + key] = value.get<double>();
  }
}

/// Takes the four out of `fields`. Throws InputError naming `path` and `place`.
Costs costs_of(std::map<std::string, double> fields, const std::string& path, const std::string& place) {
  Costs costs;
  for (const Cost cost : kAllCosts) {
    const auto it = fields.find(unit_key(cost));
    if (it == fields.end()) throw InputError(path, place + unit_key(cost), "no number", "one of 0 or more");
    if (!std::isfinite(it->second) || it->second < 0)
      throw InputError(path, place + unit_key(cost), std::to_string(it->second), "a number of 0 or more");
    costs.set(cost, it->second);
    fields.erase(it);
  }
  costs.fields = std::move(fields);
  return costs;
}

}  // namespace

std::string EvaluationJob::sha256() const { return sha256_hex(inputs(*this).dump()); }

void write_job(const std::string& path, const EvaluationJob& job) {
  const Json json{{"format", "spikeloop.job"},
                  {"version", 1},
                  {"sha256", job.sha256()},
                  {"inputs", inputs(job)},
                  {"where",
                   {{"data", job.places.data},
                    {"hw", job.places.hw},
                    {"overrides", job.places.overrides},
                    {"programs", job.places.programs},
                    {"threads", job.threads}}}};
  write_file(path, json.dump(2) + '\n');
}

EvaluationJob read_job(const std::string& path) {
  EvaluationJob job;
  try {
    const Json json = Json::parse(read_file(path));
    if (json.at("format") != "spikeloop.job" || json.at("version") != 1)
      throw InputError(path, "/format", json.at("format").dump(), "\"spikeloop.job\", version 1");
    const Json& in = json.at("inputs");
    const auto stage = in.at("stage").get<std::string>();
    bool known = false;
    for (const Stage candidate : kJobStages) {
      if (stage != to_string(candidate)) continue;
      job.stage = candidate;
      known = true;
    }
    if (!known)
      throw InputError(path, "/inputs/stage", '"' + stage + '"', "score, provisional, measured or final");
    in.at("genotype").get_to(job.genotype);
    job.settings = settings_from_json(in.at("settings").dump(), path);
    in.at("chip_sha256").get_to(job.chip_sha256);
    in.at("data_sha256").get_to(job.data_sha256);
    const Json& where = json.at("where");
    where.at("data").get_to(job.places.data);
    where.at("hw").get_to(job.places.hw);
    where.at("overrides").get_to(job.places.overrides);
    where.at("programs").get_to(job.places.programs);
    where.at("threads").get_to(job.threads);
  } catch (const Json::exception& error) {
    throw InputError(path, "job", error.what(), "a job of a search");
  }
  return job;
}

void write_result(const std::string& path, const EvaluationResult& result) {
  Json json{{"format", "spikeloop.result"}, {"version", 1}, {"job_sha256", result.job_sha256}};
  if (!result.failure.empty()) json["failure"] = result.failure;
  put(json, "score", result.score);
  if (!result.scores.empty()) json["scores"] = result.scores;
  put(json, "accuracy", result.accuracy);
  if (result.costs) {
    json["costs"] = result.costs->fields;
    for (const Cost cost : kAllCosts) json["costs"][unit_key(cost)] = result.costs->get(cost);
  }
  write_file(path, json.dump(2) + '\n');
}

std::optional<EvaluationResult> read_result(const std::string& path, const std::string& job_sha256) {
  if (!std::filesystem::is_regular_file(path)) return std::nullopt;
  const Json json = Json::parse(read_file(path), nullptr, false);
  if (!json.is_object() || json.value("job_sha256", "") != job_sha256) return std::nullopt;
  EvaluationResult result;
  try {
    result.job_sha256 = job_sha256;
    result.failure = json.value("failure", "");
    get(json, "score", result.score);
    if (json.contains("scores")) json.at("scores").get_to(result.scores);
    get(json, "accuracy", result.accuracy);
    if (json.contains("costs")) {
      std::map<std::string, double> fields;
      collect(json.at("costs"), "", fields);
      result.costs = costs_of(std::move(fields), path, "/costs/");
      if (result.accuracy) result.costs->fields["accuracy"] = *result.accuracy;
    }
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const InputError&) {
    return std::nullopt;
  }
  return result;
}

Costs read_measured_costs(const std::string& path) {
  try {
    const Json json = Json::parse(read_file(path));
    std::map<std::string, double> fields;
    for (std::size_t i = 0; json.contains("area") && i < sim::kNumComponents; ++i)
      fields[std::string("area.") + sim::component_name(static_cast<sim::Component>(i))] = 0;
    collect(json, "", fields);
    fields.erase("version");
    for (const auto& [key, value] : json.at("summary").items()) {
      fields.erase("summary." + key);
      if (value.is_number()) fields[key] = value.get<double>();
    }
    if (json.contains("tiles")) {
      double tiles = 0, crossbars = 0;
      for (const Json& tile : json["tiles"]) {
        tiles += tile.at("layers").empty() ? 0 : 1;
        crossbars += tile.at("crossbars_used").get<double>();
      }
      fields["tiles"] = tiles;
      fields["crossbars"] = crossbars;
    }
    return costs_of(std::move(fields), path, "/summary/");
  } catch (const Json::exception& error) {
    throw InputError(path, "/summary", error.what(), "a measurement of spikeloop-sim");
  }
}

}  // namespace spikeloop::nas
