#pragma once
#include <cstdint>

/// Loops over values with channels, in plain memory (float and double): what BatchNorm and pooling are made
/// of.
namespace spikeloop::models {

/// Element (o, c, i) is at (o * channels + c) * inner + i: [N, C, H, W] in order has inner H W,
/// channels-last 1.
struct ChannelShape {
  std::int64_t outer, channels, inner;
};

/// Per channel: sums of x and x^2; of g and g x. In double: a float's square is exact there.
void channel_moments(const ChannelShape& shape, const float* x, double* sum, double* sum_of_squares);
void channel_moments(const ChannelShape& shape, const double* x, double* sum, double* sum_of_squares);
void channel_products(const ChannelShape& shape, const float* g, const float* x, double* sum,
                      double* sum_of_products);
void channel_products(const ChannelShape& shape, const double* g, const double* x, double* sum,
                      double* sum_of_products);

/// y = factor[c] x + offset[c]
void channel_scale(const ChannelShape& shape, const float* x, const float* factor, const float* offset,
                   float* y);
void channel_scale(const ChannelShape& shape, const double* x, const double* factor, const double* offset,
                   double* y);

/// y = a[c] g + b[c] (x - mean[c]) + d[c]
template <class T>
struct ChannelGradient {
  const T *a, *b, *mean, *d;
};
void channel_gradient(const ChannelShape& shape, const float* g, const float* x,
                      const ChannelGradient<float>& with, float* y);
void channel_gradient(const ChannelShape& shape, const double* g, const double* x,
                      const ChannelGradient<double>& with, double* y);

/// Sum over 3 x 3 neighbours / 9 of each [height, width, inner] plane; zero outside.
void box_filter(const float* input, float* output, std::int64_t planes, std::int64_t height,
                std::int64_t width, std::int64_t inner);
void box_filter(const double* input, double* output, std::int64_t planes, std::int64_t height,
                std::int64_t width, std::int64_t inner);

}  // namespace spikeloop::models
