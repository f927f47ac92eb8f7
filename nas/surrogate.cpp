#include "nas/surrogate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/neuron_spec.h"

namespace spikeloop::nas {
namespace {

using models::CellMatrix;
using models::CellOp;
using models::is_convolution;
using models::Op;

constexpr double kEdgeScale = 2.5;
constexpr double kAxisSharpness = 2;
constexpr double kPriorVariance = 2;  ///< of edges and graph together
constexpr double kNoise = 0.2;        ///< variance, of the values' 1
constexpr std::size_t kChunk = 64;    ///< candidates that are predicted together

double threshold_of(const CellOp& op) {
  return op.threshold > 0 ? op.threshold : models::NeuronSpec{}.threshold;
}

double distance(const CellOp& a, const CellOp& b) {
  if (a == b) return 0;
  if (a.also != b.also) return 1;
  if (is_convolution(a) && is_convolution(b))
    return std::min(1.0, 0.5 * std::abs(threshold_of(a) - threshold_of(b)) + (a.op == b.op ? 0.0 : 0.5));
  const auto passes = [](Op op) { return op == Op::kSkip || op == Op::kAvgPool3x3; };
  return passes(a) && passes(b) ? 0.5 : 1;
}

std::uint8_t kind_of(const CellOp& op, const Space& space) {
  if (op == Op::kZero) return 0;
  const auto known = std::find(space.ops.begin(), space.ops.end(), op);
  if (known == space.ops.end()) throw std::logic_error("an operation that the space does not have");
  return static_cast<std::uint8_t>(known - space.ops.begin() + 1);
}

void add_edges(const CellMatrix& cell, const Space& space, std::vector<std::uint8_t>& edges) {
  for (std::size_t from = 0; from < cell.size(); ++from)
    for (std::size_t to = from + 1; to < cell.size(); ++to) edges.push_back(kind_of(cell[from][to], space));
  if (space.cell_type == CellType::kForward) return;
  for (std::size_t from = 0; from < cell.size(); ++from)
    for (std::size_t to = 0; to < from; ++to) edges.push_back(kind_of(cell[from][to], space));
}

/// What decides how well a cell does, as far as one can tell from its graph: its ways from input to output
/// and where its operations lie.
void add_graph(const CellMatrix& cell, const Space& space, std::vector<double>& graph) {
  std::array<double, 4> ways_with{};  // 0, 1, 2, 3 convolutions
  double ways = 0, skip_ways = 0, spiking_ends = 0, longest = 0;
  constexpr std::array<std::array<std::size_t, 4>, 5> kWays{
      {{0, 3, 3, 3}, {0, 1, 3, 3}, {0, 2, 3, 3}, {0, 1, 2, 3}, {0, 2, 1, 3}}};
  for (const auto& way : kWays) {
    std::size_t convolutions = 0;
    bool whole = true, only_skips = true, spikes = false;
    for (std::size_t i = 0; i + 1 < way.size() && way[i] != 3; ++i) {
      const CellOp& op = cell[way[i]][way[i + 1]];
      whole = whole && op != Op::kZero;
      only_skips = only_skips && op == Op::kSkip;
      spikes = is_convolution(op);
      convolutions += spikes ? 1 : 0;
    }
    if (!whole) continue;
    ++ways;
    ++ways_with[convolutions];
    skip_ways += only_skips ? 1 : 0;
    spiking_ends += spikes ? 1 : 0;
    longest = std::max(longest, static_cast<double>(convolutions));
  }
  double convolutions = 0, thresholds = 0, into_output = 0, from_input = 0, inner_skips = 0, backward = 0;
  std::vector<double> ends(space.ops.size()), others(space.ops.size());
  for (std::size_t from = 0; from < cell.size(); ++from) {
    for (std::size_t to = 0; to < cell.size(); ++to) {
      const CellOp& op = cell[from][to];
      if (op == Op::kZero) continue;
      backward += from > to ? 1 : 0;
      inner_skips += op == Op::kSkip && to != 3 ? 1 : 0;
      ++(to == 3 ? ends : others)[kind_of(op, space) - 1U];
      if (!is_convolution(op)) continue;
      ++convolutions;
      thresholds += threshold_of(op);
      into_output += to == 3 ? 1 : 0;
      from_input += from == 0 ? 1 : 0;
    }
  }
  graph.insert(graph.end(), ways_with.begin(), ways_with.end());
  graph.insert(graph.end(), {ways, skip_ways, spiking_ends, longest, longest * longest,
                             longest == 0 ? 1.0 : 0.0, longest >= 2 ? 1.0 : 0.0, convolutions,
                             std::sqrt(convolutions), convolutions > 0 ? thresholds / convolutions : 0,
                             into_output, from_input, inner_skips, backward});
  graph.insert(graph.end(), ends.begin(), ends.end());
  graph.insert(graph.end(), others.begin(), others.end());
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

void add_axis(const Axis& axis, const std::string& chosen, std::vector<double>& axes) {
  double low = 0, high = 0;
  bool numbers = true;
  for (const std::string& text : axis.values) {
    const std::optional<double> value = number_in(text);
    numbers = numbers && value;
    if (!numbers) break;
    low = &text == &axis.values.front() ? *value : std::min(low, *value);
    high = &text == &axis.values.front() ? *value : std::max(high, *value);
  }
  const std::optional<double> value = number_in(chosen);
  if (numbers && value) {
    axes.push_back(high > low ? (*value - low) / (high - low) : 0);
    return;
  }
  for (const std::string& text : axis.values) axes.push_back(text == chosen ? std::sqrt(0.5) : 0);
}

using Row = std::array<double, kChunk>;

/// change(i) for each i below count, in blocks whose length the compiler knows, so that it can use vectors.
template <class Change>
inline void for_each_below(std::size_t count, Change change) {
  constexpr std::size_t kBlock = 8;
  std::size_t i = 0;
  for (; i + kBlock <= count; i += kBlock)
    for (std::size_t k = 0; k < kBlock; ++k) change(i + k);
  for (; i < count; ++i) change(i);
}

void add_squared_distances(const std::vector<double>& to, const std::vector<Row>& of, std::size_t count,
                           Row& sums) {
  double* __restrict sum = sums.data();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const double* __restrict values = of[i].data();
    const double origin = to[i];
    for_each_below(count, [=](std::size_t c) { sum[c] += (values[c] - origin) * (values[c] - origin); });
  }
}

/// to -= factor * from
void subtract(double factor, const Row& from, std::size_t count, Row& to) {
  double* __restrict changed = to.data();
  const double* __restrict values = from.data();
  for_each_below(count, [=](std::size_t c) { changed[c] -= factor * values[c]; });
}

/// Linear between neighbours, of sorted values.
double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double winsor_floor(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  constexpr double kDeviations = 1.6832;  // between the 20th and the 80th percentile of a normal distribution
  const double low = percentile(values, 0.2), high = percentile(values, 0.8);
  return low - (high - low) / kDeviations;
}

}  // namespace

Features features_of(const Candidate& candidate, const Space& space) {
  Features features;
  constexpr std::size_t kMostEdges = 24, kMostNumbers = 64;
  features.edges.reserve(kMostEdges);
  features.graph.reserve(kMostNumbers);
  add_edges(candidate.cell1, space, features.edges);
  add_graph(candidate.cell1, space, features.graph);
  if (!space.shared_cell) {
    add_edges(candidate.cell2, space, features.edges);
    add_graph(candidate.cell2, space, features.graph);
  }
  for (std::size_t i = 0; i < space.axes.size(); ++i)
    add_axis(space.axes[i], candidate.choices.at(i).second, features.axes);
  return features;
}

void standardise(std::vector<Features>& features) {
  if (features.empty()) return;
  const auto count = static_cast<double>(features.size());
  for (std::size_t i = 0; i < features.front().graph.size(); ++i) {
    double mean = 0, square = 0;
    for (const Features& f : features) mean += f.graph[i] / count;
    for (const Features& f : features) square += (f.graph[i] - mean) * (f.graph[i] - mean) / count;
    constexpr double kRounding = 1e-12;
    for (Features& f : features) f.graph[i] = square > kRounding ? f.graph[i] / std::sqrt(square) : 0;
  }
}

double expected_improvement(const Prediction& prediction, double best) {
  const double gain = prediction.mean - best;
  if (!(prediction.deviation > 0)) return std::max(0.0, gain);
  const double z = gain / prediction.deviation;
  const double below = 0.5 * std::erfc(-z / std::sqrt(2.0));
  const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * 3.14159265358979323846);
  return gain * below + prediction.deviation * density;
}

