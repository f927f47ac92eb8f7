#include "tools/sweep/table.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "sim/config/chip_fields.h"
#include "sim/config/text_format.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::tools {
namespace {

using Json = nlohmann::ordered_json;
using Numbers = std::vector<std::pair<std::string, double>>;

constexpr std::size_t kMostPrintedRows = 60;
constexpr std::size_t kMostMessage = 90;

/// Sums of decimals with six digits behind the point, as measurement files have them, without the error of
/// their binary form.
double rounded(double sum) { return std::round(sum * 1e6) / 1e6; }

/// Whether time was simulated, not only what the crossbars compute (--functional-only).
bool was_replayed(const Json& json) { return json.contains("samples"); }

void add_costs(const Json& json, Numbers& numbers) {
  const Json& samples = json.at("samples");
  const auto count = static_cast<double>(samples.size());
  double cycles = 0;
  double dynamic_pj = 0;
  double leakage_pj = 0;
  for (const Json& sample : samples) {
    cycles += sample.at("cycles").get<double>();
    dynamic_pj += sample.at("dynamic_pj").get<double>();
    leakage_pj += sample.at("leakage_pj").get<double>();
  }
  const Json& summary = json.at("summary");
  const auto latency_ns = summary.at("latency_ns").get<double>();
  const auto energy_pj = summary.at("energy_pj").get<double>();
  numbers.emplace_back("samples", count);
  numbers.emplace_back("cycles", cycles / count);
  numbers.emplace_back("latency_ns", latency_ns);
  numbers.emplace_back("energy_pj", energy_pj);
  numbers.emplace_back("dynamic_pj", rounded(dynamic_pj) / count);
  numbers.emplace_back("leakage_pj", rounded(leakage_pj) / count);
  numbers.emplace_back("edp_pj_ns", energy_pj * latency_ns);
  numbers.emplace_back("area_um2", summary.at("area_um2").get<double>());
  numbers.emplace_back("memory_bytes", summary.at("memory_bytes").get<double>());

  double tiles = 0;
  double crossbars = 0;
  double busy_cycles = 0;
  for (const Json& tile : json.at("tiles")) {
    const auto used = tile.at("crossbars_used").get<double>();
    if (used == 0) continue;
    ++tiles;
    crossbars += used;
    busy_cycles += tile.at("crossbar_busy_cycles").get<double>() / tile.at("copies").get<double>();
  }
  numbers.emplace_back("tiles", tiles);
  numbers.emplace_back("crossbars", crossbars);
  numbers.emplace_back("utilisation", tiles * cycles > 0 ? busy_cycles / (tiles * cycles) : 0);
}

void add_energies(const Json& json, Numbers& numbers) {
  const auto count = static_cast<double>(json.at("samples").size());
  for (const auto& [component, energy] : json.at("energy").items()) {
    const double sum = energy.at("dynamic_pj").get<double>() + energy.at("leakage_pj").get<double>();
    numbers.emplace_back("energy_" + component + "_pj", rounded(sum) / count);
  }
}

void add_accuracy(const Json& json, Numbers& numbers) {
  const Json& functional = json.at("functional");
  if (numbers.empty()) numbers.emplace_back("samples", functional.at("samples").get<double>());
  if (functional.at("accuracy").is_null()) return;  // samples without labels
  for (const char* key : {"correct", "accuracy"}) numbers.emplace_back(key, functional.at(key).get<double>());
}

/// All columns of numbers, in the order of the first row that has them.
std::vector<std::string> columns_of(const std::vector<SweepRow>& rows) {
  std::vector<std::string> columns;
  for (const SweepRow& row : rows) {
    for (const auto& number : row.numbers) {
      if (std::find(columns.begin(), columns.end(), number.first) == columns.end())
        columns.push_back(number.first);
    }
  }
  return columns;
}

/// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// A value as it would stand in a chip's file.
Json json_value(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() ? value : Json(text);
}

/// Smaller is better for each.
std::vector<double> objectives(const SweepRow& row, bool accuracy) {
  std::vector<double> values;
  for (const char* column : {"latency_ns", "energy_pj", "area_um2"}) {
    if (const double* value = row.find(column)) values.push_back(*value);
  }
  if (accuracy) values.push_back(-*row.find("accuracy"));
  return values;
}

bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.empty()) return false;
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

