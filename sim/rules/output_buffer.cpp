#include "sim/rules/output_buffer.h"

#include <algorithm>

namespace spikeloop::sim {

Cycle OutputBuffer::write(int route, std::int64_t item, int flits, StageCounters& producer, Cycle now) {
  const std::int64_t bits = std::int64_t{flits} * chip_.mesh.flit_bits;
  const std::int64_t port = chip_.output_buffer.port_bits;
  port_free_ = std::max(port_free_, now) + (bits + port - 1) / port * timing_.tile_period;
  producer.events[Component::kOutputBufferWrite] += bits;
  packets_.push({route, item, flits, &producer, port_free_, 0});
  return port_free_;
}

OutputBuffer::Packet& OutputBuffer::take_flit() {
  auto& packet = packets_.front();
  packet.producer->events[Component::kOutputBufferRead] += chip_.mesh.flit_bits;
  bits_ -= chip_.mesh.flit_bits;
  ++packet.sent;
  return packet;
}

}  // namespace spikeloop::sim
