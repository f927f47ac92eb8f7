#include "nas/sahd.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "traces/support/error.h"
#include "traces/support/random.h"

namespace spikeloop::nas {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor random_bits(std::int64_t batch, std::int64_t n, double rate, std::uint64_t seed) {
  at::Tensor x = at::empty({batch, n}, at::kDouble);
  for (std::int64_t i = 0; i < batch * n; ++i) {
    x.data_ptr<double>()[i] = unit(seed, static_cast<std::uint64_t>(i)) < rate ? 1 : 0;
  }
  return x;
}

/// The kernel as the paper writes it, entry by entry.
double kernel_entry(const at::Tensor& x, std::int64_t i, std::int64_t j) {
  const auto n = static_cast<double>(x.size(1));
  double hamming = 0, si = 0, sj = 0;
  for (std::int64_t k = 0; k < x.size(1); ++k) {
    const double a = x[i][k].item<double>(), b = x[j][k].item<double>();
    hamming += a != b ? 1 : 0;
    si += a / n;
    sj += b / n;
  }
  return n - 0.5 / (n * (si * (1 - sj) + (1 - si) * sj) + 1e-3) * hamming;
}

TEST(SahdKernel, EqualsTheDefinitionOverSeveralCalls) {
  const at::Tensor a = random_bits(6, 70, 0.3, 1), b = random_bits(6, 200, 0.1, 2);
  SahdKernel kernel;
  kernel.add(a);
  kernel.add(b.view({6, 2, 10, 10}));
  EXPECT_EQ(kernel.calls(), 2);
  const at::Tensor k = kernel.kernel();
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) {
      EXPECT_NEAR(k[i][j].item<double>(), (kernel_entry(a, i, j) + kernel_entry(b, i, j)) / 2, 1e-10);
    }
  }
}

TEST(SahdKernel, TypeOfTheSpikesDoesNotMatter) {
  const at::Tensor x = random_bits(5, 90, 0.3, 1);
  SahdKernel kernel;
  kernel.add(x);
  for (const auto type : {at::kFloat, at::kByte, at::kLong, at::kBool}) {
    SahdKernel other;
    other.add(x.to(type));
    EXPECT_TRUE(at::equal(other.kernel(), kernel.kernel()));
  }
}

/// Determinant by expansion, for small matrices.
double determinant(const at::Tensor& m) {
  const std::int64_t n = m.size(0);
  if (n == 1) return m.item<double>();
  double sum = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    const at::Tensor rest =
        at::cat({m.narrow(1, 0, j), m.narrow(1, j + 1, n - j - 1)}, 1).narrow(0, 1, n - 1);
    sum += (j % 2 == 0 ? 1 : -1) * m[0][j].item<double>() * determinant(rest);
  }
  return sum;
}

TEST(SahdKernel, LogDeterminantAgreesWithExpansion) {
  for (std::int64_t batch = 1; batch <= 7; ++batch) {
    SahdKernel kernel;
    kernel.add(random_bits(batch, 40, 0.4, static_cast<std::uint64_t>(batch)));
    const double expected = determinant(kernel.kernel());
    const auto found = kernel.log_det();
    EXPECT_NEAR(found.value, std::log(std::abs(expected)), 1e-9) << batch;
    EXPECT_EQ(found.sign, expected > 0 ? 1 : -1) << batch;
  }
}

TEST(SahdKernel, AHugeConstantCostsNoDigits) {
  // The same spikes padded with silent neurons: D nearly stays, the constant grows a thousandfold. The known
  // value comes from 0.5-scaled distances in closed form: two samples, det = (N - d/2... ) = N^2 - (N - d)^2.
  const std::int64_t n = 1 << 22;
  at::Tensor x = at::zeros({2, n}, at::kByte);
  x[0][0] = 1;
  x[1][1] = 1;
  SahdKernel kernel;
  kernel.add(x);
  const double s = 1.0 / static_cast<double>(n);
  const double d = 0.5 / (static_cast<double>(n) * 2 * s * (1 - s) + 1e-3) * 2;
  EXPECT_NEAR(kernel.log_det().value, std::log(d) + std::log(2 * static_cast<double>(n) - d), 1e-12);
}

TEST(SahdKernel, EqualSamplesGiveMinusInfinity) {
  at::Tensor x = random_bits(4, 50, 0.3, 1);
  x[3] = x[1];
  SahdKernel kernel;
  kernel.add(x);
  EXPECT_EQ(kernel.log_det().value, -kInfinity);
  EXPECT_EQ(kernel.log_det().sign, 0);
  SahdKernel silent;
  silent.add(at::zeros({3, 10}));
  EXPECT_EQ(silent.log_det().value, -kInfinity);
}

TEST(SahdKernel, RefusesAnotherBatchAndNoCalls) {
  SahdKernel kernel;
  EXPECT_THROW(kernel.log_det(), InputError);
  EXPECT_THROW(kernel.kernel(), InputError);
  kernel.add(at::ones({3, 10}));
  EXPECT_THROW(kernel.add(at::ones({4, 10})), InputError);
}

TEST(SahdKernel, HammingKernelAndStatisticsAgreeWithTheirDefinitions) {
  const at::Tensor x = random_bits(5, 700, 0.3, 7);
  at::Tensor k = at::empty({5, 5}, at::kDouble);
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j) k[i][j] = 700 - (x[i] != x[j]).sum().item<double>();
  SahdKernel kernel;
  kernel.add(x, 3);  // three calls alike change neither mean nor kernel
  EXPECT_NEAR(kernel.hamming_log_det().value, std::log(std::abs(determinant(k))), 1e-9);
  EXPECT_NEAR(kernel.firing_rate(), x.mean().item<double>(), 1e-14);
  const at::Tensor rate = x.mean(0);
  EXPECT_NEAR(kernel.active_share(), ((rate > 0) & (rate < 1)).to(at::kDouble).mean().item<double>(), 1e-14);
}

TEST(SahdKernel, CallsAndKernelsAddUp) {
  const at::Tensor x = random_bits(4, 130, 0.3, 7), y = random_bits(4, 65, 0.5, 8);
  SahdKernel one, sum, part;
  for (const auto& spikes : {x, x, y}) one.add(spikes);
  sum.add(x, 2);
  part.add(y);
  sum.add(part);
  EXPECT_EQ(sum.calls(), 3);
  EXPECT_TRUE(at::allclose(sum.kernel(), one.kernel(), 1e-13));
  EXPECT_NEAR(sum.log_det().value, one.log_det().value, 1e-11);
}

TEST(SahdKernel, OrderInMemoryDoesNotMatter) {
  const at::Tensor x = random_bits(3, 8 * 5 * 7, 0.4, 2).view({3, 8, 5, 7});
  SahdKernel plain, last, strided;
  plain.add(x);
  last.add(x.contiguous(at::MemoryFormat::ChannelsLast));
  strided.add(at::stack({x, x}, 1).select(1, 0));
  EXPECT_TRUE(at::equal(plain.kernel(), last.kernel()));
  EXPECT_TRUE(at::equal(plain.kernel(), strided.kernel()));
}

}  // namespace
}  // namespace spikeloop::nas
