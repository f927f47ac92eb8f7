#include "sim/rules/window.h"

#include <algorithm>

#include "sim/bits.h"

namespace spikeloop::sim {

void gather_window(const Plan& plan, const Stage& stage, const Stimulus& stimulus, std::int64_t item,
                   Window& window) {
  const auto& signal = plan.signals[static_cast<std::size_t>(stage.signal)];
  const auto& planes = stimulus.at(plan, stage.signal, static_cast<int>(item / stage.items()));
  window.item = item;
  if (stage.whole_map) {
    window.planes = planes;
    return;
  }
  window.planes.resize(planes.size());
  const int pixel = static_cast<int>(item % stage.items());
  const int top = pixel / stage.width * stage.stride[0] - stage.padding[0];
  const int left = pixel % stage.width * stage.stride[1] - stage.padding[1];
  for (std::size_t b = 0; b < planes.size(); ++b) {
    auto& bits = window.planes[b];
    bits.assign(static_cast<std::size_t>((stage.weight_rows + 63) / 64), 0);
    for (int ky = 0; ky < stage.kernel[0]; ++ky) {
      for (int kx = 0; kx < stage.kernel[1]; ++kx) {
        const int y = top + ky * stage.dilation[0];
        const int x = left + kx * stage.dilation[1];
        if (y < 0 || x < 0 || y >= signal.height || x >= signal.width) continue;
        copy_bits(planes[b], (std::int64_t{y} * signal.width + x) * signal.channels, signal.channels, bits,
                  (std::int64_t{ky} * stage.kernel[1] + kx) * signal.channels);
      }
    }
  }
}

}  // namespace spikeloop::sim
