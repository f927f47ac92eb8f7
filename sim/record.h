#pragma once
#include <cstdint>
#include <tuple>

/// What happens on a chip, event by event: how the two engines are compared and waves are drawn.
namespace spikeloop::sim {

/// `index` and `item` of each kind are in its comment; `place` is the tile whose part it happens in (the host
/// port's own tile for the host).
enum class EventKind : std::uint8_t {
  kFetchStart,     ///< index: stage, item: window
  kFetchEnd,       ///< index: stage, item: window
  kReadStart,      ///< a copy's crossbars start a window; index: stage, item: window
  kReadEnd,        ///< index: stage, item: window
  kSumsOut,        ///< a window's sums leave shift-and-add and adder tree; index: stage, item: window
  kNodeAddStart,   ///< index: flow, item: of the flow
  kNodeAddEnd,     ///< index: flow, item: of the flow
  kTreeAddStart,   ///< partial sums of another tile; index: flow, item: of the flow
  kTreeAddEnd,     ///< index: flow, item: of the flow
  kNeuronStart,    ///< index: stage, item
  kNeuronEnd,      ///< lanes free again; index: stage, item
  kNodeOut,        ///< results of the neuron unit; index: stage, item
  kPoolStart,      ///< index: stage, item
  kPoolEnd,        ///< index: stage, item
  kDelivered,      ///< an item is in its consumer's memory; index: flow, item: of the flow
  kBlocked,        ///< results wait for room downstream; index: stage, item: 0
  kUnblocked,      ///< index: stage, item: 0
  kFlitInjected,   ///< tile or host to router; index: route, item
  kFlitRouted,     ///< a router sends a flit; index: route * 8 + output port, item
  kFlitEjected,    ///< a tile or the host takes a flit; index: route, item
  kTimestepStart,  ///< schedule timestep_sequential: a tile may start it; index: timestep, item: 0
};

struct Event {
  std::int64_t cycle = 0;  ///< sim::Cycle
  EventKind kind = EventKind::kFetchStart;
  std::int32_t place = 0, index = 0;
  std::int64_t item = 0;

  friend bool operator==(const Event& a, const Event& b) { return a.key() == b.key(); }
  friend bool operator<(const Event& a, const Event& b) { return a.key() < b.key(); }
  std::tuple<std::int64_t, std::int32_t, EventKind, std::int32_t, std::int64_t> key() const {
    return {cycle, place, kind, index, item};
  }
};

/// Within a cycle the order of the calls is not defined (compare sorted).
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void start_sample(std::int64_t position) = 0;
  virtual void record(const Event& event) = 0;
};

}  // namespace spikeloop::sim
