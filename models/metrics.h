#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What is known of a training epoch by epoch, as files. Plain C++, no LibTorch. Apart from times.jsonl every
/// file is a function of options and seed alone.
namespace spikeloop::models {

struct EpochMetrics {
  std::int64_t epoch = 0;                     ///< 1, 2, ...
  std::int64_t step = 0;                      ///< optimiser steps done at its end
  double lr = 0;                              ///< of its last step
  double train_loss = 0, train_accuracy = 0;  ///< means over the epoch's augmented samples, while training
  std::optional<double> validation_loss, validation_accuracy;
};

/// A JSON object per epoch and line; doubles read back exactly, absent values are null.
std::string metrics_jsonl(const std::vector<EpochMetrics>& metrics);
std::vector<EpochMetrics> metrics_from_jsonl(const std::string& text);
/// With a header; absent values are empty.
std::string metrics_csv(const std::vector<EpochMetrics>& metrics);

/// Loss, accuracy and learning rate over the epochs: one self-contained HTML page with SVG curves.
std::string training_page(const std::string& title, const std::vector<EpochMetrics>& metrics);

/// Writes metrics.jsonl, metrics.csv and training.html into `folder`, each atomically.
void write_metrics(const std::string& folder, const std::string& title,
                   const std::vector<EpochMetrics>& metrics);

/// Wall time of epoch `epoch`, into times.jsonl of `folder`: kept apart from what is deterministic. Lines of
/// later epochs, left by a run that was resumed from before them, are dropped.
void write_time(const std::string& folder, std::int64_t epoch, double seconds, double images_per_s);

}  // namespace spikeloop::models
