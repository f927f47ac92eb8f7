#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/rules/crossbar_array.h"
#include "sim/rules/packet_register.h"
#include "sim/rules/ring.h"
#include "sim/rules/tile_context.h"

namespace spikeloop::sim {

/// The crossbar stage of a tile: input buffer, window register, the copies of the weights, and the pipelines
/// that sum their results.
///
/// Input buffer: an item from the packet register or the local register is written in ceil(item bits /
/// port_bits) cycles, which it stays in the register; a window's new bits are fetched in ceil(new bits /
/// port_bits) cycles. With two ports both go on at once; with one, an access holds it from its start to its
/// end, and when both wait, the one goes that did not go last.
///
/// Window n, once fetched, waits in the window register until copy n % copies is idle and its pipeline of
/// shift-and-add and adder tree has a stage left; the copy's wordline latches take it then, and the next
/// window may be fetched. Sums leave in the order of the windows.
class CrossbarUnit {
 public:
  CrossbarUnit(TileContext& tile, PacketRegister& packets, StageWork& work, const ArrayFactory& make_array);
  void finish_due(Cycle now);
  void release_sums(Cycle now);
  void start(Cycle now);
  Cycle next_event(Cycle now) const;
  CrossbarArray& array() { return *array_; }

 private:
  struct Access {  ///< of the input buffer
    bool busy = false;
    Cycle end = 0;
    std::int64_t item = 0;
  };
  struct Sums {
    Cycle ready;
    std::int64_t item;
  };
  struct Copy {
    bool busy = false;
    Cycle start = 0;
    Window window;
    int in_pipeline = 0;  ///< windows between their start and the departure of their sums
    Ring<Sums> sums;
  };
  Cycle seen_end(int copy) const;
  void start_read(Cycle now);
  void start_accesses(Cycle now);
  bool item_waits() const;  ///< to be written into the input buffer
  void start_write(Cycle now);
  void start_fetch(Cycle now);

  TileContext& tile_;
  PacketRegister& packets_;
  StageWork& work_;
  int input_flow_ = -1;    ///< of bits
  int result_cycles_ = 0;  ///< shift-and-add and adder tree
  std::unique_ptr<CrossbarArray> array_;
  Access write_, fetch_;
  bool fetched_last_ = false;  ///< the last user of a single port
  bool window_full_ = false;
  Window window_;  ///< the window register
  std::vector<Copy> copies_;
  Cycle written_ = 0;  ///< when the packets of the last sums are in the output buffer
};

}  // namespace spikeloop::sim
