#include "sim/analytic/spikesim_event.h"

#include <algorithm>

#include "sim/bits.h"

namespace spikeloop::sim::spikesim {

Layer layer_of(const Plan& plan, const Stage& stage) {
  const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
  Layer layer;
  layer.in_channels = signal.channels;
  layer.out_channels = stage.channels;
  layer.in_pixels = std::int64_t{signal.height} * signal.width;
  layer.out_pixels = stage.items();
  layer.kernel_positions = std::int64_t{stage.kernel[0]} * stage.kernel[1];
  return layer;
}

Activity count_activity(const Plan& plan, const Stage& stage, std::int64_t crossbar_side,
                        const Stimulus& stimulus) {
  const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
  const int side = static_cast<int>(std::min<std::int64_t>(crossbar_side, signal.channels));
  const int blocks = (signal.channels + side - 1) / side;
  const int positions = stage.kernel[0] * stage.kernel[1];
  const int pixels = signal.height * signal.width;
  const auto at = [blocks](int pixel, int block) {
    return static_cast<std::size_t>(pixel) * static_cast<std::size_t>(blocks) +
           static_cast<std::size_t>(block);
  };
  Activity activity;
  std::vector<int> active(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(blocks));
  for (int t = 0; t < plan.timesteps; ++t) {
    const auto& planes = stimulus.at(plan, stage.signal, t);
    auto any = planes.front();
    for (const auto& plane : planes)
      for (std::size_t w = 0; w < any.size(); ++w) any[w] |= plane[w];
    for (int pixel = 0; pixel < pixels; ++pixel) {
      const std::int64_t first = std::int64_t{pixel} * signal.channels;
      for (int b = 0; b < blocks; ++b) {
        const int end = std::min(signal.channels, (b + 1) * side);
        active[at(pixel, b)] = popcount_range(any, first + std::int64_t{b} * side, first + end);
      }
    }
    for (int item = 0; item < stage.items(); ++item) {
      for (int b = 0; b < blocks; ++b) {
        const int channels = std::min(signal.channels - b * side, side);
        int rows = 0;
        for (int p = 0; p < positions; ++p) {
          const int y = item / stage.width * stage.stride[0] - stage.padding[0] +
                        p / stage.kernel[1] * stage.dilation[0];
          const int x = item % stage.width * stage.stride[1] - stage.padding[1] +
                        p % stage.kernel[1] * stage.dilation[1];
          if (y < 0 || x < 0 || y >= signal.height || x >= signal.width) continue;
          rows += active[at(y * signal.width + x, b)];
        }
        ++activity.cycles;
        if (rows == 0) continue;
        ++activity.active_cycles;
        activity.row_share += static_cast<double>(rows) / (positions * channels);
      }
    }
  }
  return activity;
}

}  // namespace spikeloop::sim::spikesim