Surrogate::Surrogate(const Space& space, const std::vector<Features>& seen, const std::vector<double>& values,
                     const std::vector<double>& repeats)
    : kinds_(space.ops.size() + 1) {
  if (seen.empty() || seen.size() != values.size()) throw std::logic_error("a value for each seen candidate");
  const auto count = static_cast<double>(values.size());
  const double floor = winsor_floor(values);
  std::vector<double> z = values;
  if (repeats.empty())
    for (double& value : z) value = std::max(value, floor);
  for (const double value : z) mean_ += value / count;
  double square = 0;
  for (const double value : z) square += (value - mean_) * (value - mean_) / count;
  if (square > 0) deviation_ = std::sqrt(square);
  for (double& value : z) value = (value - mean_) / deviation_;

  std::vector<CellOp> kinds{CellOp()};
  kinds.insert(kinds.end(), space.ops.begin(), space.ops.end());
  for (const CellOp& a : kinds)
    for (const CellOp& b : kinds) likeness_.push_back(std::exp(-distance(a, b) / kEdgeScale));
  seen_.reserve(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i)
    add(seen[i], repeats.empty() ? kNoise : kNoise / repeats.at(i));
  weights_ = std::move(z);
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) weights_[i] -= factor_[i][j] * weights_[j];
    weights_[i] /= factor_[i][i];
  }
  for (std::size_t i = weights_.size(); i-- > 0;) {
    weights_[i] /= factor_[i][i];
    for (std::size_t j = 0; j < i; ++j) weights_[j] -= factor_[i][j] * weights_[i];
  }
}

