#include "models/channel_kernels.h"

#include <algorithm>
#include <vector>

#include "models/instruction_sets.h"

// Compiled with -O3 -ffp-contract=off: the copies for different instruction sets round alike.

namespace spikeloop::models {
namespace {

constexpr int kRows = 4;    // rows of a channels-last block added up before they meet the sums
constexpr int kParts = 16;  // partial sums of a channel that lies together

/// Sums of p and p q over channels; q = p gives the squares.
template <class T>
SPIKELOOP_INLINE void sum_rows(const ChannelShape& s, const T* p, const T* q, double* __restrict sum,
                               double* __restrict products) {
  const std::int64_t n = s.channels;
  std::fill(sum, sum + n, 0.0);
  std::fill(products, products + n, 0.0);
  std::int64_t o = 0;
  for (; o + kRows <= s.outer; o += kRows) {
    const T* a = p + o * n;
    const T* b = q + o * n;
    for (std::int64_t c = 0; c < n; ++c) {
      const auto a0 = static_cast<double>(a[c]), a1 = static_cast<double>(a[c + n]);
      const auto a2 = static_cast<double>(a[c + 2 * n]), a3 = static_cast<double>(a[c + 3 * n]);
      sum[c] += (a0 + a1) + (a2 + a3);
      products[c] += (a0 * static_cast<double>(b[c]) + a1 * static_cast<double>(b[c + n])) +
                     (a2 * static_cast<double>(b[c + 2 * n]) + a3 * static_cast<double>(b[c + 3 * n]));
    }
  }
  for (; o < s.outer; ++o) {
    for (std::int64_t c = 0; c < n; ++c) {
      const auto a = static_cast<double>(p[o * n + c]);
      sum[c] += a;
      products[c] += a * static_cast<double>(q[o * n + c]);
    }
  }
}

template <class T>
SPIKELOOP_INLINE void sum_planes(const ChannelShape& s, const T* p, const T* q, double* sum,
                                 double* products) {
  std::fill(sum, sum + s.channels, 0.0);
  std::fill(products, products + s.channels, 0.0);
  for (std::int64_t plane = 0; plane < s.outer * s.channels; ++plane) {
    const T* a = p + plane * s.inner;
    const T* b = q + plane * s.inner;
    double sums[kParts] = {}, squares[kParts] = {};
    std::int64_t i = 0;
    for (; i + kParts <= s.inner; i += kParts) {
      for (int k = 0; k < kParts; ++k) {
        const auto value = static_cast<double>(a[i + k]);
        sums[k] += value;
        squares[k] += value * static_cast<double>(b[i + k]);
      }
    }
    for (; i < s.inner; ++i) {
      sums[0] += static_cast<double>(a[i]);
      squares[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    for (int k = 0; k < kParts; ++k) {
      sum[plane % s.channels] += sums[k];
      products[plane % s.channels] += squares[k];
    }
  }
}

template <class T>
SPIKELOOP_INLINE void sums(const ChannelShape& s, const T* p, const T* q, double* sum, double* products) {
  s.inner == 1 ? sum_rows(s, p, q, sum, products) : sum_planes(s, p, q, sum, products);
}

template <class T>
SPIKELOOP_INLINE void scale(const ChannelShape& s, const T* __restrict x, const T* __restrict factor,
                            const T* __restrict offset, T* __restrict y) {
  if (s.inner == 1) {
    for (std::int64_t o = 0; o < s.outer; ++o) {
      const T* from = x + o * s.channels;
      T* to = y + o * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) to[c] = factor[c] * from[c] + offset[c];
    }
    return;
  }
  for (std::int64_t plane = 0; plane < s.outer * s.channels; ++plane) {
    const T f = factor[plane % s.channels], b = offset[plane % s.channels];
    const T* from = x + plane * s.inner;
    T* to = y + plane * s.inner;
    for (std::int64_t i = 0; i < s.inner; ++i) to[i] = f * from[i] + b;
  }
}

template <class T>
SPIKELOOP_INLINE void gradient(const ChannelShape& s, const T* __restrict g, const T* __restrict x,
                               const ChannelGradient<T>& with, T* __restrict y) {
  const T* __restrict a = with.a, * __restrict b = with.b, * __restrict mean = with.mean, * __restrict d = with.d;
  if (s.inner == 1) {
    for (std::int64_t o = 0; o < s.outer; ++o) {
      const std::int64_t row = o * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) {
        y[row + c] = (a[c] * g[row + c] + b[c] * (x[row + c] - mean[c])) + d[c];
      }
    }
    return;
  }
  for (std::int64_t plane = 0; plane < s.outer * s.channels; ++plane) {
    const std::int64_t c = plane % s.channels, first = plane * s.inner;
    const T ac = a[c], bc = b[c], mc = mean[c], dc = d[c];
    for (std::int64_t i = first; i < first + s.inner; ++i) y[i] = (ac * g[i] + bc * (x[i] - mc)) + dc;
  }
}

template <class T>
SPIKELOOP_INLINE void filter(const T* __restrict input, T* __restrict output, std::int64_t planes,
                             std::int64_t height, std::int64_t width, std::int64_t inner) {
  const std::int64_t row = width * inner;
  std::vector<T> rows(static_cast<std::size_t>(row + 2 * inner),
                      T(0));  // sum of three rows, zero at both ends
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const T* in = input + plane * height * row;
    T* out = output + plane * height * row;
    for (std::int64_t y = 0; y < height; ++y) {
      const T* above = y > 0 ? in + (y - 1) * row : nullptr;
      const T* here = in + y * row;
      const T* below = y + 1 < height ? in + (y + 1) * row : nullptr;
      T* __restrict sum = rows.data() + inner;
      if (above != nullptr && below != nullptr) {
        for (std::int64_t x = 0; x < row; ++x) sum[x] = above[x] + here[x] + below[x];
      } else if (above != nullptr || below != nullptr) {
        const T* other = above != nullptr ? above : below;
        for (std::int64_t x = 0; x < row; ++x) sum[x] = here[x] + other[x];
      } else {
        for (std::int64_t x = 0; x < row; ++x) sum[x] = here[x];
      }
      const T* __restrict s = rows.data();
      T* __restrict o = out + y * row;
      for (std::int64_t x = 0; x < row; ++x) o[x] = (s[x] + s[x + inner] + s[x + 2 * inner]) / T(9);
    }
  }
}

}  // namespace

