#pragma once
#include <cstdint>

#include "sim/config/chip_config.h"
#include "sim/mapping/plan.h"
#include "sim/rules/ring.h"
#include "sim/rules/stage_counters.h"
#include "sim/rules/timing.h"

namespace spikeloop::sim {

/// A tile's packets on their way into the router. Room for all packets of an item is reserved before a unit
/// starts it. One port writes packets, in the order in which results come, each in ceil(bits / port_bits)
/// cycles; a packet may leave when it is written whole, a flit a cycle, and each flit frees its room.
class OutputBuffer {
 public:
  struct Packet {
    int route = 0;
    std::int64_t item = 0;
    int flits = 0;
    StageCounters* producer = nullptr;
    Cycle written = 0;
    int sent = 0;
  };
  OutputBuffer(const ChipConfig& chip, const Timing& timing) : chip_(chip), timing_(timing) {}

  bool has_room(std::int64_t bits) const { return bits_ + bits <= chip_.output_buffer.capacity_bits; }
  void reserve(std::int64_t bits) { bits_ += bits; }
  /// Writes a packet for which there is room; the cycle in which it is there.
  Cycle write(int route, std::int64_t item, int flits, StageCounters& producer, Cycle now);

  bool ready(Cycle now) const { return !packets_.empty() && packets_.front().written <= now; }
  /// The oldest packet, of which a flit leaves: charges it and frees its room. pop() after the last.
  Packet& take_flit();
  void pop() { packets_.pop(); }
  const Packet* front() const { return packets_.empty() ? nullptr : &packets_.front(); }
  Cycle next_event(Cycle now) const {
    return packets_.empty() || ready(now) ? kNever : packets_.front().written;
  }
  std::int64_t bits() const { return bits_; }  ///< written or reserved

 private:
  const ChipConfig& chip_;
  const Timing& timing_;
  Ring<Packet> packets_;
  std::int64_t bits_ = 0;
  Cycle port_free_ = 0;
};

}  // namespace spikeloop::sim
