#include "models/spike_convolution.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "models/instruction_sets.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace spikeloop::models {
namespace {

constexpr std::int64_t kLanes = 16;
/// Output channels that are added at once; unaligned.
typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef std::uint16_t Eight __attribute__((vector_size(16), aligned(2), may_alias));

/// The places of a byte's set bits, one after the other.
struct BitPlaces {
  alignas(16) std::uint16_t place[256][8] = {};
  std::uint8_t count[256] = {};
};
constexpr BitPlaces make_bit_places() {
  BitPlaces places;
  for (int byte = 0; byte < 256; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1) != 0) places.place[byte][places.count[byte]++] = static_cast<std::uint16_t>(bit);
    }
  }
  return places;
}
constexpr BitPlaces kBitPlaces = make_bit_places();

/// Which of eight inputs are not 0.
SPIKELOOP_INLINE unsigned fired(const float* input) {
#ifdef __SSE2__
  const __m128 zero = _mm_setzero_ps();
  const int low = _mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(input), zero));
  const int high = _mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(input + 4), zero));
  return static_cast<unsigned>(low | high << 4);
#else
  unsigned mask = 0;
  for (unsigned i = 0; i < 8; ++i) mask |= (input[i] != 0.0F ? 1U : 0U) << i;
  return mask;
#endif
}

/// The spikes of one row [W, C]: x C + c of each, and where each pixel's begin.
struct RowSpikes {
  std::vector<std::uint16_t> at;
  std::vector<std::uint32_t> start;
  explicit RowSpikes(const SpikeConvolution& s)
      : at(static_cast<std::size_t>(s.width * s.in_channels + 8)),
        start(static_cast<std::size_t>(s.width + 1)) {}
};

SPIKELOOP_INLINE void find_spikes(const SpikeConvolution& s, const float* row, RowSpikes& spikes) {
  std::uint32_t count = 0;
  std::uint16_t* at = spikes.at.data();
  for (std::int64_t x = 0; x < s.width; ++x) {
    spikes.start[static_cast<std::size_t>(x)] = count;
    for (std::int64_t c = 0; c < s.in_channels; c += 8) {
      const std::int64_t first = x * s.in_channels + c;
      const unsigned mask = fired(row + first);
      // All eight places are written, the next ones over those that were not spikes: no branch.
      Eight places = *reinterpret_cast<const Eight*>(kBitPlaces.place[mask]);
      places += static_cast<std::uint16_t>(first);
      *reinterpret_cast<Eight*>(at + count) = places;
      count += kBitPlaces.count[mask];
    }
  }
  spikes.start[static_cast<std::size_t>(s.width)] = count;
}

/// `kBlocks` x 16 output channels of a row of pixels.
template <int kBlocks>
SPIKELOOP_INLINE void add_weights(const SpikeConvolution& s, const std::array<const RowSpikes*, 3>& rows,
                                  const float* weight, float* output) {
  const std::int64_t out = s.out_channels, taps = 3 * s.in_channels * out;
  for (std::int64_t x = 0; x < s.width; ++x) {
    const std::int64_t first = std::max<std::int64_t>(x - 1, 0), last = std::min(x + 2, s.width);
    Lanes even[kBlocks] = {}, odd[kBlocks] = {};
    for (std::int64_t ky = 0; ky < 3; ++ky) {
      const RowSpikes* row = rows[static_cast<std::size_t>(ky)];
      if (row == nullptr) continue;
      const std::uint16_t* at = row->at.data() + row->start[static_cast<std::size_t>(first)];
      const std::uint16_t* const end = row->at.data() + row->start[static_cast<std::size_t>(last)];
      // Weight [ky, kx, c] of input x + kx - 1: at (x + kx - 1) C + c from here.
      const float* const base = weight + ky * taps - (x - 1) * s.in_channels * out;
      for (; at + 1 < end; at += 2) {
        const Lanes* w0 = reinterpret_cast<const Lanes*>(base + at[0] * out);
        const Lanes* w1 = reinterpret_cast<const Lanes*>(base + at[1] * out);
        for (int b = 0; b < kBlocks; ++b) even[b] += w0[b];
        for (int b = 0; b < kBlocks; ++b) odd[b] += w1[b];
      }
      if (at < end) {
        const Lanes* w0 = reinterpret_cast<const Lanes*>(base + at[0] * out);
        for (int b = 0; b < kBlocks; ++b) even[b] += w0[b];
      }
    }
    Lanes* result = reinterpret_cast<Lanes*>(output + x * out);
    for (int b = 0; b < kBlocks; ++b) result[b] = even[b] + odd[b];
  }
}

SPIKELOOP_CLONES void convolve_image(const SpikeConvolution& s, const float* input, const float* weight,
                                     float* output, std::array<RowSpikes*, 3> ring) {
  const std::int64_t in_row = s.width * s.in_channels, out_row = s.width * s.out_channels;
  find_spikes(s, input, *ring[1]);
  for (std::int64_t y = 0; y < s.height; ++y) {
    if (y + 1 < s.height) find_spikes(s, input + (y + 1) * in_row, *ring[2]);
    const std::array<const RowSpikes*, 3> rows{y > 0 ? ring[0] : nullptr, ring[1],
                                               y + 1 < s.height ? ring[2] : nullptr};
    std::int64_t channel = 0;
    for (; channel + 4 * kLanes <= s.out_channels; channel += 4 * kLanes) {
      add_weights<4>(s, rows, weight + channel, output + y * out_row + channel);
    }
    if (channel + 2 * kLanes <= s.out_channels) {
      add_weights<2>(s, rows, weight + channel, output + y * out_row + channel);
      channel += 2 * kLanes;
    }
    if (channel < s.out_channels) add_weights<1>(s, rows, weight + channel, output + y * out_row + channel);
    std::rotate(ring.begin(), ring.begin() + 1, ring.end());
  }
}

