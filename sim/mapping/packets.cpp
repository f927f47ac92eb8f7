#include <algorithm>

#include "sim/mapping/draft.h"

namespace spikeloop::sim {

int packet_flits(const ChipConfig& chip, int payload_bits) {
  return ceil_div(std::int64_t{chip.mesh.header_bits} + payload_bits, chip.mesh.flit_bits);
}

int packet_payload_bits(const ChipConfig& chip, const Flow& flow, const Signal* signal, int ones) {
  if (flow.payload != Flow::Payload::kSpikes || signal->kind == Signal::Kind::kInput) return flow.item_bits;
  if (ones == 0) return 0;
  int address_bits = 1;
  while ((1 << address_bits) < flow.channels) ++address_bits;
  const int events = ones * (address_bits + (signal->bits > 1 ? signal->bits : 0));
  switch (chip.spike_encoding) {
    case SpikeEncoding::kAddressEvent:
      return events;
    case SpikeEncoding::kSmaller:
      return std::min(events, flow.item_bits);
    default:
      return flow.item_bits;
  }
}

int packet_flits_worst(const ChipConfig& chip, const Flow& flow, const Signal* signal) {
  return packet_flits(chip, packet_payload_bits(chip, flow, signal, flow.channels));
}

}  // namespace spikeloop::sim
