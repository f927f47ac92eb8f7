#pragma once
#include <cstdint>
#include <limits>
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

/// N-MNIST / ATIS: 5 bytes an event (x, y, polarity bit + 23 bits microseconds, big-endian). y = 240 is no
/// event but the sensor's clock going over: all later times are 2^13 us higher (as tonic's read_mnist_file).
/// Throws InputError for part of an event and for an event outside the 34 x 34 pixels.
Recording read_nmnist_events(const std::string& path);
/// AEDAT 2.0: '#' header lines, then big-endian (address, microseconds) pairs. DAVIS240 address layout; frame
/// and IMU words (bit 31) are skipped.
Recording read_aedat2(const std::string& path);
/// AEDAT 3.1 as DVS128 Gesture has it.
Recording read_aedat31(const std::string& path);

/// The frame that each event falls into, -1 for none. `times_us` are those of one sample, in order;
/// `begin_us` is its time 0. N events, M = framing.frames:
///   by count: event i is in frame min(i / floor(N / M), M - 1); all in the last one when N < M
///     (SpikingJelly, cal_fixed_frames_number_segment_index, split_by "number")
///   by time, frame_us = 0: d = floor((t[N-1] - t[0]) / M), frame min((t - t[0]) / d, M - 1); all in the last
///   one
///     when d = 0 (the same function, split_by "time"; it fails on a frame without events, which is empty
///     here)
///   by time, frame_us > 0: (t - origin) / frame_us, none from frame M on; the origin is t[0] (SpikingJelly's
///     integrate_events_by_fixed_duration, tonic's ToFrame with time_window) or `begin_us`.
std::vector<std::int32_t> frames_of(const std::vector<std::int64_t>& times_us, const Framing& framing,
                                    std::int64_t begin_us);

/// Adds to uint8 [frames, 2, height, width] (channel 0 OFF, 1 ON), zeroed before, saturating at 255; 0 or 1
/// when the framing is binary. [begin_us, end_us): the part of the recording that is the sample.
void bin_events(const Recording& recording, const Framing& framing, std::uint8_t* out,
                std::int64_t begin_us = 0, std::int64_t end_us = std::numeric_limits<std::int64_t>::max());

}  // namespace spikeloop::models
