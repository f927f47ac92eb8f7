#pragma once
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/mapping/plan.h"
#include "sim/record.h"
#include "sim/rules/router.h"
#include "sim/rules/timing.h"
#include "sim/waves/waves.h"

namespace spikeloop::sim {

struct WaveSelection {
  std::vector<std::string> patterns;      ///< shell-style, of whole paths ('*' also spans dots); empty: all
  Cycle from = 0;                         ///< first cycle of the window
  Cycle to = kNever;                      ///< first cycle behind it
  std::int64_t sample = 0;                ///< position in the trace
  std::size_t most_changes = 20'000'000;  ///< events' effects on signals: 0.5 GB of memory, and of VCD
};

/// Turns the events of one sample into the signals of the chip's modules. The signals, by the paths of the
/// engine's modules (units that no stage of the tile uses have none):
///
///   chip.recorded                           1 within the window
///   chip.host.input.flits, .results.flits   flits so far
///   chip.tile_C_R.router.PORT.busy, .flits, .route   output PORT (local north east south west host): a flit
///                                           leaves in this cycle; flits so far; route of the last one
///   chip.tile_C_R.core.packet_register.flits   taken from the router so far
///     .input_buffer.items, .pooling_memory.items   items of the input map that lie there
///     .fetch.busy, .window                  a window is read into the window register
///     .crossbars.busy, .window              window: the last that was started
///     .crossbars.copy_K.busy, .window       when the weights lie there more than once
///     .crossbars.blocked                    sums wait for room downstream
///     .shift_add.windows                    read, sums not yet gone
///     .node_adder.busy, .item, .flow        flow: index of the plan
///     .adder_tree.busy, .item, .flow        partial sums of another tile
///     .neuron_unit.busy, .item, .stage, .blocked   stage: index of the plan; blocked: nodes waiting
///     .neuron_unit.pipeline                 items behind the lanes, not yet out
///     .pooling_unit.busy, .item, .stage, .blocked
///     .output_buffer.bits                   of packets whose flits the router has not taken
///     .blocked                              any of the above
///     .timestep                             schedule timestep_sequential: that may start
///
/// A signal takes its value in the cycle of the event: busy is 1 from the cycle in which work starts up to,
/// and without, the one in which it ends; work without a gap keeps it 1. Items are numbered through the
/// timesteps (timestep x items of the map + pixel).
class ChipWaves : public Recorder {
 public:
  /// Throws InputError when the selection leaves no signal.
  ChipWaves(const Plan& plan, const ChipConfig& chip, const Timing& timing, WaveSelection selection);

  void start_sample(std::int64_t position) override { active_ = position == selection_.sample; }
  void record(const Event& event) override;

  /// The waves of the sample, once it has run. Throws InputError when it ended before the window, or changed
  /// more often than the selection allows.
  Waves finish();

 private:
  enum class Mode : std::uint8_t { kBusy, kCount, kValue };  ///< 1 while a count is not 0; a count; as set
  struct Unit {
    int busy = -1, item = -1, detail = -1, blocked = -1, waiting = -1;
  };
  struct TileSignals {
    Unit fetch, crossbars, node_adder, tree_adder, neurons, pooling;
    std::vector<Unit> copies;
    int input_items = -1, pooling_items = -1, packet_flits = -1, output_bits = -1, blocked = -1,
        timestep = -1;
    std::array<Unit, kNumPorts> ports;
    std::pair<int, std::int64_t> sending{-1, 0};         ///< packet that enters the router: route, item
    std::int64_t sent_flits = 0;                         ///< of it
    std::map<std::pair<int, std::int64_t>, Cycle> made;  ///< packets not yet sent whole
  };
  struct Change {
    Cycle cycle;
    std::int64_t value;  ///< kValue: the value, else what is added
    std::int32_t signal;
  };

  int add(const std::string& path, Mode mode);
  void add_tile(int tile);
  void change(int signal, Cycle cycle, std::int64_t value);
  void start(Unit& unit, const Event& event);
  void blocked(const Event& event, std::int64_t by);
  void free_inputs(int signal, const Event& event);
  void packets_made(TileSignals& tile, const Event& event);
  void packet_sent(TileSignals& tile);
  const Stage& stage(int id) const { return plan_.stages[static_cast<std::size_t>(id)]; }
  const Flow& flow(int id) const { return plan_.flows[static_cast<std::size_t>(id)]; }

  const Plan& plan_;
  const ChipConfig& chip_;
  const Timing& timing_;
  WaveSelection selection_;
  std::vector<WaveSignal> signals_;
  std::vector<Mode> modes_;
  std::vector<TileSignals> tiles_;
  int recorded_ = -1, host_input_ = -1, host_results_ = -1;
  std::vector<WaveGroup> groups_;
  std::vector<WindowTable> windows_;  ///< per stage; kMvm, kPool
  std::vector<std::int64_t> freed_;   ///< per stage: input items that no window needs any more
  std::vector<Change> before_;        ///< per signal: what it was before the window
  std::vector<Change> changes_;
  Cycle last_cycle_ = 0, full_since_ = kNever;
  bool active_ = false;
};

}  // namespace spikeloop::sim
