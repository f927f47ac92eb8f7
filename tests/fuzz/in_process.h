#pragma once
#include <cstdint>
#include <string>
#include <vector>

/// What the fuzz targets share. They read in their own process: the executable defines try_in_child (see
/// traces/support/trial_read.h) as doing nothing, so that the sanitizers see our code at work.
namespace spikeloop::fuzz {

/// A file in memory with a path that readers can open.
class MemoryFile {
 public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  void write(const void* data, std::size_t size) const;
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

/// Decisions out of the fuzzer's bytes; zeros when they run out.
class Decisions {
 public:
  Decisions(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool left() const { return at_ != end_; }
  std::uint8_t byte() { return left() ? *at_++ : std::uint8_t{0}; }
  std::uint32_t below(std::uint32_t n) { return (byte() | static_cast<std::uint32_t>(byte()) << 8U) % n; }
  std::string text(std::size_t most);
  /// Mostly small, sometimes at the edges of integer types.
  std::int64_t integer();
  double real();

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

/// Ends the process when HDF5 objects are still open: each target calls it after each input.
void expect_all_closed();

/// Changes a valid HDF5 file as the decisions say: objects, types, shapes, values, attributes, links. What
/// comes out is a file that HDF5 itself wrote, with any content. Returns its bytes, none when HDF5 could not.
std::string edit_hdf5(const std::string& bytes, Decisions& decisions);

}  // namespace spikeloop::fuzz
