#include "models/data/aedat.h"

#include <algorithm>

#include "models/data/readers.h"
#include "traces/support/error.h"
#include "traces/support/files.h"

namespace spikeloop::models {
namespace {

[[noreturn]] void fail(const std::string& path, std::size_t at, const std::string& found,
                       const std::string& expected) {
  throw InputError(path, "byte " + std::to_string(at), found, expected);
}

/// Where the '#' lines at the start end.
std::size_t after_comments(const std::string& path, const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && bytes[at] == '#') {
    const std::size_t end = bytes.find('\n', at);
    if (end == std::string::npos) fail(path, at, "a header line without an end", "a line end");
    at = end + 1;
  }
  return at;
}

}  // namespace

Recording read_aedat2(const std::string& path, const Aedat2Layout& layout) {
  const std::string bytes = read_file(path);
  if (bytes.rfind("#!AER-DAT2.0", 0) != 0) {
    throw InputError(path, "first line",
                     '"' + bytes.substr(0, std::min<std::size_t>(16, bytes.find('\n'))) + '"',
                     "#!AER-DAT2.0");
  }
  const std::size_t begin = after_comments(path, bytes);
  if ((bytes.size() - begin) % 8 != 0) {
    throw InputError(path, "size", std::to_string(bytes.size() - begin) + " bytes after the header",
                     "8 bytes an event, whole events");
  }
  Recording recording{layout.width, layout.height, {}};
  recording.events.reserve((bytes.size() - begin) / 8);
  for (std::size_t at = begin; at < bytes.size(); at += 8) {
    const auto address = static_cast<std::uint32_t>(big_endian(bytes, at, 4));
    if ((address & layout.skip_mask) != 0) continue;
    const std::int64_t column = address >> layout.x_shift & layout.x_mask;
    const std::int64_t row = address >> layout.y_shift & layout.y_mask;
    if (column >= layout.width || row >= layout.height) {
      fail(path, at, "x " + std::to_string(column) + ", y " + std::to_string(row),
           "below " + std::to_string(layout.width) + " and " + std::to_string(layout.height));
    }
    const std::int64_t x = layout.turned ? layout.height - 1 - row : column;
    const std::int64_t y = layout.turned ? layout.width - 1 - column : row;
    const bool bit = (address >> layout.polarity_shift & 1U) != 0;
    recording.events.push_back({static_cast<std::int64_t>(big_endian(bytes, at + 4, 4)),
                                static_cast<std::uint16_t>(x), static_cast<std::uint16_t>(y),
                                bit != layout.polarity_inverted});
  }
  sort_by_time(recording);
  return recording;
}

Recording read_aedat2(const std::string& path) { return read_aedat2(path, davis240_layout()); }

std::vector<Aedat31Packet> find_packets(const std::string& path, const std::string& bytes) {
  if (bytes.rfind("#!AER-DAT3.1", 0) != 0) {
    throw InputError(path, "first line",
                     '"' + bytes.substr(0, std::min<std::size_t>(16, bytes.find('\n'))) + '"',
                     "#!AER-DAT3.1");
  }
  static const std::string kEnd = "#!END-HEADER\r\n";
  const std::size_t end = bytes.find(kEnd);
  if (end == std::string::npos) throw InputError(path, "header", "no end", "a line #!END-HEADER");
  std::vector<Aedat31Packet> packets;
  for (std::size_t at = end + kEnd.size(); at < bytes.size();) {
    constexpr std::size_t kHeader = 28;
    if (bytes.size() - at < kHeader) {
      fail(path, at, std::to_string(bytes.size() - at) + " bytes", "a packet's header of 28 bytes");
    }
    const std::uint64_t type = little_endian(bytes, at, 2), size = little_endian(bytes, at + 4, 4);
    const std::uint64_t offset = little_endian(bytes, at + 8, 4), overflow = little_endian(bytes, at + 12, 4);
    const std::uint64_t capacity = little_endian(bytes, at + 16, 4),
                        number = little_endian(bytes, at + 20, 4);
    const std::size_t body = at + kHeader;
    if (capacity * size > bytes.size() - body) {
      fail(path, at, "a packet of " + std::to_string(capacity) + " x " + std::to_string(size) + " bytes",
           "at most the " + std::to_string(bytes.size() - body) + " bytes left in the file");
    }
    if (number > capacity) {
      fail(path, at, std::to_string(number) + " events in a packet",
           "at most its " + std::to_string(capacity));
    }
    constexpr std::uint64_t kPolarity = 1;
    if (type == kPolarity) {
      if (size != 8 || offset != 4) {
        fail(path, at,
             "polarity events of " + std::to_string(size) + " bytes, time at " + std::to_string(offset),
             "8 bytes, time at 4");
      }
      packets.push_back({body, number, overflow << 31U});
    }
    at = body + static_cast<std::size_t>(capacity * size);
  }
  return packets;
}

void append_events(const std::string& path, const std::string& bytes, const Aedat31Packet& packet,
                   Recording& recording) {
  for (std::uint64_t i = 0; i < packet.events; ++i) {
    const std::size_t at = packet.at + static_cast<std::size_t>(8 * i);
    const std::uint64_t address = little_endian(bytes, at, 4);
    if ((address & 1U) == 0) continue;  // marked invalid
    const std::uint64_t x = address >> 17U & 0x7FFFU, y = address >> 2U & 0x7FFFU;
    if (x >= 128 || y >= 128) {
      fail(path, at, "x " + std::to_string(x) + ", y " + std::to_string(y), "0 to 127 each");
    }
    const std::uint64_t time_us = packet.time_offset_us | little_endian(bytes, at + 4, 4);
    recording.events.push_back({static_cast<std::int64_t>(time_us), static_cast<std::uint16_t>(x),
                                static_cast<std::uint16_t>(y), (address & 2U) != 0});
  }
}

Recording read_aedat31(const std::string& path) {
  const std::string bytes = read_file(path);
  Recording recording{128, 128, {}};
  for (const Aedat31Packet& packet : find_packets(path, bytes)) append_events(path, bytes, packet, recording);
  sort_by_time(recording);
  return recording;
}

}  // namespace spikeloop::models
