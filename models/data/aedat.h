#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "models/data/events.h"

/// Parts of the AEDAT formats (https://docs.inivation.com, "AEDAT file formats"). Private to models/data.
namespace spikeloop::models {

/// What the bits of an AEDAT 2.0 address mean depends on the sensor.
struct Aedat2Layout {
  std::int64_t width = 0, height = 0;
  std::uint32_t skip_mask = 0;  ///< words with one of these bits are no events of pixels
  unsigned x_shift = 0, y_shift = 0, polarity_shift = 0;
  std::uint32_t x_mask = 0, y_mask = 0;  ///< after the shift
  bool turned = false;                   ///< of a square sensor: the pixel is (side - 1 - y, side - 1 - x)
  bool polarity_inverted = false;
};
/// y = bits 30-22, x = bits 21-12, polarity = bit 11; bit 31: frames and IMU, bit 10: external events.
inline Aedat2Layout davis240_layout() {
  return {240, 180, 0x80000400U, 12, 22, 11, 0x3FFU, 0x1FFU, false, false};
}
/// DVS128 as in CIFAR10-DVS: y = bits 14-8, x = bits 7-1, polarity = bit 0; the pixel is (127 - y, 127 - x)
/// and ON 1 - polarity (SpikingJelly, CIFAR10DVS.load_origin_data, and tonic); bit 15: external events.
inline Aedat2Layout dvs128_layout() { return {128, 128, 0x8000U, 1, 8, 0, 0x7FU, 0x7FU, true, true}; }

Recording read_aedat2(const std::string& path, const Aedat2Layout& layout);

/// A packet of polarity events in an AEDAT 3.1 file: 28 bytes (little-endian: type u16, source u16, event
/// size u32, offset of the time u32, overflow of the time u32, capacity u32, events u32, valid events u32),
/// then `capacity` events of (u32 x << 17 | y << 2 | polarity << 1 | valid, u32 microseconds).
struct Aedat31Packet {
  std::size_t at = 0;  ///< of its first event
  std::uint64_t events = 0;
  std::uint64_t time_offset_us = 0;  ///< overflow * 2^31
};
std::vector<Aedat31Packet> find_packets(const std::string& path, const std::string& bytes);
/// Throws InputError for a pixel outside of the 128 x 128.
void append_events(const std::string& path, const std::string& bytes, const Aedat31Packet& packet,
                   Recording& recording);

}  // namespace spikeloop::models
