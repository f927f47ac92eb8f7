#include "models/metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

using Json = nlohmann::json;

Json json_of(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

std::optional<double> optional_of(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

/// Shortest text that reads back as the same number.
std::string exact(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

}  // namespace

std::string metrics_jsonl(const std::vector<EpochMetrics>& metrics) {
  std::string text;
  for (const EpochMetrics& m : metrics)
    text += Json{{"epoch", m.epoch},
                 {"step", m.step},
                 {"lr", m.lr},
                 {"train_loss", m.train_loss},
                 {"train_accuracy", m.train_accuracy},
                 {"validation_loss", json_of(m.validation_loss)},
                 {"validation_accuracy", json_of(m.validation_accuracy)}}
                .dump() +
            '\n';
  return text;
}

std::vector<EpochMetrics> metrics_from_jsonl(const std::string& text) {
  std::vector<EpochMetrics> metrics;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    EpochMetrics m;
    json.at("epoch").get_to(m.epoch);
    json.at("step").get_to(m.step);
    json.at("lr").get_to(m.lr);
    json.at("train_loss").get_to(m.train_loss);
    json.at("train_accuracy").get_to(m.train_accuracy);
    m.validation_loss = optional_of(json.at("validation_loss"));
    m.validation_accuracy = optional_of(json.at("validation_accuracy"));
    metrics.push_back(m);
  }
  return metrics;
}

std::string metrics_csv(const std::vector<EpochMetrics>& metrics) {
  std::string text = "epoch,step,lr,train_loss,train_accuracy,validation_loss,validation_accuracy\n";
  const auto or_empty = [](const std::optional<double>& value) { return value ? exact(*value) : ""; };
  for (const EpochMetrics& m : metrics)
    text += std::to_string(m.epoch) + ',' + std::to_string(m.step) + ',' + exact(m.lr) + ',' +
            exact(m.train_loss) + ',' + exact(m.train_accuracy) + ',' + or_empty(m.validation_loss) + ',' +
            or_empty(m.validation_accuracy) + '\n';
  return text;
}

void write_metrics(const std::string& folder, const std::string& title,
                   const std::vector<EpochMetrics>& metrics) {
  write_file(folder + "/metrics.jsonl", metrics_jsonl(metrics));
  write_file(folder + "/metrics.csv", metrics_csv(metrics));
  write_file(folder + "/training.html", training_page(title, metrics));
}

void write_time(const std::string& folder, std::int64_t epoch, double seconds, double images_per_s) {
  const std::string path = folder + "/times.jsonl";
  std::string text;
  if (epoch > 1 && std::filesystem::exists(path)) {
    std::istringstream before(read_file(path));
    std::string line;
    for (std::int64_t i = 1; i < epoch && std::getline(before, line); ++i) text += line + '\n';
  }
  text += Json{{"epoch", epoch}, {"seconds", seconds}, {"images_per_s", images_per_s}}.dump() + '\n';
  write_file(path, text);
}

}  // namespace spikeloop::models
