#include "nas/sahd.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "models/instruction_sets.h"
#include "models/networks.h"
#include "traces/support/error.h"

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
};

constexpr std::int64_t kChunk = 8;  ///< words of a vector; rows are padded with zeros to whole chunks

/// counts[i]: bits of row i. distances[i * rows + j], i < j: bits in which rows i and j differ.
SPIKELOOP_INLINE void count_bits_by(const BitRows& packed, std::int64_t* counts, std::int64_t* distances) {
  const std::int64_t rows = packed.rows, words = packed.words;
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::uint64_t* a = packed.bits.data() + i * words;
    std::int64_t own = 0;
    for (std::int64_t w = 0; w < words; ++w) own += __builtin_popcountll(a[w]);
    counts[i] = own;
    for (std::int64_t j = i + 1; j < rows; ++j) {
      const std::uint64_t* b = packed.bits.data() + j * words;
      std::array<std::int64_t, kChunk> differ{};
      for (std::int64_t w = 0; w < words; w += kChunk) {
        for (std::int64_t k = 0; k < kChunk; ++k)
          differ[static_cast<std::size_t>(k)] += __builtin_popcountll(a[w + k] ^ b[w + k]);
      }
      std::int64_t sum = 0;
      for (const std::int64_t part : differ) sum += part;
      distances[i * rows + j] = sum;
    }
  }
}

// Counting bits is most of the work: worth an instruction where the machine has one.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx512f,avx512vpopcntdq"))) void count_bits_avx512(const BitRows& packed,
                                                                          std::int64_t* counts,
                                                                          std::int64_t* distances) {
  count_bits_by(packed, counts, distances);
}
__attribute__((target("popcnt"))) void count_bits_popcnt(const BitRows& packed, std::int64_t* counts,
                                                         std::int64_t* distances) {
  count_bits_by(packed, counts, distances);
}
void count_bits(const BitRows& packed, std::int64_t* counts, std::int64_t* distances) {
  if (__builtin_cpu_supports("avx512vpopcntdq")) return count_bits_avx512(packed, counts, distances);
  if (__builtin_cpu_supports("popcnt")) return count_bits_popcnt(packed, counts, distances);
  count_bits_by(packed, counts, distances);
}
#else
void count_bits(const BitRows& packed, std::int64_t* counts, std::int64_t* distances) {
  count_bits_by(packed, counts, distances);
}
#endif

/// Bits that are set in some rows but not in all.
std::int64_t count_varying(const BitRows& packed) {
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < packed.words; ++w) {
    std::uint64_t some = 0, all = ~std::uint64_t{0};
    for (std::int64_t i = 0; i < packed.rows; ++i) {
      const std::uint64_t word = packed.bits[static_cast<std::size_t>(i * packed.words + w)];
      some |= word;
      all &= word;
    }
    count += __builtin_popcountll(some & ~all);
  }
  return count;
}

/// 64 values as bits: as bytes first, which compilers vectorise; the product then collects the low bits of
/// eight.
template <class T>
std::uint64_t bits_of(const T* values) {
  std::array<std::uint8_t, 64> bytes;
  for (std::size_t j = 0; j < 64; ++j) bytes[j] = static_cast<std::uint8_t>(values[j] != T(0));
  std::uint64_t bits = 0;
  for (std::size_t b = 0; b < 8; ++b) {
    std::uint64_t eight = 0;
    for (std::size_t k = 0; k < 8; ++k) eight |= std::uint64_t{bytes[8 * b + k]} << (8 * k);
    bits |= ((eight * 0x0102040810204080ULL) >> 56) << (8 * b);
  }
  return bits;
}

template <class T>
BitRows pack(const T* data, std::int64_t rows, std::int64_t n) {
  BitRows packed{rows, (n + 64 * kChunk - 1) / (64 * kChunk) * kChunk, {}};
  packed.bits.assign(static_cast<std::size_t>(packed.rows * packed.words), 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = data + i * n;
    std::uint64_t* word = packed.bits.data() + i * packed.words;
    std::int64_t begin = 0;
    for (; begin + 64 <= n; begin += 64) *word++ = bits_of(row + begin);
    if (begin == n) continue;
    std::array<T, 64> rest{};
    std::copy(row + begin, row + n, rest.begin());
    *word = bits_of(rest.data());
  }
  return packed;
}