/// Spikes of one image by input channel: their places in the padded gradient.
struct ImageSpikes {
  std::vector<std::uint32_t> at;     ///< [C, H W]
  std::vector<std::uint32_t> count;  ///< [C]
};

/// One input channel's weights towards 16 output channels: nine sums over the channel's spikes.
SPIKELOOP_INLINE void add_gradients(const std::uint32_t* at, std::uint32_t count, const float* padded,
                                    std::int64_t out, std::int64_t row, float* grad_weight,
                                    std::int64_t tap) {
  Lanes sum[9] = {};
  for (std::uint32_t i = 0; i < count; ++i) {
    const float* const corner = padded + at[i] * out;
    for (int k = 0; k < 9; ++k) {  // tap (ky, kx) met the output at (2 - ky, 2 - kx) from the corner
      sum[k] += *reinterpret_cast<const Lanes*>(corner + (2 - k / 3) * row + (2 - k % 3) * out);
    }
  }
  for (int k = 0; k < 9; ++k) *reinterpret_cast<Lanes*>(grad_weight + k * tap) += sum[k];
}

SPIKELOOP_CLONES void image_gradient(const SpikeConvolution& s, const float* input, const float* padded,
                                     float* grad_weight, ImageSpikes& spikes) {
  const std::int64_t area = s.height * s.width, padded_width = s.width + 2;
  std::fill(spikes.count.begin(), spikes.count.end(), 0U);
  for (std::int64_t y = 0; y < s.height; ++y) {
    for (std::int64_t x = 0; x < s.width; ++x) {
      const auto place = static_cast<std::uint32_t>(y * padded_width + x);
      const float* pixel = input + (y * s.width + x) * s.in_channels;
      for (std::int64_t first = 0; first < s.in_channels; first += 8) {
        const unsigned mask = fired(pixel + first);
        for (int i = 0; i < kBitPlaces.count[mask]; ++i) {
          const auto c = static_cast<std::size_t>(first + kBitPlaces.place[mask][i]);
          spikes.at[c * static_cast<std::size_t>(area) + spikes.count[c]++] = place;
        }
      }
    }
  }
  const std::int64_t tap = s.in_channels * s.out_channels, row = padded_width * s.out_channels;
  for (std::int64_t c = 0; c < s.in_channels; ++c) {
    const std::uint32_t* at = spikes.at.data() + c * area;
    const std::uint32_t count = spikes.count[static_cast<std::size_t>(c)];
    for (std::int64_t o = 0; o < s.out_channels; o += kLanes) {
      add_gradients(at, count, padded + o, s.out_channels, row, grad_weight + c * s.out_channels + o, tap);
    }
  }
}

}  // namespace

bool takes(const SpikeConvolution& s) {
  return s.images > 0 && s.height > 0 && s.width > 0 && s.in_channels >= 8 && s.in_channels % 8 == 0 &&
         s.out_channels >= kLanes && s.out_channels % kLanes == 0 && s.width * s.in_channels <= 65536;
}

double firing_rate(const SpikeConvolution& s, const float* input) {
  const std::int64_t size = s.height * s.width * s.in_channels;
  std::int64_t count = 0, seen = 0;
  for (std::int64_t n = 0; n < s.images; n += 16) {
    for (std::int64_t i = 0; i + 8 <= size; i += 8) count += kBitPlaces.count[fired(input + n * size + i)];
    seen += size;
  }
  return static_cast<double>(count) / static_cast<double>(std::max<std::int64_t>(seen, 1));
}

void convolve_spikes(const SpikeConvolution& s, const float* input, const float* weight, float* output,
                     std::int64_t begin, std::int64_t end) {
  RowSpikes a(s), b(s), c(s);
  const std::int64_t area = s.height * s.width;
  for (std::int64_t n = begin; n < end; ++n) {
    convolve_image(s, input + n * area * s.in_channels, weight, output + n * area * s.out_channels,
                   {&a, &b, &c});
  }
}

void spike_weight_gradient(const SpikeConvolution& s, const float* input, const float* grad_output,
                           float* grad_weight) {
  const std::int64_t area = s.height * s.width, row = s.width * s.out_channels;
  const std::int64_t padded_row = row + 2 * s.out_channels;
  std::vector<float> padded(static_cast<std::size_t>((s.height + 2) * padded_row), 0.0F);
  ImageSpikes spikes;
  spikes.at.resize(static_cast<std::size_t>(s.in_channels * area));
  spikes.count.resize(static_cast<std::size_t>(s.in_channels));
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t y = 0; y < s.height; ++y) {
      std::memcpy(padded.data() + (y + 1) * padded_row + s.out_channels,
                  grad_output + (n * s.height + y) * row, static_cast<std::size_t>(row) * sizeof(float));
    }
    image_gradient(s, input + n * area * s.in_channels, padded.data(), grad_weight, spikes);
  }
}

}  // namespace spikeloop::models
