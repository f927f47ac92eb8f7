#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/data/events.h"

/// The published formats, written byte for byte from their descriptions: what the readers are tested with.
namespace spikeloop::models {

std::string little(std::uint64_t value, int bytes);
std::string big(std::uint64_t value, int bytes);

std::string idx_images(std::int64_t count,
                       std::uint8_t first_pixel = 0);  ///< 28 x 28; image i's first pixel + i
std::string idx_labels(const std::vector<std::uint8_t>& labels);
std::string gzipped(const std::string& bytes);

/// A JPEG of one colour (one component: its first value).
std::string jpeg(int size, int components, const std::vector<std::uint8_t>& colour);

std::string nmnist_event(unsigned x, unsigned y, bool on, unsigned time_us);

/// AEDAT 3.1 as cAER wrote DVS128 Gesture: header, then one packet for each list of events.
struct Packet {
  std::vector<Event> events;
  unsigned type = 1, overflow = 0, spare = 0;  ///< spare: capacity above the number of events
};
std::string aedat31(const std::vector<Packet>& packets);
/// AEDAT 2.0 of (address, time) words.
std::string aedat2(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& words);

/// A .npy array; `data` are the elements' bytes.
std::string npy(const std::string& descr, const std::string& shape, const std::string& data, int version = 1);
void write_npz(const std::string& path, const std::string& name, const std::string& npy_bytes, bool deflate);

/// A folder with a small, whole data set of that name; returns the files in it.
std::vector<std::string> write_small_dataset(const std::string& name, const std::string& folder);

/// NIRData: EventData of two samples with labels and shape [2, 2, 2], in 4 steps of 1 ms; spikes at the
/// steps' ends or starts.
void write_nir_events(const std::string& path, bool ends = true);
/// NIRData: TimeGriddedData, bool [1, 4, 3], without labels; spikes at (step, neuron) (0, 1), (3, 2).
void write_nir_grid(const std::string& path);

}  // namespace spikeloop::models
