#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

#include "models/neuron_spec.h"

namespace spikeloop::models {

/// One neuron written out from the definitions, in double, one step after the other, and its gradients by
/// hand in the opposite order. Shares no code with the kernels.
struct NeuronOracle {
  std::vector<double> membranes, spikes;
  std::vector<double> grad_inputs;
  double grad_previous = 0, grad_rate = 0;

  /// `previous`: null for none. `rate`: 1 / tau.
  NeuronOracle(const NeuronSpec& spec, double rate, const std::vector<double>& inputs, const double* previous,
               const std::vector<double>& grad_spikes, double grad_last)
      : spec_(spec), rate_(rate) {
    const std::size_t steps = inputs.size();
    std::vector<double> start(steps);  // membrane that a step charges
    double v = previous != nullptr ? reset(*previous) : 0;
    for (std::size_t t = 0; t < steps; ++t) {
      start[t] = v;
      membranes.push_back(v + charge(v, inputs[t]));
      spikes.push_back(fires(membranes[t]) ? 1 : 0);
      v = reset(membranes[t]);
    }
    grad_inputs.resize(steps);
    double from_later = grad_last;  // gradient of this step's membrane, through later steps
    for (std::size_t t = steps; t-- > 0;) {
      const double at_membrane = from_later + grad_spikes[t] * slope(membranes[t] - spec.threshold);
      double to_start = at_membrane;
      grad_inputs[t] = at_membrane;
      if (spec.kind != NeuronKind::kIf) {
        to_start = at_membrane * (1 - rate);
        if (spec.decay_input) grad_inputs[t] = at_membrane * rate;
        grad_rate += at_membrane *
                     (spec.decay_input ? inputs[t] - (start[t] - spec.v_reset) : -(start[t] - spec.v_reset));
      }
      const bool has_before = t > 0 || previous != nullptr;
      const bool was_cut =
          has_before && spec.reset == ResetKind::kHard && fires(t > 0 ? membranes[t - 1] : *previous);
      from_later = was_cut ? 0 : to_start;
    }
    if (previous != nullptr) grad_previous = from_later;
  }

 private:
  bool fires(double membrane) const { return membrane >= spec_.threshold; }
  double reset(double membrane) const {
    if (!fires(membrane)) return membrane;
    return spec_.reset == ResetKind::kHard ? spec_.v_reset : membrane - spec_.threshold;
  }
  double charge(double v, double x) const {
    if (spec_.kind == NeuronKind::kIf) return x;
    return spec_.decay_input ? (x + spec_.v_reset - v) * rate_ : x - (v - spec_.v_reset) * rate_;
  }
  double slope(double x) const {
    const double alpha = spec_.alpha;
    switch (spec_.surrogate) {
      case SurrogateKind::kAtan:
        return alpha / 2 / (1 + std::pow(std::acos(-1.0) / 2 * alpha * x, 2));
      case SurrogateKind::kTriangle:
        return std::abs(x) < 1 ? alpha * (1 - std::abs(x)) : 0;
      case SurrogateKind::kSigmoid: {
        const double s = 1 / (1 + std::exp(-alpha * x));
        return alpha * s * (1 - s);
      }
    }
    return 0;
  }
  NeuronSpec spec_;
  double rate_;
};

/// Every kind, decay, reset and surrogate, with thresholds and leaks off their defaults.
inline std::vector<NeuronSpec> all_neuron_specs() {
  std::vector<NeuronSpec> specs;
  for (const NeuronKind kind : {NeuronKind::kLif, NeuronKind::kIf, NeuronKind::kPlif}) {
    for (const bool decay_input : {true, false}) {
      for (const ResetKind reset : {ResetKind::kHard, ResetKind::kSoft}) {
        for (const SurrogateKind surrogate :
             {SurrogateKind::kAtan, SurrogateKind::kTriangle, SurrogateKind::kSigmoid}) {
          for (const double v_reset : {0.0, -0.3}) {
            NeuronSpec spec;
            spec.kind = kind;
            spec.tau = v_reset == 0 ? 4.0 / 3.0 : 3.3;
            spec.threshold = v_reset == 0 ? 1.0 : 0.7;
            spec.v_reset = v_reset;
            spec.decay_input = decay_input;
            spec.reset = reset;
            spec.surrogate = surrogate;
            spec.alpha = surrogate == SurrogateKind::kSigmoid    ? 4
                         : surrogate == SurrogateKind::kTriangle ? 0.3
                                                                 : 2;
            specs.push_back(spec);
          }
        }
      }
    }
  }
  return specs;
}

}  // namespace spikeloop::models