SPIKELOOP_CLONES void channel_moments(const ChannelShape& shape, const float* x, double* sum,
                                      double* sum_of_squares) {
  sums(shape, x, x, sum, sum_of_squares);
}
SPIKELOOP_CLONES void channel_moments(const ChannelShape& shape, const double* x, double* sum,
                                      double* sum_of_squares) {
  sums(shape, x, x, sum, sum_of_squares);
}
SPIKELOOP_CLONES void channel_products(const ChannelShape& shape, const float* g, const float* x, double* sum,
                                       double* sum_of_products) {
  sums(shape, g, x, sum, sum_of_products);
}
SPIKELOOP_CLONES void channel_products(const ChannelShape& shape, const double* g, const double* x,
                                       double* sum, double* sum_of_products) {
  sums(shape, g, x, sum, sum_of_products);
}
SPIKELOOP_CLONES void channel_scale(const ChannelShape& shape, const float* x, const float* factor,
                                    const float* offset, float* y) {
  scale(shape, x, factor, offset, y);
}
SPIKELOOP_CLONES void channel_scale(const ChannelShape& shape, const double* x, const double* factor,
                                    const double* offset, double* y) {
  scale(shape, x, factor, offset, y);
}
SPIKELOOP_CLONES void channel_gradient(const ChannelShape& shape, const float* g, const float* x,
                                       const ChannelGradient<float>& with, float* y) {
  gradient(shape, g, x, with, y);
}
SPIKELOOP_CLONES void channel_gradient(const ChannelShape& shape, const double* g, const double* x,
                                       const ChannelGradient<double>& with, double* y) {
  gradient(shape, g, x, with, y);
}
SPIKELOOP_CLONES void box_filter(const float* input, float* output, std::int64_t planes, std::int64_t height,
                                 std::int64_t width, std::int64_t inner) {
  filter(input, output, planes, height, width, inner);
}
SPIKELOOP_CLONES void box_filter(const double* input, double* output, std::int64_t planes,
                                 std::int64_t height, std::int64_t width, std::int64_t inner) {
  filter(input, output, planes, height, width, inner);
}

}  // namespace spikeloop::models
