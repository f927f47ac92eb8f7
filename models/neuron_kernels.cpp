#include "models/neuron_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/instruction_sets.h"

// A block of neurons goes through all timesteps while its membranes are in the first-level cache. The loops
// are plain: the compiler vectorises them (this file is compiled with -O3 -ffp-contract=off).

namespace spikeloop::models {
namespace {

constexpr std::int64_t kBlock = 1024;
constexpr double kPi = 3.14159265358979323846;

template <Charge charge, class T>
SPIKELOOP_INLINE T charged(T v, T x, const NeuronConstants<T>& c) {
  if constexpr (charge == Charge::kDecayInput) return v + ((x + c.v_reset) - v) * c.rate;
  if constexpr (charge == Charge::kWholeInput) return v + (x - (v - c.v_reset) * c.rate);
  return v + x;
}

template <ResetKind reset, class T>
SPIKELOOP_INLINE T after_reset(T membrane, const NeuronConstants<T>& c) {
  const T fired = reset == ResetKind::kHard ? c.v_reset : membrane - c.threshold;
  return membrane >= c.threshold ? fired : membrane;
}

/// e^x for x <= 0, within 2 ulp in float; what is below the smallest normal number is 0.
SPIKELOOP_INLINE float exp_of_negative(float x) {
  const float clamped = x < -87.0F ? -87.0F : x;
  const float n = (clamped * 1.44269504F + 12582912.0F) - 12582912.0F;  // to the nearest integer
  const float r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const std::int32_t bits = (static_cast<std::int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return x < -87.0F ? 0.0F : p * scale;
}
SPIKELOOP_INLINE double exp_of_negative(double x) { return std::exp(x); }

/// d spike / d membrane at x = membrane - threshold.
template <SurrogateKind kind, class T>
SPIKELOOP_INLINE T surrogate(T x, T alpha) {
  if constexpr (kind == SurrogateKind::kTriangle) {
    const T height = T(1) - (x < T(0) ? -x : x);
    return alpha * (height > T(0) ? height : T(0));
  } else if constexpr (kind == SurrogateKind::kSigmoid) {
    const T z = alpha * x;
    const T e = exp_of_negative(z < T(0) ? z : -z);
    const T denominator = T(1) + e;
    return alpha * (e / (denominator * denominator));  // s (1 - s), without cancellation
  } else {
    const T y = static_cast<T>(kPi / 2) * alpha * x;
    return (alpha / T(2)) / (T(1) + y * y);
  }
}

/// factor and offset applied to `count` inputs of neurons from `begin`.
template <class T>
SPIKELOOP_INLINE void scale_channels(const NeuronForward<T>& job, const T* input, T* output,
                                     std::int64_t begin, std::int64_t count) {
  const std::int64_t inner = job.inner, channels = job.channels;
  for (std::int64_t i = 0; i < count;) {
    std::int64_t channel = ((begin + i) / inner) % channels;
    if (inner == 1) {
      const std::int64_t run = std::min(count - i, channels - channel);
      const T* __restrict factor = job.factor + channel;
      const T* __restrict offset = job.offset + channel;
      for (std::int64_t k = 0; k < run; ++k) output[i + k] = factor[k] * input[i + k] + offset[k];
      i += run;
    } else {
      const std::int64_t run = std::min(count - i, inner - (begin + i) % inner);
      const T factor = job.factor[channel], offset = job.offset[channel];
      for (std::int64_t k = 0; k < run; ++k) output[i + k] = factor * input[i + k] + offset;
      i += run;
    }
  }
}

template <Charge charge, ResetKind reset, class T>
SPIKELOOP_INLINE void forward(const NeuronForward<T>& job, const NeuronConstants<T>& constants,
                              std::int64_t begin, std::int64_t end) {
  const NeuronConstants<T> c = constants;
  alignas(64) T buffer[kBlock], scaled[kBlock];
  for (std::int64_t block = begin; block < end; block += kBlock) {
    const std::int64_t count = std::min(kBlock, end - block);
    if (job.previous == nullptr) std::fill(buffer, buffer + count, T(0));
    // A membrane of 0 is not reset, even by a threshold below 0: nothing came before.
    bool first = job.previous == nullptr;
    const T* from = job.previous == nullptr ? buffer : job.previous + block;
    for (std::int64_t t = 0; t < job.steps; ++t) {
      const T* x = job.input + t * job.input_step + block;
      if (job.factor != nullptr) {
        scale_channels(job, x, scaled, block, count);
        x = scaled;
      }
      T* __restrict spikes = job.spikes + t * job.neurons + block;
      T* to = job.membranes != nullptr ? job.membranes + t * job.neurons + block : buffer;
      if (t + 1 == job.steps && job.membranes == nullptr && job.last != nullptr) to = job.last + block;
      if (first) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) {
          const T m = charged<charge>(T(0), x[i], c);
          to[i] = m;
          spikes[i] = m >= c.threshold ? T(1) : T(0);
        }
      } else {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < count; ++i) {
          const T m = charged<charge>(after_reset<reset>(from[i], c), x[i], c);
          to[i] = m;
          spikes[i] = m >= c.threshold ? T(1) : T(0);
        }
      }
      from = to;
      first = false;
    }
    if (job.membranes != nullptr && job.last != nullptr) std::copy(from, from + count, job.last + block);
  }
}

