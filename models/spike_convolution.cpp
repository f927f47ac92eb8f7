#include "models/spike_convolution.h"

#include <algorithm>
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

/// Spikes as a list without a branch for each: all eight places of a byte are written, the next ones over
/// those that were none.
SPIKELOOP_INLINE void append(unsigned mask, std::int64_t first, std::uint16_t* at, std::uint32_t& count) {
  Eight places = *reinterpret_cast<const Eight*>(kBitPlaces.place[mask]);
  places += static_cast<std::uint16_t>(first);
  *reinterpret_cast<Eight*>(at + count) = places;
  count += kBitPlaces.count[mask];
}

/// What one row of outputs sees: the spikes of the three rows of inputs around it, pixel by pixel.
struct Seen {
  std::vector<std::uint8_t> fired;   ///< [H, W, C / 8] bits of the image
  std::vector<std::uint16_t> at;     ///< (x 3 + ky) C + c of each spike
  std::vector<std::uint32_t> start;  ///< of each x
  std::vector<float> zeros;          ///< weights of no input
  explicit Seen(const SpikeConvolution& s)
      : fired(static_cast<std::size_t>(s.height * s.width * s.in_channels / 8)),
        at(static_cast<std::size_t>(3 * s.width * s.in_channels + 8)),
        start(static_cast<std::size_t>(s.width + 1)),
        zeros(static_cast<std::size_t>(s.out_channels), 0.0F) {}
};

SPIKELOOP_INLINE void find_spikes(const SpikeConvolution& s, std::int64_t y, Seen& seen) {
  const std::int64_t bytes = s.in_channels / 8;
  const std::int64_t begin = y > 0 ? 0 : 1, end = y + 1 < s.height ? 3 : 2;
  std::uint32_t count = 0;
  for (std::int64_t x = 0; x < s.width; ++x) {
    seen.start[static_cast<std::size_t>(x)] = count;
    for (std::int64_t ky = begin; ky < end; ++ky) {
      const std::uint8_t* masks = seen.fired.data() + ((y + ky - 1) * s.width + x) * bytes;
      const std::int64_t first = (x * 3 + ky) * s.in_channels;
      for (std::int64_t b = 0; b < bytes; ++b) append(masks[b], first + 8 * b, seen.at.data(), count);
    }
  }
  seen.start[static_cast<std::size_t>(s.width)] = count;
}

/// `kBlocks` x 16 output channels of a row of pixels.
template <int kBlocks>
SPIKELOOP_INLINE void add_weights(const SpikeConvolution& s, const Seen& seen, const float* weight,
                                  float* output) {
  const std::int64_t out = s.out_channels;
  for (std::int64_t x = 0; x < s.width; ++x) {
    const std::int64_t first = std::max<std::int64_t>(x - 1, 0), last = std::min(x + 2, s.width);
    const std::uint16_t* at = seen.at.data() + seen.start[static_cast<std::size_t>(first)];
    const std::uint16_t* const end = seen.at.data() + seen.start[static_cast<std::size_t>(last)];
    // Weight [kx, ky, c] of input x + kx - 1: at ((x + kx - 1) 3 + ky) C + c from here.
    const std::int64_t here = (x - 1) * 3 * s.in_channels;
    Lanes even[kBlocks] = {}, odd[kBlocks] = {};
    for (; at < end; at += 2) {
      const Lanes* w0 = reinterpret_cast<const Lanes*>(weight + (at[0] - here) * out);
      const Lanes* w1 =
          reinterpret_cast<const Lanes*>(at + 1 < end ? weight + (at[1] - here) * out : seen.zeros.data());
      for (int b = 0; b < kBlocks; ++b) even[b] += w0[b];
      for (int b = 0; b < kBlocks; ++b) odd[b] += w1[b];
    }
    Lanes* result = reinterpret_cast<Lanes*>(output + x * out);
    for (int b = 0; b < kBlocks; ++b) result[b] = even[b] + odd[b];
  }
}

