#include "models/neuron_spec.h"

#include <array>

#include "traces/support/error.h"

namespace spikeloop::models {
namespace {

// In the order of the enums.
constexpr std::array<const char*, 3> kNeuronKinds{"lif", "if", "plif"};
constexpr std::array<const char*, 2> kResetKinds{"hard", "soft"};
constexpr std::array<const char*, 3> kSurrogateKinds{"atan", "triangle", "sigmoid"};

template <class Kind, std::size_t N>
Kind parse(const std::array<const char*, N>& words, const std::string& text, const std::string& place) {
  std::string known;
  for (std::size_t i = 0; i < N; ++i) {
    if (text == words[i]) return static_cast<Kind>(i);
    known += i == 0 ? words[i] : (i + 1 < N ? ", " : " or ") + std::string(words[i]);
  }
  throw InputError("command line", place, '"' + text + '"', known);
}

}  // namespace

const char* to_text(NeuronKind kind) { return kNeuronKinds.at(static_cast<std::size_t>(kind)); }
const char* to_text(ResetKind kind) { return kResetKinds.at(static_cast<std::size_t>(kind)); }
const char* to_text(SurrogateKind kind) { return kSurrogateKinds.at(static_cast<std::size_t>(kind)); }

NeuronKind parse_neuron_kind(const std::string& text, const std::string& place) {
  return parse<NeuronKind>(kNeuronKinds, text, place);
}
ResetKind parse_reset_kind(const std::string& text, const std::string& place) {
  return parse<ResetKind>(kResetKinds, text, place);
}
SurrogateKind parse_surrogate_kind(const std::string& text, const std::string& place) {
  return parse<SurrogateKind>(kSurrogateKinds, text, place);
}

}  // namespace spikeloop::models