template <Charge charge, ResetKind reset, SurrogateKind kind, class T>
SPIKELOOP_INLINE double backward(const NeuronBackward<T>& job, const NeuronConstants<T>& constants,
                                 std::int64_t begin, std::int64_t end) {
  const NeuronConstants<T> c = constants;
  const T kept = charge == Charge::kIntegrate ? T(1) : T(1) - c.rate;  // d membrane / d v
  const T into = charge == Charge::kDecayInput ? c.rate : T(1);        // d membrane / d input
  alignas(64) T carry[kBlock];
  double grad_rate = 0;
  for (std::int64_t block = begin; block < end; block += kBlock) {
    const std::int64_t count = std::min(kBlock, end - block);
    if (job.grad_last != nullptr) {
      std::copy(job.grad_last + block, job.grad_last + block + count, carry);
    } else {
      std::fill(carry, carry + count, T(0));
    }
    for (std::int64_t t = job.steps; t-- > 0;) {
      const T* __restrict membrane = job.membranes + t * job.neurons + block;
      const T* before = t > 0                     ? membrane - job.neurons
                        : job.previous == nullptr ? nullptr
                                                  : job.previous + block;
      T* __restrict grad_input = job.grad_input + t * job.neurons + block;
      if (job.grad_spikes != nullptr) {
        const T* __restrict grad_spikes = job.grad_spikes + t * job.neurons + block;
        for (std::int64_t i = 0; i < count; ++i) {
          carry[i] += grad_spikes[i] * surrogate<kind>(membrane[i] - c.threshold, c.alpha);
        }
      }
      if (job.input != nullptr) {
        const T* x = job.input + t * job.input_step + block;
        for (std::int64_t i = 0; i < count; ++i) {
          const T v = before == nullptr ? T(0) : after_reset<reset>(before[i], c);
          const T slope = charge == Charge::kDecayInput ? (x[i] + c.v_reset) - v : c.v_reset - v;
          grad_rate += static_cast<double>(carry[i]) * static_cast<double>(slope);
        }
      }
      if (before == nullptr) {
        for (std::int64_t i = 0; i < count; ++i) grad_input[i] = carry[i] * into;
        continue;
      }
      for (std::int64_t i = 0; i < count; ++i) {
        const T at_membrane = carry[i];
        grad_input[i] = at_membrane * into;
        const bool cut = reset == ResetKind::kHard && before[i] >= c.threshold;
        carry[i] = cut ? T(0) : at_membrane * kept;
      }
    }
    if (job.grad_previous != nullptr) std::copy(carry, carry + count, job.grad_previous + block);
  }
  return grad_rate;
}

template <ResetKind reset, class T>
SPIKELOOP_INLINE void forward_any(const NeuronForward<T>& job, const NeuronConstants<T>& c,
                                  std::int64_t begin, std::int64_t end) {
  switch (c.charge) {
    case Charge::kDecayInput:
      return forward<Charge::kDecayInput, reset>(job, c, begin, end);
    case Charge::kWholeInput:
      return forward<Charge::kWholeInput, reset>(job, c, begin, end);
    case Charge::kIntegrate:
      return forward<Charge::kIntegrate, reset>(job, c, begin, end);
  }
}

template <ResetKind reset, SurrogateKind kind, class T>
SPIKELOOP_INLINE double backward_any(const NeuronBackward<T>& job, const NeuronConstants<T>& c,
                                     std::int64_t begin, std::int64_t end) {
  switch (c.charge) {
    case Charge::kDecayInput:
      return backward<Charge::kDecayInput, reset, kind>(job, c, begin, end);
    case Charge::kWholeInput:
      return backward<Charge::kWholeInput, reset, kind>(job, c, begin, end);
    case Charge::kIntegrate:
      return backward<Charge::kIntegrate, reset, kind>(job, c, begin, end);
  }
  return 0;
}

