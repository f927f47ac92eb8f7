#include "traces/spike_trace.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <utility>

#include "traces/network_shapes.h"
#include "traces/support/error.h"
#include "traces/support/files.h"
#include "traces/support/hdf5_io.h"
#include "traces/support/trial_read.h"

namespace spikeloop::traces {

namespace {

using Sizes = std::vector<std::int64_t>;

constexpr const char* kKind = "a spike trace (HDF5)";
constexpr const char* kFormat = "spikeloop.trace";
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kTriedAtOnce = 16;  ///< positions
constexpr std::int64_t kMaxTimesteps = 1 << 20;
constexpr std::int64_t kMaxNeurons = std::int64_t{1} << 32;

std::int64_t bytes_of(const NodeSpikesInfo& info) { return (info.bits() + 7) / 8; }
std::size_t words_of(const NodeSpikesInfo& info) { return static_cast<std::size_t>((info.bits() + 63) / 64); }

/// Bits of the last word that belong to no neuron.
std::uint64_t unused_mask(std::int64_t bits) {
  return bits % 64 == 0 ? 0 : ~((std::uint64_t{1} << (bits % 64)) - 1);
}

bool map_fits(std::int64_t height, std::int64_t width, std::int64_t channels) {
  return height >= 1 && width >= 1 && channels >= 1 && height <= kMaxNeurons &&
         width <= kMaxNeurons / height && channels <= kMaxNeurons / (height * width);
}

/// h5py reads "a/b" as two groups, and "." is the group itself.
bool legal_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name.find('\0') == std::string::npos &&
         name != "." && name != "..";
}

int count_bits(std::uint64_t word) { return __builtin_popcountll(word); }

// --- writing
// ---------------------------------------------------------------------------------------------------

void check_node(const std::string& path, const SpikeTrace& trace, const std::string& name,
                const SpikeTrace::NodeSpikes& node) {
  const h5::Where where{path, "node '" + name + "'"};
  if (!legal_name(name)) h5::fail(where, "this name", "a name without '/', other than '.' and '..'");
  const NodeSpikesInfo& info = node.info;
  if (!map_fits(info.height, info.width, info.channels)) {
    h5::fail(where, "shape " + shape_text({info.height, info.width, info.channels}),
             "[H, W, C], each at least 1");
  }
  if (node.spikes.size() != trace.samples.size()) {
    h5::fail(where, "spikes of " + std::to_string(node.spikes.size()) + " samples",
             std::to_string(trace.samples.size()) + ", as many as samples");
  }
  for (const auto& sample : node.spikes) {
    if (sample.size() != static_cast<std::size_t>(trace.header.timesteps)) {
      h5::fail(where, std::to_string(sample.size()) + " timesteps", std::to_string(trace.header.timesteps));
    }
    for (const PackedBits& bits : sample) {
      if (bits.size() != words_of(info) || (bits.back() & unused_mask(info.bits())) != 0) {
        h5::fail(
            where, std::to_string(bits.size()) + " words of bits or bits beyond the map",
            std::to_string(words_of(info)) + " words with " + std::to_string(info.bits()) + " bits used");
      }
    }
  }
}

void check_input(const std::string& path, const SpikeTrace& trace) {
  const SpikeTrace::Input& input = trace.input;
  const h5::Where where{path, "input"};
  if (input.frames != 1 && input.frames != trace.header.timesteps) {
    h5::fail(where, std::to_string(input.frames) + " frames",
             "1 or " + std::to_string(trace.header.timesteps) + " (timesteps)");
  }
  if (!map_fits(input.height, input.width, input.channels)) {
    h5::fail(where, "shape " + shape_text({input.height, input.width, input.channels}),
             "[H, W, C], each at least 1");
  }
  const auto values = static_cast<std::int64_t>(trace.samples.size()) * input.frames * input.height *
                      input.width * input.channels;
  if (static_cast<std::int64_t>(input.data.size()) != values) {
    h5::fail(where, std::to_string(input.data.size()) + " values", std::to_string(values));
  }
  if (input.bits < 1 || input.bits > 8) h5::fail(where, std::to_string(input.bits) + " bits", "1 to 8");
  if (!std::isfinite(input.scale) || input.scale <= 0) {
    h5::fail(where, "scale " + std::to_string(input.scale), "a finite scale above 0");
  }
}

void check_trace(const std::string& path, const SpikeTrace& trace) {
  if (trace.samples.empty()) throw InputError(path, "samples", "none", "at least one sample");
  if (trace.header.timesteps < 1 || trace.header.timesteps > kMaxTimesteps) {
    throw InputError(path, "timesteps", std::to_string(trace.header.timesteps),
                     "1 to " + std::to_string(kMaxTimesteps));
  }
  for (const auto& [name, node] : trace.nodes) check_node(path, trace, name, node);
  if (trace.input.frames != 0) check_input(path, trace);
}

void write_node(hid_t nodes, const std::string& name, const SpikeTrace::NodeSpikes& node,
                std::int64_t timesteps, const h5::Where& where) {
  const h5::Handle group = h5::create_group(nodes, name, where);
  const h5::Where at = where.in(name);
  const auto samples = static_cast<std::int64_t>(node.spikes.size());
  const std::int64_t row = bytes_of(node.info);
  const h5::Handle dataset = h5::create_dataset(group.get(), "spikes", H5T_STD_U8LE,
                                                {samples, timesteps, row}, {1, timesteps, row}, at);

  std::int64_t fired = 0;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(timesteps * row));
  for (std::int64_t n = 0; n < samples; ++n) {
    std::size_t at_byte = 0;
    for (const PackedBits& bits : node.spikes[static_cast<std::size_t>(n)]) {
      for (const std::uint64_t word : bits) fired += count_bits(word);
      for (std::size_t b = 0; b < static_cast<std::size_t>(row); ++b) {
        bytes[at_byte++] = static_cast<std::uint8_t>(bits[b / 8] >> (8 * (b % 8)) & 0xFFU);
      }
    }
    h5::write_slab(dataset.get(), H5T_NATIVE_UINT8, {n, 0, 0}, {1, timesteps, row}, bytes.data(), at);
  }
  h5::write_integer_attribute(dataset.get(), "shape", {node.info.height, node.info.width, node.info.channels},
                              false, at);
  const auto chances =
      static_cast<double>(samples) * static_cast<double>(timesteps) * static_cast<double>(node.info.bits());
  h5::write_real_attribute(dataset.get(), "rate", static_cast<double>(fired) / chances, at);
}

