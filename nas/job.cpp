#include "nas/job.h"

#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

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
  if (result.costs)
    for (const Cost cost : kAllCosts) json["costs"][unit_key(cost)] = result.costs->get(cost);
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
      result.costs.emplace();
      for (const Cost cost : kAllCosts)
        result.costs->set(cost, json.at("costs").at(unit_key(cost)).get<double>());
    }
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  return result;
}

Costs read_measured_costs(const std::string& path) {
  try {
    const Json json = Json::parse(read_file(path));
    Costs costs;
    for (const Cost cost : kAllCosts) {
      const auto value = json.at("summary").at(unit_key(cost)).get<double>();
      if (!std::isfinite(value) || value < 0)
        throw InputError(path, std::string("/summary/") + unit_key(cost), json.at("summary").dump(),
                         "numbers of 0 or more");
      costs.set(cost, value);
    }
    return costs;
  } catch (const Json::exception& error) {
    throw InputError(path, "/summary", error.what(), "a measurement of spikeloop-sim");
  }
}

}  // namespace spikeloop::nas