// One cloned function per loop that matters, so that a clone stays small.
#define SPIKELOOP_FORWARD(name, reset, T)                                                                  \
  SPIKELOOP_CLONES void name(const NeuronForward<T>& job, const NeuronConstants<T>& c, std::int64_t begin, \
                             std::int64_t end) {                                                           \
    forward_any<reset>(job, c, begin, end);                                                                \
  }
#define SPIKELOOP_BACKWARD(name, reset, kind, T)                                          \
  SPIKELOOP_CLONES double name(const NeuronBackward<T>& job, const NeuronConstants<T>& c, \
                               std::int64_t begin, std::int64_t end) {                    \
    return backward_any<reset, kind>(job, c, begin, end);                                 \
  }
// clang-format off
SPIKELOOP_FORWARD(forward_hard, ResetKind::kHard, float)
SPIKELOOP_FORWARD(forward_soft, ResetKind::kSoft, float)
SPIKELOOP_FORWARD(forward_hard, ResetKind::kHard, double)
SPIKELOOP_FORWARD(forward_soft, ResetKind::kSoft, double)
SPIKELOOP_BACKWARD(backward_hard_atan, ResetKind::kHard, SurrogateKind::kAtan, float)
SPIKELOOP_BACKWARD(backward_soft_atan, ResetKind::kSoft, SurrogateKind::kAtan, float)
SPIKELOOP_BACKWARD(backward_hard_triangle, ResetKind::kHard, SurrogateKind::kTriangle, float)
SPIKELOOP_BACKWARD(backward_soft_triangle, ResetKind::kSoft, SurrogateKind::kTriangle, float)
SPIKELOOP_BACKWARD(backward_hard_sigmoid, ResetKind::kHard, SurrogateKind::kSigmoid, float)
SPIKELOOP_BACKWARD(backward_soft_sigmoid, ResetKind::kSoft, SurrogateKind::kSigmoid, float)
SPIKELOOP_BACKWARD(backward_hard_atan, ResetKind::kHard, SurrogateKind::kAtan, double)
SPIKELOOP_BACKWARD(backward_soft_atan, ResetKind::kSoft, SurrogateKind::kAtan, double)
SPIKELOOP_BACKWARD(backward_hard_triangle, ResetKind::kHard, SurrogateKind::kTriangle, double)
SPIKELOOP_BACKWARD(backward_soft_triangle, ResetKind::kSoft, SurrogateKind::kTriangle, double)
SPIKELOOP_BACKWARD(backward_hard_sigmoid, ResetKind::kHard, SurrogateKind::kSigmoid, double)
SPIKELOOP_BACKWARD(backward_soft_sigmoid, ResetKind::kSoft, SurrogateKind::kSigmoid, double)
// clang-format on
#undef SPIKELOOP_FORWARD
#undef SPIKELOOP_BACKWARD

template <class T>
void run_forward(const NeuronForward<T>& job, const NeuronConstants<T>& c, std::int64_t begin,
                 std::int64_t end) {
  c.reset == ResetKind::kHard ? forward_hard(job, c, begin, end) : forward_soft(job, c, begin, end);
}

template <class T>
double run_backward(const NeuronBackward<T>& job, const NeuronConstants<T>& c, std::int64_t begin,
                    std::int64_t end) {
  const bool hard = c.reset == ResetKind::kHard;
  switch (c.surrogate) {
    case SurrogateKind::kAtan:
      return hard ? backward_hard_atan(job, c, begin, end) : backward_soft_atan(job, c, begin, end);
    case SurrogateKind::kTriangle:
      return hard ? backward_hard_triangle(job, c, begin, end) : backward_soft_triangle(job, c, begin, end);
    case SurrogateKind::kSigmoid:
      return hard ? backward_hard_sigmoid(job, c, begin, end) : backward_soft_sigmoid(job, c, begin, end);
  }
  return 0;
}

}  // namespace

void run(const NeuronForward<float>& job, const NeuronConstants<float>& c, std::int64_t begin,
         std::int64_t end) {
  run_forward(job, c, begin, end);
}
void run(const NeuronForward<double>& job, const NeuronConstants<double>& c, std::int64_t begin,
         std::int64_t end) {
  run_forward(job, c, begin, end);
}
double run(const NeuronBackward<float>& job, const NeuronConstants<float>& c, std::int64_t begin,
           std::int64_t end) {
  return run_backward(job, c, begin, end);
}
double run(const NeuronBackward<double>& job, const NeuronConstants<double>& c, std::int64_t begin,
           std::int64_t end) {
  return run_backward(job, c, begin, end);
}

}  // namespace spikeloop::models