/// log|det| and sign of N 11^T - D.
SahdKernel::LogDet log_det_of(const std::vector<double>& sums, std::int64_t n, double sum_n,
                              std::int64_t calls_count) {
  if (calls_count == 0) throw InputError("SAHD kernel", "log-determinant", "no LIF call", "at least one");
  const auto calls = static_cast<double>(calls_count);
  Matrix d{n, sums};
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      // Distance 0 means the same spikes in every call: two equal rows of K.
      if (i != j && d.at(i, j) == 0) return {-std::numeric_limits<double>::infinity(), 0};
      d.at(i, j) /= calls;
    }
  }
  // K = N 11^T - D, so det K = det(-D) (1 - N 1^T D^-1 1).
  const double constant = sum_n / calls;
  std::vector<double> ones(static_cast<std::size_t>(n), 1.0);
  SahdKernel::LogDet result = factorise(d, &ones);
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

}  // namespace

void SahdKernel::add(const at::Tensor& spikes, std::int64_t calls) {
  at::Tensor x = spikes.detach().cpu();
  if (x.scalar_type() != at::kDouble && x.scalar_type() != at::kFloat) x = x.ne(0).to(at::kByte);
  const std::int64_t batch = x.size(0), n = x.numel() / std::max<std::int64_t>(batch, 1);
  if (calls_ > 0 && batch_ != batch) {
    throw InputError("SAHD kernel", "batch", std::to_string(batch) + " samples",
                     std::to_string(batch_) + " as in the calls before");
  }
  batch_ = batch;
  const auto entries = static_cast<std::size_t>(batch * batch);
  distance_.resize(entries);
  hamming_.resize(entries);
  // The order of neurons is nothing to a distance: channels-last samples are taken as they lie.
  if (!(x.is_non_overlapping_and_dense() && (batch == 1 || x.stride(0) == n))) x = x.contiguous();
  const BitRows rows = x.scalar_type() == at::kDouble  ? pack(x.data_ptr<double>(), batch, n)
                       : x.scalar_type() == at::kFloat ? pack(x.data_ptr<float>(), batch, n)
                                                       : pack(x.data_ptr<std::uint8_t>(), batch, n);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(batch)), distances(entries);
  count_bits(rows, counts.data(), distances.data());
  const auto size = static_cast<double>(n), times = static_cast<double>(calls);
  double rate = 0;
  for (std::int64_t i = 0; i < batch; ++i) {
    const double si = static_cast<double>(counts[static_cast<std::size_t>(i)]) / size;
    rate += si / static_cast<double>(batch);
    for (std::int64_t j = i + 1; j < batch; ++j) {
      const auto upper = static_cast<std::size_t>(i * batch + j);
      const auto lower = static_cast<std::size_t>(j * batch + i);
      const double sj = static_cast<double>(counts[static_cast<std::size_t>(j)]) / size;
      const double expected = size * (si * (1 - sj) + (1 - si) * sj);
      const auto differ = static_cast<double>(distances[upper]);
      const double term = times * (0.5 / (expected + 1e-3) * differ);
      distance_[upper] += term;
      distance_[lower] += term;
      hamming_[upper] += times * differ;
      hamming_[lower] += times * differ;
    }
  }
  rates_ += times * rate;
  active_ += times * static_cast<double>(count_varying(rows)) / size;
  sum_n_ += times * size;
  calls_ += calls;
}

void SahdKernel::add(const SahdKernel& other) {
  if (other.calls_ == 0) return;
  if (calls_ == 0) {
    *this = other;
    return;
  }
  if (batch_ != other.batch_) {
    throw InputError("SAHD kernel", "batch", std::to_string(other.batch_) + " samples",
                     std::to_string(batch_) + " as in the calls before");
  }
  for (std::size_t i = 0; i < distance_.size(); ++i) {
    distance_[i] += other.distance_[i];
    hamming_[i] += other.hamming_[i];
  }
  sum_n_ += other.sum_n_;
  rates_ += other.rates_;
  active_ += other.active_;
  calls_ += other.calls_;
}

at::Tensor SahdKernel::kernel() const {
  if (calls_ == 0) throw InputError("SAHD kernel", "kernel", "no LIF call", "at least one");
  at::Tensor k = at::empty({batch_, batch_}, at::kDouble);
  for (std::int64_t i = 0; i < batch_ * batch_; ++i)
    k.data_ptr<double>()[i] = (sum_n_ - distance_[static_cast<std::size_t>(i)]) / static_cast<double>(calls_);
  return k;
}

SahdKernel::LogDet SahdKernel::log_det() const { return log_det_of(distance_, batch_, sum_n_, calls_); }
SahdKernel::LogDet SahdKernel::hamming_log_det() const {
  return log_det_of(hamming_, batch_, sum_n_, calls_);
}
double SahdKernel::firing_rate() const { return rates_ / static_cast<double>(calls_); }
double SahdKernel::active_share() const { return active_ / static_cast<double>(calls_); }

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

}  // namespace spikeloop::nas
