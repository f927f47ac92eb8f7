#include "nas/sahd.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "models/batches.h"
#include "models/networks.h"
#include "models/threads.h"
#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

/// Row-major square matrix.
struct Matrix {
  std::int64_t n = 0;
  std::vector<double> a;
  double& at(std::int64_t i, std::int64_t j) { return a[static_cast<std::size_t>(i * n + j)]; }
};

/// log|det| and sign by LU with partial pivoting; replaces `right` by the solution of m x = right if regular.
/// Own code: 64..256 rows, and the same bits whatever LAPACK is installed.
SahdKernel::LogDet factorise(Matrix m, std::vector<double>* right) {
  SahdKernel::LogDet result{0, 1};
  const std::int64_t n = m.n;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::abs(m.at(i, k)) > std::abs(m.at(pivot, k))) pivot = i;
    }
    const double p = m.at(pivot, k);
    if (p == 0) return {-std::numeric_limits<double>::infinity(), 0};
    if (pivot != k) {
      for (std::int64_t j = 0; j < n; ++j) std::swap(m.at(k, j), m.at(pivot, j));
      if (right != nullptr)
        std::swap((*right)[static_cast<std::size_t>(k)], (*right)[static_cast<std::size_t>(pivot)]);
      result.sign = -result.sign;
    }
    result.value += std::log(std::abs(p));
    if (p < 0) result.sign = -result.sign;
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = m.at(i, k) / p;
      if (factor == 0) continue;
      for (std::int64_t j = k + 1; j < n; ++j) m.at(i, j) -= factor * m.at(k, j);
      if (right != nullptr)
        (*right)[static_cast<std::size_t>(i)] -= factor * (*right)[static_cast<std::size_t>(k)];
    }
  }
  if (right == nullptr) return result;
  for (std::int64_t i = n - 1; i >= 0; --i) {
    double& x = (*right)[static_cast<std::size_t>(i)];
    for (std::int64_t j = i + 1; j < n; ++j) x -= m.at(i, j) * (*right)[static_cast<std::size_t>(j)];
    x /= m.at(i, i);
  }
  return result;
}

/// Rows of bits, 64 to a word.
struct BitRows {
  std::int64_t rows = 0, words = 0;
  std::vector<std::uint64_t> bits;
  const std::uint64_t* row(std::int64_t i) const { return bits.data() + i * words; }
};

template <class T>
BitRows pack(const T* data, std::int64_t rows, std::int64_t n) {
  BitRows packed{rows, (n + 63) / 64, {}};
  packed.bits.assign(static_cast<std::size_t>(packed.rows * packed.words), 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (data[i * n + j] != T(0))
        packed.bits[static_cast<std::size_t>(i * packed.words + j / 64)] |= std::uint64_t{1} << (j % 64);
    }
  }
  return packed;
}

std::int64_t count_ones(const std::uint64_t* a, std::int64_t words) {
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < words; ++w) count += __builtin_popcountll(a[w]);
  return count;
}

std::int64_t hamming(const std::uint64_t* a, const std::uint64_t* b, std::int64_t words) {
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < words; ++w) count += __builtin_popcountll(a[w] ^ b[w]);
  return count;
}

/// `count` different records of `n`, chosen by this seed (a partial Fisher-Yates shuffle).
std::vector<std::int64_t> choose(std::int64_t n, std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  RandomStream random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto other = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
  }
  order.resize(static_cast<std::size_t>(count));
  return order;
}

}  // namespace

void SahdKernel::add(const at::Tensor& spikes) {
  const at::Tensor x = spikes.detach().flatten(1).cpu().contiguous();
  const std::int64_t batch = x.size(0), n = x.size(1);
  if (distance_.defined() && distance_.size(0) != batch) {
    throw InputError("SAHD kernel", "batch", std::to_string(batch) + " samples",
                     std::to_string(distance_.size(0)) + " as in the calls before");
  }
  if (!distance_.defined()) distance_ = at::zeros({batch, batch}, at::kDouble);
  BitRows rows;
  if (x.scalar_type() == at::kDouble) {
    rows = pack(x.data_ptr<double>(), batch, n);
  } else if (x.scalar_type() == at::kFloat) {
    rows = pack(x.data_ptr<float>(), batch, n);
  } else {
    const at::Tensor bytes = x.ne(0).to(at::kByte);
    rows = pack(bytes.data_ptr<std::uint8_t>(), batch, n);
  }
  const auto size = static_cast<double>(n);
  std::vector<double> mean(static_cast<std::size_t>(batch));
  for (std::int64_t i = 0; i < batch; ++i) {
    mean[static_cast<std::size_t>(i)] = static_cast<double>(count_ones(rows.row(i), rows.words)) / size;
  }
  auto* d = distance_.data_ptr<double>();
  for (std::int64_t i = 0; i < batch; ++i) {
    for (std::int64_t j = i + 1; j < batch; ++j) {
      const double si = mean[static_cast<std::size_t>(i)], sj = mean[static_cast<std::size_t>(j)];
      const double expected = size * (si * (1 - sj) + (1 - si) * sj);
      const double term =
          0.5 / (expected + 1e-3) * static_cast<double>(hamming(rows.row(i), rows.row(j), rows.words));
      d[i * batch + j] += term;
      d[j * batch + i] += term;
    }
  }
  sum_n_ += size;
  ++calls_;
}