void write_input(hid_t file, const SpikeTrace::Input& input, std::int64_t samples, const h5::Where& where) {
  const h5::Handle group = h5::create_group(file, "input", where);
  const h5::Where at = where.in("input");
  const Sizes sample{1, input.frames, input.height, input.width, input.channels};
  Sizes shape = sample;
  shape[0] = samples;
  const h5::Handle dataset = h5::create_dataset(group.get(), "data", H5T_STD_I8LE, shape, sample, at);
  h5::write_slab(dataset.get(), H5T_NATIVE_INT8, {0, 0, 0, 0, 0}, shape, input.data.data(), at);
  h5::write_real_attribute(dataset.get(), "scale", static_cast<double>(input.scale), at);
  h5::write_integer_attribute(dataset.get(), "bits", {input.bits}, true, at);
}

void write_to(const std::string& temporary, const SpikeTrace& trace, const h5::Where& where) {
  h5::Handle file = h5::create_file(temporary, where);
  {
    const TraceHeader& header = trace.header;
    h5::write_string_attribute(file.get(), "format", kFormat, where);
    h5::write_integer_attribute(file.get(), "version", {kVersion}, true, where);
    h5::write_string_attribute(file.get(), "network_sha256", header.network_sha256, where);
    h5::write_string_attribute(file.get(), "dataset", header.dataset, where);
    h5::write_integer_attribute(file.get(), "timesteps", {header.timesteps}, true, where);
    h5::write_string_attribute(file.get(), "producer", header.producer, where);
    h5::write_string_attribute(file.get(), "created", header.created, where);

    const h5::Handle samples = h5::create_group(file.get(), "samples", where);
    Sizes index;
    std::vector<std::int32_t> label, prediction;
    for (const SampleInfo& sample : trace.samples) {
      index.push_back(sample.index);
      label.push_back(sample.label);
      prediction.push_back(sample.prediction);
    }
    const auto count = static_cast<std::int64_t>(index.size());
    h5::write_integers(samples.get(), "index", index, {count}, where.in("samples"));
    h5::write_int32(samples.get(), "label", label, where.in("samples"));
    h5::write_int32(samples.get(), "prediction", prediction, where.in("samples"));

    const h5::Handle nodes = h5::create_group(file.get(), "nodes", where);
    for (const auto& [name, node] : trace.nodes) {
      write_node(nodes.get(), name, node, header.timesteps, where.in("nodes"));
    }
    if (trace.input.frames != 0) write_input(file.get(), trace.input, count, where);
  }
  h5::close_file(file, where);
}

