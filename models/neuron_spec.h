#pragma once
#include <string>

#include "models/words.h"

/// What a trained neuron does, without LibTorch. tau is in timesteps.
namespace spikeloop::models {

enum class NeuronKind { kLif, kIf, kPlif };
enum class ResetKind { kHard, kSoft };  ///< to v_reset; by subtracting the threshold
/// d spike / d v at x = v - threshold, alpha = NeuronSpec::alpha:
///   atan      alpha / 2 / (1 + (pi/2 alpha x)^2)        (SpikingJelly's ATan, alpha 2)
///   triangle  alpha max(0, 1 - |x|)                     (SpikeSim: alpha 0.3)
///   sigmoid   alpha s (1 - s), s = sigmoid(alpha x)     (SpikingJelly's Sigmoid, alpha 4)
enum class SurrogateKind { kAtan, kTriangle, kSigmoid };

/// Charge, v the membrane after reset:
///   LIF   v += ((x + v_reset) - v) rate      decay_input (SpikingJelly's default)
///         v += x - (v - v_reset) rate        otherwise (x is not divided)
///   PLIF  as LIF with rate = sigmoid(w), w trained, starting at the spec's tau (Fang et al., ICCV 2021)
///   IF    v += x
/// rate = 1 / tau, rounded once to the membrane's type; the order of operations is that of the exported
/// network's neurons, so that both round alike. The reset is detached: no gradient flows through it (hard:
/// where it fired nothing passes on).
struct NeuronSpec {
  NeuronKind kind = NeuronKind::kLif;
  double tau = 4.0 / 3.0, threshold = 1.0, v_reset = 0.0;
  bool decay_input = true;
  ResetKind reset = ResetKind::kHard;
  SurrogateKind surrogate = SurrogateKind::kAtan;
  double alpha = 2.0;
};

inline constexpr Words<NeuronKind, 3> kNeuronWords{
    {{"lif", NeuronKind::kLif}, {"if", NeuronKind::kIf}, {"plif", NeuronKind::kPlif}}};
inline constexpr Words<ResetKind, 2> kResetWords{{{"hard", ResetKind::kHard}, {"soft", ResetKind::kSoft}}};
inline constexpr Words<SurrogateKind, 3> kSurrogateWords{{{"atan", SurrogateKind::kAtan},
                                                          {"triangle", SurrogateKind::kTriangle},
                                                          {"sigmoid", SurrogateKind::kSigmoid}}};

/// The words above. parse_* throw InputError naming `place`.
const char* to_text(NeuronKind kind);
const char* to_text(ResetKind kind);
const char* to_text(SurrogateKind kind);
NeuronKind parse_neuron_kind(const std::string& text, const std::string& place);
ResetKind parse_reset_kind(const std::string& text, const std::string& place);
SurrogateKind parse_surrogate_kind(const std::string& text, const std::string& place);

}  // namespace spikeloop::models