struct TextColumn {
  std::string title;
  bool at_left;
  std::vector<std::string> cells;
};

/// Without the file's name, which is the same in most rows, and not too long.
std::string shortened(const std::string& message) {
  const std::size_t colon = message.find(": ");
  const std::string text = colon == std::string::npos ? message : message.substr(colon + 2);
  return text.size() <= kMostMessage ? text : text.substr(0, kMostMessage - 3) + "...";
}

/// A number with the unit's prefix: 1234.5 ns -> "1.23 us".
std::string with_unit(const SweepRow& row, const char* column, double factor, const char* unit) {
  const double* value = row.find(column);
  return value == nullptr ? "" : sim::scaled(*value * factor) + unit;
}

std::string percent(const SweepRow& row, const char* column) {
  const double* value = row.find(column);
  return value == nullptr ? "" : sim::fixed_point(*value * 100, 2) + " %";
}

std::string lines_of(const std::vector<TextColumn>& columns, std::size_t count) {
  std::string text;
  for (std::size_t line = 0; line <= count; ++line) {
    std::string out;
    for (const TextColumn& column : columns) {
      std::size_t width = column.title.size();
      for (const std::string& cell : column.cells) width = std::max(width, cell.size());
      const std::string& cell = line == 0 ? column.title : column.cells[line - 1];
      out += (out.empty() ? "" : "  ") + (column.at_left ? sim::left(cell, width) : sim::right(cell, width));
    }
    text += out.substr(0, out.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

}  // namespace

const double* SweepRow::find(const std::string& column) const {
  for (const auto& entry : numbers) {
    if (entry.first == column) return &entry.second;
  }
  return nullptr;
}

std::vector<std::pair<std::string, double>> numbers_of(const std::string& measurement_file) {
  try {
    const Json json = Json::parse(read_file(measurement_file));
    Numbers numbers;
    const bool replayed = was_replayed(json);
    if (replayed) add_costs(json, numbers);
    if (json.contains("functional")) add_accuracy(json, numbers);
    if (replayed) add_energies(json, numbers);
    return numbers;
  } catch (const Json::exception& error) {
    throw InputError(measurement_file, "measurement", error.what(), "a measurement of spikeloop-sim");
  }
}

void mark_pareto(std::vector<SweepRow>& rows) {
  const bool accuracy = std::all_of(rows.begin(), rows.end(), [](const SweepRow& row) {
    return !row.measured() || row.find("accuracy") != nullptr;
  });
  std::vector<std::vector<double>> values;
  for (const SweepRow& row : rows)
    values.push_back(row.measured() ? objectives(row, accuracy) : std::vector<double>{});
  // What beats a row comes before it in this order, so comparing with the front is enough.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].pareto = false;
    if (!values[i].empty()) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<std::size_t> front;
  for (const std::size_t i : order) {
    const bool beaten = std::any_of(front.begin(), front.end(),
                                    [&](std::size_t other) { return dominates(values[other], values[i]); });
    if (beaten) continue;
    rows[i].pareto = true;
    front.push_back(i);
  }
}

std::string sweep_csv(const std::vector<Axis>& axes, const std::vector<SweepRow>& rows) {
  const std::vector<std::string> columns = columns_of(rows);
  std::string text = "number";
  for (const Axis& axis : axes) text += ',' + axis.path;
  text += ",status,pareto";
  for (const std::string& column : columns) text += ',' + column;
  text += ",message\n";
  for (const SweepRow& row : rows) {
    text += std::to_string(row.number);
    for (const std::string& value : row.values) text += ',' + csv_field(value);
    text += ',' + row.status + ',' + (row.measured() ? (row.pareto ? "1" : "0") : "");
    for (const std::string& column : columns) {
      const double* value = row.find(column);
      text += ',' + (value == nullptr ? std::string() : sim::number_text(*value));
    }
    text += ',' + csv_field(row.message) + '\n';
  }
  return text;
}

std::string sweep_json(const std::string& identity, const std::vector<Axis>& axes,
                       const std::vector<SweepRow>& rows) {
  Json json{{"format", "spikeloop.sweep"}, {"version", 1}, {"sweep", Json::parse(identity)}};
  json["rows"] = Json::array();
  for (const SweepRow& row : rows) {
    Json line{{"number", row.number}, {"set", Json::object()}, {"status", row.status}};
    for (std::size_t i = 0; i < axes.size(); ++i) line["set"][axes[i].path] = json_value(row.values[i]);
    if (row.measured()) {
      line["pareto"] = row.pareto;
      for (const auto& [column, value] : row.numbers) line[column] = json_value(sim::number_text(value));
    } else {
      line["message"] = row.message;
    }
    json["rows"].push_back(std::move(line));
  }
  // A message may quote bytes that are no UTF-8.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string times_csv(const std::vector<SweepRow>& rows) {
  std::string text = "number,wall_s,max_rss_kb\n";
  for (const SweepRow& row : rows) {
    text += std::to_string(row.number) + ',' + sim::fixed_point(row.wall_s, 3) + ',' +
            std::to_string(row.max_rss_kb) + '\n';
  }
  return text;
}

std::string sweep_text(const std::vector<Axis>& axes, const std::vector<SweepRow>& rows) {
  const bool all = rows.size() <= kMostPrintedRows;
  std::vector<const SweepRow*> shown;
  for (const SweepRow& row : rows) {
    if (all || row.pareto) shown.push_back(&row);
  }
  std::vector<TextColumn> columns;
  const auto add = [&](const std::string& title, bool at_left, auto cell) {
    TextColumn column{title, at_left, {}};
    for (const SweepRow* row : shown) column.cells.push_back(cell(*row));
    const bool any = std::any_of(column.cells.begin(), column.cells.end(),
                                 [](const std::string& text) { return !text.empty(); });
    if (any) columns.push_back(std::move(column));
  };
  add("number", false, [](const SweepRow& row) { return std::to_string(row.number); });
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i].values.size() == 1) continue;
    add(axes[i].path, false, [i](const SweepRow& row) { return row.values[i]; });
  }
  add("latency", false, [](const SweepRow& row) { return with_unit(row, "latency_ns", 1e-9, "s"); });
  add("energy", false, [](const SweepRow& row) { return with_unit(row, "energy_pj", 1e-12, "J"); });
  add("area", false, [](const SweepRow& row) {
    const double* area = row.find("area_um2");
    return area == nullptr ? "" : sim::fixed_point(*area * 1e-6, 4) + " mm2";
  });
  add("EDP", false, [](const SweepRow& row) { return with_unit(row, "edp_pj_ns", 1e-21, "Js"); });
  add("busy", false, [](const SweepRow& row) { return percent(row, "utilisation"); });
  add("accuracy", false, [](const SweepRow& row) { return percent(row, "accuracy"); });
  add("", true, [](const SweepRow& row) -> std::string {
    if (row.measured()) return row.pareto ? "*" : "";
    return row.status + ": " + shortened(row.message);
  });
  std::string text = shown.empty() ? "" : lines_of(columns, shown.size());
  const auto front = std::count_if(rows.begin(), rows.end(), [](const SweepRow& row) { return row.pareto; });
  const auto measured =
      std::count_if(rows.begin(), rows.end(), [](const SweepRow& row) { return row.measured(); });
  text += sim::count_of(static_cast<std::int64_t>(rows.size()), "combination") + ", " +
          sim::grouped(measured) + " measured, " + sim::grouped(front) + " on the Pareto front (*)";
  if (!all) text += "; only these are shown";
  text += '\n';
  if (std::any_of(shown.begin(), shown.end(),
                  [](const SweepRow* row) { return row->find("edp_pj_ns") != nullptr; }))
    text +=
        "EDP: energy x latency; busy: share of the time that a tile's crossbars work, mean of the tiles in "
        "use\n";
  return text;
}

}  // namespace spikeloop::tools