// --- reading
// ---------------------------------------------------------------------------------------------------

/// The formats' fixed-width integers: 8 bits, with or without sign.
void check_bytes(hid_t dataset, bool with_sign, const h5::Where& where) {
  const h5::Handle type(H5Dget_type(dataset), H5Tclose);
  const bool fits = H5Tget_class(type.get()) == H5T_INTEGER && H5Tget_size(type.get()) == 1 &&
                    (H5Tget_sign(type.get()) == H5T_SGN_2) == with_sign;
  if (!fits) h5::fail(where, "values of another type", with_sign ? "int8" : "uint8");
}

std::int64_t integer_attribute(hid_t object, const std::string& name, std::int64_t low, std::int64_t high,
                               const h5::Where& where) {
  const Sizes values = h5::read_integer_attribute(object, name, where);
  if (values.size() != 1 || values[0] < low || values[0] > high) {
    h5::fail({where.file, where.place + " attribute '" + name + "'"},
             values.size() == 1 ? std::to_string(values[0]) : std::to_string(values.size()) + " integers",
             low == high ? std::to_string(low) : std::to_string(low) + " to " + std::to_string(high));
  }
  return values[0];
}

TraceHeader read_header(hid_t file, const h5::Where& where) {
  if (H5Aexists(file, "format") <= 0) {
    h5::fail(where, "an HDF5 file without attribute 'format'",
             std::string("a trace with format \"") + kFormat + "\"");
  }
  const std::string format = h5::read_string_attribute(file, "format", where);
  if (format != kFormat) h5::fail(where, "format \"" + format + "\"", std::string("\"") + kFormat + "\"");
  integer_attribute(file, "version", kVersion, kVersion, where);
  TraceHeader header;
  header.network_sha256 = h5::read_string_attribute(file, "network_sha256", where);
  header.dataset = h5::read_string_attribute(file, "dataset", where);
  header.timesteps = static_cast<int>(integer_attribute(file, "timesteps", 1, kMaxTimesteps, where));
  header.producer = h5::read_string_attribute(file, "producer", where);
  header.created = h5::read_string_attribute(file, "created", where);
  return header;
}

std::vector<SampleInfo> read_samples(hid_t file, const h5::Where& where) {
  const h5::Handle group = h5::open_group(file, "samples", where);
  const h5::Where at{where.file, "/samples"};
  const auto column = [&](const char* name, std::int64_t low, std::int64_t high) {
    Sizes shape;
    Sizes values = h5::read_integers(group.get(), name, at, shape);
    if (shape.size() != 1) h5::fail(at.in(name), "shape " + shape_text(shape), "[N]");
    for (const std::int64_t v : values) {
      if (v < low || v > high) h5::fail(at.in(name), std::to_string(v), "a number that fits its type");
    }
    return values;
  };
  constexpr auto kLow = std::numeric_limits<std::int32_t>::min();
  constexpr auto kHigh = std::numeric_limits<std::int32_t>::max();
  const Sizes index = column("index", 0, std::numeric_limits<std::int64_t>::max());
  const Sizes label = column("label", kLow, kHigh);
  const Sizes prediction = column("prediction", kLow, kHigh);
  if (index.empty()) h5::fail(at, "no samples", "at least one");
  if (label.size() != index.size() || prediction.size() != index.size()) {
    h5::fail(at,
             std::to_string(index.size()) + " index, " + std::to_string(label.size()) + " label and " +
                 std::to_string(prediction.size()) + " prediction values",
             "as many of each");
  }
  std::vector<SampleInfo> samples;
  for (std::size_t i = 0; i < index.size(); ++i) {
    samples.push_back(
        {index[i], static_cast<std::int32_t>(label[i]), static_cast<std::int32_t>(prediction[i])});
  }
  return samples;
}

