#include "nas/score_study.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <ctime>
#include <exception>
#include <limits>
#include <map>
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

/// Connected cells in a random order.
std::vector<Cell> shuffled_cells(const Table& table, std::uint64_t seed) {
  std::vector<Cell> cells;
  for (const TableRow& row : table.rows)
    if (row.connected) cells.push_back({&row, canonical(row.cell)});
  RandomStream random(seed);
  for (std::size_t i = cells.size(); i > 1; --i) std::swap(cells[i - 1], cells[random.below(i)]);
  return cells;
}

/// Canonical forms with the mean of their rows' test accuracies.
struct Forms {
  std::vector<Cell> cells;
  std::vector<double> accuracies, rows;
};

/// The forms of `cells` that are not in `held_out`.
Forms forms_of(const std::vector<Cell>& cells, const std::vector<Cell>& held_out) {
  std::set<models::CellMatrix> known;
  for (const Cell& cell : held_out) known.insert(cell.cell);
  std::map<models::CellMatrix, std::size_t> places;
  Forms forms;
  for (const Cell& cell : cells) {
    if (known.count(cell.cell) > 0) continue;
    const auto [place, fresh] = places.try_emplace(cell.cell, forms.cells.size());
    if (fresh) {
      forms.cells.push_back(cell);
      forms.accuracies.push_back(0);
      forms.rows.push_back(0);
    }
    forms.accuracies[place->second] += cell.row->test_acc;
    ++forms.rows[place->second];
  }
  for (std::size_t i = 0; i < forms.cells.size(); ++i) forms.accuracies[i] /= forms.rows[i];
  return forms;
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

/// Expected accuracies of `cells` by a fit of their structure to those of `forms`.
std::vector<double> learn(const Space& space, const std::vector<Cell>& cells, const Forms& forms) {
  std::vector<Features> features;
  for (const auto* group : {&cells, &forms.cells})
    for (const Cell& cell : *group) features.push_back(features_of({cell.cell, cell.cell, {}}, space));
  standardise(features);
  const auto split = features.begin() + static_cast<std::ptrdiff_t>(cells.size());
  const Surrogate model(space, {split, features.end()}, forms.accuracies, forms.rows);
  std::vector<double> means;
  for (const auto& prediction : model.predict({features.begin(), split})) means.push_back(prediction.mean);
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
                     "2 to " + std::to_string(available) + ", the connected ones");
  }
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

  for (const ScoreFormula& formula : options.formulas) {
    std::vector<double> values;
    for (const Score& score : scored.front().scores) values.push_back(value(formula, score));
    ScoreResult result = compared(to_text(formula), values, accuracies);
    result.fidelity = 0;
    result.cpu_s = scored.front().cpu_s;
    study.results.push_back(result);
  }

  const auto add_learned = [&](const std::string& name, const Table& from, const Forms& forms) {
    if (forms.cells.empty()) return;
    const double before = cpu_seconds();
    ScoreResult result = compared(name, learn(table.space, cells, forms), accuracies);
    result.fitted_on = static_cast<std::int64_t>(forms.cells.size());
    result.fitted_on_table = from.file;
    result.cpu_s = (cpu_seconds() - before) / static_cast<double>(cells.size());
    study.results.push_back(result);
  };
  const std::vector<Cell> others(all.begin() + options.cells, all.end());
  Forms forms = forms_of(others, cells);
  if (options.train_cells) {
    const std::size_t found = forms.cells.size();
    if (*options.train_cells < 0 || static_cast<std::size_t>(*options.train_cells) > found)
      throw InputError(table.file, "cells to fit on", std::to_string(*options.train_cells),
                       "0 to " + std::to_string(found) + ", the forms that are not measured");
    for (auto* values : {&forms.accuracies, &forms.rows})
      values->resize(static_cast<std::size_t>(*options.train_cells));
    forms.cells.resize(static_cast<std::size_t>(*options.train_cells));
  }
  add_learned("learned", table, forms);
  if (train_table != nullptr)
    add_learned("learned elsewhere", *train_table,
                forms_of(shuffled_cells(*train_table, derive_seed(options.seed, kCells)), cells));
  add_published(cells, accuracies, study);
  return study;
}

}  // namespace spikeloop::nas
