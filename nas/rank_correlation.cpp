#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "nas/score_study.h"

namespace spikeloop::nas {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

int order(double a, double b) { return a < b ? -1 : (a > b ? 1 : 0); }

std::vector<double> ranks(const std::vector<double>& x) {
  std::vector<std::size_t> by_value(x.size());
  std::iota(by_value.begin(), by_value.end(), std::size_t{0});
  std::stable_sort(by_value.begin(), by_value.end(),
                   [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<double> rank(x.size());
  for (std::size_t begin = 0; begin < x.size();) {
    std::size_t end = begin;
    while (end < x.size() && x[by_value[end]] == x[by_value[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i)
      rank[by_value[i]] = (static_cast<double>(begin) + static_cast<double>(end) - 1) / 2;
    begin = end;
  }
  return rank;
}

}  // namespace

double kendall_tau_b(const std::vector<double>& x, const std::vector<double>& y) {
  std::int64_t sum = 0, in_x = 0, in_y = 0;  // pairs that are no ties
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int a = order(x[i], x[j]), b = order(y[i], y[j]);
      sum += a * b;
      in_x += a != 0 ? 1 : 0;
      in_y += b != 0 ? 1 : 0;
    }
  }
  if (in_x == 0 || in_y == 0) return kNaN;
  return static_cast<double>(sum) / std::sqrt(static_cast<double>(in_x) * static_cast<double>(in_y));
}

double spearman_rho(const std::vector<double>& x, const std::vector<double>& y) {
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return aa == 0 || bb == 0 ? kNaN : ab / std::sqrt(aa * bb);
}

Interval tau_interval(double tau, std::int64_t n) {
  if (n < 5 || std::isnan(tau)) return {kNaN, kNaN};
  if (std::abs(tau) >= 1) return {tau, tau};
  const double half = 1.959963984540054 * std::sqrt(0.437 / (static_cast<double>(n) - 4));
  return {std::tanh(std::atanh(tau) - half), std::tanh(std::atanh(tau) + half)};
}

}  // namespace spikeloop::nas