at::Tensor SahdKernel::kernel() const {
  if (calls_ == 0) throw InputError("SAHD kernel", "kernel", "no LIF call", "at least one");
  return (sum_n_ - distance_) / static_cast<double>(calls_);
}

SahdKernel::LogDet SahdKernel::log_det() const {
  if (calls_ == 0) throw InputError("SAHD kernel", "log-determinant", "no LIF call", "at least one");
  const std::int64_t n = distance_.size(0);
  const auto calls = static_cast<double>(calls_);
  Matrix d{n, {}};
  const auto* sum = distance_.data_ptr<double>();
  d.a.assign(sum, sum + n * n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      // Distance 0 means the same spikes in every call: two equal rows of K.
      if (i != j && d.at(i, j) == 0) return {-std::numeric_limits<double>::infinity(), 0};
      d.at(i, j) /= calls;
    }
  }
  // K = N 11^T - D, so det K = det(-D) (1 - N 1^T D^-1 1).
  const double constant = sum_n_ / calls;
  std::vector<double> ones(static_cast<std::size_t>(n), 1.0);
  LogDet result = factorise(d, &ones);
  if (result.sign == 0) {  // D is singular, which K need not be (a single sample)
    for (double& value : d.a) value = constant - value;
    return factorise(d, nullptr);
  }
  double total = 0;
  for (const double value : ones) total += value;
  const double factor = 1 - constant * total;
  if (factor == 0) return {-std::numeric_limits<double>::infinity(), 0};
  if (n % 2 == 1) result.sign = -result.sign;
  if (factor < 0) result.sign = -result.sign;
  result.value += std::log(std::abs(factor));
  return result;
}

models::NeuronObserver in_released_order(const models::SnasnetSpec& spec, models::NeuronObserver told) {
  struct Timestep {
    std::vector<models::ReleasedLif> lifs;
    std::set<std::string> layers;
    std::map<std::string, std::pair<at::Tensor, at::Tensor>> seen;  ///< spikes and membranes
  };
  const auto step = std::make_shared<Timestep>();
  step->lifs = models::released_lifs(spec);
  for (const auto& lif : step->lifs) step->layers.insert(lif.layer);
  return [step, told = std::move(told)](const std::string& layer, int t, const at::Tensor& spikes,
                                        const at::Tensor& membrane) {
    step->seen[layer] = {spikes, membrane};
    if (step->seen.size() < step->layers.size()) return;
    for (const auto& lif : step->lifs) {
      const auto& [s, v] = step->seen.at(lif.layer);
      told(lif.module, t, s, v);
    }
    step->seen.clear();
  };
}

Score score_network(const models::SnasnetSpec& spec, const models::Dataset& dataset,
                    const ScoreOptions& options) {
  const auto& samples = models::size_of(dataset.train) > 0 ? dataset.train : dataset.test;
  const std::int64_t available = models::size_of(samples);
  if (options.batch < 1 || options.batch > available) {
    throw InputError(dataset.name, "scoring batch", std::to_string(options.batch),
                     "1 to " + std::to_string(available) + " images");
  }
  if (options.repeats < 1) {
    throw InputError(dataset.name, "scoring repeats", std::to_string(options.repeats), "at least 1");
  }
  const models::ThreadCount one_thread(1);  // sums in one order
  const at::NoGradGuard no_grad;
  models::SnasnetSpec without_dropout = spec;
  without_dropout.dropout = 0;
  models::GraphNet net(models::snasnet(without_dropout), options.seed);
  net->stepwise = true;
  net->to(at::kDouble);
  net->train();
  Score score;
  score.lif_modules = static_cast<std::int64_t>(models::released_lifs(spec).size());
  for (const auto* cell : {&spec.cell1, &spec.cell2}) {
    for (const auto& row : *cell) {
      score.convolutions += std::count(row.begin(), row.end(), models::Op::kConv1x1) +
                            std::count(row.begin(), row.end(), models::Op::kConv3x3);
    }
  }
  double rate = 0;
  std::int64_t calls = 0;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    SahdKernel kernel;
    net->observer =
        in_released_order(spec, [&](const std::string&, int, const at::Tensor& spikes, const at::Tensor&) {
          kernel.add(spikes);
          rate += spikes.mean().item<double>();
          ++calls;
        });
    const std::uint64_t stream =
        derive_seed(derive_seed(options.seed, 0x5a4d), static_cast<unsigned>(repeat));
    const auto batch = models::read_batch(dataset, *samples, choose(available, options.batch, stream));
    net->forward(batch.input.to(at::kDouble));
    score.sahd += kernel.log_det().value / options.repeats;
  }
  net->observer = nullptr;
  score.firing_rate = rate / static_cast<double>(calls);
  return score;
}

}  // namespace spikeloop::nas
