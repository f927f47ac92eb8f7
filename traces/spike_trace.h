#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

/// The spike trace file (HDF5): which neuron fired in which timestep, for some samples of a dataset.
///
///   /                        attributes: format "spikeloop.trace", version 1, network_sha256, dataset,
///   timesteps,
///                            producer, created (ISO 8601, or "" for byte-identical files)
///   /samples/index  int64 [N], /samples/label int32 [N], /samples/prediction int32 [N]
///   /nodes/<name>/spikes  uint8 [N, T, ceil(H*W*C/8)]  bits packed LSB first, order H, W, C
///                         attributes: shape [H, W, C] (a vector of n: [1, 1, n]), rate (mean firing rate)
///   /input/data     int8 [N, F, H, W, C], the integers of the encoded input; F = 1 (the same at every
///   timestep)
///                   or T. attributes: scale, bits. Present when the first layer runs on the chip.
namespace spikeloop::traces {

/// Bits of one node in one timestep of one sample: bit i of the map is word[i / 64] >> (i % 64) & 1, in H, W,
/// C order.
using PackedBits = std::vector<std::uint64_t>;

struct TraceHeader {
  std::string network_sha256;
  std::string dataset;
  int timesteps = 0;
  std::string producer = "spikeloop";
  std::string created;
};

struct SampleInfo {
  std::int64_t index = 0;  ///< record in the dataset
  std::int32_t label = 0, prediction = 0;
};

struct NodeSpikesInfo {
  std::int64_t height = 1, width = 1, channels = 0;
  double rate = 0;
  std::int64_t bits() const { return height * width * channels; }
};

/// A trace in memory, for writing. spikes[node][sample][t] is packed as above.
struct SpikeTrace {
  TraceHeader header;
  std::vector<SampleInfo> samples;
  struct NodeSpikes {
    NodeSpikesInfo info;
    std::vector<std::vector<PackedBits>> spikes;  ///< [N][T]
  };
  std::map<std::string, NodeSpikes> nodes;
  struct Input {
    std::int64_t frames = 0, height = 0, width = 0, channels = 0;
    float scale = 1;
    int bits = 8;
    std::vector<std::int8_t> data;  ///< [N, F, H, W, C]
  } input;                          ///< frames == 0: absent
};

/// Packs 0/1 bytes in [C, H, W] order (as LibTorch holds them) into H, W, C bits.
PackedBits pack_chw(const std::uint8_t* bits, std::int64_t channels, std::int64_t height, std::int64_t width);

/// Writes through a temporary name; computes each node's rate. Chunked one sample at a time, shuffle +
/// deflate; same content, same bytes. Throws InputError when the folder cannot be written.
void write_trace(const std::string& path, const SpikeTrace& trace);

/// Reads parts of a trace file: nothing is loaded before it is asked for.
class TraceReader {
 public:
  /// Throws InputError: not HDF5, another format or version, missing parts, shapes that disagree.
  explicit TraceReader(const std::string& path);
  ~TraceReader();
  TraceReader(TraceReader&&) noexcept;
  TraceReader& operator=(TraceReader&&) noexcept;

  const std::string& path() const;
  const TraceHeader& header() const;
  const std::vector<SampleInfo>& samples() const;
  const std::map<std::string, NodeSpikesInfo>& nodes() const;

  /// All timesteps of one node for the sample at `position` (0 .. N-1, not the dataset index).
  std::vector<PackedBits> spikes(const std::string& node, std::int64_t position) const;
  /// One sample of the input, frames == 0 when absent; data is [1, F, H, W, C].
  SpikeTrace::Input input(std::int64_t position) const;

 private:
  struct File;
  std::unique_ptr<File> file_;
};

}  // namespace spikeloop::traces
