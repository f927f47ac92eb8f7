#include "sim/stimulus.h"

#include "sim/bits.h"
#include "traces/support/error.h"

namespace spikeloop::sim {
namespace {

using traces::PackedBits;

std::size_t words_for(std::int64_t bits) { return static_cast<std::size_t>((bits + 63) / 64); }

std::string shape_text(std::int64_t h, std::int64_t w, std::int64_t c) {
  return "[" + std::to_string(h) + ", " + std::to_string(w) + ", " + std::to_string(c) + "]";
}

std::vector<std::vector<PackedBits>> input_planes(const Signal& signal, const traces::TraceReader& trace,
                                                  std::int64_t position, int timesteps) {
  const auto input = trace.input(position);
  const auto expected = shape_text(signal.height, signal.width, signal.channels);
  if (input.frames == 0) {
    throw InputError(trace.path(), "/input", "no encoded input",
                     "integers of shape " + expected + ", as the first layer runs on the chip");
  }
  if (input.height != signal.height || input.width != signal.width || input.channels != signal.channels) {
    throw InputError(trace.path(), "/input/data",
                     "shape " + shape_text(input.height, input.width, input.channels), expected);
  }
  if (input.bits != signal.bits) {
    throw InputError(trace.path(), "/input/data", std::to_string(input.bits) + " bits",
                     std::to_string(signal.bits) + " bits, as the network says");
  }
  const int frames = signal.is_static ? 1 : timesteps;
  if (input.frames < frames) {  // a plan that was made for another trace
    throw InputError(trace.path(), "/input/data", std::to_string(input.frames) + " frames",
                     std::to_string(frames) + " frames, as the input changes");
  }
  const std::int64_t size = input.height * input.width * input.channels;
  std::vector<std::vector<PackedBits>> planes(static_cast<std::size_t>(frames));
  for (int f = 0; f < frames; ++f) {
    auto& frame = planes[static_cast<std::size_t>(f)];
    frame.assign(static_cast<std::size_t>(signal.bits), PackedBits(words_for(size)));
    for (std::int64_t i = 0; i < size; ++i) {
      const int integer = input.data[static_cast<std::size_t>(f * size + i)];
      const int half = 1 << (signal.bits - 1);
      if (integer < -half || integer >= half) {
        throw InputError(trace.path(),
                         "/input/data, sample " + std::to_string(position) + ", value " + std::to_string(i),
                         std::to_string(integer),
                         std::to_string(-half) + " to " + std::to_string(half - 1) + " (" +
                             std::to_string(signal.bits) + " bits, two's complement)");
      }
      const auto value = static_cast<std::uint8_t>(integer);
      for (int b = 0; b < signal.bits; ++b) {
        frame[static_cast<std::size_t>(b)][static_cast<std::size_t>(i / 64)] |=
            static_cast<std::uint64_t>(value >> b & 1U) << (i % 64);
      }
    }
  }
  return planes;
}

}  // namespace

int Stimulus::item_ones(const Plan& plan, int signal, int timestep, int item) const {
  const auto channels = std::int64_t{plan.signals[static_cast<std::size_t>(signal)].channels};
  const auto& bits = at(plan, signal, timestep);
  if (bits.size() == 1) return popcount_range(bits[0], item * channels, (item + 1) * channels);
  PackedBits any(words_for(channels));
  for (const auto& plane : bits) copy_bits(plane, item * channels, channels, any, 0);
  return popcount_range(any, 0, channels);
}

std::vector<PackedBits> pool_counts(const Signal& signal, const Signal& source, const PackedBits& spikes) {
  std::vector<PackedBits> planes(
      static_cast<std::size_t>(signal.bits),
      PackedBits(words_for(std::int64_t{1} * signal.height * signal.width * signal.channels)));
  for (int y = 0; y < signal.height; ++y) {
    for (int x = 0; x < signal.width; ++x) {
      for (int c = 0; c < signal.channels; ++c) {
        unsigned sum = 0;
        for (std::int64_t ky = 0; ky < signal.pool_kernel[0]; ++ky) {
          for (std::int64_t kx = 0; kx < signal.pool_kernel[1]; ++kx) {
            const auto iy = y * signal.pool_stride[0] - signal.pool_padding[0] + ky;
            const auto ix = x * signal.pool_stride[1] - signal.pool_padding[1] + kx;
            if (iy < 0 || ix < 0 || iy >= source.height || ix >= source.width) continue;
            const auto bit = (iy * source.width + ix) * source.channels + c;
            sum += static_cast<unsigned>(spikes[static_cast<std::size_t>(bit / 64)] >> (bit % 64) & 1U);
          }
        }
        const auto bit = (std::int64_t{y} * signal.width + x) * signal.channels + c;
        for (int b = 0; b < signal.bits; ++b) {
          planes[static_cast<std::size_t>(b)][static_cast<std::size_t>(bit / 64)] |=
              static_cast<std::uint64_t>(sum >> b & 1U) << (bit % 64);
        }
      }
    }
  }
  return planes;
}

Stimulus read_stimulus(const Plan& plan, const traces::TraceReader& trace, std::int64_t position) {
  Stimulus stimulus;
  stimulus.planes.resize(plan.signals.size());
  for (std::size_t i = 0; i < plan.signals.size(); ++i) {  // a pooling's source comes before it
    const auto& signal = plan.signals[i];
    auto& planes = stimulus.planes[i];
    if (signal.kind == Signal::Kind::kInput) {
      planes = input_planes(signal, trace, position, plan.timesteps);
      continue;
    }
    if (signal.kind == Signal::Kind::kCounts) {
      const auto source = static_cast<std::size_t>(signal.source);
      for (const auto& frame : stimulus.planes[source])
        planes.push_back(pool_counts(signal, plan.signals[source], frame.at(0)));
      continue;
    }
    const auto found = trace.nodes().find(signal.name);
    if (found == trace.nodes().end()) {
      throw InputError(trace.path(), "/nodes", "no spikes of node " + signal.name,
                       "spikes of every LIF and IF node");
    }
    const auto& info = found->second;
    if (info.height != signal.height || info.width != signal.width || info.channels != signal.channels) {
      throw InputError(trace.path(), "/nodes/" + signal.name + "/spikes",
                       "shape " + shape_text(info.height, info.width, info.channels),
                       shape_text(signal.height, signal.width, signal.channels));
    }
    for (auto& frame : trace.spikes(signal.name, position)) planes.push_back({std::move(frame)});
  }
  return stimulus;
}

Stimulus dense_stimulus(const Plan& plan) {
  Stimulus stimulus;
  stimulus.planes.resize(plan.signals.size());
  for (std::size_t i = 0; i < plan.signals.size(); ++i) {
    const auto& signal = plan.signals[i];
    std::vector<PackedBits> planes;
    if (signal.kind == Signal::Kind::kCounts) {
      const auto source = static_cast<std::size_t>(signal.source);
      planes = pool_counts(signal, plan.signals[source], stimulus.planes[source].front().at(0));
    } else {
      const auto words = words_for(std::int64_t{1} * signal.height * signal.width * signal.channels);
      planes.assign(static_cast<std::size_t>(signal.bits), PackedBits(words, ~std::uint64_t{0}));
    }
    stimulus.planes[i].assign(static_cast<std::size_t>(signal.is_static ? 1 : plan.timesteps), planes);
  }
  return stimulus;
}

std::vector<std::int64_t> chosen_samples(const traces::TraceReader& trace,
                                         std::vector<std::int64_t> positions) {
  const auto num_samples = static_cast<std::int64_t>(trace.samples().size());
  if (positions.empty()) {
    for (std::int64_t i = 0; i < num_samples; ++i) positions.push_back(i);
  }
  for (const auto p : positions) {
    if (p < 0 || p >= num_samples) {
      throw InputError(trace.path(), "/samples", "no sample at position " + std::to_string(p),
                       "0 to " + std::to_string(num_samples - 1));
    }
  }
  return positions;
}

void check_trace(const traces::Network& network, const traces::TraceReader& trace,
                 const std::string& network_path) {
  const auto hash = traces::network_hash(network);
  if (trace.header().network_sha256 != hash) {
    throw InputError(trace.path(), "network_sha256",
                     "a trace of network " + trace.header().network_sha256.substr(0, 12),
                     "a trace of " + (network_path.empty() ? std::string("network") : network_path) + " (" +
                         hash.substr(0, 12) + ")");
  }
  if (network.timesteps > 0 && trace.header().timesteps != network.timesteps) {
    throw InputError(trace.path(), "timesteps", std::to_string(trace.header().timesteps),
                     std::to_string(network.timesteps) + ", as the network says");
  }
  if (trace.header().timesteps < 1) {
    throw InputError(trace.path(), "timesteps", std::to_string(trace.header().timesteps), "at least 1");
  }
  if (trace.samples().empty()) throw InputError(trace.path(), "/samples", "no samples", "at least one");
}

}  // namespace spikeloop::sim