NodeSpikesInfo read_node_info(hid_t nodes, const std::string& name, std::int64_t samples,
                              std::int64_t timesteps, const h5::Where& where) {
  const h5::Where at{where.file, "/nodes/" + name};
  const h5::Handle group = h5::open_group(nodes, name, where);
  const h5::Handle dataset = h5::open_dataset(group.get(), "spikes", at);
  const h5::Where spikes = at.in("spikes");
  check_bytes(dataset.get(), false, spikes);

  const Sizes shape = h5::read_integer_attribute(dataset.get(), "shape", spikes);
  if (shape.size() != 3 || !map_fits(shape[0], shape[1], shape[2])) {
    h5::fail(spikes, "attribute 'shape' " + shape_text(shape), "[H, W, C], each at least 1");
  }
  NodeSpikesInfo info;
  info.height = shape[0];
  info.width = shape[1];
  info.channels = shape[2];
  info.rate = h5::read_real_attribute(dataset.get(), "rate", spikes);
  if (!(info.rate >= 0 && info.rate <= 1)) {
    h5::fail(spikes, "attribute 'rate' " + std::to_string(info.rate), "0 to 1");
  }
  const Sizes expected{samples, timesteps, bytes_of(info)};
  const Sizes found = h5::dimensions(dataset.get(), spikes);
  if (found != expected) {
    h5::fail(spikes, "shape " + shape_text(found),
             shape_text(expected) + ": samples, timesteps, bytes of a map " + shape_text(shape));
  }
  return info;
}

/// All but the data, checked.
SpikeTrace::Input read_input_info(hid_t file, std::int64_t samples, std::int64_t timesteps,
                                  const h5::Where& where) {
  SpikeTrace::Input input;
  if (!h5::has(file, "input")) return input;
  const h5::Where at{where.file, "/input"};
  const h5::Handle group = h5::open_group(file, "input", where);
  const h5::Handle dataset = h5::open_dataset(group.get(), "data", at);
  const h5::Where data = at.in("data");
  check_bytes(dataset.get(), true, data);
  const Sizes shape = h5::dimensions(dataset.get(), data);
  const bool fits = shape.size() == 5 && shape[0] == samples && (shape[1] == 1 || shape[1] == timesteps) &&
                    map_fits(shape[2], shape[3], shape[4]);
  if (!fits) {
    h5::fail(
        data, "shape " + shape_text(shape),
        "[" + std::to_string(samples) + " samples, 1 or " + std::to_string(timesteps) + " frames, H, W, C]");
  }
  input.frames = shape[1];
  input.height = shape[2];
  input.width = shape[3];
  input.channels = shape[4];
  input.scale = static_cast<float>(h5::read_real_attribute(dataset.get(), "scale", data));
  if (!std::isfinite(input.scale) || input.scale <= 0) {
    h5::fail(data, "attribute 'scale' " + std::to_string(input.scale), "a finite scale above 0");
  }
  input.bits = static_cast<int>(integer_attribute(dataset.get(), "bits", 1, 8, data));
  return input;
}

}  // namespace

PackedBits pack_chw(const std::uint8_t* bits, std::int64_t channels, std::int64_t height,
                    std::int64_t width) {
  const std::int64_t positions = height * width;
  PackedBits packed(static_cast<std::size_t>((positions * channels + 63) / 64), 0);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t p = 0; p < positions; ++p) {
      if (bits[c * positions + p] == 0) continue;
      const auto i = static_cast<std::size_t>(p * channels + c);
      packed[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  }
  return packed;
}

void write_trace(const std::string& path, const SpikeTrace& trace) {
  const h5::Silence silence;
  check_trace(path, trace);
  write_atomically(path, [&](const std::string& temporary) { write_to(temporary, trace, {path, ""}); });
}

struct TraceReader::File {
  std::string path;
  TraceHeader header;
  std::vector<SampleInfo> samples;
  std::map<std::string, NodeSpikesInfo> nodes;
  SpikeTrace::Input input;  ///< without data
  h5::Handle handle;
  std::set<std::int64_t> tried;  ///< first positions of blocks that can be read without harm

  static std::unique_ptr<File> open(const std::string& path);
  void check_position(std::int64_t position);
  std::vector<PackedBits> spikes(const std::string& node, std::int64_t position) const;
  SpikeTrace::Input input_of(std::int64_t position) const;
};

std::unique_ptr<TraceReader::File> TraceReader::File::open(const std::string& path) {
  auto opened = std::make_unique<File>();
  const h5::Where where{path, "/"};
  opened->path = path;
  opened->handle = h5::open_file(path, kKind);
  const hid_t file = opened->handle.get();
  opened->header = read_header(file, where);
  opened->samples = read_samples(file, where);
  const auto samples = static_cast<std::int64_t>(opened->samples.size());
  const std::int64_t timesteps = opened->header.timesteps;

  const h5::Where nodes_at{path, "/nodes"};
  const h5::Handle nodes = h5::open_group(file, "nodes", where);
  for (const std::string& name : h5::child_names(nodes.get(), nodes_at)) {
    opened->nodes[name] = read_node_info(nodes.get(), name, samples, timesteps, nodes_at);
  }
  opened->input = read_input_info(file, samples, timesteps, where);
  return opened;
}

