#include "tests/support/integer_network.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tests/support/tiny.h"

namespace spikeloop::testing {
namespace {

using traces::Network;
using traces::Node;

struct Shape {
  std::int64_t c = 1, h = 1, w = 1;
  std::int64_t size() const { return c * h * w; }
};

/// Values, or integers and the unit they are counted in.
struct Value {
  std::vector<float> value;
  std::vector<std::int64_t> integer;  ///< empty: values only
  float unit = 1;
  bool scaled = false;  ///< by unit
};

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Integer sums of a layer for each output, [out][y][x].
std::vector<std::int64_t> sums_of(const Node& node, const std::vector<std::int64_t>& in, const Shape& from,
                                  const Shape& to) {
  std::vector<std::int64_t> sums;
  if (const auto* linear = node.as<traces::LinearParams>()) {
    for (std::int64_t o = 0; o < to.c; ++o) {
      std::int64_t sum = 0;
      for (std::int64_t i = 0; i < from.size(); ++i)
        sum += linear->quantised->value[at(o * from.size() + i)] * in[at(i)];
      sums.push_back(sum);
    }
    return sums;
  }
  const auto& conv = *node.as<traces::Conv2dParams>();
  const auto ky = conv.weight.shape[2], kx = conv.weight.shape[3];
  for (std::int64_t o = 0; o < to.c; ++o)
    for (std::int64_t y = 0; y < to.h; ++y)
      for (std::int64_t x = 0; x < to.w; ++x) {
        std::int64_t sum = 0;
        for (std::int64_t c = 0; c < from.c; ++c)
          for (std::int64_t j = 0; j < ky; ++j)
            for (std::int64_t i = 0; i < kx; ++i) {
              const auto sy = y * conv.stride[0] - conv.padding[0] + j * conv.dilation[0];
              const auto sx = x * conv.stride[1] - conv.padding[1] + i * conv.dilation[1];
              if (sy < 0 || sx < 0 || sy >= from.h || sx >= from.w) continue;
              sum += conv.quantised->value[at(((o * from.c + c) * ky + j) * kx + i)] *
                     in[at((c * from.h + sy) * from.w + sx)];
            }
        sums.push_back(sum);
      }
  return sums;
}

float parameter(const traces::Tensor& t, std::int64_t i, const Shape& shape) {
  const auto n = static_cast<std::int64_t>(t.data.size());
  if (n == 1) return t.data[0];
  return t.data[at(n == shape.c ? i / (shape.h * shape.w) : i)];
}

/// One timestep of neuron i: updates its current and membrane, says whether it fires.
bool step_neuron(const Node& node, double dt_s, std::int64_t i, const Shape& shape, float in, float& current,
                 float& v) {
  const auto get = [&](const traces::Tensor& t) { return parameter(t, i, shape); };
  const auto rate = [&](const traces::Tensor& tau) {
    return static_cast<float>(dt_s / static_cast<double>(get(tau)));
  };
  const auto fire = [&](const auto& p) {
    const bool fired = p.spike_at_threshold ? v >= get(p.v_threshold) : v > get(p.v_threshold);
    if (fired) v = p.soft_reset ? v - get(p.v_threshold) : get(p.v_reset);
    return fired;
  };
  if (const auto* lif = node.as<traces::LifParams>()) {
    const float target = in * get(lif->r) + get(lif->v_leak);
    v += (target - v) * rate(lif->tau);
    return fire(*lif);
  }
  if (const auto* plain = node.as<traces::IfParams>()) {
    v += in * get(plain->r);
    return fire(*plain);
  }
  if (const auto* cuba = node.as<traces::CubaLifParams>()) {
    current += (in * get(cuba->w_in) - current) * rate(cuba->tau_syn);
    const float target = current * get(cuba->r) + get(cuba->v_leak);
    v += (target - v) * rate(cuba->tau_mem);
    return fire(*cuba);
  }
  return in > get(node.as<traces::ThresholdParams>()->threshold);
}

}  // namespace

void randomise_parameters(Network& network, RandomStream& random) {
  const auto uniform = [&](double low, double high) {
    return static_cast<float>(low + (high - low) * random.unit());
  };
  const auto layer = [&](traces::Tensor& weight, traces::Tensor& bias,
                         std::optional<traces::QuantisedWeight>& quantised, float gain) {
    traces::QuantisedWeight q;
    q.bits = 2 + static_cast<int>(random.below(7));
    const int most = (1 << (q.bits - 1)) - 1;
    const auto outputs = static_cast<std::size_t>(weight.shape[0]);
    const std::size_t per_output = weight.data.size() / outputs;
    const bool per_channel = random.below(2) == 0;
    for (std::size_t o = 0; o < (per_channel ? outputs : 1); ++o)
      q.scale.push_back(gain * uniform(0.5, 1.5) / static_cast<float>(most) /
                        std::sqrt(static_cast<float>(per_output)));
    for (std::size_t i = 0; i < weight.data.size(); ++i) {
      const int value = static_cast<int>(random.below(static_cast<std::uint64_t>(2 * most + 1))) - most;
      q.value.push_back(static_cast<std::int8_t>(value));
      weight.data[i] = q.scale[per_channel ? i / per_output : 0] * static_cast<float>(value);
    }
    bias = {};
    if (random.below(2) == 0) {
      bias.shape = {weight.shape[0]};
      for (std::size_t o = 0; o < outputs; ++o) bias.data.push_back(uniform(-0.5, 0.5));
    }
    quantised = q;
  };
  const auto values = [&](std::int64_t channels, double low, double high) {
    traces::Tensor t;
    const bool one = channels == 0 || random.below(2) == 0;
    t.shape = one ? std::vector<std::int64_t>{1} : std::vector<std::int64_t>{channels, 1, 1};
    for (std::int64_t c = 0; c < (one ? 1 : channels); ++c) t.data.push_back(uniform(low, high));
    return t;
  };
  network.input_scale = 1.0F / static_cast<float>(1 << (network.input_bits - 1));
  const auto shapes = traces::infer_shapes(network, "test");
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    auto& node = network.nodes[i];
    if (auto* conv = node.as<traces::Conv2dParams>()) layer(conv->weight, conv->bias, conv->quantised, 4);
    if (auto* linear = node.as<traces::LinearParams>())
      layer(linear->weight, linear->bias, linear->quantised, 4);
    const std::int64_t channels = shapes[i].size() == 3 ? shapes[i][0] : 0;
    auto* lif = node.as<traces::LifParams>();
    if (lif == nullptr) continue;
    lif->tau = values(0, 1.1e-4, 3e-4);
    lif->r = values(channels, 0.5, 2);
    lif->v_leak = values(channels, -0.3, 0.3);
    lif->v_threshold = values(channels, 0.1, 0.6);
    lif->v_reset = values(0, -0.1, 0.05);
    lif->spike_at_threshold = random.below(2) == 0;
    lif->soft_reset = random.below(3) == 0;
    const auto kind = random.below(4);
    if (kind == 0)
      node.params =
          traces::IfParams{lif->r, lif->v_threshold, lif->v_reset, lif->spike_at_threshold, lif->soft_reset};
    else if (kind == 1)
      node.params = traces::CubaLifParams{
          values(0, 1.1e-4, 3e-4),  lif->tau,         lif->r,       lif->v_leak,
          values(channels, 0.5, 2), lif->v_threshold, lif->v_reset, lif->spike_at_threshold,
          lif->soft_reset};
  }
}