SPIKELOOP_CLONES void convolve_image(const SpikeConvolution& s, const float* input, const float* weight,
                                     float* output, Seen& seen) {
  for (std::size_t i = 0; i < seen.fired.size(); ++i) {
    seen.fired[i] = static_cast<std::uint8_t>(fired(input + 8 * i));
  }
  const std::int64_t row = s.width * s.out_channels;
  for (std::int64_t y = 0; y < s.height; ++y) {
    find_spikes(s, y, seen);
    std::int64_t channel = 0;
    for (; channel + 4 * kLanes <= s.out_channels; channel += 4 * kLanes) {
      add_weights<4>(s, seen, weight + channel, output + y * row + channel);
    }
    if (channel + 2 * kLanes <= s.out_channels) {
      add_weights<2>(s, seen, weight + channel, output + y * row + channel);
      channel += 2 * kLanes;
    }
    if (channel < s.out_channels) add_weights<1>(s, seen, weight + channel, output + y * row + channel);
  }
}

/// Spikes of one image by input channel: their places in the padded gradient.
struct ImageSpikes {
  std::vector<std::uint32_t> at;              ///< [C, H W]
  std::vector<std::uint32_t> count;           ///< [C]
  std::vector<std::uint16_t> row;             ///< x C + c of a row's spikes
  std::vector<std::uint32_t> pixel, channel;  ///< x and c of x C + c
  explicit ImageSpikes(const SpikeConvolution& s)
      : at(static_cast<std::size_t>(s.in_channels * s.height * s.width)),
        count(static_cast<std::size_t>(s.in_channels)),
        row(static_cast<std::size_t>(s.width * s.in_channels + 8)) {
    for (std::int64_t i = 0; i < s.width * s.in_channels; ++i) {
      pixel.push_back(static_cast<std::uint32_t>(i / s.in_channels));
      channel.push_back(static_cast<std::uint32_t>(i % s.in_channels));
    }
  }
};

/// One input channel's weights towards 16 output channels: nine sums over the channel's spikes.
SPIKELOOP_INLINE void add_gradients(const std::uint32_t* at, std::uint32_t count, const float* padded,
                                    std::int64_t out, std::int64_t row, float* grad_weight,
                                    std::int64_t tap) {
  Lanes sum[9] = {};
  for (std::uint32_t i = 0; i < count; ++i) {
    const float* const corner = padded + at[i] * out;
    for (int k = 0; k < 9; ++k) {  // tap (kx, ky) met the output at (2 - ky, 2 - kx) from the corner
      sum[k] += *reinterpret_cast<const Lanes*>(corner + (2 - k % 3) * row + (2 - k / 3) * out);
    }
  }
  for (int k = 0; k < 9; ++k) *reinterpret_cast<Lanes*>(grad_weight + k * tap) += sum[k];
}

SPIKELOOP_CLONES void image_gradient(const SpikeConvolution& s, const float* input, const float* padded,
                                     float* grad_weight, ImageSpikes& spikes) {
  const std::int64_t area = s.height * s.width, padded_width = s.width + 2;
  std::fill(spikes.count.begin(), spikes.count.end(), 0U);
  for (std::int64_t y = 0; y < s.height; ++y) {
    const float* row_inputs = input + y * s.width * s.in_channels;
    std::uint32_t count = 0;
    for (std::int64_t i = 0; i < s.width * s.in_channels; i += 8) {
      append(fired(row_inputs + i), i, spikes.row.data(), count);
    }
    const auto first = static_cast<std::uint32_t>(y * padded_width);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t at = spikes.row[i], c = spikes.channel[at];
      spikes.at[c * static_cast<std::size_t>(area) + spikes.count[c]++] = first + spikes.pixel[at];
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
         s.out_channels >= kLanes && s.out_channels % kLanes == 0 && 3 * s.width * s.in_channels <= 65536;
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
  Seen seen(s);
  const std::int64_t area = s.height * s.width;
  for (std::int64_t n = begin; n < end; ++n) {
    convolve_image(s, input + n * area * s.in_channels, weight, output + n * area * s.out_channels, seen);
  }
}

void spike_weight_gradient(const SpikeConvolution& s, const float* input, const float* grad_output,
                           float* grad_weight) {
  const std::int64_t area = s.height * s.width, row = s.width * s.out_channels;
  const std::int64_t padded_row = row + 2 * s.out_channels;
  std::vector<float> padded(static_cast<std::size_t>((s.height + 2) * padded_row), 0.0F);
  ImageSpikes spikes(s);
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t y = 0; y < s.height; ++y) {
      std::memcpy(padded.data() + (y + 1) * padded_row + s.out_channels,
                  grad_output + (n * s.height + y) * row, static_cast<std::size_t>(row) * sizeof(float));
    }
    image_gradient(s, input + n * area * s.in_channels, padded.data(), grad_weight, spikes);
  }
}

}  // namespace spikeloop::models
