#include "nas/score_study.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <ctime>
#include <exception>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "nas/genotype.h"
#include "nas/surrogate.h"
#include "traces/support/error.h"
#include "traces/support/progress.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

// Streams of the study's seed.
constexpr std::uint64_t kCells = 1, kWeights = 2;

struct Cell {
  const TableRow* row = nullptr;
  models::CellMatrix cell{};  ///< canonical
};

std::string text_of(const models::CellMatrix& cell) { return models::to_text(cell, cell); }

/// Connected cells in a random order, of each canonical form the first.
std::vector<Cell> shuffled_cells(const Table& table, std::uint64_t seed) {
  std::vector<Cell> cells;
  for (const TableRow& row : table.rows)
    if (row.connected) cells.push_back({&row, canonical(row.cell)});
  RandomStream random(seed);
  for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[random.below(i)]);
  std::set<std::string> known;
  const auto again = [&](const Cell& cell) { return !known.insert(text_of(cell.cell)).second; };
  cells.erase(std::remove_if(cells.begin(), cells.end(), again), cells.end());
  return cells;
}

double cpu_seconds() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Scored {
  std::vector<Score> scores;
  double cpu_s = 0;  ///< per cell
};

Scored score_cells(const std::vector<Cell>& cells, const models::Dataset& dataset,
                   const ScoreOptions& fidelity, const ScoreStudyOptions& options, const std::string& what) {
  const Scorer scorer(dataset, fidelity);
  Progress progress(what, static_cast<std::int64_t>(cells.size()), "cells", options.quiet);
  Scored scored;
  scored.scores.resize(cells.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;  // of what follows
  double cpu_s = 0;
  std::exception_ptr error;
  const auto work = [&] {
    const double before = cpu_seconds();
    try {
      for (std::size_t i = next++; i < cells.size(); i = next++) {
        models::SnasnetSpec spec = options.spec;
        spec.cell1 = spec.cell2 = cells[i].cell;
        scored.scores[i] = scorer.score(spec);
        const std::lock_guard lock(mutex);
        progress.advance();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      next = cells.size();
    }
    const std::lock_guard lock(mutex);
    cpu_s += cpu_seconds() - before;
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < options.jobs; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
  scored.cpu_s = cpu_s / static_cast<double>(std::max<std::size_t>(cells.size(), 1));
  return scored;
}

std::vector<double> column(const std::vector<Score>& scores, const std::string& name) {
  std::vector<double> values;
  for (const Score& score : scores) values.push_back(value(name, score));
  return values;
}

ScoreResult compared(const std::string& name, const std::vector<double>& values,
                     const std::vector<double>& accuracies) {
  ScoreResult result;
  result.score = name;
  result.tau = kendall_tau_b(values, accuracies);
  result.rho = spearman_rho(values, accuracies);
  result.tau_95 = tau_interval(result.tau, static_cast<std::int64_t>(values.size()));
  return result;
}

/// Structure, and behind it these scores where there are any; what is not finite becomes the lowest that is.
std::vector<Features> features_of_all(const std::vector<Cell>& cells, const std::vector<Score>* scores,
                                      const Space& space) {
  std::vector<Features> features;
  for (const Cell& cell : cells) {
    Candidate candidate;
    candidate.cell1 = candidate.cell2 = cell.cell;
    features.push_back(features_of(candidate, space));
  }
  if (scores == nullptr) return features;
  for (const char* name : {"sahd", "hamming", "active_share", "firing_rate"}) {
    const std::vector<double> values = column(*scores, name);
    double lowest = std::numeric_limits<double>::infinity();
    for (const double one : values)
      if (std::isfinite(one)) lowest = std::min(lowest, one);
    if (!std::isfinite(lowest)) lowest = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      features[i].graph.push_back(std::isfinite(values[i]) ? values[i] : lowest);
  }
  return features;
}

/// Predictions for the first `measured` of `features` by a fit to the rest.
std::vector<double> learn(std::vector<Features> features, std::size_t measured,
                          const std::vector<double>& train_accuracies) {
  standardise(features);
  const auto split = features.begin() + static_cast<std::ptrdiff_t>(measured);
  const Surrogate model(std::vector<Features>(split, features.end()), train_accuracies);
  std::vector<double> means;
  for (const auto& prediction : model.predict(std::vector<Features>(features.begin(), split)))
    means.push_back(prediction.mean);
  return means;
}

/// The fidelity that costs most by its numbers.
std::size_t fullest(const ScoreStudyOptions& options) {
  const auto work = [&](const ScoreOptions& f) {
    const double channels = static_cast<double>(f.channels > 0 ? f.channels : options.spec.channels);
    return channels * channels * (f.timesteps > 0 ? f.timesteps : options.spec.timesteps) *
           static_cast<double>(f.batch) * f.repeats / (f.image_shrink * f.image_shrink);
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < options.fidelities.size(); ++i)
    if (work(options.fidelities[i]) > work(options.fidelities[best])) best = i;
  return best;
}

/// What the table itself knows of a cell after some epochs.
void add_published(const std::vector<Cell>& cells, const std::vector<double>& accuracies, ScoreStudy& study) {
  const std::pair<const char*, std::optional<double> TableRow::*> columns[] = {
      {"val_acc_epoch10", &TableRow::val_acc_epoch10},
      {"val_acc_epoch50", &TableRow::val_acc_epoch50},
      {"val_acc_last", &TableRow::val_acc_last}};
  for (const auto& [name, member] : columns) {
    std::vector<double> values;
    for (const Cell& cell : cells)
      if (cell.row->*member) values.push_back(*(cell.row->*member));
    if (values.size() == cells.size()) study.results.push_back(compared(name, values, accuracies));
  }
}

}  // namespace

ScoreStudy study_scores(const Table& table, const Table* train_table, const models::Dataset& dataset,
                        const ScoreStudyOptions& options) {
  const std::vector<Cell> all = shuffled_cells(table, derive_seed(options.seed, kCells));
  const auto available = static_cast<std::int64_t>(all.size());
  if (options.cells < 2 || options.cells > available) {
    throw InputError(table.file, "cells to measure", std::to_string(options.cells),
                     "2 to " + std::to_string(available) + ", the different connected ones");
  }
  if (options.train_cells < 0 || options.train_cells > available - options.cells) {
    throw InputError(table.file, "cells to fit on", std::to_string(options.train_cells),
                     "0 to " + std::to_string(available - options.cells) + ", those that are not measured");
  }
  const auto measured = static_cast<std::size_t>(options.cells);
  const std::vector<Cell> cells(all.begin(), all.begin() + options.cells);
  std::vector<double> accuracies;
  for (const Cell& cell : cells) accuracies.push_back(cell.row->test_acc);
  ScoreStudy study;
  study.cells = options.cells;

  std::vector<ScoreOptions> fidelities = options.fidelities;
  std::vector<Scored> scored;
  for (std::size_t f = 0; f < fidelities.size(); ++f) {
    fidelities[f].seed = derive_seed(options.seed, kWeights);
    scored.push_back(score_cells(cells, dataset, fidelities[f], options, "scores " + std::to_string(f + 1)));
  }
  const std::size_t most = fullest(options);
  for (std::size_t f = 0; f < scored.size(); ++f) {
    for (const std::string& name : score_names()) {
      const bool of_graph =
          name == "convolutions" || name == "lif_modules" || name == "depth" || name == "paths";
      if (of_graph && f > 0) continue;
      const std::vector<double> values = column(scored[f].scores, name);
      ScoreResult result = compared(name, values, accuracies);
      if (!of_graph) {
        result.fidelity = f;
        result.cpu_s = scored[f].cpu_s;
        if (f != most) result.tau_to_fullest = kendall_tau_b(values, column(scored[most].scores, name));
      }
      study.results.push_back(result);
    }
  }
  if (!scored.empty()) {
    for (const Score& score : scored.front().scores) study.not_finite += std::isfinite(score.sahd) ? 0 : 1;
  }

  const auto add_learned = [&](const std::string& name, const Table& from, const std::vector<Cell>& train,
                               bool with_scores) {
    if (train.empty()) return;
    std::vector<double> train_accuracies;
    for (const Cell& cell : train) train_accuracies.push_back(cell.row->test_acc);
    std::vector<Cell> both = cells;
    both.insert(both.end(), train.begin(), train.end());
    std::vector<Score> scores;
    if (with_scores) {
      scores = scored.front().scores;
      const Scored more = score_cells(train, dataset, fidelities.front(), options, "scores to fit on");
      scores.insert(scores.end(), more.scores.begin(), more.scores.end());
    }
    const double before = cpu_seconds();
    auto features = features_of_all(both, with_scores ? &scores : nullptr, table.space);
    const std::vector<double> values = learn(std::move(features), measured, train_accuracies);
    ScoreResult result = compared(name, values, accuracies);
    result.fitted_on = static_cast<std::int64_t>(train.size());
    result.fitted_on_table = from.file;
    result.cpu_s = (cpu_seconds() - before) / static_cast<double>(measured);
    if (with_scores) {
      result.fidelity = 0;
      *result.cpu_s += scored.front().cpu_s;
    }
    study.results.push_back(result);
  };
  const std::vector<Cell> train(all.begin() + options.cells,
                                all.begin() + options.cells + options.train_cells);
  add_learned("learned", table, train, false);
  if (!scored.empty()) add_learned("learned+scores", table, train, true);
  if (train_table != nullptr) {
    std::set<std::string> held_out;
    for (const Cell& cell : cells) held_out.insert(text_of(cell.cell));
    std::vector<Cell> others;
    for (const Cell& cell : shuffled_cells(*train_table, derive_seed(options.seed, kCells)))
      if (held_out.count(text_of(cell.cell)) == 0) others.push_back(cell);
    add_learned("learned elsewhere", *train_table, others, false);
  }
  add_published(cells, accuracies, study);
  return study;
}

}  // namespace spikeloop::nas