IntegerRun run_integers(const Network& network, const traces::SpikeTrace::Input& input, int timesteps) {
  const auto inferred = traces::infer_shapes(network, "test");
  std::vector<Shape> shapes;
  for (const auto& s : inferred)
    shapes.push_back(s.size() == 3 ? Shape{s[0], s[1], s[2]} : Shape{s[0], 1, 1});
  std::vector<Value> value(network.nodes.size()), previous = value;
  std::vector<std::vector<float>> membrane(network.nodes.size()), currents = membrane;
  IntegerRun run;
  for (int t = 0; t < timesteps; ++t) {
    for (const int n : traces::topological_order(network)) {
      const auto& node = network.nodes[at(n)];
      const Shape& shape = shapes[at(n)];
      Value out;
      if (node.as<traces::InputParams>() != nullptr) {
        const std::int64_t frame = input.frames == 1 ? 0 : t;
        for (std::int64_t i = 0; i < shape.size(); ++i) {
          const std::int64_t c = i / (shape.h * shape.w), pixel = i % (shape.h * shape.w);
          out.integer.push_back(input.data[at((frame * shape.h * shape.w + pixel) * shape.c + c)]);
        }
        out.unit = network.input_scale;
        out.scaled = true;
        value[at(n)] = out;
        continue;
      }
      std::vector<const Value*> terms;
      Shape from;
      for (const auto& e : network.edges)
        if (e.to == n && !e.backward) {
          terms.push_back(&value[at(e.from)]);
          from = shapes[at(e.from)];
        }
      for (const auto& e : network.edges)
        if (e.to == n && e.backward && !previous[at(e.from)].value.empty())
          terms.push_back(&previous[at(e.from)]);
      const bool integers = terms.size() == 1 && !terms[0]->integer.empty();
      std::vector<float> in;
      if (!integers) {
        in.assign(at(terms.empty() ? shape.size() : from.size()), 0.0F);
        for (std::size_t k = 0; k < terms.size(); ++k)
          for (std::size_t i = 0; i < in.size(); ++i)
            in[i] = k == 0 ? terms[k]->value[i] : in[i] + terms[k]->value[i];
      }
      if (node.as<traces::FlattenParams>() != nullptr) {
        out = *terms.at(0);
      } else if (node.as<traces::Conv2dParams>() != nullptr || node.as<traces::LinearParams>() != nullptr) {
        const auto sums = sums_of(node, terms.at(0)->integer, from, shape);
        const auto* conv = node.as<traces::Conv2dParams>();
        const auto& q = conv != nullptr ? *conv->quantised : *node.as<traces::LinearParams>()->quantised;
        const auto& bias = conv != nullptr ? conv->bias : node.as<traces::LinearParams>()->bias;
        for (std::size_t i = 0; i < sums.size(); ++i) {
          const std::size_t o = i / at(shape.h * shape.w);
          float y = static_cast<float>(sums[i]) * q.scale[q.scale.size() == 1 ? 0 : o];
          if (terms[0]->scaled) y = y * terms[0]->unit;
          if (!bias.data.empty()) y = y + bias.data[o];
          out.value.push_back(y);
        }
      } else if (const auto* pool = node.as<traces::Pool2dParams>()) {
        const bool box = pool->kernel[0] == 3 && pool->kernel[1] == 3 && pool->stride[0] == 1 &&
                         pool->stride[1] == 1 && pool->padding[0] == 1 && pool->padding[1] == 1;
        const auto area = pool->kernel[0] * pool->kernel[1];
        for (std::int64_t c = 0; c < shape.c; ++c)
          for (std::int64_t y = 0; y < shape.h; ++y)
            for (std::int64_t x = 0; x < shape.w; ++x) {
              float sum = 0;
              std::int64_t count = 0;
              const auto pixel = [&](std::int64_t sy, std::int64_t sx) -> float {
                return in[at((c * from.h + sy) * from.w + sx)];
              };
              if (box && !integers) {  // columns of three first
                float column[3] = {0, 0, 0};
                for (std::int64_t k = -1; k <= 1; ++k) {
                  if (x + k < 0 || x + k >= from.w) continue;
                  float& s = column[k + 1];
                  s = pixel(y, x + k);
                  if (y > 0 && y + 1 < from.h)
                    s = pixel(y - 1, x + k) + s + pixel(y + 1, x + k);
                  else if (y > 0)
                    s = s + pixel(y - 1, x + k);
                  else if (y + 1 < from.h)
                    s = s + pixel(y + 1, x + k);
                }
                sum = column[0] + column[1] + column[2];
              } else {
                for (std::int64_t j = 0; j < pool->kernel[0]; ++j)
                  for (std::int64_t i = 0; i < pool->kernel[1]; ++i) {
                    const auto sy = y * pool->stride[0] - pool->padding[0] + j;
                    const auto sx = x * pool->stride[1] - pool->padding[1] + i;
                    if (sy < 0 || sx < 0 || sy >= from.h || sx >= from.w) continue;
                    if (integers)
                      count += terms[0]->integer[at((c * from.h + sy) * from.w + sx)];
                    else
                      sum += pixel(sy, sx);
                  }
              }
              if (integers) {
                out.integer.push_back(count);
              } else {
                out.value.push_back(sum / static_cast<float>(area));
              }
            }
        out.unit = static_cast<float>(1.0 / static_cast<double>(area));
        out.scaled = pool->average;
      } else if (node.spiking()) {
        auto& v = membrane[at(n)];
        auto& current = currents[at(n)];
        v.resize(in.size(), 0.0F);
        current.resize(in.size(), 0.0F);
        traces::PackedBits bits((in.size() + 63) / 64);
        for (std::int64_t i = 0; i < shape.size(); ++i) {
          const bool fired = step_neuron(node, network.dt_s, i, shape, in[at(i)], current[at(i)], v[at(i)]);
          out.integer.push_back(fired ? 1 : 0);
          const auto bit = at(i % (shape.h * shape.w) * shape.c + i / (shape.h * shape.w));
          if (fired) bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
        run.spikes[node.name].push_back(bits);
      } else if (integers) {  // Output of spikes
        for (const auto i : terms[0]->integer) out.value.push_back(static_cast<float>(i));
      } else {  // Scale by 1, Output
        out.value = in;
      }
      if (node.as<traces::OutputParams>() != nullptr) {
        run.output.resize(out.value.size(), 0.0F);
        for (std::size_t i = 0; i < out.value.size(); ++i) run.output[i] += out.value[i];
      }
      value[at(n)] = out;
    }
    previous = value;
  }
  for (float& y : run.output) y = y / static_cast<float>(timesteps);
  return run;
}

traces::SpikeTrace integer_trace(const Network& network, int samples, std::uint64_t seed, int frames) {
  auto trace = random_trace(network, samples, 0.3, seed, frames);
  trace.input.scale = network.input_scale;
  auto input = trace.input;
  const auto size = trace.input.data.size() / at(samples);
  for (auto& [name, node] : trace.nodes) node.spikes.clear();
  for (int n = 0; n < samples; ++n) {
    const auto begin = trace.input.data.begin() + static_cast<std::ptrdiff_t>(at(n) * size);
    input.data.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    const auto run = run_integers(network, input, network.timesteps);
    for (const auto& [name, spikes] : run.spikes) trace.nodes.at(name).spikes.push_back(spikes);
    const auto best = std::max_element(run.output.begin(), run.output.end()) - run.output.begin();
    trace.samples[at(n)].prediction = trace.samples[at(n)].label = static_cast<std::int32_t>(best);
  }
  return trace;
}

}  // namespace spikeloop::testing