/// Candidates side by side, so that what is done to all of them lies in one row.
struct Surrogate::Chunk {
  Chunk(const Features* first, std::size_t count_of_them) : count(count_of_them) {
    const auto lay = [&](const auto& field_of, auto& rows) {
      rows.resize(field_of(*first).size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t c = 0; c < count; ++c) rows[i][c] = field_of(first[c])[i];
      }
    };
    lay(
        [](const Features& f) -> const auto& { return f.edges; }, edges);
    lay(
        [](const Features& f) -> const auto& { return f.graph; }, graph);
    lay(
        [](const Features& f) -> const auto& { return f.axes; }, axes);
  }
  std::size_t count;
  std::vector<std::array<std::uint8_t, kChunk>> edges;
  std::vector<Row> graph, axes;
};

void Surrogate::covariances(std::size_t index, const Chunk& chunk, double* to) const {
  const Features& seen = seen_[index];
  Row edges, graph{}, axes{};
  edges.fill(1);
  for (std::size_t i = 0; i < seen.edges.size(); ++i) {
    const double* likeness = &likeness_[seen.edges[i] * kinds_];
    for (std::size_t c = 0; c < chunk.count; ++c) edges[c] *= likeness[chunk.edges[i][c]];
  }
  add_squared_distances(seen.graph, chunk.graph, chunk.count, graph);
  add_squared_distances(seen.axes, chunk.axes, chunk.count, axes);
  const auto numbers = static_cast<double>(seen.graph.size());
  for (std::size_t c = 0; c < chunk.count; ++c) {
    to[c] = edges[c] + std::exp(-graph[c] / numbers);
    if (!seen.axes.empty()) to[c] *= std::exp(-kAxisSharpness * axes[c]);
  }
}

void Surrogate::add(const Features& features, double noise) {
  std::vector<double> row(seen_.size() + 1);
  double left = kPriorVariance + noise;
  const Chunk chunk(&features, 1);
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    double value = 0;
    covariances(i, chunk, &value);
    for (std::size_t j = 0; j < i; ++j) value -= factor_[i][j] * row[j];
    row[i] = value / factor_[i][i];
    left -= row[i] * row[i];
  }
  row.back() = std::sqrt(left);  // at least the noise is left
  factor_.push_back(std::move(row));
  seen_.push_back(features);
}

void Surrogate::believe(const Features& features) {
  add(features, kNoise);
  weights_.push_back(0);  // it says nothing that was not said before
}

std::vector<Prediction> Surrogate::predict(const std::vector<Features>& features) const {
  std::vector<Prediction> predictions(features.size());
  std::vector<Row> solved(seen_.size());  // L^-1 of the covariances with the seen ones
  for (std::size_t first = 0; first < features.size(); first += kChunk) {
    const Chunk chunk(&features[first], std::min(kChunk, features.size() - first));
    Row means{}, variances{};
    variances.fill(kPriorVariance + kNoise);
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      Row& row = solved[i];
      covariances(i, chunk, row.data());
      for (std::size_t c = 0; c < chunk.count; ++c) means[c] += row[c] * weights_[i];
      for (std::size_t j = 0; j < i; ++j) subtract(factor_[i][j], solved[j], chunk.count, row);
      for (std::size_t c = 0; c < chunk.count; ++c) {
        row[c] /= factor_[i][i];
        variances[c] -= row[c] * row[c];
      }
    }
    for (std::size_t c = 0; c < chunk.count; ++c)
      predictions[first + c] = {mean_ + deviation_ * means[c],
                                deviation_ * std::sqrt(std::max(variances[c], 0.0))};
  }
  return predictions;
}

}  // namespace spikeloop::nas
