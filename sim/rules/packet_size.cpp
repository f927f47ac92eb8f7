#include "sim/rules/packet_size.h"

namespace spikeloop::sim {

int packet_size(const Plan& plan, const ChipConfig& chip, const Stimulus& stimulus, const Flow& flow,
                std::int64_t item) {
  if (flow.payload != Flow::Payload::kSpikes) return packet_flits(chip, flow.item_bits);
  const int ones = stimulus.item_ones(plan, flow.signal, static_cast<int>(item / flow.items),
                                      static_cast<int>(item % flow.items));
  const auto& signal = plan.signals[static_cast<std::size_t>(flow.signal)];
  return packet_flits(chip, packet_payload_bits(chip, flow, &signal, ones));
}

}  // namespace spikeloop::sim
