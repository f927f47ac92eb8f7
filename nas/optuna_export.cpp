#include "nas/optuna_export.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "nas/search_report.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::nas {
namespace {

using Json = nlohmann::json;

/// As Optuna 5.0 creates it.
const char* const kSchema = R"(
CREATE TABLE studies (study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id));
CREATE TABLE version_info (version_info_id INTEGER NOT NULL, schema_version INTEGER,
  library_version VARCHAR(256), PRIMARY KEY (version_info_id), CHECK (version_info_id=1));
CREATE TABLE study_directions (study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL,
  study_id INTEGER NOT NULL, objective INTEGER NOT NULL, PRIMARY KEY (study_direction_id),
  UNIQUE (study_id, objective), FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_user_attributes (study_user_attribute_id INTEGER NOT NULL, study_id INTEGER,
  "key" VARCHAR(512), value_json TEXT, PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER NOT NULL, study_id INTEGER,
  "key" VARCHAR(512), value_json TEXT, PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trials (trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER, state VARCHAR(8) NOT NULL,
  datetime_start DATETIME, datetime_complete DATETIME, PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trial_user_attributes (trial_user_attribute_id INTEGER NOT NULL, trial_id INTEGER,
  "key" VARCHAR(512), value_json TEXT, PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_system_attributes (trial_system_attribute_id INTEGER NOT NULL, trial_id INTEGER,
  "key" VARCHAR(512), value_json TEXT, PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_params (param_id INTEGER NOT NULL, trial_id INTEGER, param_name VARCHAR(512),
  param_value FLOAT, distribution_json TEXT, PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_values (trial_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
  objective INTEGER NOT NULL, value FLOAT, value_type VARCHAR(7) NOT NULL, PRIMARY KEY (trial_value_id),
  UNIQUE (trial_id, objective), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER NOT NULL,
  trial_id INTEGER NOT NULL, step INTEGER NOT NULL, intermediate_value FLOAT,
  intermediate_value_type VARCHAR(7) NOT NULL, PRIMARY KEY (trial_intermediate_value_id),
  UNIQUE (trial_id, step), FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_heartbeats (trial_heartbeat_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
  heartbeat DATETIME NOT NULL, PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
INSERT INTO version_info VALUES (1, 12, '5.0.0');
INSERT INTO alembic_version VALUES ('v3.2.0.a');
)";

/// The categories of a parameter, and the one a candidate has.
struct Parameter {
  std::string name;
  Json value;
};

class Writer {
 public:
  explicit Writer(SQLite::Database& database) : database_(database) {}
  template <class... Values>
  void insert(const char* table, const Values&... values) {
    std::string marks = "?";
    for (std::size_t i = 1; i < sizeof...(Values); ++i) marks += ",?";
    SQLite::Statement statement(database_, std::string("INSERT INTO ") + table + " VALUES (" + marks + ')');
    int index = 0;
    (bind(statement, ++index, values), ...);
    statement.exec();
  }
  /// A row of one of the four tables of attributes; `owner`: of the trial or the study.
  void attribute(const char* table, std::int64_t owner, const std::string& key, const Json& value) {
    insert(table, std::optional<std::int64_t>(), owner, key, value.dump());
  }

 private:
  template <class T>
  static void bind(SQLite::Statement& statement, int index, const T& value) {
    statement.bind(index, value);
  }
  template <class T>
  static void bind(SQLite::Statement& statement, int index, const std::optional<T>& value) {
    if (value) statement.bind(index, *value);
  }
  SQLite::Database& database_;
};

constexpr std::int64_t kStudyId = 1;
const std::optional<std::int64_t> kNextId;  // SQLite's own numbering

/// "zero", "conv3x3(0.5)"; a super-cell's edge as "skip+conv3x3".
std::string text_of(const models::CellOp& edge) {
  std::string text;
  for (const models::CellOp& op : models::operations(edge))
    text += (text.empty() ? "" : "+") + to_text(std::vector{op});
  return text.empty() ? "zero" : text;
}

/// An axis' value as the number it is.
Json typed(const std::string& text) {
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (std::from_chars(text.data(), end, integer).ptr == end) return integer;
  double real = 0;
  if (std::from_chars(text.data(), end, real).ptr == end) return real;
  return text;
}

std::vector<Parameter> parameters_of(const Candidate& candidate, const Space& space, bool two_cells) {
  std::vector<Parameter> parameters;
  const auto add_cell = [&](const char* name, const models::CellMatrix& cell) {
    for (std::size_t from = 0; from < cell.size(); ++from)
      for (std::size_t to = 0; to < cell.size(); ++to) {
        if (from == to || (from > to && space.cell_type == CellType::kForward)) continue;
        parameters.push_back({std::string(name) + '.' + std::to_string(from) + '>' + std::to_string(to),
                              text_of(cell[from][to])});
      }
  };
  add_cell("cell1", candidate.cell1);
  if (two_cells) add_cell("cell2", candidate.cell2);
  for (const auto& [name, value] : candidate.choices) parameters.push_back({name, typed(value)});
  return parameters;
}

/// By parameter: the space's, then what candidates have besides, in the order of the trials.
class Categories {
 public:
  Categories(const Space& space, const std::vector<std::vector<Parameter>>& candidates) {
    Json ops = Json::array({"zero"});
    for (const models::CellOp& op : space.ops)
      if (op != models::Op::kZero) ops.push_back(text_of(op));
    for (const Axis& axis : space.axes)
      for (const std::string& value : axis.values) add(axis.name, typed(value));
    for (const auto& parameters : candidates)
      for (const Parameter& parameter : parameters) {
        const bool edge = parameter.name.find('>') != std::string::npos;
        if (edge) categories_.try_emplace(parameter.name, ops);
        add(parameter.name, parameter.value);
      }
  }
  std::string distribution(const std::string& name) const {
    return Json{{"name", "CategoricalDistribution"}, {"attributes", {{"choices", categories_.at(name)}}}}
        .dump();
  }
  double index(const Parameter& parameter) const {
    const Json& all = categories_.at(parameter.name);
    return static_cast<double>(std::find(all.begin(), all.end(), parameter.value) - all.begin());
  }

 private:
  void add(const std::string& name, const Json& value) {
    Json& all = categories_.try_emplace(name, Json::array()).first->second;
    if (std::find(all.begin(), all.end(), value) == all.end()) all.push_back(value);
  }
  std::map<std::string, Json> categories_;
};

/// Accuracy and the four costs; empty: not all of them are known.
std::vector<double> objectives(const Trial& trial) {
  const auto accuracy = latest_accuracy(trial);
  const auto costs = latest_costs(trial);
  if (!accuracy || !costs || !trial.measured) return {};
  std::vector<double> values{*accuracy};
  for (const Cost cost : kAllCosts) values.push_back(costs->get(cost));
  const bool finite = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  return finite ? values : std::vector<double>{};
}

const char* state_of(const Trial& trial, bool complete) {
  switch (trial.state) {
    case TrialState::kComplete:
    case TrialState::kInfeasible:
      return complete ? "COMPLETE" : "PRUNED";
    default:
      return to_string(trial.state);
  }
}

/// Absent when nothing is known that a limit could be held to.
std::optional<Json> constraints_of(const Trial& trial, const Limits& limits) {
  const bool misfit = trial.state == TrialState::kInfeasible && trial.limits_exceeded.empty();
  const auto costs = latest_costs(trial);
  if (!misfit && !costs) return std::nullopt;
  Json constraints = Json::array({misfit ? 1 : 0});
  for (const Limit& limit : limits) {
    const auto value = costs ? costs->find(limit.field) : std::nullopt;
    const bool only_bound = !trial.measured && !trial.provisional && cost_of(limit.field);
    double excess = value ? relative_excess(limit, *value) : 0;
    if (!std::isfinite(excess)) excess = 1;  // not a number breaks its limit, and JSON knows none such
    constraints.push_back(only_bound && limit.side == Limit::Side::kAtLeast ? 0 : excess);
  }
  return constraints;
}

Json json_of(const Costs& costs) {
  Json json = costs.fields;
  for (const Cost cost : kAllCosts) json[unit_key(cost)] = costs.get(cost);
  return json;
}

std::vector<std::pair<std::string, Json>> user_attributes(const Trial& trial) {
  std::vector<std::pair<std::string, Json>> all{{"genotype", trial.genotype},
                                                {"hash", trial.hash},
                                                {"round", trial.round},
                                                {"state", to_string(trial.state)},
                                                {"stage", to_string(trial.stage)}};
  if (!trial.reason.empty()) all.emplace_back("reason", trial.reason);
  if (!trial.limits_exceeded.empty()) all.emplace_back("limits_exceeded", trial.limits_exceeded);
  if (trial.score) all.emplace_back("score", *trial.score);
  for (const auto& [name, value] : trial.scores) all.emplace_back("score:" + name, value);
  const std::array<std::pair<const char*, const std::optional<Costs>*>, 4> stages{
      {{"bound", &trial.bound},
       {"provisional", &trial.provisional},
       {"measured", &trial.measured},
       {"final", &trial.final_measured}}};
  for (const auto& [stage, costs] : stages)
    if (*costs) all.emplace_back(stage, json_of(**costs));
  return all;
}

std::string date_time(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm fields{};
  gmtime_r(&whole, &fields);
  char text[64], fraction[16];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &fields);
  std::snprintf(fraction, sizeof fraction, ".%06d",
                static_cast<int>((seconds - static_cast<double>(whole)) * 1e6));
  return std::string(text) + fraction;
}

void write_study(Writer& out, const OptunaStudy& study) {
  out.insert("studies", kStudyId, study.name);
  Json names = Json::array({"accuracy"}), constraints = Json::array({"fit"});
  for (const Cost cost : kAllCosts) names.emplace_back(unit_key(cost));
  for (const Limit& limit : study.limits) constraints.push_back(to_text(limit));
  for (std::size_t i = 0; i < names.size(); ++i)
    out.insert("study_directions", kNextId, i == 0 ? "MAXIMIZE" : "MINIMIZE", kStudyId,
               static_cast<std::int64_t>(i));
  out.attribute("study_system_attributes", kStudyId, "study:metric_names", names);
  out.attribute("study_user_attributes", kStudyId, "constraints", constraints);
  out.attribute("study_user_attributes", kStudyId, "settings", Json::parse(study.settings_json));
}

void write_trial(Writer& out, const Trial& trial, const std::vector<Parameter>& parameters,
                 const Categories& categories, const Limits& limits, double start_s, double end_s) {
  const std::int64_t id = trial.number + 1;
  const std::vector<double> values = objectives(trial);
  const bool started = trial.state != TrialState::kWaiting;
  const bool ended = started && trial.state != TrialState::kRunning;
  const std::string state = state_of(trial, !values.empty());
  out.insert("trials", id, trial.number, kStudyId, state,
             started ? std::optional(date_time(start_s)) : std::nullopt,
             ended ? std::optional(date_time(end_s)) : std::nullopt);
  for (const Parameter& parameter : parameters)
    out.insert("trial_params", kNextId, id, parameter.name, categories.index(parameter),
               categories.distribution(parameter.name));
  if (state == "COMPLETE")
    for (std::size_t i = 0; i < values.size(); ++i)
      out.insert("trial_values", kNextId, id, static_cast<std::int64_t>(i), values[i], "FINITE");
  for (const auto& [key, value] : user_attributes(trial))
    out.attribute("trial_user_attributes", id, key, value);
  if (const auto constraints = constraints_of(trial, limits))
    out.attribute("trial_system_attributes", id, "constraints", *constraints);
}

}  // namespace

void export_optuna(const std::string& path, const OptunaStudy& study, const std::vector<Trial>& trials,
                   const std::vector<Timing>& timings) {
  if (std::filesystem::exists(path)) throw InputError(path, "write", "a file of this name", "a new one");
  std::vector<Candidate> candidates;
  for (const Trial& trial : trials)
    candidates.push_back(parse_candidate(trial.genotype, "candidate " + std::to_string(trial.number)));
  const bool two_cells =
      !study.space.shared_cell || std::any_of(candidates.begin(), candidates.end(),
                                              [](const Candidate& c) { return c.cell1 != c.cell2; });
  std::vector<std::vector<Parameter>> parameters;
  for (const Candidate& candidate : candidates)
    parameters.push_back(parameters_of(candidate, study.space, two_cells));
  const Categories categories(study.space, parameters);
  std::map<std::int64_t, double> wall_s;
  for (const Timing& timing : timings) wall_s[timing.trial] += timing.wall_s;
  write_atomically(path, [&](const std::string& temporary) {
    std::filesystem::remove(temporary);  // of a run that was killed
    SQLite::Database database(temporary, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Transaction transaction(database);
    database.exec(kSchema);
    Writer out(database);
    write_study(out, study);
    double now_s = 0;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      const double start_s = now_s;
      now_s += wall_s[trials[i].number];
      write_trial(out, trials[i], parameters[i], categories, study.limits, start_s, now_s);
    }
    transaction.commit();
  });
}

}  // namespace spikeloop::nas
