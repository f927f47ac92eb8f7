#include "models/neuron_spec.h"

namespace spikeloop::models {

const char* to_text(NeuronKind kind) { return word_of(kNeuronWords, kind); }
const char* to_text(ResetKind kind) { return word_of(kResetWords, kind); }
const char* to_text(SurrogateKind kind) { return word_of(kSurrogateWords, kind); }

NeuronKind parse_neuron_kind(const std::string& text, const std::string& place) {
  return parse_word(kNeuronWords, text, place);
}
ResetKind parse_reset_kind(const std::string& text, const std::string& place) {
  return parse_word(kResetWords, text, place);
}
SurrogateKind parse_surrogate_kind(const std::string& text, const std::string& place) {
  return parse_word(kSurrogateWords, text, place);
}

}  // namespace spikeloop::models
