#include "sim/rules/timing.h"

#include <algorithm>
#include <cmath>

#include "sim/adc_law.h"

namespace spikeloop::sim {

int cycles_of(double time_ns, double frequency_mhz) {
  // The margin keeps 8 ns at 1 GHz at 8 cycles although the product is a hair above in binary.
  return std::max(1, static_cast<int>(std::ceil(time_ns * frequency_mhz / 1000.0 - 1e-9)));
}

Timing make_timing(const ChipConfig& chip) {
  Timing t;
  const auto grid_hz = clock_grid_hz(chip);
  const auto period = [&](double mhz) { return static_cast<Cycle>(grid_hz / std::llround(mhz * 1e6)); };
  t.grid_mhz = static_cast<double>(grid_hz) * 1e-6;
  t.tile_period = period(chip.clock.frequency_mhz);
  t.array_period = period(chip.array_mhz());
  t.network_period = period(chip.network_mhz());
  const Cycle crossing = chip.clock.crossing_cycles;
  const bool network_differs = t.network_period != t.tile_period;
  const bool array_differs = t.array_period != t.tile_period;
  t.crossing_to_tile_from_network = network_differs ? crossing * t.tile_period : 0;
  t.crossing_to_tile_from_array = array_differs ? crossing * t.tile_period : 0;
  t.crossing_to_network = network_differs ? crossing * t.network_period : 0;
  t.crossing_to_array = array_differs ? crossing * t.array_period : 0;
  t.read_cycles = cycles_of(chip.crossbar.read_latency_ns, chip.array_mhz());
  t.conversion_cycles = cycles_of(adc_latency_ns(chip.adc), chip.array_mhz());
  t.conversion_interval = (t.conversion_cycles + chip.adc.pipeline_stages - 1) / chip.adc.pipeline_stages;
  t.adcs_per_crossbar = std::max(1, chip.crossbar.columns / chip.adc.columns_per_adc);
  t.empty_packet_flits = packet_flits(chip, 0);
  return t;
}

Cycle crossbar_cycles(const Timing& timing, bool sample_and_hold, std::int64_t passes, int phases) {
  if (passes == 0) return 0;
  const Cycle read = timing.read_cycles;
  const Cycle sampled = Cycle{phases} * timing.conversion_interval;
  const Cycle rest = timing.conversion_cycles - timing.conversion_interval;
  if (sample_and_hold) return read + (passes - 1) * std::max(read, sampled) + sampled + rest;
  return passes * (read + sampled) + rest;
}

Cycle limit_delay(const Timing& timing, const Flow& flow, bool sender_is_host) {
  if (flow.local) return timing.tile_period;
  return timing.tile_period + flow.hops * timing.network_period + timing.crossing_to_network +
         (sender_is_host ? 0 : timing.crossing_to_tile_from_network);
}

std::int64_t read_passes(const ChipConfig& chip, int active) {
  if (active == 0) return chip.crossbar.skip_zero ? 0 : 1;
  return (active + chip.crossbar.max_active_rows - 1) / chip.crossbar.max_active_rows;
}

WindowTable make_windows(const Stage& stage, int input_height, int input_width) {
  WindowTable table;
  if (stage.whole_map) {
    const int all = input_height * input_width;
    table.needed = table.new_items = table.in_bounds = table.freed = {all};
    return table;
  }
  const int reach_y = (stage.kernel[0] - 1) * stage.dilation[0];
  const int reach_x = (stage.kernel[1] - 1) * stage.dilation[1];
  const auto inside = [&](int oy, int ox, int ky, int kx) {
    const int y = oy * stage.stride[0] - stage.padding[0] + ky * stage.dilation[0];
    const int x = ox * stage.stride[1] - stage.padding[1] + kx * stage.dilation[1];
    return y >= 0 && x >= 0 && y < input_height && x < input_width;
  };
  for (int oy = 0; oy < stage.height; ++oy) {
    for (int ox = 0; ox < stage.width; ++ox) {
      const int top = oy * stage.stride[0] - stage.padding[0];
      const int left = ox * stage.stride[1] - stage.padding[1];
      const int last_y = std::min(input_height - 1, top + reach_y);
      const int last_x = std::min(input_width - 1, left + reach_x);
      table.needed.push_back(std::max(0, last_y * input_width + last_x + 1));
      int in_bounds = 0;
      int shared = 0;  // with the window one step to the left
      for (int ky = 0; ky < stage.kernel[0]; ++ky) {
        for (int kx = 0; kx < stage.kernel[1]; ++kx) {
          if (!inside(oy, ox, ky, kx)) continue;
          ++in_bounds;
          const int x_in_left = kx * stage.dilation[1] + stage.stride[1];
          const bool on_grid = x_in_left % stage.dilation[1] == 0 && x_in_left <= reach_x;
          if (ox > 0 && on_grid) ++shared;
        }
      }
      table.in_bounds.push_back(in_bounds);
      table.new_items.push_back(in_bounds - shared);
      // The next window of this row, and the first of the next row, each use nothing before its top left
      // pixel.
      const bool row_end = ox + 1 == stage.width;
      const int next_row = std::max(0, top + stage.stride[0]) * input_width;
      int freed = next_row;
      if (!row_end)
        freed = std::min(next_row, std::max(0, top) * input_width + std::max(0, left + stage.stride[1]));
      if (row_end && oy + 1 == stage.height) freed = input_height * input_width;
      table.freed.push_back(std::min(freed, input_height * input_width));
    }
  }
  return table;
}

}  // namespace spikeloop::sim
