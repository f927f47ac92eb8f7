#include "nas/evaluator.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "traces/support/error.h"

namespace spikeloop::nas {

using Json = nlohmann::json;

std::string request_json(const EvaluationJob& job, const std::string& directory, std::int64_t samples) {
  Json set = Json::object();
  for (const auto& [path, value] : job.places.overrides) set[path] = value;
  for (const auto& [path, value] : design_of(job.settings, parse_candidate(job.genotype, "candidate")).chip)
    set[path] = value;
  return Json{{"format", "spikeloop.request"},
              {"version", 1},
              {"stage", to_string(job.stage)},
              {"candidate", job.genotype},
              {"network", directory + "/network.nir"},
              {"trace", directory + "/trace.h5"},
              {"samples", samples},
              {"chip", {{"file", job.places.hw}, {"set", set}}}}
             .dump(1) +
         '\n';
}

Answer parse_answer(const std::string& text) {
  const auto fail = [](const std::string& place, const std::string& found, const std::string& expected) {
    return InputError("evaluator", place, found, expected);
  };
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw fail("answer", '"' + text.substr(0, 60) + '"', "one JSON object");
  if (json.contains("error")) throw std::runtime_error("evaluator: " + json.at("error").dump());
  Answer answer;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      throw fail("answer, " + key, value.dump(), "a number");
    const double number = value.get<double>();
    if (key == "accuracy") {
      if (number < 0 || number > 1) throw fail("answer, accuracy", value.dump(), "0 to 1");
      answer.accuracy = number;
    } else {
      answer.costs.fields[key] = number;
    }
  }
  for (const Cost cost : kAllCosts) {
    const auto field = answer.costs.fields.find(unit_key(cost));
    if (field == answer.costs.fields.end()) throw fail("answer", "no " + std::string(unit_key(cost)), "it");
    if (field->second < 0) throw fail("answer, " + field->first, std::to_string(field->second), "0 or more");
    answer.costs.set(cost, field->second);
    answer.costs.fields.erase(field);
  }
  return answer;
}

}  // namespace spikeloop::nas
