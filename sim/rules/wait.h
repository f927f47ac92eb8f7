#pragma once
namespace spikeloop::sim {

/// Something that an unfinished stage waits for, in a chip that has stopped. The report is made in
/// engine/stall.
struct Wait {
  enum class For {
    kItems,         ///< that `on` sends it
    kRoom,          ///< that `on` grants it: the window of `flow`
    kRegister,      ///< between two stages of a tile, still full; `on` is to empty it
    kOutputBuffer,  ///< room for its packets; `on` made the oldest packet in it and `flow` is to take that
    kTimestep,      ///< its start (schedule timestep_sequential); `on` is -1
  };
  int stage = 0;
  For what = For::kItems;
  int on = -1;    ///< stage
  int flow = -1;  ///< of the plan
};

}  // namespace spikeloop::sim
