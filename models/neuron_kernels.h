#pragma once
#include <cstdint>

#include "models/neuron_spec.h"

/// The loops of run_neurons over plain memory: no LibTorch, float and double. Each instruction set has its
/// own copy of a loop, chosen at start; sums and products are not contracted, so all copies round alike.
namespace spikeloop::models {

enum class Charge { kDecayInput, kWholeInput, kIntegrate };

/// NeuronSpec's numbers in the membrane's type.
template <class T>
struct NeuronConstants {
  Charge charge;
  ResetKind reset;
  SurrogateKind surrogate;
  T rate, threshold, v_reset, alpha;
};

/// Neurons [begin, end) of `neurons`, all timesteps. An array of timesteps has one every `neurons` elements.
template <class T>
struct NeuronForward {
  std::int64_t steps, neurons;
  const T* input;
  std::int64_t input_step;  ///< elements from one timestep of the input to the next: 0 for a still input
  const T* previous;        ///< membrane before reset, or null: 0
  /// Per channel (both or none): channel of neuron i is (i / inner) % channels.
  const T *factor = nullptr, *offset = nullptr;
  std::int64_t channels = 1, inner = 1;
  T* spikes;
  T* membranes;  ///< of all timesteps, or null
  T* last;       ///< membrane after the last timestep, or null
};
void run(const NeuronForward<float>& job, const NeuronConstants<float>& constants, std::int64_t begin,
         std::int64_t end);
void run(const NeuronForward<double>& job, const NeuronConstants<double>& constants, std::int64_t begin,
         std::int64_t end);

template <class T>
struct NeuronBackward {
  std::int64_t steps, neurons;
  const T* membranes;
  const T* previous;     ///< or null
  const T* grad_spikes;  ///< or null: 0
  const T* grad_last;    ///< of the last membrane, or null: 0
  T* grad_input;
  T* grad_previous;  ///< or null
  /// PLIF's rate: needs the input (null otherwise).
  const T* input = nullptr;
  std::int64_t input_step = 0;
};
/// Returns the gradient of the rate (0 unless job.input), summed in double in a fixed order.
double run(const NeuronBackward<float>& job, const NeuronConstants<float>& constants, std::int64_t begin,
           std::int64_t end);
double run(const NeuronBackward<double>& job, const NeuronConstants<double>& constants, std::int64_t begin,
           std::int64_t end);

}  // namespace spikeloop::models
