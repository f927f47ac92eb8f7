#pragma once
#include <cstdint>

/// 3 x 3 convolution (stride 1, padding 1) of spikes, by the spikes alone: a window adds the weights of the
/// inputs that fired. At firing rates of 5 to 20 % that is several times less work than multiplying with all
/// of them. Plain memory, no LibTorch. Sums are in a fixed order: the same on every machine and with any
/// number of threads.
namespace spikeloop::models {

struct SpikeConvolution {
  std::int64_t images, height, width, in_channels, out_channels;
};

/// Whether the shape is taken: input channels in eights, output channels in sixteens, rows of at most 65536
/// inputs.
bool takes(const SpikeConvolution& shape);

/// Share of inputs of (a sample of) [images, H, W, C] that are not 0.
double firing_rate(const SpikeConvolution& shape, const float* input);

/// output[n, y, x, o] = sum of weight[kx, ky, c, o] over inputs [n, y + ky - 1, x + kx - 1, c] that are not
/// 0, for images [begin, end).
void convolve_spikes(const SpikeConvolution& shape, const float* input, const float* weight, float* output,
                     std::int64_t begin, std::int64_t end);

/// grad_weight[kx, ky, c, o] += sum of grad_output[n, y - ky + 1, x - kx + 1, o] over inputs [n, y, x, c]
/// that are not 0.
void spike_weight_gradient(const SpikeConvolution& shape, const float* input, const float* grad_output,
                           float* grad_weight);

}  // namespace spikeloop::models
