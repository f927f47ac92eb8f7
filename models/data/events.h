#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/data/dataset.h"

/// Event recordings: readers of the published formats and their binning to frames.
namespace spikeloop::models {

struct Event {
  std::int64_t time_us = 0;
  std::uint16_t x = 0, y = 0;
  bool on = false;  ///< polarity
};

/// A recording; events in order of time (readers sort, and keep the file's order of equal times).
struct Recording {
  std::int64_t width = 0, height = 0;
  std::vector<Event> events;
};

/// N-MNIST / ATIS: 5 bytes an event (x, y, polarity bit + 23 bits microseconds, big-endian).
Recording read_nmnist_events(const std::string& path);
/// AEDAT 2.0: '#' header lines, then big-endian (address, microseconds) pairs. DAVIS240 address layout; frame
/// and IMU words (bit 31) are skipped.
Recording read_aedat2(const std::string& path);
/// AEDAT 3.1 as DVS128 Gesture has it.
Recording read_aedat31(const std::string& path);

/// Adds to uint8 [frames, 2, height, width] (channel 0 OFF, 1 ON), zeroed before. `begin_us`, `end_us`: the part
/// of the recording that is the sample.
void bin_events(const Recording& recording, const Framing& framing, std::int64_t begin_us, std::int64_t end_us,
                std::uint8_t* out);

}  // namespace spikeloop::models