/// Everything of a block of positions is tried at once, before its first use.
void TraceReader::File::check_position(std::int64_t position) {
  const auto count = static_cast<std::int64_t>(samples.size());
  if (position < 0 || position >= count) {
    throw InputError(path, "samples", "position " + std::to_string(position),
                     "0 to " + std::to_string(count - 1));
  }
  const std::int64_t first = position - position % kTriedAtOnce;
  if (tried.count(first) != 0) return;
  try_in_child(path, kKind, [&] {
    for (std::int64_t p = first; p < std::min(first + kTriedAtOnce, count); ++p) {
      const auto quietly = [](const auto& read) {
        try {
          read();
        } catch (const InputError&) {
          // Its turn may never come; then it does no harm.
        }
      };
      for (const auto& node : nodes) quietly([&] { spikes(node.first, p); });
      quietly([&] { input_of(p); });
    }
  });
  tried.insert(first);
}

std::vector<PackedBits> TraceReader::File::spikes(const std::string& node, std::int64_t position) const {
  const NodeSpikesInfo& info = nodes.at(node);
  const std::int64_t timesteps = header.timesteps;
  const std::int64_t row = bytes_of(info);
  const h5::Where at{path, "/nodes/" + node};
  const h5::Handle dataset = h5::open_dataset(handle.get(), "nodes/" + node + "/spikes", {path, ""});
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(timesteps * row));
  h5::read_slab(dataset.get(), H5T_NATIVE_UINT8, {position, 0, 0}, {1, timesteps, row}, bytes.data(),
                at.in("spikes"));

  std::vector<PackedBits> maps(static_cast<std::size_t>(timesteps), PackedBits(words_of(info), 0));
  std::size_t at_byte = 0;
  for (PackedBits& bits : maps) {
    for (std::size_t b = 0; b < static_cast<std::size_t>(row); ++b) {
      bits[b / 8] |= static_cast<std::uint64_t>(bytes[at_byte++]) << (8 * (b % 8));
    }
    if ((bits.back() & unused_mask(info.bits())) != 0) {
      h5::fail(at.in("spikes"),
               "bits beyond the " + std::to_string(info.bits()) + " of the map in sample " +
                   std::to_string(position),
               "zeros there");
    }
  }
  return maps;
}

SpikeTrace::Input TraceReader::File::input_of(std::int64_t position) const {
  SpikeTrace::Input sample = input;
  if (sample.frames == 0) return sample;
  const h5::Handle dataset = h5::open_dataset(handle.get(), "input/data", {path, ""});
  sample.data.resize(
      static_cast<std::size_t>(sample.frames * sample.height * sample.width * sample.channels));
  h5::read_slab(dataset.get(), H5T_NATIVE_INT8, {position, 0, 0, 0, 0},
                {1, sample.frames, sample.height, sample.width, sample.channels}, sample.data.data(),
                {path, "/input/data"});
  return sample;
}

TraceReader::TraceReader(const std::string& path) {
  const h5::Silence silence;
  try_in_child(path, kKind, [&] { File::open(path); });
  file_ = File::open(path);
}

TraceReader::~TraceReader() = default;
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader& TraceReader::operator=(TraceReader&&) noexcept = default;

const std::string& TraceReader::path() const { return file_->path; }
const TraceHeader& TraceReader::header() const { return file_->header; }
const std::vector<SampleInfo>& TraceReader::samples() const { return file_->samples; }
const std::map<std::string, NodeSpikesInfo>& TraceReader::nodes() const { return file_->nodes; }

std::vector<PackedBits> TraceReader::spikes(const std::string& node, std::int64_t position) const {
  const h5::Silence silence;
  file_->check_position(position);
  if (file_->nodes.count(node) == 0) {
    throw InputError(file_->path, "/nodes", "no node '" + node + "'", "spikes of it in the trace");
  }
  return file_->spikes(node, position);
}

SpikeTrace::Input TraceReader::input(std::int64_t position) const {
  const h5::Silence silence;
  file_->check_position(position);
  return file_->input_of(position);
}

}  // namespace spikeloop::traces
