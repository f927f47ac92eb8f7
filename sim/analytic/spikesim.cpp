#include "sim/analytic/spikesim.h"

#include <algorithm>
#include <cmath>

namespace spikeloop::sim::spikesim {
namespace {

constexpr double kMemoryAreaPerBit = 0.7391;
constexpr double kMembraneBits = 22;
constexpr double kOverlap = 0.75;  // of a layer that the next one waits for
constexpr std::size_t kMostLayers = 12;
constexpr std::size_t kLayersWithNeuronMemory = 5;
constexpr double kClocksPerPeCycle = 26;

double ceil_div(std::int64_t a, std::int64_t b) { return static_cast<double>((a + b - 1) / b); }

double adcs(const Parameters& setup) { return static_cast<double>(setup.crossbar) / 8.0; }

std::int64_t positions(const Layer& layer, const Parameters& setup) {
  return layer.kernel_positions > 0 ? layer.kernel_positions : setup.kernel * setup.kernel;
}

Area area_of(const std::vector<Layer>& layers, const Parameters& setup, double tiles) {
  const double r = adcs(setup);
  const double tile_buffer = kMemoryAreaPerBit * 64 * 128;
  const double temp_buffer = 484.643999;
  const double subtract = 13411.41498;
  const double crossbar = setup.device == Device::kRram ? 26.2144 : 671.089;
  const auto k = static_cast<double>(setup.kernel);
  const double pe = k * k * crossbar + r * (693.633 + 45.9);
  const double pes = static_cast<double>(setup.pes_per_tile) * pe;
  double inputs = 0;
  double neurons = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    inputs += static_cast<double>(layers[i].in_channels * layers[i].in_pixels);
    if (i < kLayersWithNeuronMemory)
      neurons += static_cast<double>(layers[i].out_channels * layers[i].out_pixels);
  }
  const double input_memory = inputs * kMemoryAreaPerBit * kMembraneBits;
  Area area;
  area.neuron_memory = neurons * kMemoryAreaPerBit * kMembraneBits;
  area.pe_array_and_subtract = (pes + r * subtract) * tiles;
  area.digital = (temp_buffer + tile_buffer + pes) * tiles + input_memory;
  area.total = (r * subtract + temp_buffer + tile_buffer + pes + 216830.0 * 2) * tiles + input_memory +
               area.neuron_memory;
  return area;
}

Trouble latency_trouble(const std::vector<Layer>& layers, const Parameters& setup) {
  // Its own count of PEs does not round up, and its loop goes on by whole PEs.
  const auto x = static_cast<double>(setup.crossbar);
  std::vector<double> pes;
  for (const Layer& layer : layers) {
    pes.push_back((static_cast<double>(layer.in_channels) / x) *
                  (static_cast<double>(layer.out_channels) / x));
  }
  if (!std::is_sorted(pes.begin(), pes.end())) return Trouble::kLayerOrder;
  if (std::all_of(pes.begin(), pes.end(), [](double n) { return n < 1; })) return Trouble::kHang;
  return layers.size() > kMostLayers ? Trouble::kIndexError : Trouble::kNone;
}

}  // namespace

double PeCycle::total() const {
  return h_tree + fetch + neuron + crossbars + adc + mux + subtract + temp_buffer + tile_buffer;
}

std::string trouble_text(const std::string& function, Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return "";
    case Trouble::kLayerOrder:
      return function + " returns None: layers are not in the order of their PEs";
    case Trouble::kHang:
      return function + " never returns: no layer's C_in C_out reaches X^2";
    case Trouble::kIndexError:
      return function + " raises IndexError: more than 12 layers";
  }
  return "";
}

PeCycle pe_cycle(const Parameters& setup, std::int64_t kernel_positions) {
  const double r = adcs(setup);
  PeCycle e;
  e.h_tree = 19.64 * 8;
  e.fetch = 4.64;
  e.neuron = 1.274 * 4;
  e.crossbars =
      r * static_cast<double>(kernel_positions) * (setup.device == Device::kRram ? 1.76423 : 671.089);
  e.adc = r * r * 2.03084;
  e.mux = r * r * 0.094245;
  e.subtract = r * 16 * 1.15e-6;
  e.temp_buffer = r * 0.2;
  e.tile_buffer = 397;
  return e;
}

Cost cost(const std::vector<Layer>& layers, const Parameters& setup) {
  Cost c;
  const double cycle_ns = kClocksPerPeCycle * (1000.0 / setup.clock_mhz);
  const auto timesteps = static_cast<double>(setup.timesteps);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const double pes =
        ceil_div(layer.in_channels, setup.crossbar) * ceil_div(layer.out_channels, setup.crossbar);
    c.pes.push_back(pes);
    c.num_pes += pes;
    const double cycles = pes * static_cast<double>(layer.out_pixels);
    c.energy_pj.push_back(cycles * pe_cycle(setup, positions(layer, setup)).total() * timesteps);
    c.total_energy_pj += c.energy_pj.back();
    const auto elements = static_cast<double>(layer.out_pixels) * static_cast<double>(layer.out_channels);
    const bool last = i + 1 == layers.size();
    c.latency_ns.push_back((last ? elements : std::floor(kOverlap * elements)) * timesteps * cycle_ns);
    c.total_latency_ns += c.latency_ns.back();
  }
  if (!std::is_sorted(c.pes.begin(), c.pes.end())) c.tile_trouble = Trouble::kLayerOrder;
  c.latency_trouble = latency_trouble(layers, setup);
  c.tiles = std::ceil(c.num_pes / static_cast<double>(setup.pes_per_tile));
  c.area = area_of(layers, setup, c.tiles);
  return c;
}

double event_energy_pj(const Layer& layer, const Parameters& setup, const Activity& activity) {
  const PeCycle e = pe_cycle(setup, positions(layer, setup));
  const double per_active = e.total() - e.crossbars - e.neuron;
  return ceil_div(layer.out_channels, setup.crossbar) *
         (static_cast<double>(activity.active_cycles) * per_active + activity.row_share * e.crossbars +
          static_cast<double>(activity.cycles) * e.neuron);
}

}  // namespace spikeloop::sim::spikesim
