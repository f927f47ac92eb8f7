#include "sim/rules/packet_size.h"

#include <algorithm>

namespace spikeloop::sim {
namespace {

int payload_bits(const ChipConfig& chip, const Flow& flow, const Signal& signal, int ones) {
  const int dense = ones == 0 ? 0 : flow.item_bits;
  if (chip.spike_encoding == SpikeEncoding::kBitmap || signal.kind == Signal::Kind::kInput) return dense;
  int address_bits = 1;
  while ((1 << address_bits) < signal.channels) ++address_bits;
  const int events = ones * (address_bits + (signal.bits > 1 ? signal.bits : 0));
  return chip.spike_encoding == SpikeEncoding::kAddressEvent ? events : std::min(dense, events);
}

}  // namespace

int packet_size(const Plan& plan, const ChipConfig& chip, const Stimulus& stimulus, const Flow& flow,
                std::int64_t item) {
  if (flow.payload != Flow::Payload::kSpikes) return packet_flits(chip, flow.item_bits);
  const int ones = stimulus.item_ones(plan, flow.signal, static_cast<int>(item / flow.items),
                                      static_cast<int>(item % flow.items));
  return packet_flits(chip,
                      payload_bits(chip, flow, plan.signals[static_cast<std::size_t>(flow.signal)], ones));
}

}  // namespace spikeloop::sim
