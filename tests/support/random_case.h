#pragma once
#include <array>
#include <string>
#include <vector>

#include "sim/config/chip_config.h"
#include "traces/network.h"
#include "traces/spike_trace.h"
#include "traces/support/random.h"

/// One simulation as a recipe that can be drawn, made smaller piece by piece, and printed.
namespace spikeloop::testing {

/// A part of a network between values and values.
struct Block {
  enum class Kind {
    kConv,      ///< LIF, convolution
    kCell,      ///< four nodes with an operation on every edge
    kPool,      ///< average over values
    kSpikePool  ///< LIF, sum of spikes, convolution
  };
  Kind kind = Kind::kConv;
  int channels = 1;  ///< out of it (a cell keeps what it gets)
  int kernel = 1, stride = 1;
  /// 0 nothing, 1 skip, 2 1x1 convolution, 3 3x3 convolution, 4 average pooling; edges 01 02 12 03 13 23.
  std::array<int, 6> forward{};
  std::array<int, 6> backward{};  ///< same edges the other way, 0 to 3
};

struct Recipe {
  int height = 2, width = 2, input_channels = 1, input_bits = 1, timesteps = 1;
  int stem_channels = 1, stem_kernel = 1;
  bool frames = false;  ///< another input in every timestep
  std::vector<Block> blocks;
  int classes = 1;  ///< of a linear layer at the end; 0: the spikes of the last map are the result
  int hidden = 0;   ///< neurons of a linear layer before it; 0 none
  double rate = 0;  ///< of spikes; 0: also a zero input
  std::uint64_t trace_seed = 1;
};

struct Case {
  sim::ChipConfig chip;
  Recipe recipe;
};

/// Draws everything: chips from random_chip, networks of all kinds of nodes. Not every one fits its chip.
Case random_case(RandomStream& random);

traces::Network network_of(const Recipe& recipe);  ///< weights drawn from the trace's seed
traces::SpikeTrace trace_of(const Recipe& recipe, const traces::Network& network);

/// All cases that are one step plainer or smaller, the largest steps first.
std::vector<Case> smaller_cases(const Case& c);

/// The network, and every option of the chip that isn't as in plain_chip().
std::string describe(const Case& c);
sim::ChipConfig plain_chip();

}  // namespace spikeloop::testing
