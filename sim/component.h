#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace spikeloop::sim {

/// What energy and area are charged to. Each has one event that costs energy (see event_name).
enum class Component : std::uint8_t {
  kCrossbar,         ///< active rows read
  kWordlineDriver,   ///< active rows driven
  kColumnMux,        ///< conversions
  kAdc,              ///< conversions
  kShiftAdd,         ///< conversions
  kAdderTree,        ///< additions of partial sums
  kInputBufferRead,  ///< bits
  kInputBufferWrite,
  kOutputBufferRead,
  kOutputBufferWrite,
  kNodeAdder,  ///< additions of values
  kNodeMemoryRead,
  kNodeMemoryWrite,
  kNeuronUnit,  ///< membrane updates
  kMembraneMemoryRead,
  kMembraneMemoryWrite,
  kPoolingUnit,  ///< additions
  kPoolingMemoryRead,
  kPoolingMemoryWrite,
  kRouter,    ///< flits through a router
  kLink,      ///< flits over a link
  kHostPort,  ///< bits in or out
  kControl,   ///< no events: area and leakage only
  kCount
};

inline constexpr std::size_t kNumComponents = static_cast<std::size_t>(Component::kCount);

/// Snake-case name of the hardware block: "crossbar", "input_buffer" (both for reading and writing), ...
/// Area and leakage of a memory stand with its read events.
const char* component_name(Component component);
/// What one event is: "active row", "conversion", "bit read", ... ("" for control, which has none)
const char* event_name(Component component);

/// Event counts per component.
struct EventCounts {
  std::array<std::int64_t, kNumComponents> count{};
  std::int64_t& operator[](Component c) { return count[static_cast<std::size_t>(c)]; }
  std::int64_t operator[](Component c) const { return count[static_cast<std::size_t>(c)]; }
  EventCounts& operator+=(const EventCounts& other) {
    for (std::size_t i = 0; i < kNumComponents; ++i) count[i] += other.count[i];
    return *this;
  }
  bool operator==(const EventCounts& other) const { return count == other.count; }
};

}  // namespace spikeloop::sim
